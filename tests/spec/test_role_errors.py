"""Roles: what a file with them gives, and the text of every mistake in them."""

import pytest

from mi_checks.spec.additions import Additions
from mi_checks.spec.check import Bound
from mi_checks.spec.check_refs import is_portable, roles_for
from mi_checks.spec.load_file import load_behaviour

SCORES = "previous_token, duplicate_token, induction, copying, name_mover"
ROLES = """\
roles:
  induction: {score: induction, at_least: 0.4}
  previous: {score: previous_token, at_least: 0.4, most: 1}
"""
CHECKS = """\
checks:
  - logit_diff: {at_least: 2}
  - patching: {nodes: induction, recovers: {at_least: 0.5}}
  - ablation: {nodes: all heads except previous, with: mean, removes: {at_most: 0.5}}
  - patching: {nodes: [induction, L0H0], recovers: {at_least: 0.5}}
  - patching: {nodes: layer 0 heads, recovers: {at_least: 0.5}}
  - ablation: {nodes: all heads except L0H0, with: mean, removes: {at_most: 0.5}}
  - path: {from: previous, to: induction, via: k, recovers: {at_least: 0.1}}
  - path: {from: previous, to: logits, recovers: {at_most: 0.1}}
  - path: {from: previous, to: L1H1, via: k, recovers: {at_least: 0.1}}
  - mediators: {component: head, above: 0.2, exactly: []}
  - curve: {cpr: {at_least: 0.1}}
models:
  nano-attn-2l: {"role[induction]": {at_least: 0.3}}
  nano-gelu-2l: {checks: [logit_diff, "patching[induction]"]}
  nano-attn-3l: {checks: [logit_diff]}
"""


@pytest.fixture
def text(valid):
    return valid[: valid.index("checks:")] + ROLES + CHECKS


@pytest.fixture
def broken(text, errors):
    def broken(old, new):
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times"
        return errors(text.replace(old, new))

    return broken


def test_roles_of_a_model(load, text):
    behaviour = load(text).behaviour
    assert [check.id for check in roles_for(behaviour, "nano-attn-2l")] == ["role[induction]", "role[previous]"]
    assert behaviour.bound_for(behaviour.role_checks[0], "nano-attn-2l") == Bound(at_least=0.3)
    assert behaviour.bound_for(behaviour.role_checks[0], "nano-solu-2l") == Bound(at_least=0.4)


def test_a_model_that_is_claimed_less_for_is_asked_for_fewer_roles(load, text):
    behaviour = load(text).behaviour
    assert [check.name for check in roles_for(behaviour, "nano-gelu-2l")] == ["induction"]
    assert roles_for(behaviour, "nano-attn-3l") == ()


