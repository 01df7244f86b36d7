"""Which models there are, and their shapes, without loading any (and without importing torch)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mi_checks.errors import MiChecksError, did_you_mean
from mi_checks.spec.shapes import ModelShape

NANO = Path(__file__).parent / "nano"
TOKENIZER = NANO / "tokenizer.json"


@dataclass(frozen=True)
class ModelName:
    """A model as the user names it.

    `nano-attn-2l` is bundled, and so is its training checkpoint `nano-attn-2l@200`; `path/to/folder` holds
    `config.json` and `model.safetensors` in the bundled layout; `nano-attn-2l=path/to/folder` runs those weights under
    the claims made for `nano-attn-2l`.
    """

    claims: str  # the name its claims stand under in behaviour files
    folder: Path
    weights: Path

    @property
    def config(self) -> dict[str, Any]:
        """`config.json`, the keys of `TransformerBridgeConfig`.

        Raises:
            MiChecksError: it is missing, not JSON, or without the numbers that make a shape.
        """
        path = self.folder / "config.json"
        try:
            config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise MiChecksError(
                f"{self.folder}: no config.json; a model folder holds config.json and model.safetensors"
            ) from None
        except ValueError as error:
            raise MiChecksError(f"{path}: not valid JSON: {error}") from None
        numbers = ["n_layers", "n_heads", "d_model", "d_head", "n_ctx", "d_vocab"]
        if not isinstance(config, dict):
            raise MiChecksError(f"{path}: must be a mapping of the keys of TransformerBridgeConfig")
        numbers += [] if config.get("attn_only") else ["d_mlp"]
        wrong = [key for key in numbers if not isinstance(config.get(key), int)]
        if wrong:
            raise MiChecksError(f"{path}: needs a whole number for {', '.join(wrong)}")
        return config

    @property
    def shape(self) -> ModelShape:
        """Layers, heads and neurons, read from `config.json`."""
        config = self.config
        d_mlp = None if config.get("attn_only") else config["d_mlp"]
        return ModelShape(n_layers=config["n_layers"], n_heads=config["n_heads"], d_mlp=d_mlp)

    @property
    def is_bundled(self) -> bool:
        """Whether it ships with the project."""
        return self.folder.is_relative_to(NANO)


def bundled() -> tuple[str, ...]:
    """The models that ship with the project."""
    return tuple(sorted(folder.parent.name for folder in NANO.glob("*/config.json")))


def checkpoints() -> dict[str, Path]:
    """The training checkpoints that ship: `nano-attn-2l@200` → weights, in the order of training."""
    return {
        f"{path.parent.parent.name}@{int(path.stem.removeprefix('step-'))}": path
        for path in sorted(NANO.glob("*/checkpoints/step-*.safetensors"))
    }


def resolve(name: str) -> ModelName:
    """Find a model by what the user wrote.

    Raises:
        MiChecksError: nothing is known by that name; the message names what is, and the nearest.
    """
    claims, equals, source = name.partition("=")
    if equals and not source:
        raise MiChecksError(f"model {name!r}: name a folder after '='")
    if not source and claims in bundled():
        return ModelName(claims, NANO / claims, NANO / claims / "model.safetensors")
    if not source and claims in checkpoints():
        return ModelName(claims, NANO / claims.split("@")[0], checkpoints()[claims])
    folder = Path(source or claims)
    if source or folder.is_dir() or "/" in claims:
        if not folder.is_dir():
            raise MiChecksError(f"model {name!r}: there is no folder {str(folder)!r}")
        return ModelName(claims, folder, folder / "model.safetensors")
    known = (*bundled(), *checkpoints())
    raise MiChecksError(f"unknown model {name!r}; bundled models: {', '.join(known)}{did_you_mean(name, known)}")
