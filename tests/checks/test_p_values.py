"""A verdict's p-value is below 2.5 % exactly if the check passes, for every kind of check."""

import numpy as np
import pytest

from mi_checks.checks.dispatch import run_check
from mi_checks.checks.logit_diff import check_absent
from mi_checks.engine.clean_run_quantities import AttentionBetweenLabels
from mi_checks.engine.composition import InputFraction, RandomInputFractions
from mi_checks.engine.direct_attribution import DirectEffects
from mi_checks.prompts.factors import factor
from mi_checks.spec.behaviour import CHECKS_BY_KEY

NODES = ["L0H1", "L1H2"]
EDGES = ["L0H1 -> L1H2.k", "L1H2 -> logits"]
READS = {"from": "L0H1", "to": "L1H2", "via": "k", "at": "A"}
BOUNDS = np.round(np.arange(0.02, 1.0, 0.14), 2).tolist()


def circuit(aspect, side="at_least", **nodes):
    return lambda bound: {"circuit": {**(nodes or {"nodes": NODES}), "with": "zero", aspect: {side: bound}}}


# Each kind of check, as a function of a bound between 0 and 1 that ranges from clearly true to clearly false.
KINDS = {
    "logit_diff": lambda bound: {"logit_diff": {"at_least": bound}},
    "logit_diff at most": lambda bound: {"logit_diff": {"at_most": bound}},
    "logit_diff between": lambda bound: {"logit_diff": {"at_least": bound, "at_most": bound + 0.4}},
    "logit_diff against corrupt": lambda bound: {"logit_diff": {"at_least": bound, "against": "corrupt"}},
    "accuracy": lambda bound: {"accuracy": {"at_least": bound}},
    "accuracy between": lambda bound: {"accuracy": {"at_least": bound, "at_most": min(1, bound + 0.4)}},
    "patching recovers": lambda bound: {"patching": {"nodes": NODES, "recovers": {"at_least": bound}}},
    "patching removes": lambda bound: {"patching": {"nodes": NODES, "removes": {"at_most": bound}}},
    "ablation": lambda bound: {"ablation": {"nodes": NODES, "with": "zero", "removes": {"at_least": bound}}},
    "path": lambda bound: {"path": {"from": NODES, "to": "logits", "recovers": {"at_least": bound}}},
    "attention": lambda bound: {"attention": {"nodes": NODES, "from": "B", "to": "A", "at_least": bound}},
    "attention at most": lambda bound: {"attention": {"nodes": NODES, "from": "B", "to": "A", "at_most": bound}},
    "mediators exactly": lambda bound: {"mediators": {"component": "head", "above": bound, "exactly": ["L1H2"]}},
    "mediators include": lambda bound: {"mediators": {"component": "head", "above": bound, "include": NODES}},
    "composes": lambda bound: {"composes": {**READS, "writes": {"at_least": bound}}},
    "composes at most": lambda bound: {"composes": {**READS, "writes": {"at_most": bound}}},
    "direct_logit_attribution": lambda bound: {"direct_logit_attribution": {"nodes": NODES, "at_least": bound}},
    "faithfulness": circuit("faithfulness"),
    "faithfulness at most": circuit("faithfulness", "at_most"),
    "completeness": circuit("completeness", "at_most"),
    "minimal": circuit("minimal"),
    "edges faithful": circuit("faithfulness", edges=EDGES),
    "edges minimal": circuit("minimal", edges=EDGES),
    "cpr": lambda bound: {"curve": {"cpr": {"at_least": bound}}},
    "cmd": lambda bound: {"curve": {"cmd": {"at_most": bound}}},
}  # fmt: skip
# Whether a circuit is ahead of random ones, and whether weights compose more than random ones, is an interval over
# circuits or matrices and no test; a role is a comparison of weights with a lock file.
WITHOUT = {"sufficient": circuit("sufficient"), "necessary": circuit("necessary")}


