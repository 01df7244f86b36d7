"""Which models there are, and their shapes, without loading any (and without importing torch)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from mi_checks.errors import MiChecksError, did_you_mean
from mi_checks.models.sources.folder import Folder
from mi_checks.models.sources.gguf import Gguf
from mi_checks.models.sources.hub import TOYS, Hub
from mi_checks.models.sources.packaged import PACKAGED
from mi_checks.models.sources.source import NotFetched, Source, Unloadable
from mi_checks.spec.model_shape import ModelShape

NANO = Path(__file__).parent / "nano"
TOKENIZER = NANO / "tokenizer.json"
HUB_NAME = re.compile(r"([A-Za-z0-9][\w.-]*/)?[A-Za-z0-9][\w.-]*(@[\w./-]+)?", re.ASCII)


@dataclass(frozen=True)
class ModelName:
    """A model as the user names it.

    `nano-attn-2l` is bundled, and so is its training checkpoint `nano-attn-2l@200`; `smollm2-135m` is fetched once by
    `mi-checks models fetch`; `attn-only-2l` is one of TransformerLens' toy models on the Hugging Face hub, and
    `org/name`, `org/name@revision` and `hf:gpt2` are others there; `path/to/folder` and `path/to/folder@label` are a
    folder and its training checkpoint; `gguf:path/to/file` is a GGUF file. `nano-attn-2l=` before any of them runs
    those weights under the claims made for `nano-attn-2l`.
    """

    given: str
    claims: str  # the name its claims stand under in behaviour files
    source: Source

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

    def require(self) -> None:
        """Nothing, if loading can be tried.

        Raises:
            MiChecksError: something must be fetched or installed first.
        """
        try:
            self.source.require()
        except Unloadable as error:
            raise self.unloadable(error) from error

    def unloadable(self, reason: Unloadable) -> MiChecksError:
        """The reason with the name before it."""
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
    claims, equals, text = name.partition("=")
    if equals and not text:
        raise MiChecksError(f"model {name!r}: name a folder after '='")
    if equals:  # what comes second was a folder before it could be anything else
        source = _folder(text) or _prefixed(name, text) or _known(text)
    else:
        text = claims
        source = _prefixed(name, text) or _known(text) or _folder(text)
    source = source or _on_the_hub(text)
    if source is not None:
        return ModelName(name, claims, source)
    if equals or "/" in text:
        raise MiChecksError(f"model {name!r}: there is no folder {str(Path(text))!r}")
    known = ", ".join((*bundled(), *checkpoints()))
    raise MiChecksError(
        f"unknown model {name!r}; bundled models: {known}; others: mi-checks models list"
        f"{did_you_mean(name, known_names())}"
    )


def _prefixed(name: str, text: str) -> Source | None:
    """`gguf:` and `hf:`."""
    kind, colon, rest = text.partition(":")
    if colon and kind == "gguf":
        if not Path(rest).is_file():
            raise MiChecksError(f"model {name!r}: there is no file {rest!r}")
        return Gguf(Path(rest))
    if colon and kind == "hf":
        if not HUB_NAME.fullmatch(rest):
            raise MiChecksError(f"model {name!r}: {rest!r} is no name on the Hugging Face hub; write hf:owner/name")
        return _hub(rest)
    return None


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
    if Path(text).is_dir():
        return Folder(Path(text))
    place, _, label = text.rpartition("@")
    return Folder(Path(place), label) if place and label and Path(place).is_dir() else None


def _on_the_hub(text: str) -> Hub | None:
    """`org/name`, unless there is a folder `org`: then a folder was meant."""
    owner, slash, _ = text.partition("/")
    return _hub(text) if slash and HUB_NAME.fullmatch(text) and not Path(owner).exists() else None


def _hub(text: str) -> Hub:
    repo, _, version = text.partition("@")
    return Hub(repo, version or None)
