"""Evidence that a report, a journal or a history lacks because of an error, which never changes an outcome."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import is_dataclass
from typing import Any, TypeVar

from mi_checks.errors import MiChecksError
from mi_checks.faults.unexpected import (
    MEMORY_REMEDY,
    failure_reason,
    is_not_a_failure,
    is_out_of_memory,
    is_pytest_outcome,
    report_traceback,
)

T = TypeVar("T")
U = TypeVar("U")
JSON_SCALAR_TYPES = {str, int, bool, type(None)}  # types that JSON can always hold


class Omissions:
    """A collection of sentences about what was left out.

    Attributes:
        sentences: what was left out and why, without duplicates, in order of occurrence.
    """

    def __init__(self, sentences: Iterable[str] = ()) -> None:
        """Begin with these sentences, or none."""
        self._sentences = dict.fromkeys(sentences)
        self._left_out: set[str] = set()

    @property
    def sentences(self) -> tuple[str, ...]:
        """Return what was left out and why."""
        return tuple(self._sentences)

    def has(self, what: str) -> bool:
        """Return whether `add` has recorded that this was left out."""
        return what in self._left_out

    def add_sentence(self, sentence: str) -> None:
        """Add a sentence, unless it is already there."""
        self._sentences[sentence] = None

    def add(self, what: str, error: BaseException) -> None:
        """Record that something was left out because of an exception, and report its traceback.

        Args:
            what: what was left out, in the singular, such as `the circuit`.
            error: the exception.
        """
        more = f"; {MEMORY_REMEDY}" if is_out_of_memory(error) else ""
        sentence = f"{what[:1].upper()}{what[1:]} was left out: {failure_reason(error)}{more}"
        self._left_out.add(what)
        self.add_sentence(sentence)
        report_traceback(sentence, error)

    @contextmanager
    def suppressing(self, what: str) -> Iterator[None]:
        """Suppress any exception raised inside, and record that `what` was left out because of it.

        Interruptions and `pytest.exit` pass through. Exceptions that would skip or fail an item are suppressed as well.
        """
        try:
            yield
        except BaseException as error:
            if is_not_a_failure(error) and not is_pytest_outcome(error):
                raise
            self.add(what, error)

    def attempt(self, what: str, measure: Callable[[], T], instead: U) -> T | U:
        """Return what `measure` returns, or `instead` (and record it) if that fails or cannot be stored."""
        with self.suppressing(what):
            value = measure()
            require_storable("it", value)
            return value
        return instead


def require_storable(what: str, value: Any) -> None:
    """Raise if a value contains something that JSON cannot hold: NaN, an infinity, or an object of a library.

    Raises:
        MiChecksError: the value contains such a thing.
    """
    unstorable = _unstorable_part(value)
    if unstorable is not None:
        raise MiChecksError(f"{what} contains {unstorable}, which cannot be stored")


def _unstorable_part(value: Any) -> str | None:
    """Return a description of the first part of a value that JSON cannot hold, or None."""
    kind = type(value)
    if kind in JSON_SCALAR_TYPES:
        return None
    if isinstance(value, float):
        return None if math.isfinite(value) else str(value)
    if kind in (list, tuple):
        kinds = set(map(type, value))
        # Long lists usually have values of one type, which need not be tested one by one.
        if kinds <= JSON_SCALAR_TYPES or (kinds == {float} and math.isfinite(sum(value))):
            return None
        parts: Iterable[Any] = value
    elif kind is dict:
        parts = value.values()
    elif is_dataclass(value):
        parts = vars(value).values()
    else:
        return f"a {kind.__name__}"
    return next((wrong for wrong in map(_unstorable_part, parts) if wrong is not None), None)
