"""Measurements of a model that does what a test says it does: arrays in, verdict out."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mi_checks.checks.dispatch import run_check
from mi_checks.checks.measurements import Measurements
from mi_checks.engine.clean_run_quantities import AttentionBetweenLabels, attention_between_labels
from mi_checks.engine.intervention_quantities import InterventionChanges, InterventionScores
from mi_checks.engine.nodes import parse_node
from mi_checks.engine.readout import SideRun, UnpatchedRuns
from mi_checks.prompts.batch import Prompt, PromptBatch, PromptPair
from mi_checks.spec.behaviour import Behaviour
from mi_checks.spec.node_names import ModelShape
from mi_checks.stats.interval_cache import IntervalCache

MODEL = "nano-attn-2l"
LABELS = {"A": (1, 2), "B": (3,), "wide": (4, 5), "END": (6,)}


class StubEngine:
    """Answers with what it was given, and remembers what it was asked.

    An intervention recovers (or removes) the sum of its nodes' effects; a node without one has the effect zero. Or it
    removes what `removes`, if there is one, says of the set of its nodes' names.
    """

    def __init__(self, unpatched, batch, effects, patterns, removes=None, changes=(1, 1)):
        self.removes = removes
        self._changes = changes
        self.unpatched = unpatched
        self.batch = batch
        self.intervals = IntervalCache()
        self.effects = {parse_node(name): np.asarray(values, dtype=float) for name, values in effects.items()}
        self.patterns = {parse_node(name): pattern for name, pattern in patterns.items()}
        self.asked = []

    def measure(self, quantity):
        match quantity:
            case InterventionScores():
                return self.scores(quantity.interventions)
            case InterventionChanges():
                return self.changes()
            case AttentionBetweenLabels():
                looked = attention_between_labels(
                    self.patterns[quantity.head], self.batch, quantity.destination, quantity.source
                )
                return looked[None]
        raise NotImplementedError(quantity)

    def scores(self, interventions):
        self.asked += interventions
        rows = []
        for intervention in interventions:
            if self.removes is not None and intervention.run == "clean":
                rows.append(self.unpatched.clean.logit_diff - self.removes({str(node) for node in intervention.nodes}))
                continue
            moved = sum((self.effects.get(node, np.zeros(())) for node in intervention.nodes), np.zeros(()))
            corrupt = intervention.run == "corrupt"
            rows.append(
                self.unpatched.corrupt.logit_diff + moved if corrupt else self.unpatched.clean.logit_diff - moved
            )
        return np.array(rows)

    def changes(self):
        """By default every prompt is changed, and END can see it."""
        return np.array([np.broadcast_to(each, len(self.batch)) for each in self._changes], dtype=float)


def side(logit_diff, beats=None, top=None, rounding=0.0):
    logit_diff = np.asarray(logit_diff, dtype=float)
    beats = logit_diff > 0 if beats is None else np.asarray(beats, dtype=bool)
    none = np.empty((len(logit_diff), 0))
    top = beats if top is None else np.asarray(top, dtype=bool)
    return SideRun(logit_diff, beats, top, none.astype(int), none, np.full(len(logit_diff), rounding))


@pytest.fixture
def measurements():
    """`measurements(clean, corrupt, checks=…, effects={"L0H1": …})`, with 3 heads and 2 neurons in each of 2 layers."""

    def measurements(
        clean,
        corrupt=None,
        *,
        checks=(),
        effects=None,
        patterns=None,
        entry=None,
        beats=None,
        top=None,
        removes=None,
        rounding=0.0,
        changes=(1, 1),
        factors=(),
    ):
        clean = np.asarray(clean, dtype=float)
        corrupt = np.zeros(len(clean)) if corrupt is None else corrupt
        behaviour = Behaviour.model_validate(
            {
                "name": "stub",
                "summary": "a stub",
                "prompts": {
                    "variables": {"x": {"pool": "words"}},
                    "template": "{{ x }}",
                    "corrupt": {"x": "x"},
                    "answer": "a",
                    "foils": ["b"],
                },
                "checks": list(checks) or [{"logit_diff": {"at_least": 0}}],
                "models": {MODEL: entry or {}},
            },
            by_alias=True,
            by_name=False,
        )
        prompt = Prompt("text", tuple(range(7)), ("t",) * 7, LABELS)
        pair = PromptPair(prompt, prompt, ("a",), ("b",), ((0,),), ((1,),))
        batch = PromptBatch((pair,) * len(clean), "mean", factors=tuple(factors))
        unpatched = UnpatchedRuns(side(clean, beats, top, rounding), side(corrupt, rounding=rounding))
        engine = StubEngine(unpatched, batch, effects or {}, patterns or {}, removes, changes)
        loaded_model = SimpleNamespace(name=MODEL, shape=ModelShape(2, 3, 2))
        measured = Measurements(behaviour, loaded_model, batch, engine)
        measured.asked = engine.asked
        return measured

    return measurements


@pytest.fixture
def judged(measurements):
    """The verdict on one check, written as in a file."""

    def judged(check, clean, corrupt=None, **given):
        measured = measurements(clean, corrupt, checks=[check], **given)
        return run_check(measured.behaviour.checks[0].check.parts[0], measured)

    return judged


@pytest.fixture
def around():
    """`around(mean, spread=0.1)`: 64 values, or `n`, the same each time, whose mean is exactly that."""

    def around(mean, spread=0.1, seed=0, n=64):
        noise = np.random.default_rng(seed).normal(0, spread, n)
        return mean + noise - noise.mean()

    return around


@pytest.fixture
def pattern():
    """An attention pattern `prompt destination source` with the given entries and nothing else."""

    def pattern(entries, prompts=64):
        out = torch.zeros(prompts, 7, 7)
        for (destination, source), value in entries.items():
            out[:, destination, source] = torch.as_tensor(value, dtype=torch.float32)
        return out

    return pattern
