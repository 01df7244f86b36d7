"""What is discovered of induction on a model that has it, and what is refused."""

import math
import re
from pathlib import Path

import pytest
import yaml

from mi_checks.engine.replay.replay_engine import ReplayEngine
from mi_checks.errors import MiChecksError
from mi_checks.models.load_model import load
from mi_checks.prompts.build_prompts import build_prompts
from mi_checks.spec.load_file import load_behaviour
from mi_checks.studies.discovery.discovery import discover, explore
from mi_checks.studies.discovery.discovery_options import DiscoveryOptions
from mi_checks.studies.discovery.draft_yaml import discovery_yaml
from tests.studies.discovery.conftest import INDUCTION

PAIRS = 48
EXACT = DiscoveryOptions(count=PAIRS, exact_seconds=math.inf)  # whatever the machine is doing
HEADS = ["L0H3", "L1H1", "L1H2"]


@pytest.fixture(scope="module")
def discovery(behaviour, loaded_model):
    return explore(behaviour(), loaded_model, EXACT)


@pytest.fixture(scope="module")
def text(discovery):
    return discovery_yaml(discovery)


def test_the_heads_and_the_paths_between_them_are_found(discovery):
    assert [*map(str, discovery.mechanism.nodes)] == HEADS
    found = {str(edge) for edge in discovery.mechanism.paths.transmitting}
    assert {"L0H3 -> L1H1.k", "L0H3 -> L1H2.k", "L1H1 -> logits", "L1H2 -> logits"} <= found
    assert not [edge for edge in found if "L0H3 -> logits" in edge]
    assert {*HEADS} <= {str(node) for node in discovery.mechanism.circuit.nodes}


def test_no_prompt_that_checks_use_is_ever_measured(behaviour, loaded_model, monkeypatch):
    batches = []
    made = ReplayEngine.__init__

    def noted(self, of, batch, *args, **kwargs):
        batches.append({pair.clean.text for pair in batch.pairs})
        made(self, of, batch, *args, **kwargs)

    monkeypatch.setattr(ReplayEngine, "__init__", noted)
    demo = behaviour(count=16)
    explore(demo, loaded_model, DiscoveryOptions(count=24, exact_seconds=math.inf))
    checks = build_prompts(demo.prompts, loaded_model.tokenization, behaviour="demo")
    assert {pair.clean.text for pair in checks.pairs}.isdisjoint(set.union(*batches))
    found_on, held_out, *fewer = batches
    assert found_on.isdisjoint(held_out)
    assert fewer
    assert all(batch <= found_on for batch in fewer)


def test_the_draft_is_yaml_of_the_checks_and_the_model(text):
    draft = yaml.safe_load(text)
    assert [*draft] == ["checks", "models"]
    kinds = [next(iter(entry)) for entry in draft["checks"]]
    assert kinds[:4] == ["logit_diff", "accuracy", "mediators", "patching"]
    assert kinds[-1] == "circuit"
    assert draft["models"]["nano-attn-2l"]["nodes"]["mediators"] == HEADS
    assert draft["checks"][2]["mediators"]["exactly"] == "mediators"


def test_every_check_stands_beside_its_evidence(text):
    lines = [line for line in text.splitlines() if line.startswith("  - ")]
    assert len(lines) >= 7
    for line in lines:
        claim, evidence = line.split("  # ")
        bound = re.search(r"at_least: ([\d.]+)|above: ([\d.]+)", claim)
        low = re.search(r"\[(-?[\d.]+), -?[\d.]+\]", evidence)
        assert float(bound[1] or bound[2]) <= float(low[1])
        assert f"n {PAIRS}, seed 1000, held out" in evidence


def test_the_rule_the_prompts_and_the_sweeps_are_told(text):
    assert "# Discovered on 48 prompt pairs of seed 1000; every check was then measured on 48 held-out pairs" in text
    assert "# None of these pairs is among the 64 that the checks use." in text
    assert "a bound lies three standard errors" in text
    assert re.search(r"^# heads that mediate .*Holm-corrected over 48 tests\): L0H3, L1H2, L1H1$", text, re.MULTILINE)
    assert re.search(r"^# heads that are needed \(.*\): L0H3, L1H2, L1H1$", text, re.MULTILINE)
    assert re.search(r"^# heads that suppress \(.*\): none$", text, re.MULTILINE)
    assert "# redundant (66 pairs, Holm-corrected over 201 tests" in text
    assert "# conjunctions (" in text
    assert "# circuit: " in text


