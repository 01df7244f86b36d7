"""`rows`: whether a claim is about more rows like those of a variable, or about exactly these."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mi_checks.spec.load_file import LoadedBehaviour, load_behaviour, load_behaviours
from mi_checks.spec.variables import FiniteVariable

Load = Callable[[str], LoadedBehaviour]
SIX = "[a, b, c, d, e, f]"
FIVE = "[a, b, c, d, e]"


def sampled(loaded: LoadedBehaviour, name: str) -> bool:
    """Whether the rows of a variable are sampled."""
    variable = loaded.behaviour.prompts.variables[name]
    assert isinstance(variable, FiniteVariable)
    return variable.is_sampled


@pytest.mark.parametrize(
    ("source", "is_sampled"),
    [
        (f"values: {SIX}", True),
        (f"values: {FIVE}", False),
        (f"values: {SIX}, rows: fixed", False),
        (f"values: {FIVE}, rows: sampled", True),
        (f"values: {SIX}, rows: sampled", True),
        ("pool: words", True),
        ("pool: words, rows: fixed", False),
        ("pool: words, rows: sampled", True),
        ("file: verbs.csv", True),
        ("file: verbs.csv, rows: fixed", False),
        ("file: verbs.csv, rows: sampled", True),
    ],
)
def test_the_default_and_what_is_written(load: Load, valid: str, tmp_path: Path, source: str, is_sampled: bool) -> None:
    (tmp_path / "behaviours").mkdir()
    (tmp_path / "behaviours" / "verbs.csv").write_text("form\n sees\n hears\n")
    loaded = load(valid.replace('{values: [" sees", " hears"]}', f"{{{source}}}"))
    assert sampled(loaded, "verb") is is_sampled


def test_a_short_list_of_rows_with_fields_is_fixed(load: Load, valid: str) -> None:
    assert not sampled(load(valid), "noun")
    assert sampled(load(valid.replace("    noun:\n", "    noun:\n      rows: sampled\n")), "noun")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "{tokens: random, differs_from: pre}",
            "{tokens: random, differs_from: pre, rows: fixed}",
            "x:7:44: unknown key 'rows' in 'prompts.variables.A'; valid keys: differs_from, distinct, length, tokens, "
            "where",
        ),
        (
            "verb:",
            "copy: {same_as: A, rows: fixed}\n    verb:",
            "x:15:24: unknown key 'rows' in 'prompts.variables.copy'; valid keys: same_as",
        ),
        (
            "{pool: first_names}",
            "{pool: first_names, rows: fix}",
            "x:10:37: 'prompts.variables.name.rows' must be one of sampled, fixed, not the text 'fix'; did you mean "
            "'fixed'?",
        ),
        (
            "{pool: first_names}",
            "{pool: first_names, rows: [fixed]}",
            "x:10:37: 'prompts.variables.name.rows' must be one of sampled, fixed, not a list",
        ),
    ],
)
def test_mistakes(broken: Callable[[str, str], str], old: str, new: str, expected: str) -> None:
    assert broken(old, new) == expected


CASES = """\
cases:
  these:
    variables: {name: {rows: fixed}, verb: {rows: sampled}}
  others:
    summary: "as in the file"
"""


def test_a_case_changes_it(valid: str, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(valid + CASES, encoding="utf-8")
    these, others = load_behaviours(path, tmp_path)
    assert (sampled(these, "name"), sampled(these, "verb")) == (False, True)
    assert (sampled(others, "name"), sampled(others, "verb")) == (True, False)


def test_a_case_cannot_change_it_for_random_tokens(errors: Callable[[str], str], valid: str) -> None:
    text = valid + CASES.replace("verb: {rows", "pre: {rows")
    assert "rows" in errors(text)


@pytest.mark.parametrize(("keys", "is_sampled"), [("{rows: fixed}", False), ("{pool: words}", True)])
def test_an_extending_file_changes_it(valid: str, tmp_path: Path, keys: str, is_sampled: bool) -> None:
    (tmp_path / "_base.yaml").write_text(valid, encoding="utf-8")
    path = tmp_path / "x.yaml"
    path.write_text(f"name: heir\nextends: _base.yaml\nprompts: {{variables: {{name: {keys}}}}}\n", encoding="utf-8")
    assert sampled(load_behaviour(path, tmp_path), "name") is is_sampled


def test_a_new_source_in_a_case_has_its_own_default(valid: str, tmp_path: Path) -> None:
    base = valid.replace("{pool: first_names}", "{pool: first_names, rows: fixed}")
    path = tmp_path / "x.yaml"
    path.write_text(base + "cases:\n  words:\n    variables: {name: {pool: words}}\n", encoding="utf-8")
    (loaded,) = load_behaviours(path, tmp_path)
    assert sampled(loaded, "name")
