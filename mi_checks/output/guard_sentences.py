"""The outcome of a model's guards, in sentences."""

from __future__ import annotations

from mi_checks.results.run import GuardResult, ModelGuards

WHAT = {  # keyed by what a guard refuses
    "head": "heads cannot be patched", "q": "queries cannot be patched", "k": "keys cannot be patched",
    "v": "values cannot be patched", "pattern": "attention patterns cannot be patched",
    "neuron": "neurons cannot be patched", "attn": "attention layers cannot be patched",
    "mlp": "MLPs cannot be patched", "resid_pre": "the residual stream before a layer cannot be patched",
    "resid_mid": "the residual stream between attention and MLP cannot be patched",
    "resid_post": "the residual stream after a layer cannot be patched", "paths": "paths cannot be measured",
    "attribution": "direct effects cannot be attributed",
    "head attribution": "direct effects of heads cannot be attributed",
    "neuron attribution": "direct effects of neurons cannot be attributed",
    "attention": "attention cannot be read",
}  # fmt: skip


def summary_line(guards: ModelGuards) -> str:
    """Return on what a model was checked, and the largest error among the comparisons that hold."""
    holding = [one for one in guards.results if _holds(one)]
    largest = max((one.error or 0.0 for one in holding), default=0.0)
    return f"{len(holding)} of {len(guards.results)} comparisons hold, largest error {largest:.1e} (on {guards.about})"


def refusal_lines(guards: ModelGuards) -> list[str]:
    """Return what is refused on a model, as one sentence for each reason."""
    by_reason: dict[str, list[str]] = {}
    for one in guards.results:
        if not _holds(one):
            by_reason.setdefault(one.reason, []).extend(WHAT[what] for what in one.refuses)
    return [f"{'; '.join(dict.fromkeys(refused))}: {reason}" for reason, refused in by_reason.items()]


def _holds(one: GuardResult) -> bool:
    return one.error is not None and one.error <= one.limit
