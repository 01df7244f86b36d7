"""Data on one line of YAML, as behaviour files have it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

_WIDE = 10_000  # characters: no line is broken


def flow(data: Any) -> str:
    """`{nodes: mediators, recovers: {at_least: 0.5}}`."""
    text = yaml.safe_dump(_plain(data), default_flow_style=True, sort_keys=False, width=_WIDE, allow_unicode=True)
    return text.strip().removesuffix("...").strip()


def _plain(data: Any) -> Any:
    if isinstance(data, Mapping):
        return {key: _plain(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_plain(value) for value in data]
    return data
