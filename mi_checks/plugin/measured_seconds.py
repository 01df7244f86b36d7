"""How long each behaviour took on each model, kept in pytest's cache for the order of the next run. Light to import."""

from __future__ import annotations

import warnings
from collections import defaultdict
from functools import cached_property

import pytest

KEY = "mi_checks/seconds"
KEY_WITH_MUTANTS = "mi_checks/seconds_with_mutants"
# A run that finds everything in the cache takes no time. It must not make the next run believe that all behaviours take
# the same time, so that a smaller number replaces a larger one only by halves.
MAX_DECREASE = 0.5
ROUNDING_DIGITS = 4


def group_of(node_id: str) -> str:
    """Return the part of an item's id that all items of a behaviour on a model share."""
    return node_id.rpartition("::")[0]


def is_of_behaviour(node_id: str) -> bool:
    """Return whether an item's id begins with a YAML file."""
    return node_id.partition("::")[0].endswith((".yaml", ".yml"))


def register_measured_seconds(config: pytest.Config) -> None:
    """Begin to add up how long the items take."""
    config.stash[MEASURED_SECONDS] = MeasuredSeconds(config)
    config.pluginmanager.register(config.stash[MEASURED_SECONDS], "mi_checks_measured_seconds")


class MeasuredSeconds:
    """A pytest plugin that adds up how long the items of each behaviour on each model take."""

    def __init__(self, config: pytest.Config) -> None:
        """Begin with nothing measured."""
        self._cache = getattr(config, "cache", None)
        self._root = config.rootpath
        self._key = KEY_WITH_MUTANTS if config.getoption("mi_mutants") or config.getini("mi_mutants") else KEY
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add a report's duration; when the last item is torn down, the evidence for the report is measured."""
        if is_of_behaviour(report.nodeid):
            self._seconds[group_of(report.nodeid)] += report.duration

    @cached_property
    def earlier(self) -> dict[str, float]:
        """Return how long each behaviour took on each model in earlier runs, by the id of its collector."""
        stored = None if self._cache is None else self._cache.get(self._key, None)
        return stored if isinstance(stored, dict) and all(map(_is_duration, stored.values())) else {}

    def save(self) -> None:
        """Store what this run measured; behaviours that it did not run, and whose files still exist, are kept."""
        if self._cache is None or not self._seconds:
            return
        stored = {
            name: seconds for name, seconds in self.earlier.items() if (self._root / name.partition("::")[0]).exists()
        }
        for name, seconds in self._seconds.items():
            stored[name] = round(max(seconds, MAX_DECREASE * stored.get(name, 0.0)), ROUNDING_DIGITS)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pytest.PytestCacheWarning)  # without it, only the next run's order is worse
            self._cache.set(self._key, stored)


MEASURED_SECONDS: pytest.StashKey[MeasuredSeconds] = pytest.StashKey()


def _is_duration(value: object) -> bool:
    return isinstance(value, float) and value >= 0
