"""What of a RASP program carries a difference between two prompts to its output, decided by the program alone.

An expression's value at a place *carries* where it differs between the two prompts and something that carries reads the
difference: an expression reads an input's difference where exchanging the input's values changes what it makes of them,
the other inputs being as in either prompt, or what a map makes of inputs of which some are as in the one prompt and
some as in the other. Nothing is run but the program's own functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from tracr.rasp import causal_eval, rasp

Place = tuple[str, int]  # an expression's label and a position, counted from the last
Inputs = Iterator[tuple[rasp.SOp, int, str]]  # of an expression: each, its position, what it is read as


@dataclass
class Carried:
    """What carries the difference of one pair of prompts.

    Attributes:
        places: the expressions and positions that carry.
        links: (expression, reader, input): whose difference is read by whom, as its query, key, value or input.
    """

    places: set[Place] = field(default_factory=set)
    links: set[tuple[str, str, str]] = field(default_factory=set)


class Pair:
    """A program on two prompts."""

    def __init__(self, program: rasp.SOp, clean: Sequence[str], corrupt: Sequence[str]) -> None:
        self.program = program
        self.prompts = (list(clean), list(corrupt))
        self._values: dict[str, tuple[list[Any], list[Any]]] = {}

    def values(self, expression: rasp.SOp, position: int) -> tuple[Any, Any]:
        """Return what an expression is at a position, counted from the last, of the clean and the corrupt prompt."""
        if expression.label not in self._values:
            clean, corrupt = (causal_eval.evaluate(expression, prompt) for prompt in self.prompts)
            self._values[expression.label] = [*map(_rounded, clean)], [*map(_rounded, corrupt)]
        clean, corrupt = self._values[expression.label]
        return tuple(of[position] if -position <= len(of) else None for of in (clean, corrupt))

    def differs(self, expression: rasp.SOp, position: int) -> bool:
        """Return whether an expression's two values differ at a position."""
        clean, corrupt = self.values(expression, position)
        return clean != corrupt

    def carried(self) -> Carried:
        """Return what carries the difference to the program's output at the last position."""
        found = Carried()
        waiting = [(self.program, -1)] if self.differs(self.program, -1) else []
        while waiting:
            expression, position = waiting.pop()
            if (expression.label, position) in found.places:
                continue
            found.places.add((expression.label, position))
            for part, where, at in self._read(expression, position):
                found.links.add((part.label, expression.label, at))
                waiting.append((part, where))
        return found

    def _read(self, expression: rasp.SOp, position: int) -> Inputs:
        """Yield the inputs that carry, each with its position and what it is read as."""
        match expression:
            case rasp.Map():
                yield from self._inputs((expression.inner,), position, _of_values(expression.f))
            case rasp.SequenceMap():
                yield from self._inputs((expression.fst, expression.snd), position, _of_values(expression.f))
            case rasp.Aggregate():
                yield from self._selecting(expression.selector, position)
                for where in self._positions(position):
                    if any(self._selected(expression.selector, position, where)) and self.differs(
                        expression.sop, where
                    ):
                        yield expression.sop, where, "v"
            case rasp.SelectorWidth():
                yield from self._selecting(expression.selector, position)
            case rasp.TokensType() | rasp.IndicesType():
                return
            case _:
                raise NotImplementedError(f"{expression.label}: {type(expression).__name__}")

    def _mixed(self, expression: rasp.SOp, position: int) -> tuple[Any, ...]:
        """Return the values that an expression takes where parts of what it is made of are as in either prompt."""
        match expression:
            case rasp.Map():
                inputs = (expression.inner,)
            case rasp.SequenceMap():
                inputs = (expression.fst, expression.snd)
            case _:
                return self.values(expression, position)
        made = _of_values(expression.f)
        given = product(*(self._mixed(each, position) for each in inputs))
        return tuple(dict.fromkeys(_rounded(made(*values)) for values in given))

    def _inputs(self, inputs: tuple[rasp.SOp, ...], position: int, function: Any) -> Inputs:
        values = [self._mixed(each, position) for each in inputs]
        for place, each in enumerate(inputs):
            if self.differs(each, position) and _matters(function, values, place):
                yield each, position, "mlp"

    def _selecting(self, selector: rasp.Select, position: int) -> Inputs:
        queries = self.values(selector.queries, position)
        selects = _of_keys(selector.predicate)
        for where in self._positions(position):
            values = [self.values(selector.keys, where), queries]
            if self.differs(selector.keys, where) and _matters(selects, values, 0):
                yield selector.keys, where, "k"
            if self.differs(selector.queries, position) and _matters(selects, values, 1):
                yield selector.queries, position, "q"

    def _selected(self, selector: rasp.Select, position: int, where: int) -> tuple[bool, ...]:
        selects = _of_keys(selector.predicate)
        return tuple(map(selects, self.values(selector.keys, where), self.values(selector.queries, position)))

    def _positions(self, position: int) -> range:
        """Those that are not after a position, as far as both prompts reach."""
        return range(-min(map(len, self.prompts)), position + 1)


def _matters(function: Callable[..., Any], values: Sequence[tuple[Any, ...]], place: int) -> bool:
    """Return whether exchanging one input's values, with some values of the others, changes what a function gives."""
    before, after = values[:place], values[place + 1 :]
    return any(
        len({function(*first, own, *rest) for own in values[place]}) > 1
        for first, rest in product(product(*before), product(*after))
    )


def _rounded(value: Any) -> Any:
    """Give fractions that differ in rounding alone one value."""
    return round(value, 9) + 0.0 if isinstance(value, float) else value


def _of_values(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make of a map's function one that gives None where an input has no value, as RASP does."""
    return lambda *inputs: None if None in inputs else function(*inputs)


def _of_keys(predicate: Callable[..., Any]) -> Callable[..., bool]:
    """Make of a selector's predicate one that selects nothing where a key or a query has no value."""
    return lambda key, query: None not in (key, query) and bool(predicate(key, query))
