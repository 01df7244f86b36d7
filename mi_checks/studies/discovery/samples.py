"""The prompts of discovery: one half to find on, one half held out to verify on, and none that a check uses."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mi_checks.errors import MiChecksError
from mi_checks.models.subject import Subject
from mi_checks.prompts.batch import END, PromptBatch, PromptPair
from mi_checks.prompts.build import build_prompts
from mi_checks.prompts.rejection import TooFewPrompts
from mi_checks.spec.behaviour import Behaviour
from mi_checks.studies.discovery.settings import MOST_PAIRS, SEED_OFFSET, Settings

LEAST = 16  # pairs in either half: fewer say nothing that a correction over all heads leaves standing


@dataclass(frozen=True)
class Samples:
    """Prompt pairs that are disjoint: no clean prompt of one batch is in another.

    Attributes:
        found_on: what discovery measures on.
        held_out: what it verifies on.
        checks: how many pairs the checks use, which are in neither.
        seed: that both halves are drawn with.
        equally_long: whether all prompts are, those of the checks among them: others have no mean at a position.
    """

    found_on: PromptBatch
    held_out: PromptBatch
    checks: int
    seed: int
    equally_long: bool


def samples(behaviour: Behaviour, subject: Subject, settings: Settings) -> Samples:
    """Draw twice as many pairs as asked for that no check uses, and halve them.

    Where there are fewer (rows of a data file, quotes), the halves are of what there is.

    Raises:
        TooFewPrompts: there are not even the prompts of the checks.
        MiChecksError: fewer than sixteen are left for either half.
    """
    prompts = behaviour.prompts
    seed = prompts.seed + SEED_OFFSET if settings.seed is None else settings.seed
    checks = _built(behaviour, subject, behaviour.pairs_for(subject.name), prompts.seed)
    count = settings.count or min(len(checks), MOST_PAIRS)
    used = {pair.clean.text for pair in checks.pairs}
    fresh = _fresh(behaviour, subject, 2 * count, seed, used)
    half = len(fresh) // 2
    if half < min(count, LEAST):
        raise MiChecksError(
            f"behaviour {behaviour.name!r}: its checks use {len(checks)} prompt pairs, and beside these there are "
            f"{len(fresh)}; discovery needs {2 * min(count, LEAST)} that no check uses, half of them to verify on: "
            "lower the behaviour's `count`, or give it more values or quotes"
        )
    first, second = (replace(checks, pairs=part) for part in (fresh[:half], fresh[half : 2 * half]))
    lengths = {end for batch in (checks, first, second) for end in batch.positions(END)}
    return Samples(first, second, len(checks), seed, equally_long=len(lengths) == 1)


def _fresh(behaviour: Behaviour, subject: Subject, wanted: int, seed: int, used: set[str]) -> tuple[PromptPair, ...]:
    """So many pairs that are not used, or all that there are."""
    asked, last = wanted, False
    while True:
        try:
            batch = _built(behaviour, subject, asked, seed)
        except TooFewPrompts as few:
            if few.found == 0:
                raise
            asked, last = few.found, True
            continue
        fresh = tuple(pair for pair in batch.pairs if pair.clean.text not in used)
        if len(fresh) >= wanted or last:
            return fresh[:wanted]
        asked += max(2 * (wanted - len(fresh)), LEAST)


def _built(behaviour: Behaviour, subject: Subject, count: int | None, seed: int) -> PromptBatch:
    return build_prompts(
        behaviour.prompts,
        subject.tokenization,
        behaviour=behaviour.name,
        count=count,
        seed=seed,
        n_ctx=subject.n_ctx,
    )
