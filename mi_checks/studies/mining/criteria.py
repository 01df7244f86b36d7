"""What is looked for, and a trigram that was found."""

from __future__ import annotations

from dataclasses import dataclass

from mi_checks.stats.estimate import Estimate

Triple = tuple[int, int, int]  # token ids of a, b and c


@dataclass(frozen=True)
class Criteria:
    """What a trigram must meet in the files counted in.

    Attributes:
        gap: 0 for `a b → c`; otherwise a stands 2 to `gap` tokens before b, `a … b → c`.
        least_count: occurrences of `a … b c`, each place once however often a stands before it.
        likely: P(c | a, b) at least.
        unlikely: P(c | b) at most.
        crossed: of a pair, P(c | a2, b) or P(c | a, b2) at most.
    """

    gap: int = 0
    least_count: int = 150
    likely: float = 0.6
    unlikely: float = 0.1
    crossed: float = 0.1

    @property
    def distances(self) -> range:
        """How many tokens before b the token a may stand."""
        return range(2, self.gap + 1) if self.gap else range(1, 2)


@dataclass(frozen=True)
class Found:
    """A trigram and its counts in the files counted in."""

    triple: Triple
    count: int  # of a … b c
    both: int  # of a … b followed by any token
    last_count: int  # of b c
    last: int  # of b followed by any token

    @property
    def given_both(self) -> float:
        """P(c | a, b)."""
        return self.count / self.both

    @property
    def given_last(self) -> float:
        """P(c | b)."""
        return self.last_count / self.last


@dataclass(frozen=True)
class Row:
    """A trigram as it is reported.

    Attributes:
        found: with its counts.
        texts: those of a, b and c.
        held_out: P(c | a, b) in the files held out, with Wilson's interval; None where a … b is not in them.
        held_out_count: of a … b c there.
        given_other: of a pair, P(c2 | a, b), c2 being the other's continuation; None of a trigram by itself.
    """

    found: Found
    texts: tuple[str, str, str]
    held_out: Estimate | None
    held_out_count: int
    given_other: float | None
