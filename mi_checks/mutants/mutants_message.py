"""What is said of the mutants of a check."""

from __future__ import annotations

from mi_checks.output.numbers import exact
from mi_checks.results.run import Mutant


def survived(claim: str, bound: str, mutants: tuple[Mutant, ...], *, location: str, rerun: str) -> str:
    """The message where a mutant survived, its first line fit for pytest's short summary; nothing where none did."""
    asleep = [mutant for mutant in mutants if not mutant.killed]
    if not asleep:
        return ""
    first = asleep[0]
    lines = [
        f"fail: {len(asleep)} of {len(mutants)} mutants survived; the check still passes where {first.mutation}",
        f"  claim     {claim}",
        *(f"  survived  {mutant.mutation}: {_measured(mutant)}, bound {bound}" for mutant in asleep),
        *(f"  killed    {mutant.mutation}: {_measured(mutant)}" for mutant in mutants if mutant.killed),
        f"  claimed   {location}",
        f"  re-run    {rerun}",
    ]
    return "\n".join(lines)


def _measured(mutant: Mutant) -> str:
    if mutant.estimate is None:
        return mutant.reason.splitlines()[0] if mutant.reason else "nothing measured"
    return f"measured {exact(mutant.estimate)}"
