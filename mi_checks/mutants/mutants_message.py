"""The failure message about mutants that survived a check."""

from __future__ import annotations

from mi_checks.output.numbers import exact
from mi_checks.results.run import Mutant


def survived(claim: str, bound: str, mutants: tuple[Mutant, ...], *, location: str, rerun: str) -> str:
    """Return the message about mutants that survived, its first line fit for pytest's summary; empty if none did."""
    survivors = [mutant for mutant in mutants if not mutant.killed]
    if not survivors:
        return ""
    first = survivors[0]
    lines = [
        f"fail: {len(survivors)} of {len(mutants)} mutants survived; the check still passes where {first.mutation}",
        f"  claim     {claim}",
        *(f"  survived  {mutant.mutation}: {_measured(mutant)}, bound {bound}" for mutant in survivors),
        *(f"  killed    {mutant.mutation}: {_measured(mutant)}" for mutant in mutants if mutant.killed),
        f"  claimed   {location}",
        f"  re-run    {rerun}",
    ]
    return "\n".join(lines)


def _measured(mutant: Mutant) -> str:
    if mutant.estimate is None:
        return mutant.reason.splitlines()[0] if mutant.reason else "nothing measured"
    return f"measured {exact(mutant.estimate)}"