def test_found_heads_are_named_by_their_scores_on_probe_prompts(discovery, text):
    named = {str(head): next(iter(roles)) for head, roles in discovery.mechanism.roles.items()}
    assert named == {"L0H3": "previous_token", "L1H1": "induction", "L1H2": "induction"}
    assert re.search(r"^#   L0H3: .*; previous_token score [01]\.\d\d$", text, re.MULTILINE)


def test_every_node_is_told_with_its_role_in_words_and_both_effects(text):
    for head in HEADS:
        interval = r"-?[\d.]+ \[-?[\d.]+, -?[\d.]+\]"
        line = rf"^#   {head}: mediates, and is needed; recovers {interval}, removes {interval}; \w+ score"
        assert re.search(line, text, re.MULTILINE)


def test_fractions_are_held_from_both_sides(text):
    """Also where they are nearly the whole: more than it would be as wrong as less."""
    checks = yaml.safe_load(text)["checks"]
    held = [
        fields.get("recovers") or fields.get("removes") or fields.get("faithfulness")
        for entry in checks
        for kind, fields in entry.items()
        if kind in ("patching", "path", "circuit")
    ]
    assert len(held) >= 6
    assert all({*bound} == {"at_least", "at_most"} for bound in held)


def test_every_line_after_the_draft_is_a_comment(text):
    _, _, after = text.partition("\n\n")
    assert all(line.startswith("#") for line in after.strip().splitlines())


def test_what_the_file_names_is_set_beside_what_is_found(behaviour, loaded_model):
    sets = {"right": "L0H3", "wrong": ["L0H0", "L1H1"]}
    checks = [{"patching": {"nodes": name, "recovers": {"at_least": 0}}} for name in sets]
    named = behaviour(checks=checks, models={"nano-attn-2l": {"nodes": sets}})
    text = discovery_yaml(explore(named, loaded_model, EXACT))
    assert "# the file's right (L0H3): discovered\n" in text
    assert "# the file's wrong (L0H0, L1H1): discovered, except L0H0\n" in text
    assert "# discovered, but not named in the file: L1H2\n" in text


@pytest.fixture(scope="module")
def screened(behaviour):
    return explore(behaviour(), load("nano-gelu-2l", device="cpu"), DiscoveryOptions(count=64, exact_seconds=0))


def test_where_there_is_no_time_neurons_are_screened_and_the_screen_is_judged(screened):
    screening = screened.mechanism.neurons.selection
    assert (screening.n_candidates, screening.n_by_gradient, screening.n_sampled) == (1536, 32, 32)
    assert {each.effect: each.correlation > 0.7 for each in screening.agreements} == {"recovers": True, "removes": True}
    assert screening.max_unselected_effect < 0.05
    text = discovery_yaml(screened)
    assert re.search(r"32 neurons were selected by attribution patching, because .* all 1536", text)
    assert re.search(r"estimated and exact 'recovers': rank correlation [01]\.\d\d over the \d+ nonzero", text)
    assert screened.mechanism.heads.selection is None  # twelve heads are fewer than a screen lets through
    assert "mediators[neuron]" not in text  # no neuron mediates alone, so nothing is left unclaimed


def test_layers_of_which_no_neuron_is_found_send_and_receive(screened):
    found = screened.mechanism
    assert [*map(str, found.nodes)] == ["L0H1", "L1H4"]
    assert [*map(str, found.unexplained_layers)] == ["L0.mlp", "L1.mlp"]
    assert {"L0H1 -> L0.mlp", "L0.mlp -> L1H4.k", "L1H4 -> logits"} <= {str(edge) for edge in found.paths.transmitting}


def test_prompts_that_are_not_equally_long_are_ablated_by_zero(behaviour, loaded_model):
    variables = {**INDUCTION["variables"], "pre": {"values": [" a", " a b", " a b c"]}}
    uneven = behaviour(variables=variables, template="{{ pre }}" + INDUCTION["template"])
    discovery = explore(uneven, loaded_model, EXACT)
    assert discovery.mechanism.ablation == "zero"
    kinds = {kind: fields for line in discovery.draft.lines for kind, fields in line.entry.items()}
    assert kinds["circuit"]["with"] == "zero"
    assert "zero, because prompts of different lengths have no mean at a position" in discovery_yaml(discovery)


