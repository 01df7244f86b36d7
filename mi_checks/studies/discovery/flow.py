"""YAML in flow style, on one line, as in behaviour files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

_MAX_WIDTH = 10_000  # characters; prevents line breaks


def flow(data: Any) -> str:
    """Return data in flow style, such as `{nodes: mediators, recovers: {at_least: 0.5}}`."""
    text = yaml.safe_dump(_plain(data), default_flow_style=True, sort_keys=False, width=_MAX_WIDTH, allow_unicode=True)
    return text.strip().removesuffix("...").strip()


def _plain(data: Any) -> Any:
    if isinstance(data, Mapping):
        return {key: _plain(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_plain(value) for value in data]
    return data
