"""A check on mutants: what it says there, and what need not be measured to know it."""

from pathlib import Path

import pytest

from mi_checks.checks.dispatch import run_check
from mi_checks.mutants.choose_mutations import mutations_of
from mi_checks.mutants.judge_mutants import MutantJudge, judge_check
from mi_checks.mutants.node_mutations import ExchangedHeads
from mi_checks.results.run import FileLine
from mi_checks.spec.check_refs import checks_with_paths
from mi_checks.spec.load_file import load_behaviour
from mi_checks.suite.against_mutants import MutantSuite
from mi_checks.suite.loaded_models import SuiteSettings
from mi_checks.suite.suite import Suite
from tests.plugin.conftest import BEHAVIOUR

NANO = "nano-attn-2l"


def written(folder, check):
    text = BEHAVIOUR.format(name="ab", mark="m", checks=f"  - {check}", models=f"  {NANO}: {{}}")
    path = folder / "ab.yaml"
    path.write_text(text, encoding="utf-8")
    return load_behaviour(path)


@pytest.fixture
def claimed(suite, tmp_path):
    """A check, what it measures on the model, and the model's engine."""
    opened = []

    def claimed(check):
        loaded = written(tmp_path, check)
        opened.append(loaded)
        measured = suite.measurements(loaded, NANO)
        ((_, read),) = checks_with_paths(loaded.behaviour)
        return read, measured, suite.engine_of(loaded, NANO)

    yield claimed
    for loaded in opened:
        suite.close(loaded, NANO)


class Counted:
    """An engine that counts what is asked of it."""

    def __init__(self, engine):
        self.engine, self.interventions = engine, 0

    def __getattr__(self, name):
        return getattr(self.engine, name)

    def scores(self, interventions, title=""):
        self.interventions += len(interventions)
        return self.engine.scores(interventions, title)

    def measure(self, quantity):
        return quantity.compute(self)


@pytest.mark.parametrize("claim", ["exactly", "include"])
def test_of_mediators_the_claimed_nodes_alone_are_measured_where_they_decide(claimed, claim):
    check, measured, engine = claimed(f"mediators: {{component: head, above: 0.1, {claim}: [L0H3, L1H1, L1H2]}}")
    for mutation in mutations_of(check, measured):
        weights = mutation.apply(engine.model)
        other = Counted(engine.with_weights(weights, mutation.first_changed_layer(engine.model)))
        whole = run_check(check, measured.with_engine(other.engine, weights))
        assert whole.outcome != "pass"
        assert judge_check(check, measured, other, weights).outcome != "pass"
        assert other.interventions == 3  # of twelve heads


def test_exactly_these_is_judged_by_a_whole_sweep_where_these_hold(claimed):
    check, measured, engine = claimed("mediators: {component: head, above: 0.1, exactly: L1H2}")
    other = Counted(engine)
    verdict = judge_check(check, measured, other, engine.model)  # on the model as it is, where others mediate too
    assert verdict.outcome == "fail"
    assert "above the threshold, but not claimed" in verdict.reason
    assert other.interventions == 1 + 12


@pytest.mark.parametrize(("at_least", "prompts"), [(0.3, 32), (-5, 128)])
def test_what_is_sure_on_few_prompts_is_not_measured_on_all(tmp_path, at_least, prompts):
    mutants, loaded = (
        MutantSuite(Suite(SuiteSettings(count=128))),
        written(tmp_path, f"patching: {{nodes: L1H2, recovers: {{at_least: {at_least}, at_most: 5}}}}"),
    )
    ((_, check),) = checks_with_paths(loaded.behaviour)
    result = mutants.check(loaded, NANO, check, node_id="id", claimed_at=FileLine("there", 1), rerun="again")
    exchanged = result.mutants[1]
    assert exchanged.killed == (at_least > 0)
    assert exchanged.estimate.n == prompts


class WholeBatch:
    """The engine of all prompts, which says for how many mutants it was asked."""

    def __init__(self, engine):
        self.engine, self.mutants = engine, 0

    def __getattr__(self, name):
        return getattr(self.engine, name)

    def with_weights(self, *arguments):
        self.mutants += 1
        return self.engine.with_weights(*arguments)


