"""Guards: what was tested of a model when it was loaded, and what is refused because a test failed."""

from __future__ import annotations

from dataclasses import dataclass


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
