"""Data and positions out of YAML, against PyYAML itself and against JSON."""

from __future__ import annotations

import contextlib
import json

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mi_checks.errors import MiChecksError
from mi_checks.spec.yaml_source import Position, parse_yaml

# Up to U+FFFF: what lies beyond, JSON writes as two surrogates, which this loader refuses.
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0", max_codepoint=0xFFFF), max_size=20)
scalars = st.none() | st.booleans() | st.integers() | texts
data = st.dictionaries(
    texts,
    st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4)),
    min_size=1,
    max_size=5,
)
words = st.text("abcxyz", min_size=6, max_size=12)
styles = st.sampled_from([None, True, False])


# Without digits, of which YAML 1.1 makes other numbers than 1.2, and with none of its other words for true and false.
same_in_both = st.text(st.characters(exclude_categories=["Cs", "Nd"], exclude_characters="\0=~<"), max_size=20).filter(
    lambda text: text.lower() not in ("y", "n", "yes", "no", "on", "off")
)


@given(
    st.recursive(same_in_both, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(same_in_both, inner)), styles
)
def test_texts_are_what_safe_load_gives(value: object, flow: bool | None) -> None:
    text = yaml.safe_dump({"a": value}, default_flow_style=flow, allow_unicode=True, sort_keys=False)
    assert parse_yaml(text, "x").data == yaml.safe_load(text)


@settings(max_examples=50)
@given(data)
def test_case_16_json_is_read_as_json_is(value: dict[str, object]) -> None:
    text = json.dumps(value)  # YAML 1.2 contains it
    assert parse_yaml(text, "x").data == json.loads(text)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_case_16_every_json_number_is_that_number(value: float) -> None:
    assert parse_yaml(f"a: {json.dumps(value)}", "x").data == {"a": value}


@given(st.dictionaries(words, words | st.dictionaries(words, words, min_size=1), min_size=1), styles)
def test_keys_and_values_stand_where_it_says(value: dict[str, str | dict[str, str]], flow: bool | None) -> None:
    text = yaml.safe_dump(value, default_flow_style=flow)
    lines = text.splitlines()
    source = parse_yaml(text, "x")

    def at(place: Position) -> str:
        return lines[place.line - 1][place.column - 1 :]

    for path, place in source.keys.items():
        assert at(place).startswith(str(path[-1]))
    for path, place in source.values.items():
        found = value if not path else value[str(path[0])]
        for key in path[1:]:
            assert isinstance(found, dict)
            found = found[str(key)]
        if isinstance(found, str):
            assert at(place).startswith(found)


@given(st.text())
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    with contextlib.suppress(MiChecksError):
        parse_yaml(text, "x")


@given(st.text("ab:-?[]{},&*!|>'\"%@#~=<\\ \t\n01.x"))
def test_any_punctuation_is_read_or_refused_in_words(text: str) -> None:
    with contextlib.suppress(MiChecksError):
        parse_yaml(f"k: {text}", "x")


def test_position_of_what_is_not_there_is_its_parents() -> None:
    source = parse_yaml("a:\n  b:\n    - c: 1\n", "x")
    assert source.position(("a", "b", 0, "c")) == Position(3, 10)
    assert source.position(("a", "b", 0, "c"), of_key=True) == Position(3, 7)
    assert source.position(("a", "b", 0, "d")) == Position(3, 7)
    assert source.position(("a", "b", 7)) == Position(2, 3)
    assert source.position(("z",)) == Position(1, 1)


def test_an_alias_is_replaced_and_keeps_the_anchors_place() -> None:
    source = parse_yaml("a: &x {b: 1}\nc: *x\n", "x")
    assert source.data == {"a": {"b": 1}, "c": {"b": 1}}
    assert source.position(("c", "b"), of_key=True) == Position(1, 8)


def test_a_lone_equals_sign_is_text() -> None:
    assert parse_yaml("'=': [=]\n", "x").data == {"=": ["="]}
