"""A model of the zoo, loaded by the project, beside the oracle's own of the same files."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from mi_checks.cache.cached_prompts_and_guards import with_guards
from mi_checks.engine.choose_engine import replayable_model
from mi_checks.engine.engine import Engine
from mi_checks.engine.prompt_layout import Padding
from mi_checks.engine.reference.reference_engine import ReferenceEngine
from mi_checks.engine.replay.replay_engine import ReplayEngine
from mi_checks.errors import MiChecksError
from mi_checks.models.load_model import load
from mi_checks.models.loaded_model import LoadedModel
from mi_checks.prompts.batch import PromptBatch
from tests.zoo.configurations import Configuration, original
from tests.zoo.oracle import Oracle
from tests.zoo.prompts import prompts
from tests.zoo.quantities import Comparison, Outcome


@dataclass(frozen=True, eq=False)
class Specimen:
    """One model of the zoo.

    Attributes:
        configuration: its row of the table.
        folder: where it is on disk.
    """

    configuration: Configuration
    folder: Path
    _outcomes: dict[str, dict[str, Outcome]] = field(default_factory=dict)

    @cached_property
    def batch(self) -> PromptBatch:
        """The prompts on which quantities are compared."""
        return prompts()

    @cached_property
    def oracle(self) -> Oracle:
        """Plain `transformers`, in float64."""
        return Oracle(original(self.configuration, self.folder), self.batch)

    @cached_property
    def comparison(self) -> Comparison:
        """The oracle's side of every quantity."""
        return Comparison(self.oracle)

    @cached_property
    def loaded_model(self) -> LoadedModel:
        """The model as the project loads it.

        Raises:
            MiChecksError: the project refuses it.
        """
        return with_guards(load(str(self.folder), device="cpu"), None)

    @cached_property
    def engines(self) -> dict[str, Engine]:
        """The reference engine, and the replay engine where it is trusted.

        Raises:
            MiChecksError: the project refuses the model.
        """
        return self.on(self.batch)

    def outcomes(self, quantity: str) -> dict[str, Outcome]:
        """Engine → what came of a quantity; compared once.

        Raises:
            MiChecksError: the project refuses the model.
        """
        if quantity not in self._outcomes:
            compared = {name: self.comparison.outcome(quantity, engine) for name, engine in self.engines.items()}
            self._outcomes[quantity] = compared
        return self._outcomes[quantity]

    def on(self, batch: PromptBatch, *, padding: Padding = "right") -> dict[str, Engine]:
        """Engine → that engine on other prompts, or padded on another side.

        Raises:
            MiChecksError: the project refuses the model.
        """
        found: dict[str, Engine] = {"reference": ReferenceEngine(self.loaded_model, batch, padding=padding)}
        model = replayable_model(self.loaded_model)
        if model is not None:
            found["replay"] = ReplayEngine(self.loaded_model, batch, model, padding=padding)
        return found

    @cached_property
    def refusal(self) -> str | None:
        """Why the project does not load it, or None where it does."""
        try:
            assert self.engines
        except MiChecksError as error:
            return str(error)
        return None