def test_what_means_something_on_a_model_that_is_not_named(load, text):
    behaviour = load(text).behaviour
    portable = [entry.check.id for entry in behaviour.checks if is_portable(entry.check, behaviour)]
    assert portable == [
        "logit_diff",
        "patching[induction]",
        "ablation[all_heads_except_previous,mean]",
        "patching[layer_0_heads]",
        "path[previous->induction.k]",
        "path[previous->logits]",
    ]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "score: induction,",
            "score: inducton,",
            f"x:21:22: unknown role score 'inducton'; role scores: {SCORES}; did you mean 'induction'?",
        ),
        (
            "  previous: {",
            "  unused: {score: copying, at_least: 0.5}\n  previous: {",
            "x:22:3: no check uses the role 'unused'; name it in a check or remove it",
        ),
        (
            "  previous: {",
            "  L1H1: {score: copying, at_least: 0.5}\n  previous: {",
            "x:22:3: a role cannot be called 'L1H1', which is a node; choose another name",
        ),
        (
            "  previous: {",
            "  logits: {score: copying, at_least: 0.5}\n  previous: {",
            "x:22:3: a role cannot be called 'logits', the end of a path; choose another name",
        ),
        (
            "  previous: {",
            "  all heads: {score: copying, at_least: 0.5}\n  previous: {",
            ("x:22:3: 'all heads' is not a valid name; use letters, digits and '_', starting with a letter or '_'"),
        ),
        ("most: 1", "most: 0", "x:22:58: 'roles.previous.most' must be at least 1, not 0"),
        ("most: 1", "most: 1.5", "x:22:58: 'roles.previous.most' must be a whole number, not 1.5"),
        (
            "most: 1",
            "mosst: 1",
            "x:22:52: unknown key 'mosst' in 'roles.previous'; "
            "valid keys: at_least, component, most, score; did you mean 'most'?",
        ),
        (", at_least: 0.4}\n  previous", "}\n  previous", "x:21:3: missing key 'at_least' in 'roles.induction'"),
        (
            "score: induction,",
            "component: neuron, score: induction,",
            (
                "x:21:26: the score 'induction' is defined for heads; for neurons, add one in a "
                "conftest.py\n"
                "x:30:32: a path enters only heads, MLP layers or 'logits', but 'induction' consists "
                "of neurons"
            ),
        ),
        (
            "at_least: 0.4}\n  prev",
            "at_least: 40}\n  prev",
            (
                "x:21:43: the role score induction is always between 0 and 1, so a bound of 40 makes "
                "no sense; did you mean 0.4?"
            ),
        ),
        (
            "at_least: 0.4}\n  prev",
            "at_least: 0}\n  prev",
            ("x:21:43: the role score induction is always at least 0, so this check could never fail"),
        ),
        (
            '"role[induction]": {at_least: 0.3}',
            '"role[induction]": {at_least: -0.3}',
            ("x:36:18: the role score induction is always between 0 and 1, so a bound of -0.3 makes no sense"),
        ),
        (
            "score: induction,",
            "component: mlp, score: induction,",
            "x:21:26: 'roles.induction.component' must be one of head, neuron, not the text 'mlp'",
        ),
        (
            '"role[induction]": {at_least: 0.3}',
            '"role[induction]": {at_least: 0.3, at_most: 0.6}',
            "x:36:18: a role takes only 'at_least', the score that a node needs",
        ),
        (
            '"role[induction]": {at_least: 0.3}',
            '"role[induction]": {at_lest: 0.3}',
            "x:36:38: unknown key 'at_lest' in 'models.nano-attn-2l.role[induction]'; "
            "valid keys: at_least, at_most; did you mean 'at_least'?",
        ),
        (
            '"role[induction]": {at_least: 0.3}',
            "nodes: {induction: L1H1}",
            "x:36:26: 'induction' is a role, which is bound by its score; choose another name",
        ),
    ],
)
def test_error_text(broken, old, new, expected):
    assert broken(old, new) == expected


def test_an_unknown_role_in_a_models_bounds(broken):
    text = broken('"role[induction]": {at_least: 0.3}', '"role[inducton]": {at_least: 0.3}')
    assert text.startswith("x:36:18: unknown key 'role[inducton]' in 'models.nano-attn-2l'; valid keys: nodes, ")
    assert text.endswith("; did you mean 'role[induction]'?")


def test_a_case_bounds_a_role(text, tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text(text + 'cases:\n  near: {bounds: {"role[induction]": {at_least: 0.6}}}\n  far: {}\n')
    near, far = (load_behaviour(path, case=case).behaviour for case in ("near", "far"))
    assert (near.roles["induction"].at_least, near.roles["previous"].at_least) == (0.6, 0.4)
    assert far.roles["induction"].at_least == 0.4


def test_a_case_bounds_a_role_from_above(text, errors):
    message = errors(text + 'cases:\n  near: {bounds: {"role[induction]": {at_most: 0.6}}}\n')
    assert message.endswith("x:40:19: a role takes only 'at_least', the score that a node needs")


def test_a_score_of_the_project(text, tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text(text.replace("score: induction,", "score: mine,"))
    added = Additions(role_scores={"mine": len})
    loaded = load_behaviour(path, added=added)
    assert loaded.behaviour.roles["induction"].score == "mine"
    assert loaded.role_scores == {"mine": len}
