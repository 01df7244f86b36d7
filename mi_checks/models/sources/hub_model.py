"""A model on the Hugging Face hub, such as TransformerLens' toy models."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mi_checks.models.sources.config_json import huggingface_shape, is_huggingface, read_config
from mi_checks.models.sources.model_source import ModelSource
from mi_checks.spec.node_names import ModelShape

LEGACY_OWNERS = ("NeelNanda", "ArthurConmy", "Baidicoot")  # published before TransformerLens used transformers' layout


@dataclass(frozen=True)
class HubModel(ModelSource):
    """A model on the hub, which is downloaded on first use.

    Attributes:
        repo: `owner/name`, or the bare name of one of the hub's oldest models.
        version: the text after `@`: a revision, or for a legacy model a training checkpoint's label.
        known_shape: the shape, if it is known without a download.
    """

    repo: str
    version: str | None = None
    known_shape: ModelShape | None = None

    @property
    def is_legacy(self) -> bool:
        """Return whether it has TransformerLens' own layout, in which checkpoints are files and not revisions."""
        return self.repo.partition("/")[0] in LEGACY_OWNERS

    @property
    def provenance_name(self) -> str:
        """Return the name that the user may write."""
        return f"hf:{self.repo}"

    @property
    def shape(self) -> ModelShape | None:
        """Return the shape from the `config.json` of an earlier download; None if there is none yet."""
        if self.known_shape is not None:
            return self.known_shape
        from huggingface_hub import try_to_load_from_cache
        from huggingface_hub.errors import HFValidationError

        try:
            cached_path = try_to_load_from_cache(
                self.repo, "config.json", revision=None if self.is_legacy else self.version
            )
        except HFValidationError:  # loading reports it
            return None
        if not isinstance(cached_path, str):
            return None
        config = read_config(Path(cached_path).parent)
        return huggingface_shape(config) if is_huggingface(config) else None

    @property
    def weight_files(self) -> None:
        """Return None: the files are known only after loading."""
        return


def _toys() -> dict[str, HubModel]:
    kinds = {"attn-only": ("Attn_Only", None), "gelu": ("GELU", 2048), "solu": ("SoLU", 2048)}
    return {
        f"{kind}-{layers}l": HubModel(f"NeelNanda/{prefix}_{layers}L512W_C4_Code", None, ModelShape(layers, 8, d_mlp))
        for kind, (prefix, d_mlp) in kinds.items()
        for layers in range(1, 5)
    }


TOY_MODELS = _toys()  # TransformerLens' name → source
