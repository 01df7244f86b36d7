"""The conversion of the marks that the filter `at` leaves in rendered text to labels with character spans."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from mi_checks.errors import MiChecksError
from mi_checks.prompts.batch import END
from mi_checks.prompts.spans import Span
from mi_checks.spec.template import CLOSE, OPEN, SEP

_MARK = re.compile(f"([{OPEN}{SEP}{CLOSE}])")


@dataclass(frozen=True)
class Marked:
    """A rendered prompt: its text without marks, and the (start, end) of each label's characters in that text."""

    text: str
    spans: Mapping[str, Span] = field(hash=False)


def unmark(rendered: str) -> Marked:
    """Return a rendered template without its marks, and the labels' spans; one label may enclose another.

    Raises:
        MiChecksError: a label covers no text, is used twice or is `END`, or a filter after `at` broke its marks.
    """
    text: list[str] = []
    length = 0
    spans: dict[str, Span] = {}
    enclosing: list[tuple[str, int]] = []
    parts = iter(_MARK.split(rendered))  # text, mark, text, mark, …, text
    for part in parts:
        text.append(part)
        length += len(part)
        mark = next(parts, None)
        if mark == OPEN:
            label = next(parts)
            if next(parts, None) != SEP or not label.isidentifier():
                raise _broken()
            enclosing.append((label, length))
        elif mark == CLOSE and enclosing:
            label, start = enclosing.pop()
            _check(label, start, length, spans)
            spans[label] = (start, length)
        elif mark is not None:
            raise _broken()
    if enclosing:
        raise _broken()
    return Marked("".join(text), spans)


def _check(label: str, start: int, end: int, spans: Mapping[str, Span]) -> None:
    if label == END:
        raise MiChecksError(f"label {END!r} is the prompt's last token in every prompt: give this one another name")
    if label in spans:
        raise MiChecksError(f"label {label!r} is used twice in one prompt: give each place a label of its own")
    if start == end:
        raise MiChecksError(f"label {label!r} covers no text: its expression is empty in this prompt")


def _broken() -> MiChecksError:
    return MiChecksError("a label's marks are broken: in `{{ x | at('label') }}`, `at` must be the last filter")
