"""What several workers measured of one behaviour and model, as one: the same whichever of them finished first."""

from __future__ import annotations

from dataclasses import replace

from mi_checks.results.evidence import Evidence


def joined(one: Evidence, other: Evidence) -> Evidence:
    """Evidence of both, each of whom may have swept other nodes and measured other curves.

    The circuit is of whom swept more: of what was not swept only claimed nodes are known.
    """
    first, second = sorted((one, other), key=_least_first, reverse=True)
    titles = {heatmap.title for heatmap in first.heatmaps}
    swept = {mediator.at for mediator in first.mediators}
    made = {(curve.among, curve.ablation) for curve in first.curves}
    return replace(
        first,
        heatmaps=first.heatmaps + tuple(each for each in second.heatmaps if each.title not in titles),
        mediators=first.mediators + tuple(each for each in second.mediators if each.at not in swept),
        circuit=first.circuit or second.circuit,
        curves=first.curves + tuple(each for each in second.curves if (each.among, each.ablation) not in made),
        omitted=tuple(dict.fromkeys((*first.omitted, *second.omitted))),
    )


def _least_first(evidence: Evidence) -> tuple[int, int, list[str], list[tuple[str, str]]]:
    titles = [heatmap.title for heatmap in evidence.heatmaps]
    made = [(curve.among, curve.ablation) for curve in evidence.curves]
    return len(titles), len(made), titles, made
