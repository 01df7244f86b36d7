"""The hooks that a project's conftest.py may implement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest


@pytest.hookspec
def pytest_mi_pools(config: pytest.Config) -> Mapping[str, Sequence[str]] | None:
    """Pools of the project's own, by name, for `{pool: NAME}` in the behaviours of the conftest's folder and below.

    Called once for each folder that has behaviours, when they are collected. The values are drawn by their place, so
    they are a list or a tuple: the order of a set is another in every run.

    Args:
        config: pytest's, for its options and `config.rootpath`.
    """