@pytest.fixture
def outcome_and_p_value(measurements, around, pattern):
    """Run a check on a stub whose every value is near the middle of zero and one."""

    def run(check, factors=()):
        noise = [around(0, spread=0.35, seed=seed) for seed in range(8)]
        clean = 1 + noise[0]
        effects = {"L0H1": 0.25 + 0.3 * noise[1], "L1H2": 0.3 + 0.3 * noise[2], "L1H0": 0.1 + 0.3 * noise[3]}
        if "logit_diff" in check:
            clean = clean - 0.5
        patterns = {name: pattern({(3, 1): 0.3 + 0.1 * noise[4], (3, 2): 0.25}) for name in NODES}
        beats = np.random.default_rng(1).random(64) < 0.55
        measured = measurements(clean, checks=[check], effects=effects, patterns=patterns, beats=beats, factors=factors)
        plain = measured.measure

        def measure(quantity):
            match quantity:
                case InputFraction():
                    return (0.5 + 0.3 * noise[5])[None]
                case RandomInputFractions():
                    return np.linspace(0.05, 0.3, quantity.draws)[None]
                case DirectEffects():
                    return np.stack([0.25 + 0.3 * noise[6], 0.25 + 0.3 * noise[7]])
                case AttentionBetweenLabels():
                    return plain(quantity)
            return plain(quantity)

        def edge_circuits(circuits):
            parts = {name: 0.25 + 0.3 * noise[4 + place] for place, name in enumerate(("head", "logits"))}
            return np.stack(
                [sum((parts["logits" if str(end) == "logits" else "head"] for _, end in each.edges), np.zeros(64))
                 for each in circuits]
            )  # fmt: skip

        measured.measure, measured.edge_circuits = measure, edge_circuits
        verdict = run_check(measured.behaviour.checks[0].check.parts[0], measured)
        return verdict.outcome, verdict.p_value

    return run


NOUNS = {"prompts": (), "nouns": (factor("noun", np.arange(64) % 24, sampled=True),)}
NOUNS["nouns × verbs"] = (*NOUNS["nouns"], factor("verb", np.arange(64) // 3, sampled=True))
NOUNS["strata"] = (factor("kind", np.arange(64) % 3, sampled=False),)


@pytest.mark.parametrize("unit", NOUNS)
@pytest.mark.parametrize("kind", KINDS)
def test_below_the_level_exactly_if_it_passes(outcome_and_p_value, kind, unit):
    found = [outcome_and_p_value(KINDS[kind](bound), NOUNS[unit]) for bound in BOUNDS]
    for bound, (outcome, p_value) in zip(BOUNDS, found, strict=True):
        assert p_value is not None
        assert 0 <= p_value <= 1
        assert (p_value < 0.025) == (outcome == "pass"), (bound, outcome, p_value)
    assert len({outcome for outcome, _ in found}) > 1


@pytest.mark.parametrize("kind", WITHOUT)
def test_what_is_no_test_has_no_p_value(outcome_and_p_value, kind):
    assert outcome_and_p_value(WITHOUT[kind](0.5))[1] is None


def test_every_kind_of_check_is_here():
    written = {kind for check in (*KINDS.values(), *WITHOUT.values()) for kind in check(0.5)}
    assert written == set(CHECKS_BY_KEY)


@pytest.mark.parametrize("bound", [0.1, 0.3, 0.5, 0.7, 0.9])
@pytest.mark.parametrize("unit", NOUNS)
def test_absence(measurements, around, bound, unit):
    """Absence passes if every check fails: its p-value is that of the least certain denial."""
    checks = [{"logit_diff": {"at_least": bound}}, {"accuracy": {"at_least": min(1.0, bound + 0.1)}}]
    beats = np.random.default_rng(1).random(64) < 0.55
    verdict = check_absent(measurements(around(0.5, spread=0.3), checks=checks, beats=beats, factors=NOUNS[unit]))
    assert (verdict.p_value < 0.025) == (verdict.outcome == "pass")
    assert verdict.outcome == ("pass" if bound > 0.65 else "fail" if bound < 0.35 else "inconclusive")
