"""However many checks read them, a model is loaded once and each intervention measured once."""

from collections import Counter

import pytest

CHECKS = """\
  - logit_diff: {at_least: 1.5}
  - logit_diff: {against: corrupt, at_least: 1.5}
  - mediators: {component: head, above: 0.2, include: induction}
  - patching: {nodes: induction, recovers: {at_least: 0.3}}
  - patching: {nodes: L1H2, recovers: {at_least: 0.3}}
  - patching: {nodes: L0H3, removes: {at_least: 0.3}}
  - attention: {nodes: induction, from: A2, to: B1, at_least: 0.1}
  - attention: {nodes: L1H2, from: A2, to: B1, at_least: 0.1}
  - attention: {nodes: L1H2, from: A2, to: A1, at_most: 0.5}"""
ATTENTION = "  - logit_diff: {at_least: 1.5}\n  - attention: {nodes: L1H2, from: A2, to: B1, at_least: 0.1}"
BOUND = "  nano-attn-2l: {nodes: {induction: [L1H2]}}"


@pytest.fixture
def counted(project, monkeypatch):
    """How often each model was loaded, each intervention measured and each pattern read."""
    from mi_checks.engine.replay.replay_engine import ReplayEngine
    from mi_checks.suite import loaded_models

    counts = Counter()
    engines = []
    load, measure, attention = loaded_models.load, ReplayEngine.scores, ReplayEngine.padded_pattern

    def counting_load(name, **kwargs):
        counts["load", name] += 1
        return load(name, **kwargs)

    def counting_measure(self, interventions, *rest):
        engines.append(self)  # kept, so that no other gets its id
        counts.update((id(self), intervention) for intervention in interventions)
        return measure(self, interventions, *rest)

    def counting_attention(self, head, rows):
        engines.append(self)
        if len(rows) == len(self.batch):  # not of the one that a card shows
            counts["attention", id(self), head] += 1
        return attention(self, head, rows)

    monkeypatch.setattr(loaded_models, "load", counting_load)
    monkeypatch.setattr(ReplayEngine, "scores", counting_measure)
    monkeypatch.setattr(ReplayEngine, "padded_pattern", counting_attention)
    return counts


def nodes_in(counted):
    """How many interventions there were that are not on paths."""
    return sum(not key[1].into and key[1].nodes[0].kind == "head" for key in interventions(counted))


def streams_in(counted):
    """How many there were on the residual stream, for the map of labels."""
    return sum(key[1].nodes[0].kind == "resid_pre" for key in interventions(counted))


def interventions(counted):
    return [key for key in counted if key[0] not in ("load", "attention")]


def test_everything_once(project, counted):
    project.behaviour("ab", checks=CHECKS.replace("[induction]", "[L1H2]"), models=BOUND)
    project.behaviour("cd", checks=ATTENTION, models="  nano-attn-2l: {}\n  nano-attn-1l: absent")
    project.run("--mi-no-cache").assert_outcomes(passed=12)  # which would spare cd what ab has measured
    assert set(counted.values()) == {1}
    assert [key for key in counted if key[0] == "load"] == [("load", "nano-attn-2l"), ("load", "nano-attn-1l")]
    assert sum(key[0] == "load" for key in counted) == 2
    assert sum(key[0] == "attention" for key in counted) == 2  # L1H2's, for both behaviours
    assert (
        nodes_in(counted) == 13 + 12
    )  # ab's 12 heads, one of them in a check too, and one noising; cd's heads, for the report


def test_heads_are_swept_for_the_report_where_anything_is_claimed_of_them(project, counted):
    project.behaviour(checks=ATTENTION)
    project.run()
    assert nodes_in(counted) == 12
    assert streams_in(counted) == 2 * 3  # layers, and A1, B1 and A2 END


def test_nothing_is_swept_where_the_preference_is_all_that_is_claimed(project, counted):
    project.behaviour()
    project.run()
    assert list(counted) == [("load", "nano-attn-2l")]


def test_nothing_is_swept_where_the_behaviour_is_absent(project, counted):
    project.behaviour(models="  nano-attn-1l: absent")
    project.run()
    assert list(counted) == [("load", "nano-attn-1l")]
