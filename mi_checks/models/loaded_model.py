"""A loaded model that is ready to be measured: its bridge, tokenizer, provenance and guards."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn
from transformer_lens.model_bridge import TransformerBridge

from mi_checks.prompts.tokenization import Tokenization
from mi_checks.spec.node_names import ModelShape

# Tokenizer's digest, first token, embedded tokens, context length.
PromptDependencies = tuple[str, int | None, int | None, int]


@dataclass(frozen=True)
class Guard:
    """One comparison of a model with itself, made on probe prompts.

    Attributes:
        name: what was compared, in a few words.
        error: the largest difference, as a fraction of the size of what was compared; infinite if the comparison could
            not be made.
        limit: the largest error that counts as rounding.
        refuses: what is refused if the error is larger: kinds of nodes whose activations are replaced (`q`, `neuron`,
            …), `paths`, `attribution`, `head attribution`, `neuron attribution`, `attention`, or `everything`.
        reason: the reason in a sentence without a full stop, if the error is larger than the limit; else "".
    """

    name: str
    error: float
    limit: float
    refuses: tuple[str, ...]
    reason: str = ""

    @property
    def holds(self) -> bool:
        """Return whether the difference is within rounding."""
        return self.error <= self.limit


@dataclass(frozen=True)
class Guards:
    """All comparisons of one model; empty if it was not tested.

    Attributes:
        results: the comparisons.
        about: what they were made on: prompts, length, layers.
    """

    results: tuple[Guard, ...] = ()
    about: str = ""

    def refusal(self, what: str) -> str | None:
        """Return why something is refused on this model, or None if it is not refused."""
        return next((g.reason for g in self.results if not g.holds and {what, "everything"} & set(g.refuses)), None)

    @property
    def refused(self) -> dict[str, str]:
        """Return what is refused, with the reason, in the order of the comparisons."""
        failed = (guard for guard in self.results if not guard.holds)
        return {what: guard.reason for guard in failed for what in guard.refuses}


NOT_GUARDED = Guards()


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
    step: str = ""  # of training, in digits, if the weights are those of a numbered checkpoint


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
        unwrapped_model: the model that the bridge wraps, without TransformerLens' hooks, on the same weights; None if
            the bridge was made elsewhere.
        guards: what was tested when it was loaded, and what is therefore refused.
    """

    name: str
    bridge: TransformerBridge
    tokenization: Tokenization
    shape: ModelShape
    n_ctx: int
    provenance: Provenance
    unwrapped_model: nn.Module | None = None
    guards: Guards = NOT_GUARDED

    @property
    def prompt_dependencies(self) -> PromptDependencies:
        """Return what a model's prompts depend on: models for which this is equal use the same prompts."""
        tokens = self.tokenization
        return self.provenance.tokenizer_sha256, tokens.bos, tokens.rows, self.n_ctx

    @property
    def kind(self) -> str:
        """Return `attention-only`, or the MLPs' activation without its variant, such as `gelu` for `gelu_new`."""
        return "attention-only" if not self.shape.has_mlps else str(self.bridge.cfg.act_fn).partition("_")[0]
