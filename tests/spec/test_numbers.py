"""Case 16: numbers are what YAML 1.2 and JSON take for numbers, and never something else in silence."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from mi_checks.errors import MiChecksError
from mi_checks.spec.load_file import LoadedBehaviour
from mi_checks.spec.yaml_source import parse_yaml

NUMBERS: dict[str, float] = {
    "1e-2": 0.01,
    "1E5": 1e5,
    "1e+3": 1e3,
    "-.5": -0.5,
    ".5": 0.5,
    "+.5": 0.5,
    "1.": 1.0,
    "1.e2": 100.0,
    "00.5": 0.5,
    "0": 0,
    "-0": 0,
    "+7": 7,
    "0o10": 8,
    "0x10": 16,
    "0xfF": 255,
    ".inf": math.inf,
    "-.INF": -math.inf,
}
TEXTS = (
    *("1_000", "1:30", "-1:30.5", "0b11", "0x", "0o8", "1e", "e5", ".", "+", "1.2.3", "2024-01-02", "12:30:45", "="),
    *("yes", "No", "on", "OFF", "y", "tRUE"),
)
OTHERS = {"True": True, "FALSE": False, "~": None, "NULL": None}


@pytest.mark.parametrize(
    ("written", "value"), [*NUMBERS.items(), *((text, text) for text in TEXTS), *OTHERS.items()], ids=repr
)
def test_case_16_scalars_of_the_core_schema(written: str, value: Any) -> None:
    found = parse_yaml(f"a: {written}", "x").data["a"]
    assert (type(found), found) == (type(value), value)


def test_case_16_not_a_number_is_one() -> None:
    assert math.isnan(parse_yaml("a: .NaN", "x").data["a"])


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("010", "'010' is 10 or an octal number, depending on the version of YAML; write 10"),
        ("-007", "'-007' is -7 or an octal number, depending on the version of YAML; write -7"),
        ("00", "'00' is 0 or an octal number, depending on the version of YAML; write 0"),
        ("!!int 010", "'010' is 10 or an octal number, depending on the version of YAML; write 10"),
        ("!!int 1:30", "'1:30' cannot be read as a number"),
        ("!!int 1_000", "'1_000' cannot be read as a number"),
        ("!!float 1:30.5", "'1:30.5' cannot be read as a number"),
        ("!!bool yes", "'yes' cannot be read as true or false"),
        ("!!null none", "'none' cannot be read as nothing"),
        ("9" * 5000, f"{'9' * 40!r} cannot be read as a number"),
    ],
)
def test_case_16_what_versions_of_yaml_disagree_on_is_refused(written: str, message: str) -> None:
    with pytest.raises(MiChecksError) as caught:
        parse_yaml(f"a: {written}", "x")
    assert str(caught.value) == f"x:1:4: {message}; put quotes around it if it is text"


def test_case_16_bounds_in_scientific_notation(load: Callable[[str], LoadedBehaviour], valid: str) -> None:
    text = valid.replace("logit_diff: {at_least: 2}", "logit_diff: {at_least: -.5, at_most: 1e1}")
    bound = load(text).behaviour.checks_for("nano-gelu-2l")[0].bound
    assert bound is not None
    assert bound.sides == {"at_least": -0.5, "at_most": 10.0}


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("1:30", "a whole number, not the text '1:30'; write the number without ':'"),
        ("1_000", "a whole number, not the text '1_000'; write 1000, without underscores"),
        ('"64"', "a whole number, not the text '64'; write 64, without quotes"),
        ("yes", "a whole number, not the text 'yes'"),
        ("2024-01-02", "a whole number, not the text '2024-01-02'"),
        ("1e2", "a whole number, not 100.0"),
        (".inf", "a whole number, not inf"),
        (".nan", "a whole number, not nan"),
        ("0x" + "f" * 500, "at most 100000, not a very large number"),
    ],
)
def test_case_16_counts(broken: Callable[[str, str], str], written: str, told: str) -> None:
    assert broken("count: 64", f"count: {written}") == f"x:4:10: 'prompts.count' must be {told}"


def test_case_16_a_count_with_a_leading_zero(broken: Callable[[str, str], str]) -> None:
    told = broken("count: 64", "count: 010")
    assert told.startswith("x:4:10: '010' is 10 or an octal number, depending on the version of YAML; write 10")


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (".nan", "must be a finite number, not nan"),
        ("-.inf", "must be a finite number, not -inf"),
        ("1e999", "must be a finite number, not inf"),
        ("1:30", "must be a number, not the text '1:30'; write the number without ':'"),
        ("0x" + "f" * 500, "must be a number of ordinary size, not a very large number"),
    ],
)
def test_case_16_bounds(broken: Callable[[str, str], str], written: str, told: str) -> None:
    found = broken("- logit_diff: {at_least: 2}", f"- logit_diff: {{at_least: {written}}}")
    assert found == f"x:21:28: 'checks[0].logit_diff.at_least' {told}"


@pytest.mark.parametrize(("written", "meant"), [("yes", "true"), ("On", "true"), ("n", "false"), ("OFF", "false")])
def test_case_16_true_and_false_have_one_spelling(broken: Callable[[str, str], str], written: str, meant: str) -> None:
    told = broken("length: 8, distinct: true", f"length: 8, distinct: {written}")
    assert (
        told
        == f"x:6:48: 'prompts.variables.pre.distinct' must be true or false, not the text {written!r}; write {meant}"
    )


def test_case_16_words_stay_words(load: Callable[[str], LoadedBehaviour], valid: str) -> None:
    text = valid.replace('values: [" sees", " hears"]', "values: [yes, no, on, 2024-01-02, 1:30]")
    variables = load(text).source.data["prompts"]["variables"]
    assert variables["verb"]["values"] == ["yes", "no", "on", "2024-01-02", "1:30"]
