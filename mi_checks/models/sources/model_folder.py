"""A model in a folder on this machine, in one of three layouts, and its training checkpoints."""

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
from mi_checks.models.sources.model_source import ModelSource, Unloadable, require_files
from mi_checks.models.sources.weight_files import find_weight_files, refuse_adapter
from mi_checks.spec.node_names import ModelShape

Layout = Literal["native", "legacy", "huggingface"]


@dataclass(frozen=True)
class ModelFolder(ModelSource):
    """A folder with `config.json` and weights.

    Its layout follows from its contents: `huggingface` (`model_type` or `architectures` in `config.json`, safetensors
    or pickles of tensors, a tokenizer); `legacy` (TransformerLens' own keys and `*_final.pth`, as its toy models were
    published); `native` (`model.safetensors` in the names of TransformerLens' native model, as in the bundled models).

    Attributes:
        path: the folder.
        label: a training checkpoint's label, or None for the weights at the end of training.
        name: the name that provenance records instead of the path, or None.
        revision: the revision that the folder is a copy of, or "".
    """

    path: Path
    label: str | None = None
    name: str | None = None
    revision: str = ""

    @property
    def provenance_name(self) -> str:
        """Return the path, or the name of what it is a copy of."""
        return self.name or str(self.path)

    @property
    def step(self) -> str:
        """Return the training step of a numbered checkpoint, in digits; "" for other weights."""
        return self.label if self.label is not None and self.label.isdecimal() else ""

    @property
    def config(self) -> dict[str, Any]:
        """Return the contents of `config.json`.

        Raises:
            MiChecksError: it is missing, not JSON, or without the numbers that make a shape.
        """
        config = read_config(self.path)
        if not is_huggingface(config):
            check_numbers(config, self.path)
        return config

    @property
    def layout(self) -> Layout:
        """Return which of the three layouts it has."""
        if is_huggingface(self.config):
            return "huggingface"
        has_safetensors = (self.path / "model.safetensors").exists()
        return "legacy" if not has_safetensors and any(self.path.glob("**/*.pth")) else "native"

    @property
    def shape(self) -> ModelShape | None:
        """Return the shape, read from `config.json`; None if only the weights show it."""
        config = self.config
        return huggingface_shape(config) if is_huggingface(config) else transformerlens_shape(config)

    @property
    def weight_files(self) -> list[Path]:
        """Return the files of weights.

        Raises:
            Unloadable: a file is missing.
        """
        return require_files(find_weight_files(self.path) if self.layout == "huggingface" else [self.weights])

    def check_loadable(self) -> None:
        """Raise if the folder holds an adapter, which would be ignored silently."""
        refuse_adapter(self.path)

    @property
    def weights(self) -> Path:
        """Return the file of weights of a native or legacy folder.

        Raises:
            Unloadable: it does not exist; the message names the checkpoints that do.
        """
        checkpoints = self.checkpoints
        if self.label is not None:
            if self.label not in checkpoints:
                available = f"it has {', '.join(checkpoints)}" if checkpoints else "it has none"
                raise Unloadable(f"{self.path} has no training checkpoint {self.label!r}; {available}")
            return checkpoints[self.label]
        if self.layout == "native":
            return self.path / "model.safetensors"
        final = sorted(self.path.glob("*_final.pth"))
        if len(final) != 1:
            raise Unloadable(f"{self.path} contains {len(final)} files *_final.pth, but exactly one is needed")
        return final[0]

    @property
    def checkpoints(self) -> dict[str, Path]:
        """Return the training checkpoints, label → weights, in the order of training."""
        layout = self.layout
        if layout == "huggingface":
            return {}
        files = (self.path / "checkpoints").glob("step-*.safetensors" if layout == "native" else "*_*.pth")
        by_label = {_label(file): file for file in files}
        return dict(sorted(by_label.items(), key=lambda item: (len(item[0]), item[0])))


def _label(file: Path) -> str:
    label = file.stem.removeprefix("step-").rpartition("_")[2]
    return str(int(label)) if label.isdecimal() else label
