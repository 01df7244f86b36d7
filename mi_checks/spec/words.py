"""Wording of messages: places in a file, lists of words, and values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mi_checks.spec.yaml_source import Keys

_MAX_CHARACTERS = 40


def dotted(path: Keys) -> str:
    """Return a place in a file as messages spell it: `checks[2].patching.nodes`."""
    text = ""
    for key in path:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else str(key)
    return text


def listed(words: Iterable[object]) -> str:
    """Return the words in the given order, separated by commas."""
    return ", ".join(str(word) for word in words)


def describe(value: Any) -> str:
    """Return a description of a value in a file: `the text 'many'`, `3`, `true`, `a list`."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the text {value if len(value) <= _MAX_CHARACTERS else value[: _MAX_CHARACTERS - 1] + '…'!r}"
    if isinstance(value, int | float):
        return f"{value}" if isinstance(value, float) or abs(value) < 10**_MAX_CHARACTERS else "a very large number"
    if isinstance(value, dict):
        return "a mapping"
    return "a list"
