"""The findings' section on claims that are inconclusive, as declared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gallery.facts import Facts
from gallery.findings import compose_page, equal_up_to_rounding
from gallery.inconclusive import InconclusiveClaim, inconclusive_claims, inconclusive_section
from mi_checks.compare.neighbouring_models import EffectMatrix
from mi_checks.output.numbers import precise
from mi_checks.output.unit_text import unit_text
from mi_checks.spec.load_file import LoadedBehaviour, load_behaviour
from mi_checks.stats.estimate import Refusal
from mi_checks.studies.matrix.survey import survey

BEHAVIOUR = """\
name: {name}
summary: "A B … A → B"
prompts:
  count: 24
  variables:
    A: {{tokens: random}}
    B: {{values: [" the", " a", " in", " of", " to", " and", " it", " he", " she", " his", " her", " they"]}}
    C: {{tokens: random, differs_from: [A, B]}}
    D: {{tokens: random, differs_from: [A, B, C]}}
    query: {{same_as: A}}
  template: "{{{{ A | at('A1') }}}}{{{{ B }}}}{{{{ D }}}}{{{{ C }}}}{{{{ query }}}}"
  corrupt: {{A: D, D: A}}
  answer: "{{{{ B }}}}"
  foils: ["{{{{ C }}}}"]
checks:
  - logit_diff: {{at_least: {bound:.4f}}}
  - accuracy: {{at_least: 0.999}}
models:
{models}
"""
DECLARED = "  nano-attn-2l: {inconclusive: [logit_diff]}\n  nano-attn-1l: {}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("behaviours")


def written(folder: Path, name: str, bound: float, models: str = DECLARED) -> LoadedBehaviour:
    path = folder / f"{name}.yaml"
    path.write_text(BEHAVIOUR.format(name=name, bound=bound, models=models), encoding="utf-8")
    return load_behaviour(path, folder)


@pytest.fixture(scope="module")
def claims(folder: Path) -> tuple[InconclusiveClaim, ...]:
    """Two behaviours whose bounds lie inside their intervals, and one whose claim is true though it is declared."""
    (middle,) = (
        each.estimate.value for each in survey([written(folder, "probe", 0.0)]).effects if each.model == "nano-attn-2l"
    )
    return inconclusive_claims(
        [written(folder, "second", middle * 0.98), written(folder, "first", middle * 1.02), written(folder, "far", -90)]
    )


def test_only_declared_claims_that_are_inconclusive_are_listed(claims: tuple[InconclusiveClaim, ...]) -> None:
    assert [(each.result.behaviour, each.result.model, each.result.check) for each in claims] == [
        ("first", "nano-attn-2l", "logit_diff"),
        ("second", "nano-attn-2l", "logit_diff"),
    ]


def test_a_row_says_what_was_measured_over_what(claims: tuple[InconclusiveClaim, ...]) -> None:
    lines = inconclusive_section(claims)
    assert lines[0].startswith("2 claims of 2 behaviours on 1 model. The rows that there are neither show nor refute")
    row = next(line for line in lines if "[first]" in line)
    result, estimate = claims[0].result, claims[0].result.estimate
    assert estimate is not None
    assert "(../../first.yaml#L19)" in row
    assert f"{precise(estimate)} {estimate.unit} | {result.bound} | {unit_text(claims[0].design)}" in row
    assert "12 values of B" in row
    assert "values of 'B' needed |" in row
    assert claims[0].needed is not None
    assert claims[0].needed > 12


def test_what_would_settle_it_is_the_reason_if_the_interval_does_not_say_so(
    claims: tuple[InconclusiveClaim, ...],
) -> None:
    claim = claims[0]
    assert claim.result.estimate is not None
    refused = replace(claim.result.estimate, refusal=Refusal("few rows", 3, 8, "B"))
    of_few_rows = replace(claim, result=replace(claim.result, estimate=refused))
    assert of_few_rows.settled_by.startswith("the prompts share 3 values of 'B', too few")
    assert "| over 12 values of B" in inconclusive_section([of_few_rows])[-1]
    family = replace(claim.result, at_least=-50.0, reason="too close to the threshold to decide: L0H3\nmore")
    of_family = replace(claim, result=family)
    assert of_family.settled_by == "too close to the threshold to decide: L0H3"
    assert "times as many" not in inconclusive_section([of_family])[0]
    nothing = replace(claim, result=replace(family, estimate=None))
    assert inconclusive_section([nothing])[-1].endswith(" | – | too close to the threshold to decide: L0H3 |")


def test_the_page_has_the_section(claims: tuple[InconclusiveClaim, ...]) -> None:
    facts = Facts(EffectMatrix(()), [], [])
    page = compose_page(facts, claims)
    assert page.index("## Claims that are inconclusive") < page.index("[first]") < page.index("## All comparisons")
    assert "No claim is declared inconclusive." in compose_page(facts)


def test_numbers_of_rows_may_differ_by_a_tenth() -> None:
    assert equal_up_to_rounding("about 120 values of 'B' needed", "about 130 values of 'B' needed")
    assert not equal_up_to_rounding("about 120 values of 'B' needed", "about 150 values of 'B' needed")
