"""The binding of roles to the nodes of a model by their scores, each of which is computed only once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mi_checks.engine.choose_engine import replayable_model
from mi_checks.engine.transformer import Transformer
from mi_checks.models.loaded_model import LoadedModel
from mi_checks.roles.project_role_scores import project_score
from mi_checks.roles.role_lock import RoleLock, read_lock
from mi_checks.roles.role_scores import role_score
from mi_checks.spec.load_file import LoadedBehaviour
from mi_checks.spec.roles import RoleCheck
from mi_checks.stats.floor import Floats


@dataclass(frozen=True, eq=False)
class RoleBinding:
    """The nodes of a model that are bound to a role.

    Attributes:
        role: the role's name.
        component: `head` or `neuron`.
        score: the name of the score.
        scores: the score of every node, `layer index`.
        at_least: the lowest score of a bound node.
        most: the maximum number of bound nodes; None for all with a high enough score.
    """

    role: str
    component: str
    score: str
    scores: Floats
    at_least: float
    most: int | None = None

    @cached_property
    def nodes(self) -> dict[str, float]:
        """Return the bound nodes with their scores, highest first."""
        candidates = {name: score for name, score in self.ranked.items() if score >= self.at_least}
        return dict(list(candidates.items())[: self.most])

    @cached_property
    def ranked(self) -> dict[str, float]:
        """Return all nodes with their scores, highest first.

        Nodes with equal scores are sorted by layer and then by number.
        """
        letter = self.component[0].upper()
        width = self.scores.shape[1]
        order = np.argsort(-self.scores.ravel(), kind="stable").tolist()
        return {f"L{i // width}{letter}{i % width}": float(self.scores.flat[i]) for i in order}

    def score_of(self, node: str) -> float | None:
        """Return a node's score, or None if the model does not have the node."""
        return self.ranked.get(node)


class RoleBinder:
    """Binds roles to nodes, and reads the nodes that the lock file records."""

    def __init__(self, *, update: bool = False) -> None:
        """Start without scores; with `update`, checks use the current bindings instead of the locked ones."""
        self.update = update
        self._scores: dict[tuple[str, str, object, str], Floats] = {}
        self._locks: dict[Path, RoleLock] = {}

    def bind(
        self, loaded: LoadedBehaviour, check: RoleCheck, loaded_model: LoadedModel, weights: Transformer | None = None
    ) -> RoleBinding:
        """Return the current binding of a role; with other weights than the model's own, its binding in those.

        Raises:
            MiChecksError: the model cannot be scored, or the project's own score raises or returns something invalid.
        """
        role = check.role
        bound = loaded.behaviour.bound_for(check, loaded_model.name) or check.bound
        at_least = role.at_least if bound.at_least is None else bound.at_least
        if weights is None:
            scores = self._scores_of(role.score, loaded.role_scores.get(role.score), role.component, loaded_model)
        else:
            scores = role_score(role.score, loaded_model, weights)
        return RoleBinding(check.name, role.component, role.score, scores, at_least, role.most)

    def locked(self, loaded: LoadedBehaviour, model: str) -> Mapping[str, Mapping[str, float]]:
        """Return the locked nodes of each role, with their scores, for a model that the behaviour lists.

        They come from the lock file beside the behaviour. The result is empty for a model that the behaviour does not
        list.
        """
        if model not in loaded.behaviour.models:
            return {}
        folder = loaded.path.parent
        if folder not in self._locks:
            self._locks[folder] = read_lock(folder)
        return self._locks[folder].of(loaded.behaviour.name, model)

    def nodes(self, loaded: LoadedBehaviour, loaded_model: LoadedModel) -> Mapping[str, tuple[str, ...]]:
        """Return the nodes that each role stands for in checks: the locked ones, or else the current binding."""
        return _LazyNodes(self, loaded, loaded_model)

    def _scores_of(
        self, name: str, project_function: Callable[..., Any] | None, component: str, loaded_model: LoadedModel
    ) -> Floats:
        # One name's claims may be tested on several sets of weights: `nano-attn-2l=FOLDER`.
        key = (loaded_model.name, loaded_model.provenance.weights_sha256, project_function or name, component)
        if key not in self._scores:
            self._scores[key] = (
                role_score(name, loaded_model, replayable_model(loaded_model))
                if project_function is None
                else project_score(name, project_function, loaded_model, component)
            )
        return self._scores[key]


class _LazyNodes(Mapping[str, tuple[str, ...]]):
    """A lazy mapping from roles to nodes: roles are bound only when a check needs them, because scoring takes time."""

    def __init__(self, binder: RoleBinder, loaded: LoadedBehaviour, loaded_model: LoadedModel) -> None:
        self._binder = binder
        self._loaded = loaded
        self._loaded_model = loaded_model
        self._checks = {check.name: check for check in loaded.behaviour.role_checks}

    def __getitem__(self, role: str) -> tuple[str, ...]:
        check = self._checks[role]
        locked = {} if self._binder.update else self._binder.locked(self._loaded, self._loaded_model.name)
        return tuple(locked.get(role) or self._binder.bind(self._loaded, check, self._loaded_model).nodes)

    def __contains__(self, role: object) -> bool:
        return role in self._checks

    def __iter__(self) -> Iterator[str]:
        return iter(self._checks)

    def __len__(self) -> int:
        return len(self._checks)
