"""A table of cases: what each is, and every mistake in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mi_checks.errors import MiChecksError
from mi_checks.spec.check import Bound
from mi_checks.spec.load_file import LoadedBehaviour, load_behaviour, load_behaviours
from mi_checks.spec.variables import FromPool, RandomTokens

CASES = """\
cases:
  near:
    variables: {pre: {length: 2}}
  far:
    summary: "A B ... A -> B from afar"
    variables: {pre: {tokens: random, length: 64}, extra: {pool: words}}
    bounds:
      logit_diff: {at_least: 0.5}
      "patching[induction@A2]": {at_most: 0.9}
      "ablation[induction,mean]": {at_least: 0.2}
      "attention[induction,A2->B1]": {at_least: 0.1}
    models: {nano-gelu-2l: absent}
"""
Load = Callable[[str], tuple[LoadedBehaviour, ...]]


@pytest.fixture
def load_all(tmp_path: Path) -> Load:
    def load(text: str) -> tuple[LoadedBehaviour, ...]:
        path = tmp_path / "behaviours" / "x.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return load_behaviours(path, tmp_path)

    return load


@pytest.fixture
def with_cases(errors: Callable[[str], str], valid: str) -> Callable[[str, str], str]:
    """The error text of the valid file with `CASES`, after one replacement in it."""

    def with_cases(old: str, new: str) -> str:
        text = valid + CASES
        assert text.count(old) == 1
        return errors(text.replace(old, new))

    return with_cases


def test_each_case_is_a_behaviour(load_all: Load, valid: str) -> None:
    near, far = load_all(valid + CASES)
    assert [loaded.case for loaded in (near, far)] == ["near", "far"]
    assert [loaded.behaviour.name for loaded in (near, far)] == ["induction[near]", "induction[far]"]
    assert near.key != far.key
    assert near.behaviour.summary == "A B ... A -> B on random tokens"
    assert far.behaviour.summary == "A B ... A -> B from afar"


def test_a_variable_without_a_source_changes_only_its_keys(load_all: Load, valid: str) -> None:
    near, far = (loaded.behaviour.prompts.variables for loaded in load_all(valid + CASES))
    assert near["pre"] == RandomTokens(tokens="random", length=2, distinct=True)
    assert far["pre"] == RandomTokens(tokens="random", length=64)
    assert far["extra"] == FromPool(pool="words")
    assert list(far) == [*near, "extra"]


def test_bounds_and_models_of_a_case(load_all: Load, valid: str) -> None:
    near, far = (loaded.behaviour for loaded in load_all(valid + CASES))
    assert [entry.check.bound for entry in near.checks][:3] == [
        Bound(at_least=2),
        Bound(at_least=0.9),
        Bound(at_least=0.5),
    ]
    assert [entry.check.bound for entry in far.checks] == [
        Bound(at_least=0.5),
        Bound(at_least=0.9),
        Bound(at_most=0.9),
        Bound(at_least=0.5, at_most=1.5),
        Bound(at_least=0.2),
        Bound(at_least=0.1),
        None,
    ]
    assert [entry.check.id for entry in far.checks] == [entry.check.id for entry in near.checks]
    assert far.models["nano-gelu-2l"] == "absent"
    assert far.models["nano-attn-2l"] == near.models["nano-attn-2l"]


def test_without_cases_nothing_changes(load_all: Load, valid: str) -> None:
    (only,) = load_all(valid)
    assert (only.case, only.behaviour.name) == ("", "induction")


def test_one_case_is_loaded_by_its_name(load_all: Load, valid: str) -> None:
    path = load_all(valid + CASES)[0].path
    assert load_behaviour(path, case="far").behaviour.name == "induction[far]"
    for case, expected in (
        (None, "x.yaml: the file has several cases; choose one, as in case='near'; cases: near, far"),
        ("fra", "x.yaml: there is no case 'fra'; cases: near, far; did you mean 'far'?"),
    ):
        with pytest.raises(MiChecksError) as caught:
            load_behaviour(path, path.parent, case)
        assert str(caught.value) == expected
    load_all(valid)
    with pytest.raises(MiChecksError, match="there is no case 'far': the file has no 'cases'"):
        load_behaviour(path, case="far")


def test_a_mistake_in_the_file_is_told_once(errors: Callable[[str], str], valid: str) -> None:
    assert errors(valid.replace("noun.one", "noun.on") + CASES) == (
        "x:16:13: 'noun' has no field 'on'; fields: one, many; did you mean 'one'?"
    )


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "variables: {pre: {length: 2}}",
            "varaibles: {pre: {length: 2}}",
            (
                "x:34:5: unknown key 'varaibles' in 'cases.near'; valid keys: bounds, models, summary, variables; "
                "did you mean 'variables'?"
            ),
        ),
        (
            "variables: {pre: {length: 2}}",
            "",
            "x:33:8: 'cases.near' has no value; add one or remove the key",
        ),
        (
            "variables: {pre: {length: 2}}",
            "variables: [pre]",
            "x:34:16: 'cases.near.variables' must be a mapping, not a list",
        ),
        ("  near:", "  near-by:", (
            "x:33:3: 'near-by' is not a valid name; use letters, digits and '_', starting with a letter or '_'"
        )),
        ("pre: {length: 2}", "pre: 2", (
            "x:34:22: 'prompts.variables.pre' must be a mapping with one of the keys tokens, pool, values, file, "
            "same_as, not 2"
        )),
        ("length: 2}", "length: 0}", "x:34:31: 'prompts.variables.pre.length' must be at least 1, not 0"),
        ("length: 2}", "lenght: 2}", (
            "x:34:23: unknown key 'lenght' in 'prompts.variables.pre'; valid keys: differs_from, distinct, length, "
            "tokens, where; did you mean 'length'?"
        )),
        ("{pre: {length: 2}}", "{per: {length: 2}}", (
            "x:34:22: 'prompts.variables.per' needs one of the keys tokens, pool, values, file, "
            "same_as, but has length"
        )),
        ("{pool: words}", "{pool: wrods}", (
            "x:37:66: unknown pool 'wrods'; pools: adjectives, first_names, identifiers, modules, words; "
            "did you mean 'words'?"
        )),
        ("logit_diff: {at_least: 0.5}", "logit_dif: {at_least: 0.5}", (
            "x:39:7: unknown check 'logit_dif' in 'cases.far.bounds'; valid ids: logit_diff, accuracy[vocabulary], "
            "patching[induction@A2], patching[L1H3+L0.attn,noising], ablation[induction,mean], "
            "attention[induction,A2->B1]; did you mean 'logit_diff'?"
        )),
        ("logit_diff: {at_least: 0.5}", "logit_diff: {at_leats: 0.5}", (
            "x:39:20: unknown key 'at_leats' in 'cases.far.bounds.logit_diff'; valid keys: at_least, at_most; did you "
            "mean 'at_least'?"
        )),
        ("logit_diff: {at_least: 0.5}", "'mediators[head]': {at_least: 0.5}", (
            "x:39:7: the check 'mediators[head]' has no bound that a case could override"
        )),
        ("{nano-gelu-2l: absent}", "{nano-gelu-2l: abesnt}", (
            "x:43:28: 'models.nano-gelu-2l' must be 'absent' or a mapping, not the text 'abesnt'; did you mean "
            "'absent'?"
        )),
        ("{nano-gelu-2l: absent}", "{nano-gelu-2l: {nodes: {induction: L1X1}}}", (
            "x:43:48: unknown node 'L1X1'; nodes are written L1H6 (head), L1H6.q (its queries; k, v, "
            "pattern likewise), L0N12 (neuron), L1.attn, L1.mlp, "
            "L1.resid_pre, L1.resid_mid, L1.resid_post"
        )),
    ],
)  # fmt: skip
def test_error_text(with_cases: Callable[[str, str], str], old: str, new: str, expected: str) -> None:
    assert with_cases(old, new) == expected


@pytest.mark.parametrize(
    ("cases", "expected"),
    [
        ("cases: {}", "x:32:8: 'cases' must not be empty"),
        ("cases:", "x:32:7: 'cases' has no value; add one or remove the key"),
        ("cases: [{name: near}]", "x:32:8: 'cases' must be a mapping, not a list"),
        ("cases: {4: {}}", ("x:32:9: the key '4' must be text, but YAML reads it as a number; put quotes around it")),
    ],
)
def test_a_table_that_is_none(errors: Callable[[str], str], valid: str, cases: str, expected: str) -> None:
    assert errors(valid + cases + "\n") == expected
