"""Any record with every text in it made hostile, equal texts alike, so that what belongs together still does."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

HOSTILE = (
    '</script></style></title></svg><script>window.pwned=1</script><img src=x onerror="window.pwned=1">'
    "{{ 7 * 7 }}{% raw %}\u2028\u2029\0\u202e\u200f\ud800\x1b[31m<!--&lt;"
)
LONG = "x" * 10_000


def spoiled(value: Any, spoil: Callable[[str], str] = lambda text: text + HOSTILE) -> Any:
    """The same record with `spoil` of each text that may be any text; literals, which may not, are kept."""
    if isinstance(value, str):
        return spoil(value)
    if isinstance(value, Mapping):
        return {spoiled(key, spoil): spoiled(each, spoil) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(spoiled(each, spoil) for each in value)
    if is_dataclass(value) and not isinstance(value, type):
        hints = typing.get_type_hints(type(value))
        free = [each.name for each in fields(value) if each.init and not _literal(hints[each.name])]
        return replace(value, **{name: spoiled(getattr(value, name), spoil) for name in free})
    return value


def _literal(hint: Any) -> bool:
    return typing.get_origin(hint) is typing.Literal or any(map(_literal, typing.get_args(hint)))
