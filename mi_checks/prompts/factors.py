"""Factors: the finite sources from which prompts take their values, and which row each prompt took."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

MAX_LABEL_CHARS = 40
QUOTE_FACTOR = "quote"  # the name of the one factor of quoted prompts


@dataclass(frozen=True)
class Factor:
    """A finite source of values, of which every prompt takes one row: a list of nouns, a file of trigrams, a pool.

    Of a sampled factor, the claim is about more rows of its kind; of a fixed one, about exactly these rows.
    """

    name: Annotated[str, "the variable's name"]
    rows: Annotated[tuple[int, ...], "the row of each prompt, numbered in the order of first use"]
    sampled: Annotated[bool, "whether the rows stand for more of their kind"]
    labels: Annotated[
        tuple[str, ...], "the text of each row of a fixed factor; empty for sampled ones, which may have thousands"
    ] = ()

    @property
    def size(self) -> int:
        """Return how many different rows the prompts take."""
        return len(set(self.rows))

    def select(self, prompts: slice) -> Factor:
        """Return the factor of some of the prompts."""
        return factor(self.name, self.rows[prompts], sampled=self.sampled, labels=self.labels)

    def at(self, places: Iterable[int]) -> Factor:
        """Return the factor of the prompts at these places."""
        rows = (self.rows[place] for place in places)
        return factor(self.name, rows, sampled=self.sampled, labels=self.labels)

    def label(self, row: int) -> str:
        """Return the text of a row; its number, from 1, if the text is not known."""
        return self.labels[row] if self.labels else f"row {row + 1}"


def factor(name: str, rows: Iterable[int], *, sampled: bool, labels: Sequence[str] = ()) -> Factor:
    """Return a factor with its rows numbered in the order of first use.

    Args:
        name: the variable's name.
        rows: the row of each prompt, in any numbering from 0.
        sampled: whether the rows stand for more of their kind.
        labels: the text of each row, in the same numbering; empty if it is not kept.
    """
    taken = list(rows)
    numbers = {row: number for number, row in enumerate(dict.fromkeys(taken))}
    texts = tuple(labels[row] for row in numbers) if labels else ()
    return Factor(name, tuple(numbers[row] for row in taken), sampled, texts)
