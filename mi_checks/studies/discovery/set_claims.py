"""Claims about sets: which of all nodes mediate, and the circuit."""

from __future__ import annotations

from typing import Any

import numpy as np

from mi_checks.checks.measurements import Sweep
from mi_checks.engine.interventions import AblationKind
from mi_checks.output.numbers import precise
from mi_checks.spec.circuit_checks import NEGLIGIBLE
from mi_checks.spec.problems import listed
from mi_checks.stats.estimate import Estimate
from mi_checks.stats.intervals import NoEffectSize, ratio_interval, require_effect_size
from mi_checks.studies.discovery import bounds
from mi_checks.studies.discovery.candidate_claims import Candidate
from mi_checks.studies.discovery.draft import Line, NotClaimed
from mi_checks.studies.discovery.held_out import HeldOut
from mi_checks.studies.discovery.mediation import Mediation
from mi_checks.studies.discovery.pruning import Pruned

# nodes; `minimal` is not claimed for larger circuits, as it measures a number of circuits that is the square of this
MAX_MINIMAL_NODES = 8


def mediators_line(mediation: Mediation, name: str, held_out: HeldOut, *, screened: bool = False) -> Line:
    """Return the claim that `exactly` the discovered nodes mediate, or `include` them if others are too close.

    Args:
        mediation: a sweep of all nodes of a component, with its conclusions.
        name: the name of the node set that they are bound to.
        held_out: measures the claim.
        screened: whether the sweep's nodes were selected from more.

    Raises:
        NotClaimed: they are not clear of the threshold, the effect size is not above zero on the held-out prompts, or
            the sweep does not have all nodes.
    """
    component, at = mediation.sweep.nodes[0].kind, mediation.sweep.at
    if screened:
        raise NotClaimed(
            f"mediators[{component}]: not every {component} was patched, so nothing is said of all of them"
        )
    sweep = held_out.measured.sweep(component, at=at)  # type: ignore[arg-type]
    try:
        require_effect_size(sweep.effect_size, floor=held_out.measured.floor)
    except NoEffectSize as none:
        raise NotClaimed(f"mediators[{component}]: {none}, on the held-out prompts") from None
    is_found = np.array([node in mediation.found for node in sweep.nodes])
    weakest = _fraction(sweep, int(np.where(is_found, sweep.shares, np.inf).argmin()))
    fields: dict[str, Any] = {"component": component, **({"at": at} if at else {})}
    threshold = _threshold(sweep, is_found, mediation.above, held_out.pairs)
    if threshold is not None:
        next_to = () if is_found.all() else (_fraction(sweep, int(np.where(is_found, -np.inf, sweep.shares).argmax())),)
        moved = "threshold moved to where every node is clear of it" if threshold != mediation.above else ""
        entry = {"mediators": {**fields, "above": threshold, "exactly": name}}
        return held_out.verified(Line(entry, (weakest, *next_to), moved))
    more, _ = bounds.clear(sweep, mediation.above, held_out.pairs)
    if not more[is_found].all():
        raise NotClaimed(
            f"mediators[{component}]: {weakest[0]} {precise(weakest[1])} is not clear of {mediation.above:g} with "
            f"{held_out.pairs} pairs"
        )
    entry = {"mediators": {**fields, "above": mediation.above, "include": name}}
    return held_out.verified(Line(entry, (weakest,), "not exactly these: others are too near to the threshold"))


def circuit_line(
    circuit: Pruned, name: str, kind: AblationKind, held_out: HeldOut, faithful: float, most: int | None = None
) -> Line:
    """Return the claim of faithfulness, bounded on both sides, and that the circuit is minimal if that holds.

    Args:
        circuit: the circuit, if there is one.
        name: the name of the node set that its nodes are bound to.
        kind: how the rest is ablated.
        held_out: measures the claim.
        faithful: the required faithfulness.
        most: the number of circuits that there is time to measure for minimality; None for no limit.

    Raises:
        NotClaimed: there is no circuit, it is not faithful enough for any bound, or its faithfulness is too far above
            1.
    """
    if circuit.why:
        raise NotClaimed(f"circuit: {circuit.why}")
    fields = {"nodes": name, **({} if kind == "mean" else {"with": kind})}
    candidate = Candidate("circuit", fields, "faithfulness")
    faithfulness, values = held_out.bounds(candidate)
    if faithfulness.value > 2 - faithful:
        raise NotClaimed(
            f"circuit: {listed(circuit.nodes)} keeps {precise(faithfulness)} of what ablating every head takes away, "
            "on the held-out prompts: more than the whole, so heads outside it work against the behaviour"
        )
    entry = candidate.with_bounds(values)
    line = held_out.verified(Line(entry, (("faithfulness", faithfulness),)))
    if len(circuit.nodes) > MAX_MINIMAL_NODES:
        return Line(entry, line.estimates, f"minimality is not measured of more than {MAX_MINIMAL_NODES} nodes")
    if circuit.restraining:
        why = f"not claimed minimal: without {listed(circuit.restraining)} it would keep more, not less"
        return Line(entry, line.estimates, why)
    if most is not None and len(circuit.nodes) ** 2 > most:
        return Line(entry, line.estimates, "minimality is not measured: it would have taken too long")
    (needed,) = held_out.run({"circuit": {**fields, "minimal": True}})
    if needed.estimate is None or needed.outcome != "pass":
        return Line(entry, line.estimates, f"not claimed minimal: {needed.reason}")
    least = ("least needed node", needed.estimate)
    if bounds.at_least(needed.estimate, held_out.pairs) < NEGLIGIBLE:
        return Line(entry, (*line.estimates, least), f"not claimed minimal: too near to {NEGLIGIBLE:g}")
    entry["circuit"]["minimal"] = True
    return Line(entry, (*line.estimates, least))


def _threshold(sweep: Sweep, is_found: np.typing.NDArray[np.bool_], above: float, pairs: int) -> float | None:
    """Return the closest threshold, within a factor of two, of which every node is clear on its side, or None."""
    grid = [above, *(i / 100 for i in range(1, 100) if above / 2 <= i / 100 <= 2 * above)]
    for threshold in sorted(grid, key=lambda value: abs(value - above)):
        more, less = bounds.clear(sweep, threshold, pairs)
        if np.where(is_found, more, less).all():
            return threshold
    return None


def _fraction(sweep: Sweep, place: int) -> tuple[str, Estimate]:
    return str(sweep.nodes[place]), ratio_interval(sweep.recovered[place], sweep.effect_size)