def test_prompts_that_correspond_at_labels_alone_are_patched_at_end(behaviour, loaded_model):
    variables = {**INDUCTION["variables"], "pre": {"values": [" a", " a b"]}, "other": {"values": [" a", " a b"]}}
    template = "{{ pre }}" + INDUCTION["template"]
    apart = behaviour(
        variables=variables, template=template, corrupt={"A": "D", "D": "A", "pre": "other"}, align="labels"
    )
    discovery = explore(apart, loaded_model, EXACT)
    assert (discovery.mechanism.at, discovery.mechanism.ablation) == ("END", "zero")
    assert {"L1H1", "L1H2"} <= {str(node) for node in discovery.mechanism.nodes}
    kinds = {kind: fields for line in discovery.draft.lines for kind, fields in line.entry.items()}
    assert kinds["mediators"]["at"] == kinds["patching"]["at"] == kinds["path"]["at"] == "END"


def test_an_effect_size_that_is_none_is_nothing_to_discover(behaviour, loaded_model):
    none = behaviour(template="{{ A }}{{ query }}{{ B }}{{ D }}{{ C }}", answer=" the", foils=[" of"])
    with pytest.raises(MiChecksError) as caught:
        explore(none, loaded_model, DiscoveryOptions(count=16, exact_seconds=math.inf))
    assert re.fullmatch(
        r"demo on nano-attn-2l: there is nothing to discover: clean − corrupt is -?\d\.\d+ logits \[.*\], which is not "
        r"above zero \(16 prompt pairs, seed 1000\)",
        str(caught.value),
    )


def random_answers(behaviour, seed):
    """Answer and foil are random tokens that no prompt holds."""
    others = {
        "Y": {"tokens": "random", "differs_from": ["A", "B", "C", "D"]},
        "Z": {"tokens": "random", "differs_from": ["A", "B", "C", "D", "Y"]},
    }
    variables = {**INDUCTION["variables"], **others}
    return behaviour(variables=variables, answer="{{ Y }}", foils=["{{ Z }}"], count=48, seed=seed)


@pytest.mark.parametrize("seed", range(6))
def test_where_there_is_nothing_nothing_is_drafted(behaviour, loaded_model, seed):
    with pytest.raises(
        MiChecksError, match=r"^demo on nano-attn-2l: there is nothing to discover: clean − corrupt is "
    ):
        explore(random_answers(behaviour, seed), loaded_model, DiscoveryOptions(count=48))


def test_what_only_happens_to_be_above_zero_on_the_first_prompts_is_refused_by_the_others(behaviour, loaded_model):
    """Of 300 such runs 6 are like this one: the interval on the prompts of discovery lies above zero."""
    said = (
        r": clean − corrupt is 0\.\d+ \[−.*\] logits on the held-out prompts, too small to detect in checks "
        r"on 48 pairs \(48 p"
    )
    with pytest.raises(MiChecksError, match=said):
        explore(random_answers(behaviour, 239), loaded_model, DiscoveryOptions(count=48))


def test_where_a_few_prompts_have_no_effect_size_all_are_searched(behaviour, loaded_model, monkeypatch):
    monkeypatch.setattr("mi_checks.studies.discovery.explorer.CIRCUIT_SEARCH_PAIRS", 1)
    monkeypatch.setattr("mi_checks.studies.discovery.explorer.PRELIMINARY_PAIRS", 1)
    monkeypatch.setattr(
        "mi_checks.studies.discovery.explorer.no_effect_reason",
        lambda measured: "none" if len(measured.batch) == 1 else "",
    )
    discovery = explore(behaviour(), loaded_model, EXACT)
    assert discovery.mechanism.n_search_pairs == PAIRS
    assert [*map(str, discovery.mechanism.nodes)] == HEADS


def test_where_a_behaviour_is_declared_absent_nothing_is_looked_for(tmp_path):
    text = Path("behaviours/induction.yaml").read_text(encoding="utf-8")
    (tmp_path / "induction.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(MiChecksError) as caught:
        discover(load_behaviour(tmp_path / "induction.yaml", tmp_path), "nano-attn-1l")
    line = text.splitlines().index("  nano-attn-1l: absent") + 1
    assert str(caught.value) == (
        f"induction.yaml:{line}: induction is declared absent from nano-attn-1l, so there is nothing to discover; "
        "remove the declaration to run discovery anyway"
    )
