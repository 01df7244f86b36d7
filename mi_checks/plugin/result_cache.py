"""The finished results of earlier runs: which a run may use, and which it stores. Light to import."""

from __future__ import annotations

import importlib.metadata
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from mi_checks.models.model_files import file_digests
from mi_checks.models.model_names import ModelName, resolve
from mi_checks.output.failure_lines import footer
from mi_checks.plugin.item_request import ItemRequest
from mi_checks.plugin.lock_files import LockFiles
from mi_checks.plugin.options import Options
from mi_checks.results.evidence import Evidence
from mi_checks.results.run import CheckResult, FileLine, Lint, ModelGuards
from mi_checks.spec.load_file import LoadedBehaviour

if TYPE_CHECKING:
    from mi_checks.cache.cache_store import CacheStore
    from mi_checks.cache.finished_results import FinishedResults

BehaviourAndModel = tuple[tuple[str, str], str]  # the key of a behaviour, and the name of a model
# Of drivers of GPUs that torch knows as CUDA devices; in a container as well.
GPU_FILES = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/nvmap", "/dev/nvhost-gpu", "/dev/dxg", "/dev/kfd")


class ResultCache:
    """Finds the results of a behaviour on a model that an earlier run with the same items stored.

    Nothing is found or stored if the run binds roles or records baselines, compares with a reference model, runs
    mutants or shows tracebacks, or if only torch could say which device it measures on.
    """

    def __init__(self, options: Options, locks: LockFiles) -> None:
        """Begin with nothing found.

        Args:
            options: the options of the run.
            locks: the lock files that record what roles are bound to.
        """
        self._options = options
        self._locks = locks
        self._items: dict[BehaviourAndModel, list[str]] = {}
        self._keys: dict[BehaviourAndModel, str | None] = {}
        self._found: dict[BehaviourAndModel, FinishedResults | None] = {}
        self._new: dict[BehaviourAndModel, dict[str, CheckResult | None]] = {}
        self._behaviours: dict[tuple[str, str], str] = {}
        self._files: dict[ModelName, Mapping[str, str] | None] = {}

    def select(self, loaded: LoadedBehaviour, model: str, item: str) -> None:
        """Add the name of an item that pytest has selected."""
        self._items.setdefault((loaded.key, model), []).append(item)

    def find(self, loaded: LoadedBehaviour, model: str) -> FinishedResults | None:
        """Return the results of a behaviour on a model, read once; None if there are none."""
        place = (loaded.key, model)
        if place not in self._found:
            from mi_checks.cache.finished_results import read_results

            key = self._key(loaded, model)
            self._found[place] = None if key is None or self._store is None else read_results(self._store, key)
        return self._found[place]

    def result(self, item: ItemRequest, rerun: str) -> CheckResult | None:
        """Return the result of one check as this run would report it, or None if it must be measured.

        Args:
            item: the check.
            rerun: the command that runs only this check again.
        """
        found, check = self.find(item.loaded, item.model), item.single_check.id
        result = None if found is None else next((each for each in found.results if each.check == check), None)
        if result is None:
            return None
        message = f"{result.message}{_last_lines(item.claimed_at, rerun)}" if result.message else ""
        return replace(result, node_id=item.node_id, place=item.claimed_at, message=message)

    def add(self, item: ItemRequest, result: CheckResult, rerun: str) -> None:
        """Add the result of a check that this run has measured."""
        last_lines = _last_lines(result.place, rerun)
        is_whole = not result.message or result.message.endswith(last_lines)
        stored = replace(result, message=result.message.removesuffix(last_lines)) if is_whole else None
        self._new.setdefault((item.loaded.key, item.model), {})[result.check] = stored

    def save(
        self,
        loaded: LoadedBehaviour,
        model: str,
        evidence: Evidence,
        lints: tuple[Lint, ...],
        provenance: dict[str, str],
        guards: ModelGuards | None,
        *,
        items: set[str],
    ) -> None:
        """Store what this run has measured, if it has run all selected items and everything could be measured.

        Args:
            loaded: the behaviour.
            model: the model.
            evidence: the evidence of the behaviour on the model.
            lints: the lints of the behaviour on the model.
            provenance: the provenance of the model.
            guards: the guards of the model.
            items: the names of the items that ran.
        """
        place = (loaded.key, model)
        new = self._new.get(place, {})
        results = tuple(result for result in new.values() if result is not None)
        is_complete = len(results) == len(new) and items == set(self._items.get(place, ()))
        is_measured = not evidence.omitted and all(each.outcome not in ("error", "skipped") for each in results)
        key = self._key(loaded, model) if is_complete and is_measured else None
        if key is None or self._store is None:
            return
        from mi_checks.cache.finished_results import FinishedResults, write_results

        write_results(self._store, key, FinishedResults(results, evidence, lints, provenance, guards))

    def forget(self, loaded: LoadedBehaviour, model: str) -> None:
        """Free the results of a behaviour on a model, which the session now has."""
        self._found.pop((loaded.key, model), None)
        self._new.pop((loaded.key, model), None)

    @cached_property
    def _store(self) -> CacheStore | None:
        options = self._options
        refused = (
            options.update,
            options.baselines.new_only,
            options.with_mutants,
            options.debug,
            options.reference_model,
            options.device != "cpu" and not (options.device == "auto" and auto_is_cpu()),
        )
        if options.cache_folder is None or any(refused):
            return None
        from mi_checks.cache.cache_store import CacheStore

        return CacheStore(options.cache_folder)

    def _key(self, loaded: LoadedBehaviour, model: str) -> str | None:
        """Return the key of a behaviour on a model, or None if what the results depend on is not known."""
        place = (loaded.key, model)
        if place not in self._keys:
            self._keys[place] = self._make_key(loaded, model)
        return self._keys[place]

    def _make_key(self, loaded: LoadedBehaviour, model: str) -> str | None:
        if self._store is None or loaded.is_scored_by_project:
            return None
        from mi_checks.cache.finished_results import behaviour_digest, results_key

        name, options = resolve(model), self._options
        if name not in self._files:
            self._files[name] = file_digests(name)
        files = self._files[name]
        if files is None:
            return None
        if loaded.key not in self._behaviours:
            self._behaviours[loaded.key] = behaviour_digest(loaded)
        return results_key(
            self._behaviours[loaded.key],
            (name.name_as_given, name.claims, name.source.provenance_name),
            files,
            {"count": options.count, "seed": options.seed, "dtype": options.dtype, "engine": options.engine},
            self._locks.nodes(loaded, name.claims),
            self._items.get((loaded.key, model), ()),
        )


def auto_is_cpu() -> bool:
    """Return whether the device `auto` is certainly the CPU, as far as can be said without importing torch."""
    if importlib.metadata.version("torch").endswith("+cpu") or sys.platform == "darwin":
        return True
    return sys.platform == "linux" and not any(map(os.path.exists, GPU_FILES))


def _last_lines(claimed_at: FileLine, rerun: str) -> str:
    return "".join(f"\n{line}" for line in footer(claimed_at, rerun))
