"""Files that extend others: what they are, and that every mistake is told where it stands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mi_checks.errors import MiChecksError
from mi_checks.spec.check import Bound
from mi_checks.spec.load_file import LoadedBehaviour, load_behaviour, load_behaviours
from mi_checks.spec.variables import FromValues, RandomTokens, SuppliedValues

OWN = """\
name: far
extends: _base.yaml
prompts:
  count: 8
  variables:
    pre: {length: 64}
    verb: {values: [" runs"]}
    adverb: {values: [" well"]}
models:
  nano-gelu-2l: absent
"""
Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(name: str, text: str) -> Path:
        path = tmp_path / "behaviours" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def load(write: Write, valid: str, tmp_path: Path) -> Callable[..., LoadedBehaviour]:
    def load(text: str = OWN, base: str = "", name: str = "_base.yaml") -> LoadedBehaviour:
        write(name, base or valid)
        return load_behaviour(write("x.yaml", text), tmp_path)

    return load


@pytest.fixture
def errors(load: Callable[..., LoadedBehaviour]) -> Callable[..., str]:
    def errors(*args: str) -> str:
        with pytest.raises(MiChecksError) as caught:
            load(*args)
        return str(caught.value).replace("behaviours/", "")

    return errors


def test_prompts_variables_and_models_are_merged(load: Callable[..., LoadedBehaviour], valid: str) -> None:
    loaded = load()
    behaviour, base = loaded.behaviour, load(valid).behaviour
    assert behaviour.name == "far"
    assert behaviour.summary == base.summary
    assert behaviour.checks == base.checks
    assert behaviour.prompts.count == 8
    assert behaviour.prompts.template == base.prompts.template
    variables = behaviour.prompts.variables
    assert list(variables) == [*base.prompts.variables, "adverb"]
    assert variables["pre"] == RandomTokens(tokens="random", length=64, distinct=True)
    assert variables["verb"] == FromValues(values=(" runs",))
    assert behaviour.models == {**base.models, "nano-gelu-2l": "absent"}


def test_lists_and_models_entries_are_replaced(load: Callable[..., LoadedBehaviour]) -> None:
    more = "checks:\n  - logit_diff: {at_least: 3}\nmodels:\n  nano-attn-2l: {}\n  nano-gelu-2l: {}\n"
    behaviour = load("name: far\nextends: _base.yaml\n" + more).behaviour
    assert [entry.check.bound for entry in behaviour.checks] == [Bound(at_least=3)]
    assert behaviour.bound_for(behaviour.checks[0].check, "nano-attn-2l") == Bound(at_least=3)


def test_places_are_those_of_the_file_that_says_it(load: Callable[..., LoadedBehaviour], valid: str) -> None:
    loaded = load()
    line = valid.splitlines().index("  - logit_diff: {at_least: 2}") + 1
    assert loaded.place_of(("checks", 0))[::2] == (line, "behaviours/_base.yaml")
    assert loaded.place_of(("models", "nano-gelu-2l"))[::2] == (10, "behaviours/x.yaml")
    assert loaded.text == OWN + "\n# behaviours/_base.yaml, which it extends:\n" + valid


def test_a_base_may_extend_another(load: Callable[..., LoadedBehaviour], write: Write, valid: str) -> None:
    write("sub/_deeper.yaml", valid.replace("  template:", "  seed: 5\n  template:"))
    loaded = load(OWN, "extends: sub/_deeper.yaml\nsummary: middle\nprompts: {count: 4}\n")
    behaviour = loaded.behaviour
    assert (behaviour.summary, behaviour.prompts.count, behaviour.prompts.seed) == ("middle", 8, 5)
    assert loaded.place_of(("checks",)).file == "behaviours/sub/_deeper.yaml"
    assert loaded.place_of(("summary",)).file == "behaviours/_base.yaml"


def test_a_base_names_data_files_from_where_it_stands(
    load: Callable[..., LoadedBehaviour], write: Write, valid: str
) -> None:
    write("sub/verbs.csv", "now,then\n sees, saw\n")
    base = valid.replace('{values: [" sees", " hears"]}', "{file: verbs.csv}")
    loaded = load("name: far\nextends: sub/_base.yaml\n", base, "sub/_base.yaml")
    variable = loaded.behaviour.prompts.variables["verb"]
    assert isinstance(variable, SuppliedValues)
    assert variable.values == ({"now": " sees", "then": " saw"},)


def test_cases_are_inherited(load: Callable[..., LoadedBehaviour], write: Write, valid: str, tmp_path: Path) -> None:
    write("_base.yaml", valid + "cases: {near: {variables: {pre: {length: 2}}}, same: {}}\n")
    found = load_behaviours(write("x.yaml", OWN), tmp_path)
    assert [loaded.behaviour.name for loaded in found] == ["far[near]", "far[same]"]
    lengths = [loaded.behaviour.prompts.variables["pre"] for loaded in found]
    assert [v.length for v in lengths if isinstance(v, RandomTokens)] == [2, 64]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("_base.yaml", "_bas.yaml", (
            "x.yaml:2:10: the file '_bas.yaml' does not exist; "
            ".yaml files there: _base.yaml, x.yaml; did you mean '_base.yaml'?"
        )),
        ("_base.yaml", "../_base.yaml", (
            "x.yaml:2:10: '../_base.yaml' is outside the folder of this file; "
            "move the file into it or into a folder inside it"
        )),
        ("_base.yaml", "_base.csv", (
            "x.yaml:2:10: '_base.csv' is not a behaviour file; its name must end with .yaml or .yml"
        )),
        ("_base.yaml", "[_base.yaml]", "x.yaml:2:10: 'extends' must be the name of a file, not a list"),
        ("_base.yaml", "", "x.yaml:2:9: 'extends' must be the name of a file, not nothing"),
        ("_base.yaml", "''", "x.yaml:2:10: 'extends' must be the name of a file, not an empty text"),
        ("_base.yaml", "x.yaml", "x.yaml:2:10: a file cannot extend itself: 'x.yaml' extends 'x.yaml'"),
        ("name: far\n", "", "x.yaml:1:1: missing key 'name'"),
        ("count: 8", "count: many", "x.yaml:4:10: 'prompts.count' must be a whole number, not the text 'many'"),
        ("pre: {length: 64}", "pre: {length: 0}", (
            "x.yaml:6:19: 'prompts.variables.pre.length' must be at least 1, not 0"
        )),
    ],
)  # fmt: skip
def test_mistakes_in_the_file(errors: Callable[..., str], old: str, new: str, expected: str) -> None:
    assert errors(OWN.replace(old, new)) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("at_least: 2}", "at_leats: 2}", (
            "_base.yaml:21:18: unknown key 'at_leats' in 'checks[0].logit_diff'; valid keys: against, at_least, "
            "at_most, models; did you mean 'at_least'?"
        )),
        ("noun.one", "noun.on", "_base.yaml:16:13: 'noun' has no field 'on'; fields: one, many; did you mean 'one'?"),
        ('  answer: "{{ B }}"\n', "", "x.yaml:3:1: missing key 'answer' in 'prompts'"),
        ("name: induction", "name: induction\nextends: x.yaml", (
            "_base.yaml:2:10: a file cannot extend itself: 'x.yaml' extends '_base.yaml', which extends 'x.yaml'"
        )),
        ("name: induction", "name: [", (
            "_base.yaml:3:1: not valid YAML: expected ',' or ']', but got '<scalar>' (while parsing a flow sequence)"
        )),
    ],
)  # fmt: skip
def test_mistakes_in_the_base(errors: Callable[..., str], valid: str, old: str, new: str, expected: str) -> None:
    assert errors(OWN, valid.replace(old, new, 1)) == expected


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("- a\n", ("_base.yaml:1:1: the file must contain a mapping such as 'name: induction', not a list")),
        ("# nothing\n", ("_base.yaml:1:1: the file is empty; it must contain a mapping such as 'name: induction'")),
    ],
)
def test_a_base_that_is_no_mapping(errors: Callable[..., str], base: str, expected: str) -> None:
    assert errors(OWN, base) == expected
