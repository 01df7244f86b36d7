"""How messages name places in a file and what stands there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mi_checks.spec.yaml_source import Keys

_LONGEST = 40


def dotted(path: Keys) -> str:
    """`checks[2].patching.nodes`: a place in a file."""
    text = ""
    for key in path:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else str(key)
    return text


def listed(words: Iterable[object]) -> str:
    """Words in the order given, with commas."""
    return ", ".join(str(word) for word in words)


def describe(value: Any) -> str:
    """What was found, as the file has it: `the text 'many'`, `3`, `true`, `a list`."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the text {value if len(value) <= _LONGEST else value[: _LONGEST - 1] + '…'!r}"
    if isinstance(value, int | float):
        return f"{value}" if isinstance(value, float) or abs(value) < 10**_LONGEST else "a very large number"
    if isinstance(value, dict):
        return "a mapping"
    return "a list"
