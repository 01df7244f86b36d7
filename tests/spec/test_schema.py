"""The JSON Schema is current, is a schema, and agrees with the loader on the plain cases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
import yaml

from mi_checks.spec.load_file import LoadedBehaviour
from mi_checks.spec.problems import SpecError
from mi_checks.spec.schema import SCHEMA_FILE, json_schema, schema_text


@pytest.fixture
def validator() -> jsonschema.Draft7Validator:
    jsonschema.Draft7Validator.check_schema(json_schema())
    return jsonschema.Draft7Validator(json_schema())


def test_the_file_is_current() -> None:
    assert SCHEMA_FILE.read_text("utf-8") == schema_text(), "run: python -m mi_checks.spec.schema"


def test_nothing_newer_than_draft_7() -> None:
    assert json_schema()["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert not any(word in schema_text() for word in ("$defs", "prefixItems", '"null"', "unevaluated", "\\u0000"))


def test_accepts_a_valid_file(validator: jsonschema.Draft7Validator, valid: str) -> None:
    assert list(validator.iter_errors(yaml.safe_load(valid))) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  template:", "  tempalte:"),
        ("count: 64", "count: many"),
        ("- logit_diff: {at_least: 2}", "- logit_dif: {at_least: 2}"),
        ("- logit_diff: {at_least: 2}", "- logit_diff: {}"),
        ("- logit_diff: {at_least: 2}", "- {}"),
        ("{pool: first_names}", "{pool: first_names, tokens: random}"),
        ("    verb:", "    my-verb:"),
        ("recovers: {at_least: 0.5}}", "recovers: {at_least: 0.5}, removes: {at_least: 0.5}}"),
        ("with: mean", "with_: mean"),
        (", exactly: induction", ""),
        ("at: A2", "at:"),
        ("nano-attn-1l: absent", "nano-attn-1l: abscent"),
        ("nano-attn-1l: absent", "nano-attn-1l:"),
        ("{nodes: {induction: L1H1}}", "{node: {induction: L1H1}}"),
    ],
)
def test_refuses_a_wrong_one(validator: jsonschema.Draft7Validator, valid: str, old: str, new: str) -> None:
    data: Any = yaml.safe_load(valid.replace(old, new))
    assert valid.count(old) == 1
    assert not validator.is_valid(data)


NEW = [
    "cases: {far: {summary: s, variables: {pre: {length: 9}, x: {pool: words}}, bounds: {logit_diff: {at_most: 1}}}}\n",
    "cases: {far: {models: {nano-attn-2l: absent}}, near: {}}\n",
]


@pytest.mark.parametrize("more", NEW)
def test_accepts_cases(validator: jsonschema.Draft7Validator, valid: str, more: str) -> None:
    assert list(validator.iter_errors(yaml.safe_load(valid + more))) == []


@pytest.mark.parametrize(
    "more",
    [
        "cases: {}",
        "cases: [a]",
        "cases: {far: {template: x}}",
        "cases: {far: {bounds: {logit_diff: {}}}}",
        "cases: {a-b: {}}",
        "cases: {far: {variables: {pre: {lenght: 9}}}}",
        "cases: {far: {models: {m: {node: {}}}}}",
    ],
)
def test_refuses_wrong_cases(validator: jsonschema.Draft7Validator, valid: str, more: str) -> None:
    assert not validator.is_valid(yaml.safe_load(valid + more))


def test_only_what_extends_may_leave_things_out(validator: jsonschema.Draft7Validator) -> None:
    text = "{name: far, prompts: {count: 9, variables: {pre: {length: 64}, x: {pool: words}}}}"
    assert not validator.is_valid(yaml.safe_load(text))
    data = {**yaml.safe_load(text), "extends": "_base.yaml"}
    assert list(validator.iter_errors(data)) == []
    assert not validator.is_valid({**data, "prompts": {"cuont": 9}})
    assert not validator.is_valid({**data, "prompts": {"variables": {"pre": {"lenght": 9}}}})
    del data["name"]
    assert not validator.is_valid(data)


def test_accepts_a_data_file(validator: jsonschema.Draft7Validator, valid: str) -> None:
    assert validator.is_valid(yaml.safe_load(valid.replace("{pool: first_names}", "{file: names.csv}")))
    assert not validator.is_valid(yaml.safe_load(valid.replace("{pool: first_names}", "{file: names.csv, pool: x}")))


def test_accepts_paths_and_circuits(validator: jsonschema.Draft7Validator, connected: str) -> None:
    assert list(validator.iter_errors(yaml.safe_load(connected))) == []


SOME = "{at_least: 0.5}"
CONNECTIONS = [
    (f"path: {{from: L0H0, to: L1H1, via: k, recovers: {SOME}}}", True),
    (f"path: {{from: L0H0, to: L1.mlp, through: [{{nodes: [L0.mlp]}}], removes: {SOME}}}", True),
    (f"path: {{from: L0H0, to: logits, recovers: {SOME}}}", True),
    (f"path: {{from: L0H0, to: logits, via: k, recovers: {SOME}}}", False),
    (f"path: {{from: L0H0, to: L1H1, via: k, recovers: {SOME}, removes: {SOME}}}", False),
    ("path: {from: L0H0, to: L1H1, via: k}", False),
    (f"path: {{from: L0H0, via: k, recovers: {SOME}}}", False),
    (f"path: {{from_: L0H0, to: L1H1, via: k, recovers: {SOME}}}", False),
    (f"path: {{from: L0H0, to: L1H1, via: x, recovers: {SOME}}}", False),
    (f"path: {{from: L0H0, to: L1H1, via: k, through: [], recovers: {SOME}}}", False),
    (f"path: {{from: L0H0, to: L1H1, via: k, through: [{{via: k}}], recovers: {SOME}}}", False),
    (f"path: {{from: L0H0, to: L1H1, via: k, through: [L0H3], recovers: {SOME}}}", False),
    (f"composes: {{from: L0H0, to: L1H1, via: k, times_random: {SOME}}}", True),
    (f"composes: {{from: L0H0, to: L1H1, via: k, at: l, writes: {SOME}}}", True),
    (f"composes: {{from: L0H0, to: L1H1, times_random: {SOME}}}", False),
    (f"composes: {{from: L0H0, to: L1H1, via: k, at: l, times_random: {SOME}}}", False),
    (f"composes: {{from: L0H0, to: L1H1, via: k, writes: {SOME}}}", False),
    (f"composes: {{from: L0H0, to: L1H1, via: k, at: l, writes: {SOME}, times_random: {SOME}}}", False),
    ("composes: {from: L0H0, to: L1H1, via: k, at: l}", False),
    ("direct_logit_attribution: {nodes: L0H0, at_least: 0.5}", True),
    ("direct_logit_attribution: {nodes: L0H0}", False),
    (f"direct_logit_attribution: {{nodes: L0H0, removes: {SOME}}}", False),
    (f"circuit: {{nodes: L0H0, faithfulness: {SOME}, minimal: true, with: zero}}", True),
    (f"circuit: {{nodes: L0H0, minimal: {SOME}, among: heads_and_mlps}}", True),
    (f"circuit: {{edges: [L0H0->L1H1.k, L0H0 -> logits], faithfulness: {SOME}, minimal: true}}", True),
    ("circuit: {nodes: L0H0}", False),
    ("circuit: {nodes: L0H0, minimal: false}", False),
    ("circuit: {nodes: L0H0, minimal: 1}", False),
    ("circuit: {nodes: L0H0, minimal: {}}", False),
    ("circuit: {minimal: true}", False),
    ("circuit: {nodes: L0H0, edges: [L0H0 -> logits], minimal: true}", False),
    ("circuit: {edges: [], minimal: true}", False),
    ("circuit: {edges: L0H0 -> logits, minimal: true}", False),
    ("circuit: {edges: [L0H0 - logits], minimal: true}", False),
    ("circuit: {edges: [L0H0 -> L1H1.k -> logits], minimal: true}", False),
    ("circuit: {edges: [' -> logits'], minimal: true}", False),
    (f"circuit: {{edges: [L0H0 -> logits], minimal: true, sufficient: {SOME}}}", False),
    (f"circuit: {{nodes: L0H0, faithfulness: {SOME}, among: mlps}}", False),
    (f"curve: {{cpr: {SOME}}}", True),
    (f"curve: {{cpr: {SOME}, cmd: {SOME}, with: resample, among: heads_and_mlps}}", True),
    ("curve: {with: zero}", False),
    ("curve: {cpr: 0.5}", False),
]


@pytest.mark.parametrize(("check", "right"), CONNECTIONS)
def test_agrees_with_the_loader(
    validator: jsonschema.Draft7Validator,
    load: Callable[[str], LoadedBehaviour],
    connected: str,
    check: str,
    right: bool,
) -> None:
    prompts, roles, _ = connected.partition("roles:\n")
    assert roles
    text = f"{prompts}checks:\n  - {check.replace('at: l', 'at: A1')}\nmodels: {{m: {{}}}}\n"
    assert validator.is_valid(yaml.safe_load(text)) == right
    if right:
        assert load(text).behaviour.checks_for("m")
    else:
        with pytest.raises(SpecError):
            load(text)
