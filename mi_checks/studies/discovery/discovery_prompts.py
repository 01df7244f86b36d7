"""The prompts of discovery: one half to discover on, one half held out for verification; no check uses either."""

from __future__ import annotations

from dataclasses import dataclass

from mi_checks.errors import MiChecksError
from mi_checks.models.loaded_model import LoadedModel
from mi_checks.prompts.batch import END, PromptBatch
from mi_checks.prompts.build_prompts import build_prompts
from mi_checks.prompts.rejection import TooFewPromptsError
from mi_checks.spec.behaviour import Behaviour
from mi_checks.studies.discovery.discovery_options import MAX_PAIRS, SEED_OFFSET, DiscoveryOptions

MIN_PAIRS = 16  # pairs in either half; with fewer, no effect survives a correction over all heads


@dataclass(frozen=True)
class DiscoveryPrompts:
    """Disjoint batches of prompt pairs: no clean prompt of one is in another.

    Attributes:
        exploration: the pairs that discovery measures on.
        held_out: the pairs that it verifies claims on.
        n_check_pairs: the number of pairs that the checks use, which are in neither.
        seed: the seed of both halves.
        equally_long: whether all prompts have the same length, those of the checks included: otherwise there is no mean
            at a position.
    """

    exploration: PromptBatch
    held_out: PromptBatch
    n_check_pairs: int
    seed: int
    equally_long: bool


def draw_prompts(behaviour: Behaviour, loaded_model: LoadedModel, options: DiscoveryOptions) -> DiscoveryPrompts:
    """Draw twice as many pairs as requested that no check uses, and halve them.

    If there are fewer (rows of a data file, quotes), the available ones are halved.

    Raises:
        TooFewPrompts: there are not even enough prompts for the checks.
        MiChecksError: fewer than sixteen are left for either half.
    """
    prompts = behaviour.prompts
    seed = prompts.seed + SEED_OFFSET if options.seed is None else options.seed
    checks = _build(behaviour, loaded_model, behaviour.pairs_for(loaded_model.name), prompts.seed)
    count = options.count or min(len(checks), MAX_PAIRS)
    used = {pair.clean.text for pair in checks.pairs}
    fresh = _unused_pairs(behaviour, loaded_model, 2 * count, seed, used)
    half = len(fresh) // 2
    if half < min(count, MIN_PAIRS):
        raise MiChecksError(
            f"behaviour {behaviour.name!r}: its checks use {len(checks)} prompt pairs and {len(fresh)} are left, "
            f"but discovery needs {2 * min(count, MIN_PAIRS)} that no check uses, half of them for verification; "
            "lower the behaviour's `count`, or give it more values or quotes"
        )
    first, second = (fresh.select(part) for part in (slice(half), slice(half, 2 * half)))
    lengths = {end for batch in (checks, first, second) for end in batch.positions(END)}
    return DiscoveryPrompts(first, second, len(checks), seed, equally_long=len(lengths) == 1)


def _unused_pairs(
    behaviour: Behaviour, loaded_model: LoadedModel, wanted: int, seed: int, used: set[str]
) -> PromptBatch:
    """Return the wanted number of unused pairs, or all there are."""
    requested, last = wanted, False
    while True:
        try:
            batch = _build(behaviour, loaded_model, requested, seed)
        except TooFewPromptsError as few:
            if few.n_available == 0:
                raise
            requested, last = few.n_available, True
            continue
        fresh = [place for place, pair in enumerate(batch.pairs) if pair.clean.text not in used]
        if len(fresh) >= wanted or last:
            return batch.at(fresh[:wanted])
        requested += max(2 * (wanted - len(fresh)), MIN_PAIRS)


def _build(behaviour: Behaviour, loaded_model: LoadedModel, count: int | None, seed: int) -> PromptBatch:
    return build_prompts(
        behaviour.prompts,
        loaded_model.tokenization,
        behaviour=behaviour.name,
        count=count,
        seed=seed,
        n_ctx=loaded_model.n_ctx,
    )
