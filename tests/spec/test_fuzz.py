"""Whatever stands in a behaviour file, it is loaded or refused in words: no other exception, no empty message."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mi_checks.spec.inheritance import case_source
from mi_checks.spec.load_file import LoadedBehaviour, validate_source
from mi_checks.spec.model_validation import check_shapes
from mi_checks.spec.node_names import ModelShape
from mi_checks.spec.problems import SpecError, SpecProblem
from mi_checks.spec.yaml_source import parse_yaml

ODD: list[object] = [
    *(None, True, 0, -1, 1.5, 10**40, float("inf"), float("nan")),
    *("", "x", "absent", "L1H3", "L9H9@A", "A", "B", "\0plain", "[key]", "a" * 100),
    *("logits", "L1.mlp", "L0.attn", "L1H0.k", "k", "heads_and_mlps", "L1H3 -> L0H1.q", "s -> logits.k", "a -> b -> c"),
    *("all heads", "layer 0 heads", "layer 7 mlps", "all heads except s, all heads and r", "all heads except ", "r"),
    *("{{", "{{ A }}", "{{ A.b.c }}", "{% for a in b %}{% endfor %}", "{{ A | at }}", "{{ A | at(1, *[2]) }}"),
    *("{{ " + "(" * 400 + "A" + ")" * 400 + " }}", "{{ " + "1" * 5000 + " }}"),
]
SHAPES = {"m": ModelShape(n_layers=2, n_heads=4, d_mlp=3)}
odd = st.recursive(
    st.sampled_from(ODD),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "tokens",
                    "values",
                    "at_least",
                    "nodes",
                    "via",
                    "logit_diff",
                    "circuit",
                    "\0one",
                    "[key]",
                    "A",
                    "x.y",
                    "",
                ]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=4,
)


def places(data: Any) -> list[tuple[Any, Any]]:
    """Every container of the tree with every key or index in it."""
    if not isinstance(data, dict | list):
        return []
    keys: list[Any] = list(data) if isinstance(data, dict) else list(range(len(data)))
    return [(data, key) for key in keys] + [place for key in keys for place in places(data[key])]


@settings(max_examples=200, deadline=None)
@given(draw=st.data())
def test_one_odd_value_anywhere(draw: st.DataObject) -> None:
    data = copy.deepcopy(draw.draw(st.sampled_from([_valid(), _quoted(), _connected()])))
    for _ in range(draw.draw(st.integers(1, 2))):
        container, key = draw.draw(st.sampled_from(places(data)))
        if isinstance(container, dict) and draw.draw(st.booleans()):
            container[draw.draw(st.sampled_from(["\0x", "[key]", "tokens", "extra", "", "L1H3", "a.b"]))] = (
                container.pop(key)
            )
        else:
            container[key] = draw.draw(odd)
    text = yaml.safe_dump(data, sort_keys=False)
    problems: tuple[SpecProblem, ...] = ()
    try:
        source = parse_yaml(text, "x")
        behaviour = validate_source(source)
        problems = check_shapes(LoadedBehaviour(behaviour, Path("x"), text, source), SHAPES)
        for case, said in (behaviour.cases or {}).items():
            validate_source(case_source(source, case), case, said.bounds)
    except SpecError as error:
        problems = error.problems or (SpecProblem("x", 0, 0, ""),)
    assert all(problem.message and 1 <= problem.line <= text.count("\n") + 1 for problem in problems)


def _valid() -> Any:
    return {
        "name": "x",
        "summary": "s",
        "prompts": {
            "count": 4,
            "variables": {
                "A": {"tokens": "random", "differs_from": []},
                "B": {"values": [{"f": "1"}, {"f": "2"}], "differs_from": ["A"]},
                "C": {"pool": "words", "where": ["alphabetic"], "differs_from": "A"},
            },
            "template": "{{ A | at('l') }}{{ B.f }}{{ C }}",
            "corrupt": {"A": "C"},
            "answer": "{{ A }}",
            "foils": ["{{ C }}"],
        },
        "checks": [
            {"logit_diff": {"at_least": 1}},
            {"patching": {"nodes": ["s", "L0H1"], "at": "l", "recovers": {"at_least": 0.5}}},
            {"attention": {"nodes": "s", "from": "END", "to": "l", "at_most": 0.9, "models": ["m"]}},
            {"mediators": {"component": "head", "above": 0.1, "include": "s", "layers": [0]}},
        ],
        "models": {"m": {"nodes": {"s": ["L1H3"]}, "logit_diff": {"at_least": 0.5}}, "n": "absent"},
        "cases": {
            "c": {"variables": {"A": {"length": 2}, "D": {"pool": "words"}}, "bounds": {"logit_diff": {"at_most": 1}}},
            "d": {"summary": "t", "models": {"n": "absent"}},
        },
    }


def _quoted() -> Any:
    quotes = ["[[a|b]] [[l: c]]", {"text": "[[l: a|b]][[c|d]]", "answer": "x", "foils": ["y"]}]
    prompts = {"count": 2, "quotes": quotes, "answer": "x", "foils": ["y"]}
    cases = {"c": {"bounds": {"logit_diff": {"at_most": 1}}}}
    return {**_valid(), "prompts": prompts, "cases": cases}


def _connected() -> Any:
    some = {"at_least": 0.5}
    checks = [
        {
            "path": {
                "from": "s",
                "to": "logits",
                "through": [{"nodes": "L1H0", "via": "k"}],
                "at": "l",
                "recovers": some,
            }
        },
        {"path": {"from": ["L0.attn"], "to": ["r", "L1H2"], "via": "q", "removes": some}},
        {"composes": {"from": "layer 0 heads", "to": "L1H0", "via": "v", "at": "END", "writes": some}},
        {"direct_logit_attribution": {"nodes": ["r", "L1H2"], "at_least": 0.5}},
        {"circuit": {"nodes": ["s", "layer 1 heads"], "with": "zero", "faithfulness": some, "minimal": True}},
        {"circuit": {"edges": ["s -> L1H0.k", "r -> logits"], "among": "heads_and_mlps", "minimal": some}},
        {"curve": {"cpr": some, "cmd": {"at_most": 0.5}}},
        {"ablation": {"nodes": "all heads except s and r", "removes": some}},
    ]
    bounds = {"circuit[s+layer_1_heads,minimal,zero]": some}
    models = {"m": {"nodes": {"s": ["L0H3"]}, "count": 8, **bounds}}
    roles = {"r": {"component": "head", "score": "copying", "at_least": 0.5, "most": 2}}
    cases = {"c": {"bounds": {"curve[heads,cmd]": {"at_most": 0.4}}}}
    return {**_valid(), "roles": roles, "checks": checks, "models": models, "cases": cases}


def test_the_tree_to_break_is_valid() -> None:
    for data in (_valid(), _quoted(), _connected()):
        source = parse_yaml(yaml.safe_dump(data, sort_keys=False), "x")
        assert validate_source(source).name == "x"
        behaviour = validate_source(case_source(source, "c"), "c")
        assert behaviour.name == "x[c]"
        assert check_shapes(LoadedBehaviour(behaviour, Path("x"), "", source), SHAPES) == ()