@pytest.mark.parametrize(("bound", "mutants"), [("at_least: 0.3", 0), ("at_least: -5, at_most: 5", 1)])
def test_where_nothing_can_be_recovered_no_effect_on_few_prompts_is_none_on_all(tmp_path, bound, mutants):
    suite = Suite(SuiteSettings(count=128))
    loaded = written(tmp_path, f"patching: {{nodes: [L0.attn, L1.attn], recovers: {{{bound}}}}}")
    ((_, check),) = checks_with_paths(loaded.behaviour)
    engine = WholeBatch(suite.engine_of(loaded, NANO))
    judge = MutantJudge(suite.measurements(loaded, NANO), lambda: engine, role=None)
    (zeroed,) = judge.mutants_of(check)
    assert zeroed.outcome == "fail"
    assert zeroed.reason.startswith("there is no effect to mediate")
    assert engine.mutants == mutants


def test_an_exchange_is_judged_as_the_claim_of_the_other_heads_is(claimed):
    """The oracle: what is measured of a head of the mutant is what is measured of the other head of the model."""
    check, measured, engine = claimed("patching: {nodes: L1H2, recovers: {at_least: 0.3}}")
    (exchanged,) = [mutation for mutation in mutations_of(check, measured) if isinstance(mutation, ExchangedHeads)]
    weights = exchanged.apply(engine.model)
    found = judge_check(
        check, measured, engine.with_weights(weights, exchanged.first_changed_layer(engine.model)), weights
    )
    partner = exchanged.pairs[0][1]
    expected = run_check(check.model_copy(update={"nodes": str(partner)}), measured)
    assert found.outcome == expected.outcome == "fail"
    assert found.estimate.value == pytest.approx(expected.estimate.value, abs=1e-4)


def test_every_claim_of_the_shipped_induction_could_have_been_red(suite):
    loaded = load_behaviour(Path(__file__).parents[2] / "behaviours" / "induction.yaml")
    judged, mutants = [], MutantSuite(suite)
    for _, check in checks_with_paths(loaded.behaviour):
        if loaded.behaviour.claims(check, NANO):
            result = mutants.check(loaded, NANO, check, node_id="id", claimed_at=FileLine("there", 1), rerun="again")
            if result.outcome != "skipped":  # on so few prompts not every claim holds
                assert result.survivors == (), result.message
                assert len(result.mutants) >= 1
                judged.append(check.kind)
    mutants.close(loaded, NANO)
    suite.close(loaded, NANO)
    assert {"logit_diff", "patching", "attention"} <= set(judged)


@pytest.mark.parametrize(
    "check",
    [
        "composes: {from: L0H3, to: [L1H1, L1H2], via: k, times_random: {at_least: 1.5}}",
        "composes: {from: L0H3, to: [L1H1, L1H2], via: k, at: B1, writes: {at_least: 0.22}}",
        "path: {from: L0H3, to: [L1H1, L1H2], via: k, recovers: {at_least: 0.2}}",
        "path: {from: [L1H1, L1H2], to: logits, recovers: {at_least: 0.5}}",
        "path: {from: L0H3, through: [{nodes: [L1H1, L1H2], via: k}], to: logits, recovers: {at_least: 0.2}}",
        "direct_logit_attribution: {nodes: [L1H1, L1H2], at_least: 0.5}",
    ],
)
def test_claims_of_how_heads_are_connected_could_have_been_red(claimed, check):
    read, measured, engine = claimed(check)
    assert run_check(read, measured).outcome == "pass"
    found = mutations_of(read, measured)
    assert len(found) >= 2
    for mutation in found:
        weights = mutation.apply(engine.model)
        verdict = judge_check(
            read, measured, engine.with_weights(weights, mutation.first_changed_layer(engine.model)), weights
        )
        assert verdict.outcome != "pass", (mutation.description, verdict.estimate)


def test_a_circuit_beside_which_nothing_writes_is_all_there_is(claimed):
    """So that it is hardly faithful is false there, and was true: the other heads of layer 0 must write too."""
    check, measured, engine = claimed("circuit: {nodes: [L0H3, L1H1, L1H2], faithfulness: {at_most: 0.5}}")
    assert run_check(check, measured).estimate.high < 0.5
    (zeroed,) = mutations_of(check, measured)
    weights = zeroed.apply(engine.model)
    verdict = judge_check(
        check, measured, engine.with_weights(weights, zeroed.first_changed_layer(engine.model)), weights
    )
    assert verdict.outcome == "fail"
    assert verdict.estimate is None or verdict.estimate.value == pytest.approx(1, abs=1e-4)
