"""Two pages of one suite: what is told, and that neither another machine nor the page's budget is."""

from dataclasses import replace

import pytest

from gallery.page_parts import page_parts, part_changes
from mi_checks.report.single_page import render
from mi_checks.results.claim import Claim
from mi_checks.results.run import Mutant, MutantsResult
from tests.report.circuits import CIRCUIT
from tests.report.conftest import make_run

INDUCTION, GELU = "induction", "nano-gelu-2l"


def with_circuits(run):
    return replace(run, evidence=tuple(replace(each, circuit=CIRCUIT) for each in run.evidence))


def place(run, model, check):
    return next(i for i, r in enumerate(run.results) if (r.behaviour, r.model, r.check) == (INDUCTION, model, check))


@pytest.fixture(scope="module")
def run():
    """With circuits, with mutants, and with a claim that is other on one model."""
    found = with_circuits(make_run())
    at = place(found, "nano-attn-2l", "mediators[head]")
    own = replace(found.results[at], claim=Claim("", text="L1H5 recovers more"))
    results = (*found.results[:at], own, *found.results[at + 1 :])
    mutant = Mutant("what L1H5 writes is zero", "fail", None, "no gap")
    killed = MutantsResult(own.behaviour, own.model, own.check, "", "pass", (mutant, mutant), "", "")
    return replace(found, results=results, mutants=(killed,))


@pytest.fixture(scope="module")
def whole(run):
    return page_parts(render(run, max_bytes=None))


def models_in_full(page):
    return sum(bool(part.full) for part in page.models.values())


def told(old, new):
    return part_changes(old, page_parts(render(new, max_bytes=None)))


def replaced(run, place, **values):
    results = list(run.results)
    results[place] = replace(results[place], **values)
    return replace(run, results=tuple(results))


@pytest.mark.parametrize("limit", [0, 150_000, 200_000])
def test_a_model_in_brief_says_what_it_says_in_full(run, whole, limit):
    page = page_parts(render(run, max_bytes=limit))
    assert page.models.keys() == whole.models.keys()
    assert models_in_full(page) < models_in_full(whole) == len(run.evidence)
    for key, part in page.models.items():
        assert (part.claims, part.brief) == (whole.models[key].claims, whole.models[key].brief)
        assert len(part.brief) == len(part.claims) + 1 > 1
        assert ("mutants killed" in "".join(part.brief)) == (key == (INDUCTION, "nano-attn-2l"))
    assert page.behaviours == whole.behaviours
    assert (page.first, page.cells) == (whole.first, whole.cells)


def test_a_budget_that_fell_out_otherwise_is_no_change(run):
    larger, smaller = (page_parts(render(run, max_bytes=limit)) for limit in (260_000, 230_000))
    assert models_in_full(smaller) < models_in_full(larger)
    assert part_changes(larger, smaller) == part_changes(smaller, larger) == []


def test_a_page_that_lost_most_details_is_a_change(run, whole):
    page = page_parts(render(run, max_bytes=0))
    assert part_changes(whole, page) == ["given in full: 11 → 0 models, each of one behaviour"]


def test_another_time_machine_and_command_are_no_change(run, whole):
    other = replace(run, started="2027-01-01T00:00:00+00:00", seconds=3.0, command="pytest", versions={"torch": "9"})
    assert told(whole, other) == []


def test_the_last_decimal_is_no_change_and_more_is(run, whole):
    at = place(run, GELU, "logit_diff")
    estimate = run.results[at].estimate
    moved = [replaced(run, at, estimate=replace(estimate, value=estimate.value + by)) for by in (0.008, 0.05)]
    assert told(whole, moved[0]) == []
    assert {line.partition(":")[0] for line in told(whole, moved[1])} == {f"{INDUCTION} on {GELU}"}


@pytest.mark.parametrize("limit", [None, 0])
@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"outcome": "fail"}, "→ ✗ fail"),
        ({"claim": Claim("", text="L1H7 recovers all")}, "L1H7 recovers all"),
        ({"bound": "at least 0.7"}, "→ at least 0.7"),
    ],
)
def test_another_verdict_claim_or_bound_is_a_change(run, limit, values, line):
    at = place(run, GELU, "accuracy")
    old, new = (page_parts(render(each, max_bytes=limit)) for each in (run, replaced(run, at, **values)))
    found = part_changes(old, new)
    assert any(each.startswith(f"{INDUCTION} on {GELU}: ") for each in found)
    assert any(line.removeprefix("→ ") in each for each in found)


def test_another_effect_is_a_change_of_the_table(run, whole):
    first, *others = run.evidence
    estimate = replace(first.effect.estimate, value=first.effect.estimate.value + 0.05)
    found = told(
        whole, replace(run, evidence=(replace(first, effect=replace(first.effect, estimate=estimate)), *others))
    )
    assert f"verdicts: {INDUCTION} on nano-attn-1l" in {line.rpartition(": ")[0] for line in found}


def test_a_claim_that_is_other_on_one_model_is_compared_across_full_and_brief(run, whole):
    brief = page_parts(render(run, max_bytes=0))
    at = place(run, "nano-attn-2l", "mediators[head]")
    assert "L1H5 recovers more" in "".join(brief.models[INDUCTION, "nano-attn-2l"].claims)
    for page in (whole, brief):
        found = part_changes(
            page, page_parts(render(replaced(run, at, claim=Claim("", text="L1H4 recovers more")), max_bytes=0))
        )
        assert any("L1H4 recovers more" in line for line in found)


def test_another_summary_or_yaml_is_a_change_of_the_behaviour(run, whole):
    new = [replace(e, yaml=e.yaml.replace("0.9}", "0.8}")) if e.behaviour == INDUCTION else e for e in run.evidence]
    found = told(whole, replace(run, evidence=tuple(new)))
    assert found == [f"{INDUCTION}: - accuracy: {{at_least: 0.9}} → - accuracy: {{at_least: 0.8}}"]


def test_a_behaviour_that_is_gone_or_new_is_a_change(run, whole):
    less = replace(
        run,
        results=tuple(r for r in run.results if r.behaviour != "ioi"),
        evidence=tuple(e for e in run.evidence if e.behaviour != "ioi"),
    )
    gone = told(whole, less)
    assert {"ioi is gone", "ioi on nano-gelu-4l is gone", "verdicts: ioi is gone"} <= set(gone)
    assert "ioi is new" in part_changes(page_parts(render(less, max_bytes=None)), whole)


def test_another_detail_is_a_change_where_both_are_in_full(run, whole):
    """Of a heat map, a prompt, a circuit."""
    (first, *others) = run.evidence[1:]
    node = CIRCUIT.nodes[0]
    spoiled = (
        replace(first, heatmaps=(replace(first.heatmaps[0], values=((0.77,) * 8, *first.heatmaps[0].values[1:])),)),
        replace(first, examples=(replace(first.examples[0], answers=(" other",)), *first.examples[1:])),
        replace(first, circuit=replace(CIRCUIT, nodes=(replace(node, found=not node.found), *CIRCUIT.nodes[1:]))),
    )
    for each in spoiled:
        found = told(whole, replace(run, evidence=(run.evidence[0], each, *others)))
        assert found
        assert all(line.startswith(f"{INDUCTION} on nano-attn-2l: ") for line in found)


def test_a_page_that_is_no_report_is_compared_as_a_whole():
    old, new = (page_parts(f"<html><body><main><p>{n}</p></main></body></html>") for n in ("one", "two"))
    assert part_changes(old, new) == ["one → two"]
