"""All that prompts and measurements depend on, as digests: change any of it and nothing kept is found."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from functools import cache
from pathlib import Path

from mi_checks.models.subject import Subject
from mi_checks.prompts.batch import PromptBatch
from mi_checks.spec.behaviour import AnyPrompts

PACKAGE = Path(__file__).parents[1]
# The code, and the packages it uses, whose change may change what is kept.
DRAWING = ("prompts", "cache", "spec")
DRAWING_WITH = ("jinja2", "numpy", "tokenizers")
MEASURING = ("engine", "models/load_model.py", "models/loaders", "cache")
RESAMPLING, RESAMPLING_WITH = ("stats",), ("numpy",)
MEASURING_WITH = ("numpy", "tokenizers", "torch", "transformer_lens", "transformers")


def prompts_key(prompts: AnyPrompts, subject: Subject, *, count: int, seed: int | None) -> str:
    """sha256 over how prompts are made, the tokenizer, how long they may be, and the code that makes them.

    Args:
        prompts: the part of a behaviour, with what data files and pools hold in it.
        subject: a model that reads them.
        count: pairs.
        seed: instead of the behaviour's own.
    """
    about = [repr(prompts), *subject.reads_as, count, seed]
    return _sha256([*about, code(DRAWING, DRAWING_WITH)])


def measurement_key(subject: Subject, batch: PromptBatch, engine: str) -> str:
    """sha256 over the model, its prompts, the engine asked for, the code that measures and the libraries it uses.

    Args:
        subject: the model: its weights, its configuration, where it runs and as what.
        batch: its prompts.
        engine: the engine asked for: what `auto` comes to follows from the rest.
    """
    return _sha256([*_model(subject), batch.sha256, engine, code(MEASURING, MEASURING_WITH)])


def guards_key(subject: Subject) -> str:
    """sha256 over the model, the code that guards it and the libraries it uses."""
    return _sha256([*_model(subject), "guards", code(MEASURING, MEASURING_WITH)])


def _model(subject: Subject) -> list[object]:
    model = subject.provenance
    bridge = subject.bridge
    return [
        *(model.weights_sha256, model.tokenizer_sha256, model.dtype, model.device, model.mode),
        {name: repr(value) for name, value in sorted(vars(bridge.cfg).items())},
        repr(getattr(bridge.original_model, "config", None)),  # what TransformerLens' own configuration leaves out
    ]


@cache
def code(parts: tuple[str, ...], libraries: tuple[str, ...]) -> str:
    """Return the sha256 of the files in parts of this package, word lists among them, and of libraries' versions.

    Raises:
        LookupError: there is no such part. After a renaming nothing would be hashed, and what was measured with
            other code would be taken for this one's.
    """
    missing = [part for part in parts if not (PACKAGE / part).exists()]
    if missing:
        raise LookupError(f"cache keys name parts of mi_checks that are not there: {', '.join(missing)}")
    files = sorted(path for part in parts for path in (PACKAGE / part, *(PACKAGE / part).rglob("*")) if path.is_file())
    files = [path for path in files if "__pycache__" not in path.parts]
    sources = [(path.relative_to(PACKAGE).as_posix(), hashlib.sha256(path.read_bytes()).hexdigest()) for path in files]
    return _sha256([sources, {name: importlib.metadata.version(name) for name in libraries}])


def _sha256(data: object) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()
