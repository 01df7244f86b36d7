"""Behaviours to look into, and measurements of a model that does what a test says it does."""

from __future__ import annotations

from types import SimpleNamespace
from zlib import crc32

import numpy as np
import pytest
import torch

from mi_checks.checks.measurements import Measurements
from mi_checks.engine.readout import SideRun, UnpatchedRuns
from mi_checks.models.load_model import load
from mi_checks.prompts.batch import Prompt, PromptBatch, PromptPair
from mi_checks.spec.behaviour import Behaviour
from mi_checks.spec.node_names import ModelShape
from mi_checks.stats.interval_cache import IntervalCache

MODEL = "nano-attn-2l"
INDUCTION = {
    "variables": {
        "A": {"tokens": "random"},
        "B": {"tokens": "random", "differs_from": "A"},
        "D": {"tokens": "random", "differs_from": ["A", "B"]},
        "C": {"tokens": "random", "differs_from": ["A", "B", "D"]},
        "query": {"same_as": "A"},
    },
    "template": "{{ A | at('A1') }}{{ B | at('B1') }}{{ D }}{{ C }}{{ query | at('A2') }}",
    "corrupt": {"A": "D", "D": "A"},
    "answer": "{{ B }}",
    "foils": ["{{ C }}"],
}


@pytest.fixture(scope="session")
def behaviour():
    """`behaviour(count=64)`: induction on random tokens, with other prompts, checks or models where they are given."""

    def behaviour(*, checks=None, models=None, **prompts):
        given = prompts if "quotes" in prompts else {**INDUCTION, "count": 64, **prompts}
        data = {
            "name": "demo",
            "summary": "a demonstration",
            "prompts": given,
            "checks": checks or [{"logit_diff": {"at_least": 1}}],
            "models": models or {MODEL: {}},
        }
        return Behaviour.model_validate(data, by_alias=True, by_name=False)

    return behaviour


@pytest.fixture(scope="session")
def loaded_model():
    torch.set_num_threads(1)
    return load(MODEL, device="cpu")


def varied(moved, intervention):
    """What an intervention moves, `prompt`, if the test says only a mean: it varies by some per cent around it."""
    if np.ndim(moved) == 1:
        return np.asarray(moved)
    own = np.random.default_rng(crc32(" ".join(sorted(map(str, intervention.nodes))).encode())).normal(0, 0.005, 64)
    noise = np.random.default_rng(1).normal(0, 0.03, 64) + own
    return moved * (1 + noise - noise.mean())


class StubEngine:
    """Removes from the clean run what a function says of a set of nodes, and recovers as much in the corrupt run."""

    def __init__(self, unpatched, removed):
        self.unpatched = unpatched
        self.removed = removed
        self.asked = []
        self.intervals = IntervalCache()

    def measure(self, quantity):
        interventions = quantity.interventions
        self.asked += interventions
        moved = [varied(self.removed(intervention), intervention) for intervention in interventions]
        clean, corrupt = self.unpatched.clean.logit_diff, self.unpatched.corrupt.logit_diff
        return np.array(
            [corrupt + m if i.run == "corrupt" else clean - m for i, m in zip(interventions, moved, strict=True)]
        )


@pytest.fixture
def stubbed(behaviour):
    """`stubbed(removed, shape=…)`: measurements of 64 prompts whose effect size is 1 on average."""

    def stubbed(removed, shape=None, effect_size=1.0):
        noise = np.random.default_rng(0).normal(0, 0.1, 64)
        none = np.empty((64, 0))
        sides = [
            SideRun(x, x > 0, x > 0, none.astype(int), none, np.zeros(64)) for x in (effect_size + noise, np.zeros(64))
        ]
        prompt = Prompt("text", tuple(range(7)), ("t",) * 7, {"END": (6,)})
        batch = PromptBatch((PromptPair(prompt, prompt, ("a",), ("b",), ((0,),), ((1,),)),) * 64)
        engine = StubEngine(UnpatchedRuns(*sides), removed)
        measured = Measurements(
            behaviour(), SimpleNamespace(name=MODEL, shape=shape or ModelShape(2, 3, None)), batch, engine
        )
        measured.asked = engine.asked
        return measured

    return stubbed
