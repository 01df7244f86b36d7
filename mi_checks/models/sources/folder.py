"""A folder on this machine, in one of three layouts, and its training checkpoints."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mi_checks.models.sources.config_json import (
    check_numbers,
    huggingface_shape,
    is_huggingface,
    read_config,
    transformerlens_shape,
)
from mi_checks.models.sources.source import Source, Unloadable
from mi_checks.models.sources.weight_files import refuse_adapter
from mi_checks.spec.model_shape import ModelShape

Layout = Literal["native", "legacy", "huggingface"]


@dataclass(frozen=True)
class Folder(Source):
    """`config.json` and weights.

    Its layout is told by what is in it: `huggingface` (`model_type` or `architectures` in `config.json`, safetensors or
    pickles of tensors, a tokenizer); `legacy` (TransformerLens' own keys and `*_final.pth`, as its toy models were
    published); `native` (`model.safetensors` in the names of TransformerLens' native model, as the bundled models
    have it).

    Attributes:
        path: the folder.
        label: a training checkpoint's, or None for the weights at the end of training.
        name: what provenance calls it, where that is not the path.
        revision: of what it is a copy of, where it is one.
    """

    path: Path
    label: str | None = None
    name: str | None = None
    revision: str = ""

    @property
    def described(self) -> str:
        """The path, or what it is a copy of."""
        return self.name or str(self.path)

    @property
    def config(self) -> dict[str, Any]:
        """`config.json`.

        Raises:
            MiChecksError: it is missing, not JSON, or without the numbers that make a shape.
        """
        config = read_config(self.path)
        if not is_huggingface(config):
            check_numbers(config, self.path)
        return config

    @property
    def layout(self) -> Layout:
        """Which of the three layouts it has."""
        if is_huggingface(self.config):
            return "huggingface"
        has_safetensors = (self.path / "model.safetensors").exists()
        return "legacy" if not has_safetensors and any(self.path.glob("**/*.pth")) else "native"

    @property
    def shape(self) -> ModelShape | None:
        """Read from `config.json`."""
        config = self.config
        return huggingface_shape(config) if is_huggingface(config) else transformerlens_shape(config)

    def require(self) -> None:
        """Raise if something in the folder would be left out silently: an adapter."""
        refuse_adapter(self.path)

    @property
    def weights(self) -> Path:
        """The one file of weights of a native or legacy folder.

        Raises:
            Unloadable: it is not there; the message names the checkpoints that are.
        """
        checkpoints = self.checkpoints
        if self.label is not None:
            if self.label not in checkpoints:
                there = f"there are {', '.join(checkpoints)}" if checkpoints else "it has none"
                raise Unloadable(f"{self.path} has no training checkpoint {self.label!r}; {there}")
            return checkpoints[self.label]
        if self.layout == "native":
            return self.path / "model.safetensors"
        final = sorted(self.path.glob("*_final.pth"))
        if len(final) != 1:
            raise Unloadable(f"{self.path} holds {len(final)} files *_final.pth where one is needed")
        return final[0]

    @property
    def checkpoints(self) -> dict[str, Path]:
        """Label → weights, in the order of training."""
        layout = self.layout
        if layout == "huggingface":
            return {}
        files = (self.path / "checkpoints").glob("step-*.safetensors" if layout == "native" else "*_*.pth")
        found = {_label(file): file for file in files}
        return dict(sorted(found.items(), key=lambda item: (len(item[0]), item[0])))


def _label(file: Path) -> str:
    label = file.stem.removeprefix("step-").rpartition("_")[2]
    return str(int(label)) if label.isdecimal() else label
