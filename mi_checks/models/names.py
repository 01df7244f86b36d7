"""Which models there are, and their shapes, without loading any (and without importing torch)."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from mi_checks.errors import MiChecksError
from mi_checks.models.model_paths import (
    GGUF,
    based,
    expanded,
    is_file,
    labelled_folder,
    looks_like_path,
    seen_from_here,
    splits,
)
from mi_checks.models.near_names import near_name
from mi_checks.models.sources.folder import Folder
from mi_checks.models.sources.gguf import Gguf
from mi_checks.models.sources.hub import TOYS, Hub
from mi_checks.models.sources.packaged import PACKAGED
from mi_checks.models.sources.source import NotFetched, Source, Unloadable
from mi_checks.spec.model_shape import ModelShape

NANO = Path(__file__).parent / "nano"
TOKENIZER = NANO / "tokenizer.json"
HUB = "hf:"
HUB_NAME = re.compile(r"([A-Za-z0-9][\w.-]{,95}/)?[A-Za-z0-9][\w.-]{,95}(@[\w./+-]+)?", re.ASCII)


@dataclass(frozen=True)
class ModelName:
    """A model as the user names it.

    `nano-attn-2l` is bundled, and so is its training checkpoint `nano-attn-2l@200`; `smollm2-135m` is fetched once by
    `mi-checks models fetch`; `attn-only-2l` is one of TransformerLens' toy models on the Hugging Face hub, and
    `org/name`, `org/name@revision` and `hf:gpt2` are others there; `path/to/folder` and `path/to/folder@label` are a
    folder and its training checkpoint; `gguf:path/to/file` is a GGUF file. `nano-attn-2l=` before any of them runs
    those weights under the claims made for `nano-attn-2l`.

    Attributes:
        given: as it was written.
        claims: the name its claims stand under in behaviour files.
        source: where it comes from.
        stands_in: whether it was written as `NAME=MODEL`.
    """

    given: str
    claims: str
    source: Source
    stands_in: bool = False

    @property
    def shape(self) -> ModelShape | None:
        """Layers, heads and neurons, or None where only loading can tell.

        Raises:
            MiChecksError: what should say it is missing or broken.
        """
        try:
            return self.source.shape
        except Unloadable as error:
            raise self.unloadable(error) from error

    @property
    def label(self) -> str | None:
        """What stands behind `@`: a training checkpoint's label, or a revision on the hub."""
        match self.source:
            case Folder():
                return self.source.label
            case Hub():
                return self.source.version
            case _:
                return None

    def require(self) -> None:
        """Raise if loading cannot be tried.

        Raises:
            MiChecksError: something must be fetched or installed first.
        """
        try:
            self.source.require()
        except Unloadable as error:
            raise self.unloadable(error) from error

    def unloadable(self, reason: Unloadable) -> MiChecksError:
        """Return the reason with the name before it."""
        kind = NotFetched if isinstance(reason, NotFetched) else MiChecksError
        return kind(f"model {self.given!r}: {reason}")


def bundled() -> tuple[str, ...]:
    """The models that ship with the project."""
    return tuple(sorted(folder.parent.name for folder in NANO.glob("*/config.json")))


def checkpoints() -> dict[str, Path]:
    """The training checkpoints that ship: `nano-attn-2l@200` → weights, in the order of training."""
    return {
        f"{path.parent.parent.name}@{int(path.stem.removeprefix('step-'))}": path
        for path in sorted(NANO.glob("*/checkpoints/step-*.safetensors"))
    }


def known_names() -> tuple[str, ...]:
    """Every name that stands for a model by itself: bundled, to be fetched, and TransformerLens' toy models."""
    return (*bundled(), *checkpoints(), *PACKAGED, *TOYS)


def is_known(name: str) -> bool:
    """Whether a name stands for a model by itself; a toy model's training checkpoints have too many to list."""
    return _known(name) is not None


def resolve(name: str) -> ModelName:
    """Find a model by what the user wrote.

    Raises:
        MiChecksError: nothing is known by that name; the message names what is, and the nearest.
    """
    source = _prefixed(name) or _known(name) or _folder(name) or _on_the_hub(name)
    if source is not None:
        return ModelName(name, called(name), source)
    for claims, text in splits(name):
        # What comes second was a folder before it could be anything else.
        source = _folder(text) or _prefixed(text) or _known(text) or _on_the_hub(text, after=claims)
        if claims and source is not None:
            return ModelName(name, called(claims), source, stands_in=True)
    raise MiChecksError(_unknown(name))


