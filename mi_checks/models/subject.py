"""A model ready to be measured."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn
from transformer_lens.model_bridge import TransformerBridge

from mi_checks.models.guards import NOT_GUARDED, Guards
from mi_checks.prompts.tokenization import Tokenization
from mi_checks.spec.model_shape import ModelShape

ReadsAs = tuple[str, int | None, int | None, int]  # digest of the tokenizer, first token, embedding's rows, context


@dataclass(frozen=True)
class Provenance:
    """Where a subject came from, recorded with every result."""

    source: str
    weights_sha256: str
    tokenizer_sha256: str
    dtype: str
    device: str
    mode: str  # "raw": TransformerLens' compatibility mode folds norms, which changes ablations
    revision: str = ""  # of the weights, where they have one: a commit, a checkpoint's label, a version


@dataclass(frozen=True)
class Subject:
    """A model ready to be measured.

    Attributes:
        name: the name under whose claims it runs.
        bridge: TransformerLens' bridge, in evaluation mode.
        tokenization: its tokenizer.
        shape: how large it is.
        n_ctx: the longest prompt, in tokens.
        provenance: where it came from.
        unwrapped: the model that the bridge wraps, without TransformerLens' hooks, on the same weights; None where the
            bridge was made elsewhere.
        guards: what was checked of it when it was loaded, and what is refused for that.
    """

    name: str
    bridge: TransformerBridge
    tokenization: Tokenization
    shape: ModelShape
    n_ctx: int
    provenance: Provenance
    unwrapped: nn.Module | None = None
    guards: Guards = NOT_GUARDED

    @property
    def reads_as(self) -> ReadsAs:
        """What its prompts depend on: models with the same draw the same prompts."""
        tokens = self.tokenization
        return self.provenance.tokenizer_sha256, tokens.bos, tokens.rows, self.n_ctx

    @property
    def kind(self) -> str:
        """`attention-only`, or the activation of its MLPs without the variant: `gelu` (of `gelu_new`), `solu`, …"""
        return "attention-only" if not self.shape.has_mlps else str(self.bridge.cfg.act_fn).partition("_")[0]
