"""Values that bundled models have, as populations: prompts are drawn with replacement, so that true means are known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from mi_checks.engine.choose_engine import choose_engine
from mi_checks.engine.clean_run_quantities import AttentionBetweenLabels
from mi_checks.engine.direct_attribution import DirectEffects
from mi_checks.engine.intervention_quantities import InterventionScores
from mi_checks.engine.interventions import denoise
from mi_checks.engine.nodes import parse_node
from mi_checks.prompts.build_prompts import build_prompts
from mi_checks.spec.behaviour import Prompts
from mi_checks.stats.estimate import ALPHA_PER_SIDE
from mi_checks.stats.floor import Floats
from mi_checks.stats.mean_tests import Limits, mean_p_values
from mi_checks.stats.sampling import independent
from mi_checks.studies.calibration.calibration_inputs import PROMPT_SPEC, trained_model
from mi_checks.studies.calibration.simulation.cells import Sample, Situation
from mi_checks.studies.calibration.simulation.distributions import Rng
from mi_checks.studies.calibration.simulation.means import are_refused

POPULATION = 256  # prompts
SIZES = (16, 64, 256)  # prompts
RANKS = ("strongest", "middle")  # heads by the mean of what is measured


@dataclass(frozen=True)
class Task:
    """Prompts on which models are measured.

    Attributes:
        prompts: the prompts.
        attends: the labels of which the attention is measured, destination and source.
        models: the bundled models.
    """

    prompts: Prompts
    attends: tuple[str, str]
    models: tuple[str, ...]


def _prompts(variables: Mapping[str, Any], **texts: Any) -> Prompts:
    return Prompts.model_validate({"variables": variables, **texts})


# As behaviours/induction.yaml, duplicate_token.yaml and python_closing_bracket.yaml have them.
TASKS: Mapping[str, Task] = {
    "induction": Task(PROMPT_SPEC, ("A2", "B1"), ("nano-attn-2l", "nano-gelu-2l")),
    "duplicate token": Task(
        _prompts(
            {
                "pre": {"tokens": "random", "length": 4, "distinct": True},
                "A": {"tokens": "random", "differs_from": "pre"},
                "C": {"tokens": "random", "differs_from": ["pre", "A"]},
                "mid": {"tokens": "random", "length": 4, "distinct": True, "differs_from": ["pre", "A", "C"]},
                "post": {"tokens": "random", "length": 4, "distinct": True, "differs_from": ["pre", "A", "C", "mid"]},
                "A2": {"same_as": "A"},
            },
            template="{{ pre }}{{ A | at('A1') }}{{ C }}{{ mid }}{{ A2 | at('A2') }}{{ post }}",
            corrupt={"A2": "C"},
            answer="{{ A }}",
            foils=["{{ C }}"],
        ),
        ("A2", "A1"),
        ("nano-attn-1l", "nano-gelu-2l"),
    ),
    "closing bracket": Task(
        _prompts(
            {
                "v": {"pool": "identifiers", "where": ["single_token_after_space"]},
                "a": {"pool": "identifiers", "where": ["single_token_after_space"], "differs_from": "v"},
                "b": {"pool": "identifiers", "where": ["single_token_after_space"], "differs_from": ["v", "a"]},
                "c": {"pool": "identifiers", "where": ["single_token_after_space"], "differs_from": ["v", "a", "b"]},
                "open": {"values": [{"left": "(", "right": ")"}, {"left": "[", "right": "]"}]},
                "closed": {
                    "values": [{"left": "(", "right": ")"}, {"left": "[", "right": "]"}],
                    "differs_from": "open",
                },
            },
            template="{{ '       ' }} {{ v }} = {{ open.left | at('open') }} {{ a }}, {{ closed.left }} {{ b }} "
            "{{ closed.right }}, {{ c }}",
            corrupt={"open": "closed", "closed": "open"},
            answer="{{ open.right }}",
            foils=["{{ closed.right }}"],
        ),
        ("END", "open"),
        ("nano-gelu-2l", "nano-solu-2l"),
    ),
}


@dataclass(frozen=True, eq=False)
class Population:
    """The values of one quantity on all prompts.

    Attributes:
        name: the quantity, the task and the model.
        values: `prompt`.
        whole: what the values are a fraction of, `prompt`; None for a mean.
        limits: the smallest and the largest possible value; None for values without limits.
    """

    name: str
    values: Floats
    whole: Floats | None = None
    limits: Limits | None = None


def model_situations(seed: int) -> list[Situation]:
    """Measure the models and return the situations of means and fractions of what they have."""
    return [
        Situation(each.name, f"{n} prompts", n, partial(_resampled, each, n))
        for name, task in TASKS.items()
        for model in task.models
        for each in populations(name, task, model, seed)
        for n in SIZES
    ]


def populations(name: str, task: Task, model: str, seed: int, count: int = POPULATION) -> Iterator[Population]:
    """Measure a model on prompts: its logit difference, and what its strongest and its middle head do."""
    loaded_model = trained_model(model)
    batch = build_prompts(task.prompts, loaded_model.tokenization, behaviour=name, count=count, seed=seed)
    engine = choose_engine("auto", loaded_model, batch)
    shape, where = loaded_model.shape, f"{name}, {model}"
    heads = tuple(parse_node(f"L{layer}H{head}") for layer in range(shape.n_layers) for head in range(shape.n_heads))
    unpatched = engine.unpatched
    yield Population(f"logit difference: {where}", unpatched.clean.logit_diff)
    recovered = engine.measure(InterventionScores(tuple(map(denoise, heads)))) - unpatched.corrupt.logit_diff
    attention = np.concatenate([engine.measure(AttentionBetweenLabels(head, *task.attends)) for head in heads])
    written = engine.measure(DirectEffects(heads))
    for rank in RANKS:
        yield Population(f"fraction recovered, {rank} head: {where}", _head(recovered, rank), unpatched.effect_size)
        yield Population(
            f"attention, {rank} head: {where}", _head(np.clip(attention, 0.0, 1.0), rank), None, (0.0, 1.0)
        )
        yield Population(f"direct logit attribution, {rank} head: {where}", _head(written, rank))


def _head(values: Floats, rank: str) -> Floats:
    """Return the values of the head of a rank, `head prompt` → `prompt`."""
    order = np.argsort(-values.mean(1))
    chosen: Floats = values[order[0 if rank == "strongest" else len(order) // 2]]
    return chosen.astype(float)


def _resampled(population: Population, n: int, rng: Rng, draws: int) -> Sample:
    rows, design = rng.integers(len(population.values), size=(draws, n)), independent(n)
    values, whole = population.values[rows], population.whole
    if whole is None:
        truth, limits = float(population.values.mean()), population.limits
        refused = are_refused(values, design, limited=limits is not None)
        of_bound = None if limits is None else (limits[0] - truth, limits[1] - truth)
        return Sample(values - truth, design, refused, of_bound, float(population.values.std()))
    ratio = float(population.values.mean() / whole.mean())
    drawn = whole[rows]
    no_effect = mean_p_values(drawn, design) >= ALPHA_PER_SIDE
    ratios = np.where(drawn == 0, values, values / np.where(drawn == 0, 1.0, drawn))
    residuals = population.values - ratio * whole
    return Sample(values - ratio * drawn, design, no_effect | are_refused(ratios, design), None, float(residuals.std()))
