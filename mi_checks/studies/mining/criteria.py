"""The criteria of mining, and the trigrams that meet them."""

from __future__ import annotations

from dataclasses import dataclass

from mi_checks.stats.estimate import Estimate

Triple = tuple[int, int, int]  # token ids of a, b and c


@dataclass(frozen=True)
class Criteria:
    """The criteria that a trigram must meet in the files that are not held out.

    Attributes:
        gap: 0 for `a b → c`; otherwise a is 2 to `gap` tokens before b, `a … b → c`.
        least_count: the minimum number of occurrences of `a … b c`; each position counts once, however often a precedes
            it.
        likely: the minimum of P(c | a, b).
        unlikely: the maximum of P(c | b).
        crossed: for a pair, the maximum of P(c | a2, b) or P(c | a, b2).
    """

    gap: int = 0
    least_count: int = 150
    likely: float = 0.6
    unlikely: float = 0.1
    crossed: float = 0.1

    @property
    def distances(self) -> range:
        """Return the numbers of tokens that a may be before b."""
        return range(2, self.gap + 1) if self.gap else range(1, 2)


@dataclass(frozen=True)
class Found:
    """A trigram and its counts in the files that are not held out."""

    triple: Triple
    count: int  # of a … b c
    both: int  # of a … b followed by any token
    last_count: int  # of b c
    last: int  # of b followed by any token

    @property
    def given_both(self) -> float:
        """Return P(c | a, b)."""
        return self.count / self.both

    @property
    def given_last(self) -> float:
        """Return P(c | b)."""
        return self.last_count / self.last


@dataclass(frozen=True)
class Row:
    """A trigram as it is reported.

    Attributes:
        found: the trigram with its counts.
        texts: the texts of a, b and c.
        held_out: P(c | a, b) in the held-out files, with Wilson's interval; None if a … b does not occur in them.
        held_out_count: the occurrences of a … b c there.
        given_other: for a pair, P(c2 | a, b), where c2 is the other's continuation; None for a single trigram.
    """

    found: Found
    texts: tuple[str, str, str]
    held_out: Estimate | None
    held_out_count: int
    given_other: float | None
