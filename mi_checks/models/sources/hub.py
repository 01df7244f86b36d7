"""A model on the Hugging Face hub, TransformerLens' toy models among them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mi_checks.models.sources.config_json import huggingface_shape, is_huggingface, read_config
from mi_checks.models.sources.source import Source
from mi_checks.spec.model_shape import ModelShape

LEGACY_OWNERS = ("NeelNanda", "ArthurConmy", "Baidicoot")  # published before TransformerLens used transformers' layout


@dataclass(frozen=True)
class Hub(Source):
    """Asked for over the network, and only because its name says so; what was downloaded once is used again.

    Attributes:
        repo: `owner/name`, or the bare name of one of the hub's oldest models.
        version: what stands behind `@`: a revision, or for a legacy model a training checkpoint's label.
        known_shape: where it is known without asking.
    """

    repo: str
    version: str | None = None
    known_shape: ModelShape | None = None

    @property
    def is_legacy(self) -> bool:
        """Whether it is in TransformerLens' own layout, where checkpoints are files and not revisions."""
        return self.repo.partition("/")[0] in LEGACY_OWNERS

    @property
    def described(self) -> str:
        """As the user may write it."""
        return f"hf:{self.repo}"

    @property
    def shape(self) -> ModelShape | None:
        """From the `config.json` of an earlier download; None where there is none yet."""
        if self.known_shape is not None:
            return self.known_shape
        from huggingface_hub import try_to_load_from_cache
        from huggingface_hub.errors import HFValidationError

        try:
            found = try_to_load_from_cache(self.repo, "config.json", revision=None if self.is_legacy else self.version)
        except HFValidationError:  # loading says so
            return None
        if not isinstance(found, str):
            return None
        config = read_config(Path(found).parent)
        return huggingface_shape(config) if is_huggingface(config) else None


def _toys() -> dict[str, Hub]:
    kinds = {"attn-only": ("Attn_Only", None), "gelu": ("GELU", 2048), "solu": ("SoLU", 2048)}
    return {
        f"{kind}-{layers}l": Hub(f"NeelNanda/{prefix}_{layers}L512W_C4_Code", None, ModelShape(layers, 8, d_mlp))
        for kind, (prefix, d_mlp) in kinds.items()
        for layers in range(1, 5)
    }


TOYS = _toys()  # by the names TransformerLens gave them
