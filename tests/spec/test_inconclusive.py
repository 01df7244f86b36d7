"""Checks that a model's entry declares inconclusive, and absences that are."""

from __future__ import annotations

from collections.abc import Callable

import jsonschema
import pytest
import yaml

from mi_checks.models.models_of_behaviour import with_canonical_models
from mi_checks.spec.behaviour_checks import AbsentCheck
from mi_checks.spec.load_file import LoadedBehaviour, claimed_checks, load_behaviour, load_behaviours
from mi_checks.spec.rename_models import rename_models
from mi_checks.spec.schema import json_schema

GELU = "{nodes: {induction: L1H1}}"
ATTN_1L = "nano-attn-1l: absent"
IDS = (
    "logit_diff, accuracy[vocabulary], patching[induction@A2], patching[L1H3+L0.attn,noising], "
    "ablation[induction,mean], attention[induction,A2->B1], mediators[head]"
)


def declaring(ids: str) -> str:
    return f"{{nodes: {{induction: L1H1}}, inconclusive: {ids}}}"


def places(loaded: LoadedBehaviour, model: str) -> dict[str, int]:
    """Return the line of each declaration about a model, by check id."""
    checks = [AbsentCheck()] if loaded.behaviour.is_absent(model) else [c for c, _ in claimed_checks(loaded, model)]
    found = {check.id: loaded.behaviour.inconclusive_place(check, model) for check in checks}
    return {name: loaded.line_of(place) for name, place in found.items() if place is not None}


def test_no_check_is_inconclusive_unless_the_entry_says_so(load: Callable[[str], LoadedBehaviour], valid: str) -> None:
    loaded = load(valid)
    assert [places(loaded, model) for model in loaded.behaviour.models] == [{}, {}, {}]


def test_declarations_have_places(load: Callable[[str], LoadedBehaviour], valid: str) -> None:
    ids = '\n      - mediators[head]\n      - "patching[induction@A2]"\n  '
    entry = "\n    nodes: {induction: L1H1}\n    inconclusive:" + ids.rstrip(" ")
    text = valid.replace(f"nano-gelu-2l: {GELU}", f"nano-gelu-2l:{entry.rstrip()}")
    loaded = load(text.replace(ATTN_1L, "nano-attn-1l: {absent: inconclusive}"))
    assert places(loaded, "nano-gelu-2l") == {"mediators[head]": 33, "patching[induction@A2]": 34}
    assert places(loaded, "nano-attn-1l") == {"absent": 35}
    assert places(loaded, "nano-attn-2l") == {}
    renamed = rename_models(loaded, {"nano-gelu-2l": "other", "nano-attn-1l": "another"})
    assert places(renamed, "other") == {"mediators[head]": 33, "patching[induction@A2]": 34}
    assert places(renamed, "another") == {"absent": 35}
    assert with_canonical_models(loaded).behaviour.is_absent("nano-attn-1l")


def test_an_inconclusive_absence_is_an_absence(load: Callable[[str], LoadedBehaviour], valid: str) -> None:
    behaviour = load(valid.replace(ATTN_1L, "nano-attn-1l: {absent: inconclusive}")).behaviour
    assert behaviour.is_absent("nano-attn-1l")
    assert not behaviour.is_absent("nano-attn-2l")
    assert not behaviour.is_absent("nano-gelu-4l")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            GELU,
            declaring("[logit_dif]"),
            f"x:30:59: unknown check id 'logit_dif'; ids: {IDS}; did you mean 'logit_diff'?",
        ),
        (GELU, declaring("[logit_diff, logit_diff]"), "x:30:71: 'logit_diff' is listed twice"),
        (
            GELU,
            declaring('[logit_diff], checks: ["accuracy[vocabulary]"]'),
            "x:30:26: no check of 'nano-gelu-2l' uses the node set 'induction'; name it in a check or remove it\n"
            "x:30:59: the check 'logit_diff' does not run on 'nano-gelu-2l', so it cannot be inconclusive; remove "
            "it here",
        ),
        (GELU, declaring("logit_diff"), (
            "x:30:58: 'models.nano-gelu-2l.inconclusive' must be a list, not the text 'logit_diff'; put [ ] around it"
        )),
        (
            ATTN_1L,
            "nano-attn-1l: {absent: true}",
            "x:31:26: 'models.nano-attn-1l.absent' must be 'inconclusive', not true",
        ),
        (
            ATTN_1L,
            "nano-attn-1l: {absent: inconclusive, count: 8}",
            "x:31:40: unknown key 'count' in 'models.nano-attn-1l'; valid keys: absent",
        ),
        (
            ATTN_1L,
            "nano-attn-1l: {count: many}",
            "x:31:25: 'models.nano-attn-1l.count' must be a whole number, not the text 'many'",
        ),
        (
            ATTN_1L,
            "nano-attn-1l: {inconclusve: [logit_diff]}",
            "x:31:18: unknown key 'inconclusve' in 'models.nano-attn-1l'; valid keys: nodes, checks, count, "
            "inconclusive, and the ids of checks; did you mean 'inconclusive'?",
        ),
    ],
)  # fmt: skip
def test_mistakes(broken: Callable[[str, str], str], old: str, new: str, expected: str) -> None:
    assert broken(old, new) == expected


def test_a_role_is_never_inconclusive(errors: Callable[[str], str], connected: str) -> None:
    text = connected.replace("  nano-gelu-2l: {", '  nano-gelu-2l: {inconclusive: ["role[mover]"], ', 1)
    assert "the check 'role[mover]' of a role is never inconclusive; remove it here" in errors(text)


def test_children_inherit_declarations(tmp_path, valid: str) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "_parent.yaml").write_text(valid.replace(GELU, declaring("[logit_diff]")), encoding="utf-8")
    child = tmp_path / "child.yaml"
    child.write_text("name: child\nextends: _parent.yaml\nmodels: {nano-attn-1l: {absent: inconclusive}}\n", "utf-8")
    loaded = load_behaviour(child, tmp_path)
    assert places(loaded, "nano-gelu-2l") == {"logit_diff": 30}
    assert loaded.place_of(("models", "nano-gelu-2l", "inconclusive", 0)).file == "_parent.yaml"
    assert places(loaded, "nano-attn-1l") == {"absent": 3}
    child.write_text(f"name: child\nextends: _parent.yaml\nmodels: {{nano-gelu-2l: {GELU}}}\n", "utf-8")
    assert places(load_behaviour(child, tmp_path), "nano-gelu-2l") == {}


def test_a_case_may_declare_its_own(tmp_path, valid: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "induction.yaml"
    cases = f"cases:\n  near: {{}}\n  far:\n    models:\n      nano-gelu-2l: {declaring('[logit_diff]')}\n"
    path.write_text(valid + cases, encoding="utf-8")
    near, far = load_behaviours(path, tmp_path)
    assert places(near, "nano-gelu-2l") == {}
    assert places(far, "nano-gelu-2l") == {"logit_diff": 36}


def test_the_schema_agrees(valid: str) -> None:
    validator = jsonschema.Draft7Validator(json_schema())
    good = valid.replace(GELU, declaring("[logit_diff]")).replace(ATTN_1L, "nano-attn-1l: {absent: inconclusive}")
    assert validator.is_valid(yaml.safe_load(good))
    assert not validator.is_valid(yaml.safe_load(valid.replace(ATTN_1L, "nano-attn-1l: {absent: true}")))
    assert not validator.is_valid(yaml.safe_load(valid.replace(GELU, declaring("[1]"))))
