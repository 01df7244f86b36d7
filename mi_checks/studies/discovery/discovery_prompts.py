"""The prompts of discovery: one half to discover on, one half held out for verification; no check uses either."""

from __future__ import annotations

from dataclasses import dataclass

from mi_checks.errors import MiChecksError
from mi_checks.models.loaded_model import LoadedModel
from mi_checks.prompts.batch import END, PromptBatch
from mi_checks.prompts.build_prompts import build_prompts
from mi_checks.prompts.rejection import TooFewPromptsError
from mi_checks.spec.behaviour import Behaviour
from mi_checks.stats.sampling import SamplingDesign
from mi_checks.studies.discovery.discovery_options import MAX_PAIRS, SEED_OFFSET, DiscoveryOptions

MIN_ROWS = 16  # rows in either half; with fewer, clusters are too few for most families of tests
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
        split: the factor of which the halves have different rows; "" if there is none with enough rows.
        shared: the sampled factors of which both halves have some rows.
    """

    exploration: PromptBatch
    held_out: PromptBatch
    n_check_pairs: int
    seed: int
    equally_long: bool
    split: str = ""
    shared: tuple[str, ...] = ()


def draw_prompts(behaviour: Behaviour, loaded_model: LoadedModel, options: DiscoveryOptions) -> DiscoveryPrompts:
    """Draw twice as many pairs as requested that no check uses, and halve them.

    If there are fewer (rows of a data file, quotes), the available ones are halved. If pairs share rows of a sampled
    factor, its rows are halved, so that claims are verified on other rows than they were discovered on.

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
    first_places, second_places, split = _halves(fresh)
    if len(first_places) < min(count, MIN_PAIRS):
        raise MiChecksError(
            f"behaviour {behaviour.name!r}: its checks use {len(checks)} prompt pairs and {len(fresh)} are left, "
            f"but discovery needs {2 * min(count, MIN_PAIRS)} that no check uses, half of them for verification; "
            "lower the behaviour's `count`, or give it more values or quotes"
        )
    first, second = fresh.at(first_places), fresh.at(second_places)
    lengths = {end for batch in (checks, first, second) for end in batch.positions(END)}
    shared = tuple(
        each.name
        for each in fresh.factors
        if each.sampled and {each.rows[place] for place in first_places} & {each.rows[place] for place in second_places}
    )
    return DiscoveryPrompts(
        first, second, len(checks), seed, equally_long=len(lengths) == 1, split=split, shared=shared
    )


def _halves(batch: PromptBatch) -> tuple[list[int], list[int], str]:
    """Return the places of two halves of equal size, and the factor that they share no row of.

    This is the sampled factor that clusters pairs most, with the fewest rows, among those with at least sixteen for
    either half; "" if there is none. Of its rows, which are numbered in the order of first use, every other one is in
    the first half.
    """
    half = len(batch) // 2
    for factor in SamplingDesign(len(batch), batch.factors).clustering:
        if factor.size < 2 * MIN_ROWS:
            continue
        halves = [[place for place, row in enumerate(factor.rows) if row % 2 == side] for side in (0, 1)]
        equal = min(map(len, halves))
        if equal >= min(half, MIN_PAIRS):
            return halves[0][:equal], halves[1][:equal], factor.name
    return list(range(half)), list(range(half, 2 * half)), ""


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
