"""Case 8: whatever a file holds, loading it beside the behaviours that ship succeeds or says where what is wrong."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mi_checks.spec.problems import SpecError, SpecProblem
from mi_checks.suite.selection import checks_on, load_file
from tests.spec.conftest import CONNECTED, VALID

BEHAVIOURS = Path(__file__).parents[2] / "behaviours"
EXTENDING = """\
name: extending
summary: s
extends: base.yaml
cases:
  a: {bounds: {logit_diff: {at_least: 1}}, variables: {pre: {length: 3}}}
  b: {models: {nano-attn-1l: absent}, summary: t}
"""
LEAVES: list[Any] = [
    *(None, True, False, 0, -1, 1.5, 10**40, 10**400, float("nan"), float("inf"), "", "x", "absent", "{{ A }}", "{{"),
    *([], [None], ["x"], [[]], {}, {"x": None}, {"a": 1}, {"at_least": 1}, [1]),
]
KEYS = ["x", "", "tokens", "quotes", "cases", "extends", "at_least", "nodes", "role[x]", "logit_diff", "[key]", "\0one"]
MODELS = [
    *("hf:a/b", "a/b", "gguf:x", "nano-attn-2l@9999", "nano-attn-2l=x", "nano-attn-2l@*", "@", "=", "hf:", "a/" * 300),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The behaviours that ship, with what they extend and read."""
    to = tmp_path_factory.mktemp("behaviours")
    for file in BEHAVIOURS.iterdir():
        if file.is_file():
            shutil.copy(file, to)
    return to


def shipped() -> list[Any]:
    files = sorted(file for file in BEHAVIOURS.glob("*.yaml") if file.name != "roles.lock.yaml")
    return [yaml.safe_load(text) for text in (*(file.read_text("utf-8") for file in files), VALID, CONNECTED)]


SHIPPED = shipped()


def places(data: Any) -> list[tuple[Any, Any]]:
    """Every container of the tree with every key or index in it."""
    if not isinstance(data, dict | list):
        return []
    keys: list[Any] = list(data) if isinstance(data, dict) else list(range(len(data)))
    return [(data, key) for key in keys] + [place for key in keys for place in places(data[key])]


@st.composite
def broken(draw: st.DrawFn) -> Any:
    """A behaviour in which nodes are replaced, removed, renamed, or put where another one stands."""
    data = copy.deepcopy(draw(st.sampled_from(SHIPPED)))
    for _ in range(draw(st.integers(1, 2))):
        found = places(data)
        if not found:
            break
        container, key = draw(st.sampled_from(found))
        match draw(st.sampled_from(["replace", "replace", "remove", "rename", "move"])):
            case "replace":
                container[key] = copy.deepcopy(draw(st.sampled_from(LEAVES)))
            case "remove":
                del container[key]
            case "rename" if isinstance(container, dict):
                container[draw(st.sampled_from([*KEYS, *MODELS]))] = container.pop(key)
            case _:
                other, name = draw(st.sampled_from(found))
                container[key] = copy.deepcopy(other[name])
    return data


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=broken(), as_base=st.booleans())
def test_case_08_any_node_may_be_anything(folder: Path, data: Any, as_base: bool) -> None:
    text = yaml.safe_dump(data, sort_keys=False)
    (folder / "base.yaml").write_text(text, encoding="utf-8")
    problems = problems_of(folder, EXTENDING if as_base else text)
    sizes = {"zz.yaml": (EXTENDING if as_base else text).count("\n") + 1, "base.yaml": text.count("\n") + 1}
    assert all(problem.line <= sizes.get(problem.path, problem.line) for problem in problems)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1), cut=st.integers(0, 40), put=st.text("{}[]:,-#&*!|>'\"%@`\n\t ?~0.\0\x85aé", max_size=4))
def test_case_08_any_text_may_be_anything(folder: Path, place: float, cut: int, put: str) -> None:
    text = (BEHAVIOURS / "induction.yaml").read_text("utf-8")
    at = round(place * len(text))
    problems_of(folder, text[:at] + put + text[at + cut :])


def problems_of(folder: Path, text: str) -> tuple[SpecProblem, ...]:
    """What a file is told, if it cannot be loaded; a SpecError, with places, and never another exception."""
    (folder / "zz.yaml").write_text(text, encoding="utf-8")
    problems: tuple[SpecProblem, ...] = ()
    try:
        for loaded in load_file(folder / "zz.yaml", folder):
            for model in loaded.behaviour.models:
                checks_on(loaded, model)
    except SpecError as error:
        problems = error.problems or (SpecProblem("", 0, 0, ""),)
    assert all(problem.message and problem.line >= 1 and problem.column >= 1 for problem in problems)
    return problems
