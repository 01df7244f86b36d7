"""A pool of prompts measured once, from which every run draws; its means are the true values that runs estimate.

A run's prompts are drawn with replacement, so they are independent draws from a population whose means are known
exactly, and the only thing left to chance is what an interval is about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from mi_checks.checks.measurements import Measurements
from mi_checks.engine.choose_engine import choose_engine
from mi_checks.engine.clean_run_quantities import (
    AttentionBetweenLabels,
    AttentionPattern,
    NeuronActivations,
    PromotedTokens,
    TokenRanks,
    attention_between_labels,
)
from mi_checks.engine.direct_attribution import DirectEffectsBySource
from mi_checks.engine.engine import Engine, Quantity
from mi_checks.engine.readout import SideRun, UnpatchedRuns
from mi_checks.models.loaded_model import LoadedModel
from mi_checks.prompts.batch import PromptBatch
from mi_checks.spec.behaviour import Behaviour
from mi_checks.stats.floor import Floats
from mi_checks.stats.interval_cache import IntervalCache
from mi_checks.studies.calibration.calibration_inputs import PROMPT_SPEC, with_random_positions

PromptRows = npt.NDArray[np.int64]


class PromptPool:
    """The prompts of one model with all measurements on them; ablations use the means of the pool."""

    def __init__(self, loaded_model: LoadedModel, batch: PromptBatch, roles: Mapping[str, tuple[str, ...]]) -> None:
        """Create a pool without measurements; `roles` are the nodes that claims name."""
        self.loaded_model = loaded_model
        self.batch = batch
        self.roles = dict(roles)
        self.engine: Engine = choose_engine("auto", loaded_model, batch)
        self.behaviour = calibration_behaviour(loaded_model.name)
        self._cached_rows: dict[str, Floats] = {}

    def population(self) -> Measurements:
        """Return measurements on every prompt twice in a row, so that the even and the odd ones are each the pool."""
        rows = np.repeat(np.arange(len(self.batch)), 2)
        return self._measurements(rows, None, self._batch_of(rows))

    def ordered_by(self, rows: PromptRows) -> Measurements:
        """Return measurements on the even prompts of `rows`, repeated, as even ones, and on the pool as odd ones."""
        own = np.resize(rows[::2], len(self.batch))
        both = np.stack([own, np.arange(len(self.batch))], axis=1).ravel()
        return self._measurements(both, None, self._batch_of(both))

    def draw(self, rng: np.random.Generator, count: int) -> PromptRows:
        """Draw prompts with replacement and return their rows."""
        return rng.integers(len(self.batch), size=count)

    def run(
        self,
        rows: PromptRows,
        rng: np.random.Generator,
        *,
        swap: bool = False,
        roles: Mapping[str, tuple[str, ...]] | None = None,
    ) -> Measurements:
        """Return measurements on some of the prompts, each with a randomly labelled position.

        Args:
            rows: the rows of the prompts.
            rng: the random generator.
            swap: whether to swap answer and foil of each prompt with probability 1/2, so that no effect has a
                direction.
            roles: further names of nodes, in addition to the pool's own.
        """
        signs = np.where(rng.random(len(rows)) < 0.5, -1.0, 1.0) if swap else None
        return self._measurements(rows, signs, with_random_positions(self._batch_of(rows), rng), roles)

    def _batch_of(self, rows: PromptRows) -> PromptBatch:
        """Return these prompts as independent draws from the pool, which is the population."""
        return replace(self.batch, pairs=tuple(self.batch.pairs[row] for row in rows), factors=())

    def _measurements(
        self,
        rows: PromptRows,
        signs: Floats | None,
        batch: PromptBatch,
        roles: Mapping[str, tuple[str, ...]] | None = None,
    ) -> Measurements:
        measuring = _PoolSampleEngine(self, rows, signs, batch)
        return Measurements(self.behaviour, self.loaded_model, batch, measuring, {**self.roles, **(roles or {})})

    def measure(self, quantity: Quantity) -> Floats:
        """Measure a quantity on the whole pool, once for each row; see `Engine.measure`."""
        if not quantity.by_row:
            return self.engine.measure(quantity)
        names = quantity.names()
        new = [row for row, name in enumerate(names) if name not in self._cached_rows]
        if new:
            self._cached_rows.update(
                zip((names[row] for row in new), self.engine.measure(quantity.select_rows(new)), strict=True)
            )
        return np.stack([self._cached_rows[name] for name in names])


class _PoolSampleEngine:
    """An engine for prompts drawn from a pool, which answers from the pool's measurements."""

    def __init__(self, pool: PromptPool, rows: PromptRows, signs: Floats | None, batch: PromptBatch) -> None:
        self._pool = pool
        self._rows = rows
        self._signs = np.ones(len(rows)) if signs is None else signs
        self._batch = batch
        self.intervals = IntervalCache()
        unpatched = pool.engine.unpatched
        self.unpatched = UnpatchedRuns(clean=self._side(unpatched.clean), corrupt=self._side(unpatched.corrupt))

    def measure(self, quantity: Quantity) -> Floats:
        """Return a quantity on these prompts, taken from the pool's measurements.

        Raises:
            NotImplementedError: the quantity is one that calibration never measures.
        """
        match quantity:
            case AttentionBetweenLabels():
                pattern = self._pool.engine.attention_by_position(quantity.head)[self._rows]
                return attention_between_labels(pattern, self._batch, quantity.destination, quantity.source)[None]
            case AttentionPattern() | DirectEffectsBySource():
                whole = self._pool.measure(replace(quantity, prompt=int(self._rows[quantity.prompt])))
                return self._signs[quantity.prompt] * whole if quantity.signed else whole
            case NeuronActivations():
                return self._pool.measure(quantity)[self._rows]
            case PromotedTokens():
                return self._pool.measure(quantity)
            case TokenRanks():
                raise NotImplementedError("a calibration looks for no lints")
        values = self._pool.measure(quantity)[:, self._rows]
        return self._signs * values if quantity.signed else values

    def _side(self, side: SideRun) -> SideRun:
        """Return a side's scores; with one foil, the answer wins where the score is above zero beyond rounding."""
        scores = self._signs * side.logit_diff[self._rows]
        return SideRun(
            logit_diff=scores,
            beats_foils=scores > side.rounding[self._rows],
            is_top=side.is_top[self._rows],
            top_tokens=side.top_tokens[self._rows],
            top_probabilities=side.top_probabilities[self._rows],
            rounding=side.rounding[self._rows],
        )


def calibration_behaviour(model: str) -> Behaviour:
    """Return a behaviour with the calibration prompts on a model, without node sets: runs bind names themselves."""
    return Behaviour.model_validate(
        {
            "name": "calibration",
            "summary": "what is calibrated",
            "prompts": PROMPT_SPEC.model_dump(by_alias=True, exclude_unset=True),
            "checks": [{"logit_diff": {"at_least": 0.0}}],
            "models": {model: {}},
        },
        by_alias=True,
        by_name=False,
    )