def called(name: str, base: Path | None = None) -> str:
    """Return what a model is called: a path without its detours, from where this process runs; anything else as it is.

    So the same folder has one name, whether a behaviour file, a configuration or a command line wrote it.

    Args:
        name: a model as it was written, without `NAME=`.
        base: the folder that its path counts from, or None for the one in which this process runs.
    """
    if is_known(name):
        return name
    prefix, text, label, exists = _as_path(name, base)
    if not exists and (base is None or not looks_like_path(text)):
        return name
    seen = seen_from_here(based(text, base))
    if not prefix and "/" not in seen and (not exists or is_known(seen)):
        seen = f"./{seen}"  # a folder, and no model's name
    return f"{prefix}{seen}" + ("" if label is None else f"@{label}")


def is_path(name: str, base: Path | None = None) -> bool:
    """Return whether a name is that of a folder, its checkpoint or a GGUF file, whose path counts from `base`."""
    return not is_known(name) and _as_path(name, base)[3]


def _as_path(name: str, base: Path | None) -> tuple[str, str, str | None, bool]:
    """Return a name as prefix, path, label of a training checkpoint, and whether there is anything at the path."""
    if name.startswith(GGUF):
        path = name.removeprefix(GGUF)
        return GGUF, path, None, is_file(based(path, base))
    found = labelled_folder(name, base)
    return ("", name, None, False) if found is None else ("", *found, True)


def without_label(name: str) -> str:
    """Return what a training checkpoint is one of: `nano-attn-2l@200` → `nano-attn-2l`, which is its own last.

    Raises:
        MiChecksError: as `resolve`.
    """
    label = resolve(name).label
    return name if label is None else name.removesuffix(f"@{label}")


def _prefixed(text: str) -> Source | None:
    """`gguf:` and `hf:`."""
    if text.startswith(GGUF):
        path = expanded(text.removeprefix(GGUF))
        return Gguf(path) if is_file(path) else None
    repo = text.removeprefix(HUB)
    return _hub(repo) if repo != text and HUB_NAME.fullmatch(repo) else None


def _known(text: str) -> Source | None:
    word, _, label = text.partition("@")
    if text in bundled():
        return Folder(NANO / text, name="bundled")
    if text in checkpoints():
        return Folder(NANO / word, label, name="bundled")
    if word in TOYS:
        toy = TOYS[word]
        return Hub(toy.repo, label or None, toy.known_shape)
    return PACKAGED.get(text)


def _folder(text: str) -> Folder | None:
    found = labelled_folder(text)
    return None if found is None else Folder(expanded(found[0]), found[1])


def _on_the_hub(text: str, after: str = "") -> Hub | None:
    """`org/name`, unless there is a folder `org`: then a folder was meant, as it is after half of a path."""
    owner, slash, _ = text.partition("/")
    local = os.path.exists(owner) or ("/" in after and os.path.exists(after.partition("/")[0] or "/"))
    return _hub(text) if slash and HUB_NAME.fullmatch(text) and not local else None


def _hub(text: str) -> Hub:
    repo, _, version = text.partition("@")
    return Hub(repo, version or None)


def _unknown(name: str) -> str:
    """Return why a name stands for no model."""
    claims, equals, text = name.partition("=")
    if equals and ("/" in claims or looks_like_path(claims)):
        # More likely a path that holds `=` than a model's name and another path.
        return f"model {name!r}: there is no folder {str(expanded(name))!r}, and no model {text!r} to run as {claims!r}"
    if equals and not text:
        return f"model {name!r}: name a folder after '='"
    if equals and not claims:
        return f"model {name!r}: name the model whose claims it is held to before '=', or leave out '='"
    text = text if equals else name
    near = near_name(text, known_names())
    kind, colon, rest = text.partition(":")
    if text.startswith(GGUF):
        return f"model {name!r}: there is no file {rest!r}"
    if text.startswith(HUB):
        return f"model {name!r}: {rest!r} is no name on the Hugging Face hub; write hf:owner/name"
    if colon and re.fullmatch(r"[A-Za-z][\w-]+", kind) and not near:
        near = f"; before a colon there can be {HUB} and {GGUF}"
    if not near and "/" in text and HUB_NAME.fullmatch(text):  # there is a folder of the owner's name
        near = f"; if it is a model on the Hugging Face hub, write {HUB}{text}"
    if equals or "/" in text or looks_like_path(text):
        return f"model {name!r}: there is no folder {str(expanded(text))!r}{near}"
    known = ", ".join((*bundled(), *checkpoints()))
    return f"unknown model {name!r}; bundled models: {known}; others: mi-checks models list{near}"
