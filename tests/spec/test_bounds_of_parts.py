"""Bounds for paths and circuits by id: an entry of several claims is several checks, each with a bound of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mi_checks.spec.behaviour import CHECK_KINDS
from mi_checks.spec.check import Bound
from mi_checks.spec.load_file import LoadedBehaviour, load_behaviours

EDGES = "circuit[previous->induction.k+mover->logits,faithfulness,zero]"
IDS = (
    *("path[previous->induction.k]", "path[L0H0->L1H1.v->L1.mlp@A2,noising]", "path[L0.attn+L1H5->logits]"),
    *("composes[previous->induction.q]", "composes[previous->mover.v@B1]", "attribution[mover+L1H0]"),
    *(f"circuit[previous+induction,{aspect}]" for aspect in ("faithfulness", "completeness", "minimal")),
    *(EDGES, "circuit[layer_0_heads+L0.mlp,sufficient]"),
    *("curve[heads,cpr]", "curve[heads,cmd]", "patching[all_heads_except_induction_and_L0H0,noising]"),
)
VALID_IDS = ", ".join(IDS)
ON_GELU = "induction: L1H4}"  # where an entry for one more key can be added


def test_every_claim_of_an_entry_is_a_check(load: Callable[[str], LoadedBehaviour], connected: str) -> None:
    checks = load(connected).behaviour.checks_for("nano-gelu-2l")
    assert tuple(check.id for check in checks) == IDS
    assert (
        {check.kind for check in checks}
        >= {"path", "composes", "attribution", "circuit", "curve"}
        <= {check.kind for check in CHECK_KINDS}
    )


@pytest.mark.parametrize("id_", IDS)
def test_a_model_overrides_the_bound_of_one_alone(
    load: Callable[[str], LoadedBehaviour], connected: str, id_: str
) -> None:
    text = connected.replace(ON_GELU, f'{ON_GELU}, "{id_}": {{at_least: 0.123}}')
    behaviour = load(text).behaviour
    for check in behaviour.checks_for("nano-gelu-2l"):
        own = Bound(at_least=0.123) if check.id == id_ else check.bound
        assert behaviour.bound_for(check, "nano-gelu-2l") == own
        assert behaviour.bound_for(check, "nano-attn-2l") == check.bound != Bound(at_least=0.123)


@pytest.mark.parametrize("id_", IDS)
def test_a_case_overrides_the_bound_of_one_alone(tmp_path: Path, connected: str, id_: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(f'{connected}cases: {{plain: {{}}, other: {{bounds: {{"{id_}": {{at_least: 0.123}}}}}}}}\n')
    plain, other = (
        {check.id: check.bound for entry in loaded.behaviour.checks for check in entry.check.parts}
        for loaded in load_behaviours(path)
    )
    assert tuple(other) == tuple(plain) == IDS
    assert other == {**plain, id_: Bound(at_least=0.123)}


def test_minimal_is_a_bound_like_others(load: Callable[[str], LoadedBehaviour], connected: str) -> None:
    bounds = {check.id: check.bound for check in load(connected).behaviour.checks_for("nano-attn-2l")}
    assert bounds["circuit[previous+induction,minimal]"] == Bound(at_least=0.01)


def test_a_model_may_claim_only_one_of_them(load: Callable[[str], LoadedBehaviour], connected: str) -> None:
    text = connected.replace(ON_GELU, f'{ON_GELU}, checks: ["circuit[previous+induction,minimal]"]')
    text = text.replace(", models: [nano-gelu-2l]", "")
    checks = load(text.replace("L0.mlp], among: heads_and_mlps", "L1H0]")).behaviour.checks_for("nano-gelu-2l")
    assert [check.id for check in checks] == ["circuit[previous+induction,minimal]"]


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("path[previous->induction.q]", "path[previous->induction.k]"),
        ("circuit[previous+induction]", "circuit[previous+induction,minimal]"),
        ("circuit[previous+induction,completness]", "circuit[previous+induction,completeness]"),
        (
            "circuit[previous->induction.k+mover->logits,faithfulness]",
            EDGES,
        ),
        ("curve[cpr]", "curve[heads,cpr]"),
        ("composes[previous->mover.v]", "composes[previous->mover.v@B1]"),
    ],
)
def test_a_wrong_id_lists_those_there_are(
    misconnected: Callable[[str, str], str], errors: Callable[[str], str], connected: str, key: str, near: str
) -> None:
    assert misconnected(ON_GELU, f'{ON_GELU}, "{key}": {{at_least: 0.1}}') == (
        f"x:28:60: unknown key '{key}' in 'models.nano-gelu-2l'; valid keys: nodes, checks, count, inconclusive, "
        f"{VALID_IDS}, role[mover]; did you mean '{near}'?"
    )
    assert errors(f'{connected}cases: {{far: {{bounds: {{"{key}": {{at_least: 0.1}}}}}}}}\n') == (
        f"x:29:24: unknown check '{key}' in 'cases.far.bounds'; valid ids: {VALID_IDS}, role[mover]; "
        f"did you mean '{near}'?"
    )


@pytest.mark.parametrize(
    ("id_", "bound", "message"),
    [
        (
            "circuit[previous+induction,minimal]",
            "at_least: 0",
            "the change when a node is removed is always at least 0",
        ),
        (
            "circuit[layer_0_heads+L0.mlp,sufficient]",
            "at_least: 2",
            "the fraction of random circuits is always between 0 and 1",
        ),
        (
            "path[previous->induction.k]",
            "at_least: 30",
            "for the fraction that path patching recovers, 1 means the whole",
        ),
    ],
)
def test_a_bound_beyond_its_scale(
    misconnected: Callable[[str, str], str],
    errors: Callable[[str], str],
    connected: str,
    id_: str,
    bound: str,
    message: str,
) -> None:
    assert misconnected(ON_GELU, f'{ON_GELU}, "{id_}": {{{bound}}}').startswith(f"x:28:60: {message}")
    text = f'{connected}cases: {{far: {{bounds: {{"{id_}": {{{bound}}}}}}}}}\n'
    assert errors(text).startswith(f"x:29:24: {message}")
