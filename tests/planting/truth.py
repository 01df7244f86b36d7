"""A model with what was planted in it, and what it takes to measure the one and compare it with the other."""

import json
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import yaml
from safetensors.torch import save_file

from mi_checks.checks.measurements import Measurements
from mi_checks.engine.choose_engine import choose_engine
from mi_checks.engine.engine import Engine
from mi_checks.engine.nodes import Node
from mi_checks.models.loaded_model import LoadedModel
from mi_checks.prompts.batch import PromptBatch
from mi_checks.prompts.build_prompts import build_prompts
from mi_checks.spec.behaviour import Behaviour, Prompts
from tests.planting.weights import config


@dataclass(frozen=True, eq=False)
class Planted:
    """A model and the truth about it.

    Attributes:
        loaded_model: the model.
        roles: what each planted node does → the nodes; a behaviour can call them by these names.
        edges: sender → the input of a head, MLP or the logits that reads it: all that a path carries.
        prompts: clean and corrupt, as a behaviour file has them.
    """

    loaded_model: LoadedModel
    roles: dict[str, tuple[Node, ...]]
    edges: tuple[tuple[Node, Node], ...]
    prompts: Prompts

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All that is planted, in the order of the model."""
        return tuple(sorted(node for nodes in self.roles.values() for node in nodes))

    @cached_property
    def batch(self) -> PromptBatch:
        """The pairs of the prompts' own seed."""
        return self.drawn()

    def drawn(self, *, count: int | None = None, seed: int | None = None) -> PromptBatch:
        """More of the same prompts, or others."""
        tokenization, name = self.loaded_model.tokenization, self.loaded_model.name
        return build_prompts(self.prompts, tokenization, behaviour=name, count=count, seed=seed)

    def behaviour(self, *checks: dict) -> Behaviour:
        """A behaviour with these checks, written as in a file, and the roles as node sets."""
        return Behaviour.model_validate(self._written(checks, self.loaded_model.name), by_alias=True, by_name=False)

    def engine(self, name: str = "replay") -> Engine:
        """`replay` or `reference`, on the pairs of the batch; each is made once."""
        if name not in self._engines:
            self._engines[name] = choose_engine(name, self.loaded_model, self.batch)
        return self._engines[name]

    @cached_property
    def _engines(self) -> dict[str, Engine]:
        return {}

    def measurements(self, *checks: dict, engine: str = "replay") -> Measurements:
        """What the checks read."""
        return Measurements(self.behaviour(*checks), self.loaded_model, self.batch, self.engine(engine))

    def shares(self, interventions, engine: str = "replay"):
        """What they recover (in the corrupt run) or remove (in the clean run) of clean − corrupt, `intervention`."""
        measured = self.engine(engine)
        unpatched, patched = measured.unpatched, measured.scores(interventions)
        runs = np.array([[intervention.run == "corrupt"] for intervention in interventions])
        moved = np.where(runs, patched - unpatched.corrupt.logit_diff, unpatched.clean.logit_diff - patched)
        return moved.mean(1) / unpatched.effect_size.mean()

    def write(self, folder, *checks: dict):
        """A behaviour file about a model's folder beside it, both in a folder → their paths."""
        file, model = folder / "planted.yaml", folder / "model"
        model.mkdir()
        save_file(self.loaded_model.bridge.state_dict(), model / "model.safetensors")
        (model / "config.json").write_text(json.dumps(config(self.loaded_model.shape)))
        self.loaded_model.tokenization.tokenizer.save(str(model / "tokenizer.json"))
        file.write_text(yaml.safe_dump(self._written(checks, str(model)), sort_keys=False))
        return file, model

    def _written(self, checks, model):
        used = {role: nodes for role, nodes in self.roles.items() if f'"{role}"' in json.dumps(checks)}
        return {
            "name": "planted",
            "summary": "what was planted",
            "prompts": self.prompts.model_dump(mode="json", by_alias=True, exclude_unset=True),
            "checks": list(checks) or [{"logit_diff": {"at_least": 1}}],
            "models": {model: {"nodes": {role: [*map(str, nodes)] for role, nodes in used.items()}}},
        }
