"""A run crosses process boundaries and is kept as plain JSON, without losing anything."""

import json
from dataclasses import asdict, replace
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mi_checks.results.claim import Claim
from mi_checks.results.evidence import (
    Activation,
    Architecture,
    Circuit,
    CircuitEdge,
    CircuitNode,
    Curve,
    CurvePoint,
    Effect,
    Evidence,
    Example,
    HeadCard,
    Heatmap,
    NeuronCard,
    Prediction,
    Preference,
    Promotion,
    TokenView,
)
from mi_checks.results.read_run import record_from_data
from mi_checks.results.run import SCHEMA_VERSION, CheckResult, FileLine, Mutant, MutantsResult, Run
from mi_checks.stats.estimate import Estimate

numbers = st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(max_size=12)
estimates = st.builds(Estimate, numbers, numbers, numbers, st.integers(1, 999), texts, texts)
claims = st.builds(
    Claim,
    threshold=st.none() | numbers,
    at_least=st.none() | numbers,
    at_most=st.none() | numbers,
    denied=st.lists(st.builds(Claim, at_least=numbers, at_most=st.none(), threshold=st.none()), max_size=2).map(tuple),
)
results = st.builds(
    CheckResult,
    claim=st.none() | claims,
    outcome=st.sampled_from(["pass", "fail", "inconclusive", "error"]),
    estimate=st.none() | estimates,
    at_least=st.none() | numbers,
    at_most=st.none() | numbers,
    per_prompt=st.lists(numbers, max_size=4).map(tuple),
    seconds=numbers,
)
tokens = st.lists(st.builds(TokenView, texts, texts, st.booleans()), max_size=3).map(tuple)
predictions = st.lists(st.builds(Prediction, texts, numbers), max_size=3).map(tuple)
names = st.lists(texts, max_size=3).map(tuple)
rows = st.lists(st.lists(st.none() | numbers, max_size=3).map(tuple), max_size=3).map(tuple)
preferences = st.lists(st.builds(Preference, texts, estimates, st.none() | numbers, st.none() | numbers), max_size=2)
effects = st.builds(
    Effect,
    architecture=st.builds(Architecture, texts, st.integers(1, 9), st.integers(1, 9)),
    estimate=estimates,
    per_prompt=st.lists(numbers, max_size=4).map(tuple),
    preferences=preferences.map(tuple),
)
cards = st.builds(
    HeadCard,
    texts,
    st.none() | estimates,
    texts,
    st.none() | estimates,
    st.lists(st.lists(st.integers(0, 100), max_size=3).map(tuple), max_size=3).map(tuple),
    st.lists(numbers, max_size=3).map(tuple),
)
promotions = st.lists(st.builds(Promotion, texts, numbers), max_size=2).map(tuple)
neurons = st.builds(
    NeuronCard,
    direct=st.none() | estimates,
    removes=st.none() | estimates,
    active=st.lists(st.builds(Activation, names, texts, texts, numbers), max_size=2).map(tuple),
    promotes=promotions,
    suppresses=promotions,
)
circuits = st.builds(
    Circuit,
    nodes=st.lists(st.builds(CircuitNode, effect=st.none() | estimates), max_size=2).map(tuple),
    edges=st.lists(st.builds(CircuitEdge, effect=st.none() | estimates), max_size=2).map(tuple),
    cards=st.lists(cards, max_size=2).map(tuple),
    neurons=st.lists(neurons, max_size=2).map(tuple),
)
points = st.lists(st.builds(CurvePoint, st.integers(0, 9), estimates), max_size=2).map(tuple)
curves = st.builds(Curve, texts, texts, st.integers(1, 9), points, estimates, estimates)
evidence = st.builds(
    Evidence,
    logit_diff=estimates,
    effect=effects,
    examples=st.lists(
        st.builds(Example, tokens, tokens, names, names, numbers, numbers, predictions, predictions), max_size=2
    ).map(tuple),
    heatmaps=st.lists(st.builds(Heatmap, texts, names, names, rows), max_size=2).map(tuple),
    circuit=st.none() | circuits,
    curves=st.lists(curves, max_size=1).map(tuple),
)


mutant = st.builds(Mutant, texts, st.sampled_from(["pass", "fail", "error"]), st.none() | estimates, texts)
mutants = st.builds(MutantsResult, mutants=st.lists(mutant, max_size=3).map(tuple), seconds=numbers)


def run_of(results=(), evidence=(), mutants=()):
    parts = (tuple(results), tuple(evidence), tuple(mutants))
    return Run("pytest", "2026-01-01T00:00:00+00:00", 1.5, {"python": "3.11"}, {}, {}, *parts)


@given(st.lists(results, max_size=3), st.lists(evidence, max_size=2))
def test_json_and_back(results, evidence):
    run = run_of(results, evidence)
    data = json.loads(run.to_json())
    assert tuple(map(partial(record_from_data, CheckResult), data["results"])) == run.results
    assert tuple(map(partial(record_from_data, Evidence), data["evidence"])) == run.evidence
    assert data["schema_version"] == SCHEMA_VERSION


@given(st.lists(mutants, max_size=2))
def test_mutants_and_back(mutants):
    run = run_of(mutants=mutants)
    assert tuple(map(partial(record_from_data, MutantsResult), json.loads(run.to_json())["mutants"])) == run.mutants


@given(st.lists(results, max_size=2))
def test_the_same_run_is_the_same_text(results):
    assert run_of(results).to_json() == run_of([record_from_data(CheckResult, asdict(r)) for r in results]).to_json()


def test_it_is_ascii_with_sorted_keys():
    text = replace(run_of(), command="pytest «·»").to_json()
    assert text.isascii()
    keys = list(json.loads(text))
    assert keys == sorted(keys)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_refused(bad):
    with pytest.raises(ValueError, match="not JSON compliant"):
        replace(run_of(), seconds=bad).to_json()


def test_what_is_read_back_can_be_hashed():
    """Tuples stay tuples: JSON has only lists."""
    result = CheckResult(
        "b",
        "m",
        "c",
        "k",
        "id",
        Claim("mediators", nodes=("L0H1",), among="head", threshold=0.1),
        "pass",
        Estimate(1, 0, 2, 8, "u", "m"),
        "",
        0.5,
        None,
        "",
        FileLine("x", 1),
        (1.0, 2.0),
    )
    again = record_from_data(CheckResult, json.loads(json.dumps(asdict(result))))
    assert hash(again) == hash(result)
