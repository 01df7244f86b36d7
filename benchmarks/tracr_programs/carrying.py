"""The nodes of a RASP program that carry a difference between two prompts to its output, decided by the program alone.

An expression's value at a position *carries* if it differs between the two prompts and something that carries reads the
difference. An expression reads the difference of an input if exchanging the input's values changes the expression's
value, while each other input is as in either prompt, or is what a map makes of inputs of which some are as in one
prompt and some as in the other. Only the program's own functions are run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from tracr.rasp import causal_eval, rasp

ExpressionPosition = tuple[str, int]  # an expression's label and a position, counted from the last
Inputs = Iterator[tuple[rasp.SOp, int, str]]  # the inputs of an expression, each with its position and how it is read


@dataclass
class Carriers:
    """The carriers of the difference of one pair of prompts.

    Attributes:
        places: the expressions and positions that carry.
        links: (expression, reader, input): whose difference is read by whom, as its query, key, value or input.
    """

    places: set[ExpressionPosition] = field(default_factory=set)
    links: set[tuple[str, str, str]] = field(default_factory=set)


class ProgramPair:
    """A compiled program, run on a clean and a corrupt prompt."""

    def __init__(self, program: rasp.SOp, clean: Sequence[str], corrupt: Sequence[str]) -> None:
        self.program = program
        self.prompts = (list(clean), list(corrupt))
        self._values: dict[str, tuple[list[Any], list[Any]]] = {}

    def values(self, expression: rasp.SOp, position: int) -> tuple[Any, Any]:
        """Return an expression's values at a position, counted from the last, in the clean and the corrupt prompt."""
        if expression.label not in self._values:
            clean, corrupt = (causal_eval.evaluate(expression, prompt) for prompt in self.prompts)
            self._values[expression.label] = [*map(_rounded, clean)], [*map(_rounded, corrupt)]
        clean, corrupt = self._values[expression.label]
        return tuple(of[position] if -position <= len(of) else None for of in (clean, corrupt))

    def differs(self, expression: rasp.SOp, position: int) -> bool:
        """Return whether an expression's two values differ at a position."""
        clean, corrupt = self.values(expression, position)
        return clean != corrupt

    def carried(self) -> Carriers:
        """Return the carriers of the difference in the program's output at the last position."""
        carriers = Carriers()
        waiting = [(self.program, -1)] if self.differs(self.program, -1) else []
        while waiting:
            expression, position = waiting.pop()
            if (expression.label, position) in carriers.places:
                continue
            carriers.places.add((expression.label, position))
            for part, where, at in self._read(expression, position):
                carriers.links.add((part.label, expression.label, at))
                waiting.append((part, where))
        return carriers

    def _read(self, expression: rasp.SOp, position: int) -> Inputs:
        """Yield the inputs that carry, each with its position and how it is read."""
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
        """Return the values of an expression when each of its inputs is as in either prompt."""
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
        """Return the positions up to the given one that both prompts have."""
        return range(-min(map(len, self.prompts)), position + 1)


def _matters(function: Callable[..., Any], values: Sequence[tuple[Any, ...]], place: int) -> bool:
    """Return whether exchanging one input's values, for some values of the others, changes a function's value."""
    before, after = values[:place], values[place + 1 :]
    return any(
        len({function(*first, own, *rest) for own in values[place]}) > 1
        for first, rest in product(product(*before), product(*after))
    )


def _rounded(value: Any) -> Any:
    """Round a number, so that fractions that differ only by rounding become equal."""
    return round(value, 9) + 0.0 if isinstance(value, float) else value


def _of_values(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a map's function to give None if an input has no value, as RASP does."""
    return lambda *inputs: None if None in inputs else function(*inputs)


def _of_keys(predicate: Callable[..., Any]) -> Callable[..., bool]:
    """Wrap a selector's predicate to select nothing if a key or a query has no value."""
    return lambda key, query: None not in (key, query) and bool(predicate(key, query))
