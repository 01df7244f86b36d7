"""The plain scalars of YAML 1.2's core schema: numbers, booleans, null, and text.

PyYAML implements YAML 1.1, in which `010` is 8, `1:30` is 90, `yes` is true, and `1e-2` is text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

_TAG = "tag:yaml.org,2002:"
_NULL = re.compile(r"(?:~|null|Null|NULL|)\Z")
_BOOL = re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z")
_INT = re.compile(r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\Z")
_FLOAT = re.compile(
    r"(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z"
)
_MERGE = re.compile(r"<<\Z")  # not part of the core schema; recognised so that it can be refused
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+\Z")
_NAMES = {"null": "nothing", "bool": "true or false", "int": "a number", "float": "a number"}

_MAX_SHOWN_CHARACTERS = 40
_OR_TEXT = "; put quotes around it if it is text"

# Tag, pattern of its scalars, and the characters that these begin with; integers are tried before floats.
RESOLVERS: tuple[tuple[str, re.Pattern[str], list[str]], ...] = (
    (_TAG + "null", _NULL, ["~", "n", "N", ""]),
    (_TAG + "bool", _BOOL, list("tTfF")),
    (_TAG + "int", _INT, list("-+0123456789")),
    (_TAG + "float", _FLOAT, list("-+.0123456789")),
    (_TAG + "merge", _MERGE, ["<"]),
)


def kind_of(tag: str) -> str:
    """Return the kind of value that a scalar's tag denotes, as messages name it."""
    return _NAMES.get(tag.removeprefix(_TAG), f"something tagged {tag!r}")


def _null(text: str) -> None:
    if not _NULL.match(text):
        raise _unreadable(text, "null")


def _bool(text: str) -> bool:
    if not _BOOL.match(text):
        raise _unreadable(text, "bool")
    return text.lower() == "true"


def _int(text: str) -> int:
    if not _INT.match(text):
        raise _unreadable(text, "int")
    if _LEADING_ZERO.match(text) and len(text) < _MAX_SHOWN_CHARACTERS:
        number = int(text)
        raise ValueError(
            f"{text!r} is {number} or an octal number, depending on the version of YAML; write {number}" + _OR_TEXT
        )
    try:
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    except ValueError:  # Python refuses decimal numbers of more than 4,300 digits
        raise _unreadable(text, "int") from None


def _float(text: str) -> float:
    if not _FLOAT.match(text):
        raise _unreadable(text, "float")
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))


def _unreadable(text: str, kind: str) -> ValueError:
    return ValueError(f"{text[:_MAX_SHOWN_CHARACTERS]!r} cannot be read as {_NAMES[kind]}{_OR_TEXT}")


# Each tag with the function that reads its scalars, or raises ValueError with the reason why it cannot.
SCALAR_READERS: Mapping[str, Callable[[str], Any]] = {
    _TAG + "null": _null,
    _TAG + "bool": _bool,
    _TAG + "int": _int,
    _TAG + "float": _float,
    _TAG + "str": str,
}
