"""The pools and scores that a project's own conftest.py adds to those that behaviours may name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Additions:
    """Pools, prompt scores and node scores, each by name (see `mi_checks.plugin.hookspecs`)."""

    pools: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    scores: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    role_scores: Mapping[str, Callable[..., Any]] = field(default_factory=dict)


NO_ADDITIONS = Additions()
HOOK_QUERY = "mi-checks-hook-query"  # the plugin by which a verb has pytest load conftest.py files; no run follows
