"""Rendering of one draw of the variables into clean text, corrupt text, answers and foils, with their labels."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from jinja2 import Template, UndefinedError

from mi_checks.errors import MiChecksError, did_you_mean
from mi_checks.prompts.batch import END
from mi_checks.prompts.candidates import Value, value_repr
from mi_checks.prompts.token_text import CharacterSpan
from mi_checks.spec.behaviour import Prompts
from mi_checks.spec.scoring import as_texts
from mi_checks.spec.template import MARK_CLOSE, MARK_OPEN, MARK_SEPARATOR, environment

_MARK = re.compile(f"([{MARK_OPEN}{MARK_SEPARATOR}{MARK_CLOSE}])")


@dataclass(frozen=True)
class LabelledText:
    """A rendered prompt: its text without marks, and the (start, end) of each label's characters in that text."""

    text: str
    spans: Mapping[str, CharacterSpan] = field(hash=False)


def parse_labels(rendered: str) -> LabelledText:
    """Return a rendered template without its marks, and the labels' spans; one label may enclose another.

    Raises:
        MiChecksError: a label covers no text, is used twice or is `END`, or a filter after `at` broke its marks.
    """
    text: list[str] = []
    length = 0
    spans: dict[str, CharacterSpan] = {}
    enclosing: list[tuple[str, int]] = []
    parts = iter(_MARK.split(rendered))  # text, mark, text, mark, …, text
    for part in parts:
        text.append(part)
        length += len(part)
        mark = next(parts, None)
        if mark == MARK_OPEN:
            label = next(parts)
            if next(parts, None) != MARK_SEPARATOR or not label.isidentifier():
                raise _broken_marks_error()
            enclosing.append((label, length))
        elif mark == MARK_CLOSE and enclosing:
            label, start = enclosing.pop()
            _validate_label(label, start, length, spans)
            spans[label] = (start, length)
        elif mark is not None:
            raise _broken_marks_error()
    if enclosing:
        raise _broken_marks_error()
    return LabelledText("".join(text), spans)


def _validate_label(label: str, start: int, end: int, spans: Mapping[str, CharacterSpan]) -> None:
    if label == END:
        raise MiChecksError(f"label {END!r} is reserved for the last token of every prompt; choose another name")
    if label in spans:
        raise MiChecksError(f"label {label!r} is used twice in one prompt; give each place its own label")
    if start == end:
        raise MiChecksError(f"label {label!r} covers no text: its expression is empty in this prompt")


def _broken_marks_error() -> MiChecksError:
    return MiChecksError("a label's marks are broken: in `{{ x | at('label') }}`, `at` must be the last filter")


@dataclass(frozen=True)
class RenderedPair:
    """The texts of one prompt pair."""

    clean: LabelledText
    corrupt: LabelledText
    answers: tuple[str, ...]
    foils: tuple[str, ...]


class _TemplateRow:
    """A row in a template. It has no attributes of its own, so that a field may be called `items` or `keys`."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        self.__fields = fields

    def __getitem__(self, field: str) -> str:
        return self.__fields[field]

    def __str__(self) -> str:
        raise UndefinedError(f"a row is not text; write one of its fields ({', '.join(self.__fields)}) after a dot")


class Renderer:
    """The compiled templates of a behaviour."""

    def __init__(self, prompts: Prompts, behaviour: str) -> None:
        """Compile the templates.

        Raises:
            MiChecksError: a template is not valid Jinja2.
        """
        self._behaviour = behaviour
        self._environment = environment()
        self._swaps = prompts.corrupt
        self._prompt = self._compiled("template", prompts.template)
        self._answers = tuple(self._compiled("answer", answer) for answer in prompts.answers)
        self._foils = tuple(self._compiled("foils", foil) for foil in as_texts(prompts.foils))

    def render(self, values: Mapping[str, Value]) -> RenderedPair:
        """Render one pair; answers and foils see the clean values.

        Raises:
            MiChecksError: rendering fails, a prompt or continuation is empty, or the labels are invalid.
        """
        try:
            corrupt = corrupt_values(values, self._swaps)
            return RenderedPair(
                self._marked(self._prompt, values, "clean prompt"),
                self._marked(self._prompt, corrupt, "corrupt prompt"),
                tuple(self._plain(answer, values, "answer") for answer in self._answers),
                tuple(self._plain(foil, values, "foil") for foil in self._foils),
            )
        except MiChecksError as error:
            shown_values = ", ".join(f"{name}={value_repr(value)}" for name, value in values.items())
            raise MiChecksError(f"behaviour {self._behaviour!r}: {error}\n  drawn: {shown_values}") from None

    def _compiled(self, key: str, source: str) -> Template:
        try:
            return self._environment.from_string(source)
        except Exception as error:
            raise MiChecksError(f"behaviour {self._behaviour!r}: `{key}` is not a valid template: {error}") from None

    def _marked(self, template: Template, values: Mapping[str, Value], what: str) -> LabelledText:
        rendered = self._text(template, values, what)
        try:
            return parse_labels(rendered)
        except MiChecksError as error:
            raise MiChecksError(f"{what}: {error}") from None

    def _text(self, template: Template, values: Mapping[str, Value], what: str) -> str:
        context = {name: value if isinstance(value, str) else _TemplateRow(value) for name, value in values.items()}
        try:
            text = self._environment.rendered(template, context)
        except Exception as error:  # a template can raise anything, as in 'a' < 1 or for a missing field
            raise MiChecksError(f"{what}: {error}") from None
        if not text:
            raise MiChecksError(f"{what}: the template renders no text; at least one token is needed")
        return text

    def _plain(self, template: Template, values: Mapping[str, Value], what: str) -> str:
        marked = self._marked(template, values, what)
        if marked.spans:
            raise MiChecksError(f"{what}: a label names a place in the prompt; remove `at` from the {what}")
        return marked.text


def corrupt_values(values: Mapping[str, Value], swaps: Mapping[str, str]) -> dict[str, Value]:
    """Return the values with which the corrupt prompt is rendered.

    All replacements happen at once, those of whole variables before those of fields.

    Raises:
        MiChecksError: a replacement names an unknown variable or field, or replaces a text by a row or a row by a text.
    """
    result: dict[str, Value] = dict(values)
    for target, source in sorted(swaps.items(), key=lambda swap: "." in swap[0]):
        new = _look_up(values, source)
        if isinstance(new, str) != isinstance(_look_up(values, target), str):
            raise MiChecksError(
                f"corrupt: {target!r} and {source!r} are a row and a text; one cannot replace the other"
            )
        name, _, field = target.partition(".")
        old = result[name]
        if field and isinstance(new, str) and not isinstance(old, str):
            result[name] = {**old, field: new}
        else:
            result[name] = new
    return result


def _look_up(values: Mapping[str, Value], path: str) -> Value:
    name, _, field = path.partition(".")
    if name not in values:
        raise MiChecksError(f"corrupt: unknown variable {name!r}{did_you_mean(name, values)}")
    value = values[name]
    if not field:
        return value
    if isinstance(value, str):
        raise MiChecksError(f"corrupt: {path!r} names a field, but {name!r} is a text")
    if field not in value:
        raise MiChecksError(f"corrupt: {name!r} has no field {field!r}{did_you_mean(field, value)}")
    return value[field]
