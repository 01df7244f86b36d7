"""A loaded model that is ready to be measured."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn
from transformer_lens.model_bridge import TransformerBridge

from mi_checks.models.guards import NOT_GUARDED, Guards
from mi_checks.prompts.tokenization import Tokenization
from mi_checks.spec.node_names import ModelShape

ReadsAs = tuple[str, int | None, int | None, int]  # tokenizer's digest, first token, embedded tokens, context length


@dataclass(frozen=True)
class Provenance:
    """The origin of a model, recorded with every result."""

    source: str
    weights_sha256: str
    tokenizer_sha256: str
    dtype: str
    device: str
    mode: str  # "raw": TransformerLens' compatibility mode folds norms, which changes ablations
    revision: str = ""  # of the weights, if they have one: a commit, a checkpoint's label or a version


@dataclass(frozen=True)
class LoadedModel:
    """A loaded model that is ready to be measured.

    Attributes:
        name: the name under whose claims it runs.
        bridge: TransformerLens' bridge, in evaluation mode.
        tokenization: its tokenizer.
        shape: its numbers of layers, heads and neurons.
        n_ctx: the longest prompt, in tokens.
        provenance: its origin.
        unwrapped: the model that the bridge wraps, without TransformerLens' hooks, on the same weights; None if the
            bridge was made elsewhere.
        guards: what was tested when it was loaded, and what is therefore refused.
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
        """Return what a model's prompts depend on: models for which this is equal use the same prompts."""
        tokens = self.tokenization
        return self.provenance.tokenizer_sha256, tokens.bos, tokens.rows, self.n_ctx

    @property
    def kind(self) -> str:
        """Return `attention-only`, or the MLPs' activation without its variant, such as `gelu` for `gelu_new`."""
        return "attention-only" if not self.shape.has_mlps else str(self.bridge.cfg.act_fn).partition("_")[0]
