"""What is derived instead of measured, compared with what the engine measures on the mutant or on few prompts."""

from dataclasses import dataclass

import numpy as np
import pytest

from mi_checks.checks.measurements import Measurements
from mi_checks.engine.clean_run_quantities import AttentionBetweenLabels
from mi_checks.engine.composition import InputFraction, RandomInputFractions
from mi_checks.engine.direct_attribution import DirectEffects
from mi_checks.engine.intervention_quantities import EdgeScores, InterventionChanges, InterventionScores
from mi_checks.engine.interventions import EdgeCircuit, ablate, denoise, noise
from mi_checks.engine.nodes import LOGITS, all_nodes, parse_node
from mi_checks.mutants.derived_measurements import ExchangedModel, FirstPrompts, SilentNodesModel
from mi_checks.mutants.node_mutations import ExchangedHeads, SilencedHeads, ZeroedNodes
from mi_checks.spec.load_file import load_behaviour
from tests.engine.cases import ARCHITECTURES, TOLERANCE
from tests.plugin.conftest import BEHAVIOUR

DEEP = [name for name, config in ARCHITECTURES.items() if config["n_layers"] > 1]


def nodes(*names):
    return tuple(map(parse_node, names))


(L0H0, L0H1, L0H2, L1H2, L1H3) = nodes("L0H0", "L0H1", "L0H2", "L1H2", "L1H3")
EXCHANGED = ExchangedHeads(((L0H0, L0H1), (L1H3, L1H2)))  # of one key and value, where two heads share one
MEASURED = {
    "heads": InterventionScores(tuple(map(denoise, (L0H0, L0H1, L0H2, L1H2, L1H3)))),
    "together": InterventionScores((denoise(L0H0, L1H2), noise(L1H3, L0H1, at="END"), denoise(L0H1, L0H0))),
    "parts": InterventionScores(tuple(map(denoise, nodes("L0H0.q", "L1H1.k", "L1H0.v", "L0H1.pattern", "L1H3.q")))),
    "others": InterventionScores(tuple(map(denoise, nodes("L0.attn", "L1.resid_pre")))),
    "circuits": InterventionScores((ablate(L0H0, L0H2, L1H2, kind="mean"), ablate(L0H1, L1H3, kind="zero"))),
    "resampled": InterventionScores((ablate(L0H0, L1H3, kind="resample"),)),
    "paths": InterventionScores((denoise(L0H0, into=nodes("L1H2.q", "L1H3.q")), denoise(L1H3, into=(LOGITS,)))),
    "hops": InterventionScores((denoise(L0H1, into=nodes("L1H3.q"), onward=((LOGITS,),)),)),
    "edges": EdgeScores((EdgeCircuit(((L0H0, LOGITS), (L0H1, nodes("L1H2.q")[0]), (L1H2, LOGITS)), "mean", False),)),
    "changes": InterventionChanges(denoise(L0H0, at="END")),
    "attention": AttentionBetweenLabels(L1H3, "END", "END"),
    "direct": DirectEffects((L0H0, L1H2, L1H3)),
    "composition": InputFraction(L0H1, nodes("L1H2.q")[0], "END"),
    "random directions": RandomInputFractions(L0H1, nodes("L1H2.q")[0], "END", 3),
}

# Direct effects are refused where the logits are capped.
EVERY = [(each, name) for each in DEEP for name in MEASURED if (each, name) != ("soft caps", "direct")]


@dataclass(frozen=True)
class Case:
    """A random model on random prompts, what it measures, and how it would measure a mutant."""

    engine: object
    own: Measurements

    def mutant(self, mutation):
        return self.engine.with_weights(
            mutation.apply(self.engine.model), mutation.first_changed_layer(self.engine.model)
        )


@pytest.fixture
def case(random_engine, tmp_path):
    path = tmp_path / "ab.yaml"
    checks = "  - logit_diff: {at_least: 0}"
    path.write_text(BEHAVIOUR.format(name="ab", mark="m", checks=checks, models="  nano-attn-1l: {}"), encoding="utf-8")
    behaviour = load_behaviour(path).behaviour

    def case(architecture):
        engine = random_engine(architecture)
        return Case(engine, Measurements(behaviour, engine.loaded_model, engine.batch, engine))

    return case


