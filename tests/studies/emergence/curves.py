"""Curves as a training would leave them, and whole series of them."""

from dataclasses import replace

import numpy as np

from mi_checks.studies.emergence.appearance import EffectCurve, judge_appearances
from mi_checks.studies.emergence.checkpoint_series import CheckpointSeries
from mi_checks.studies.emergence.emergence_results import (
    Emergence,
    RoleAtCheckpoint,
    RoleCurve,
    SeriesResult,
    UnmeasuredCurve,
)
from tests.effects import effect

SERIES = CheckpointSeries(
    "nano-attn-2l",
    ("nano-attn-2l@200", "nano-attn-2l@400", "nano-attn-2l@500", "nano-attn-2l@650", "nano-attn-2l"),
    (200, 400, 500, 650, 1200),
    "nano-attn-2l",
)


def values(means, n=64, seed=0, spread=0.5, noise=0.3):
    """`checkpoint prompt`: what a prompt is worth is its own, and every checkpoint adds noise."""
    rng = np.random.default_rng(seed)
    worth = 1 + spread * rng.normal(size=n)
    return np.outer(means, worth) + noise * rng.normal(size=(len(means), n))


def exactly(means, n=64, seed=0):
    """The same, but the means are these to the last digit."""
    found = values(means, n, seed)
    return found - found.mean(1, keepdims=True) + np.array(means)[:, None]


def curve(means, behaviour="induction", **given):
    effects = [effect("nano-attn-2l", row, behaviour, **given) for row in exactly(means)]
    return EffectCurve(behaviour, tuple(effects))


def appearance(means, **given):
    ((found,), _) = judge_appearances([curve(means, **given)])
    return found


def role(name, *scores, behaviours=("induction_circuit",), at_least=0.4):
    """Its score of L0H3, of the five checkpoints; L1H4 scores 0.1 at each."""
    at = []
    for each in scores:
        ranked = dict(sorted({"L0H3": each, "L1H4": 0.1}.items(), key=lambda item: -item[1]))
        at.append(RoleAtCheckpoint(ranked, tuple(node for node, score in ranked.items() if score >= at_least)))
    return RoleCurve(name, name, "head", at_least, None, behaviours, tuple(at))


def small():
    """One series with a behaviour of each kind, two roles, and something that was not measured."""
    curves = [
        curve([-0.1, 0.1, 3.0, 5.5, 6.0], "induction_circuit"),
        curve([0.1, 4.0, 3.8, 0.2, 0.1], "bracket", against="corrupt"),
        curve([5.0, 5.5, 5.2, 6.0, 5.8], "quote"),
        curve([0.02, -0.01, 0.0, 0.01, 0.02], "docstring"),
    ]
    nats = tuple(replace(e, estimate=replace(e.estimate, unit="nats")) for e in curves[2].effects)
    found, tests = judge_appearances([*curves[:2], replace(curves[2], effects=nats), curves[3]])
    roles = (role("previous_token", 0.05, 0.5, 0.9, 0.9, 1.0), role("induction", 0.0, 0.2, 0.8, 0.9, 0.9))
    unmeasured = (UnmeasuredCurve("long", "200", "only 3 prompts are left", skipped=True),)
    return Emergence((SeriesResult(SERIES, found, roles, unmeasured, ("capital",)),), tests)