def close(found, expected):
    return found.shape == expected.shape and np.abs(found - expected).max() < TOLERANCE * max(1, np.abs(expected).max())


@pytest.mark.parametrize(("architecture", "name"), EVERY)
def test_a_model_whose_heads_changed_places_measures_what_the_model_does_with_heads_renamed(case, architecture, name):
    made = case(architecture)
    mutant = made.mutant(EXCHANGED)
    derived = ExchangedModel(made.own, EXCHANGED, lambda: mutant)
    assert close(derived.measure(MEASURED[name]), mutant.measure(MEASURED[name]))
    assert close(derived.unpatched.effect_size, mutant.unpatched.effect_size)


@pytest.mark.parametrize("name", ["heads", "together", "parts", "circuits", "paths", "attention", "direct"])
def test_without_new_names_it_would_measure_something_else(case, name):
    made = case("gelu")
    assert not close(made.own.measure(MEASURED[name]), made.mutant(EXCHANGED).measure(MEASURED[name]))


@pytest.mark.parametrize(
    "mutation", [ZeroedNodes((L0H0, L1H2)), ZeroedNodes(nodes("L1H1.k", "L0.attn")), SilencedHeads()], ids=str
)
@pytest.mark.parametrize(("architecture", "name"), EVERY)
def test_nodes_that_write_nothing_can_be_left_out_of_an_intervention(case, architecture, mutation, name):
    mutant = case(architecture).mutant(mutation)
    assert close(SilentNodesModel(mutation, mutant).measure(MEASURED[name]), mutant.measure(MEASURED[name]))


class Counted:
    """An engine that counts the interventions that it is asked for."""

    def __init__(self, engine):
        self.engine, self.interventions = engine, []

    def __getattr__(self, name):
        return getattr(self.engine, name)

    def measure(self, quantity):
        self.interventions += getattr(quantity, "interventions", ())
        return self.engine.measure(quantity)


def test_an_intervention_on_nodes_that_write_nothing_is_not_made(case):
    mutation = ZeroedNodes((L0H0, L1H2))
    mutant = Counted(case("gelu").mutant(mutation))
    several = (denoise(L0H0), denoise(L0H0, L1H3), denoise(L1H3), denoise(L1H2, L0H0))
    scores = SilentNodesModel(mutation, mutant).measure(InterventionScores(several))
    assert mutant.interventions == [denoise(L1H3)]
    assert np.array_equal(scores[0], mutant.unpatched.corrupt.logit_diff)


@pytest.mark.parametrize("name", MEASURED)
@pytest.mark.parametrize("architecture", ["gelu", "llama"])
def test_the_first_prompts_measure_what_they_do_among_all(case, architecture, name):
    made = case(architecture)
    subset = made.engine.batch.select(slice(4))
    alone = made.engine.with_prompts(subset)
    made.own.sweep("head")
    derived = FirstPrompts(made.own, 4, alone)
    assert close(derived.measure(MEASURED[name]), alone.measure(MEASURED[name]))
    for side in ("clean", "corrupt"):
        assert close(getattr(derived.unpatched, side).logit_diff, getattr(alone.unpatched, side).logit_diff)
        assert np.array_equal(getattr(derived.unpatched, side).beats_foils, getattr(alone.unpatched, side).beats_foils)


def test_what_all_prompts_have_is_not_measured_again(case):
    made = case("gelu")
    made.own.sweep("head")
    heads = all_nodes("head", made.engine.loaded_model.shape)
    mean = ablate(L0H0, kind="mean")  # over the prompts of the batch
    made.own.logit_diff(mean)
    few = Counted(made.engine.with_prompts(made.engine.batch.select(slice(4))))
    derived = FirstPrompts(made.own, 4, few)
    derived.measure(InterventionScores((*map(denoise, heads), mean, denoise(L0H0, L1H2))))
    assert few.interventions == [mean, denoise(L0H0, L1H2)]
