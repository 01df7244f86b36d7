"""Roles in a run: items of their own, their lock file, and `--mi-update`."""

import re
from collections import Counter

import pytest

from mi_checks.errors import MiChecksError
from mi_checks.suite.selection import behaviours_in

CHECKS = """\
  - logit_diff: {at_least: 1.5}
  - patching: {nodes: induction, recovers: {at_least: 0.3}}
  - attention: {nodes: previous, from: B1, to: A1, at_least: 0.1}"""
ROLES = """\
roles:
  previous: {score: previous_token, at_least: 0.4}
  induction: {score: induction, at_least: 0.5}
"""
FILE = "behaviours/ab.yaml"
LOCK = "behaviours/roles.lock.yaml"
HEADER = "# Written by pytest --mi-update: the nodes that each role is bound to on each model, with their scores.\n"
WRITTEN = (
    HEADER
    + """\
schema: 1
roles:
  ab:
    nano-attn-2l:
      induction: {L1H1: 0.89, L1H2: 0.92}
      previous: {L0H3: 1.0}
"""
)
REMEDY = "restore roles.lock.yaml, or delete it and run pytest --mi-update"


@pytest.fixture
def roles(project):
    """A project with a behaviour that has two roles, with a lock as `--mi-update` writes it."""
    behaviour(project)
    project.write(LOCK, WRITTEN)
    return project


def behaviour(project, name="ab", *, models="  nano-attn-2l: {}\n  nano-attn-1l: absent", checks=CHECKS, roles=ROLES):
    text = project.behaviour(name, checks=checks, models=models)
    return project.copy(name, text.replace("checks:\n", f"{roles}checks:\n"))


def lock(project):
    return (project.path / LOCK).read_text(encoding="utf-8")


def test_each_role_is_an_item_before_the_checks(roles):
    assert roles.ids() == [
        f"{FILE}::nano-attn-2l::role[previous]",
        f"{FILE}::nano-attn-2l::role[induction]",
        f"{FILE}::nano-attn-2l::logit_diff",
        f"{FILE}::nano-attn-2l::patching[induction]",
        f"{FILE}::nano-attn-2l::attention[previous,B1->A1]",
        f"{FILE}::nano-attn-1l::absent",
    ]


def test_bound_as_locked_all_passes(roles):
    result = roles.run()
    result.assert_outcomes(passed=6)
    assert "roles:" not in result.stdout.str()
    assert lock(roles) == WRITTEN


def test_not_locked_yet(roles):
    (roles.path / LOCK).unlink()
    result = roles.run()
    result.assert_outcomes(passed=4, failed=2)  # the checks are about what the roles are bound to now
    result.stdout.fnmatch_lines(
        [
            "fail: the role is not in roles.lock.yaml yet; it is bound to L1H2 0.92, L1H1 0.89; "
            "pytest --mi-update records it",
            "  claim     the role induction is bound to a node, as in roles.lock.yaml (score induction, at least 0.5)",
            "  claimed   behaviours/ab.yaml:19",
            "  re-run    pytest 'behaviours/ab.yaml::nano-attn-2l::role[[]induction]'",
        ]
    )
    assert not (roles.path / LOCK).exists()


def test_update_writes_and_a_second_one_changes_no_byte(roles):
    (roles.path / LOCK).unlink()
    result = roles.run("--mi-update")
    result.assert_outcomes(passed=6)
    result.stdout.fnmatch_lines([f"roles: {LOCK} written"])
    assert lock(roles) == WRITTEN
    before = (roles.path / LOCK).stat().st_mtime_ns
    result = roles.run("--mi-update")
    result.stdout.fnmatch_lines([f"roles: {LOCK} is up to date"])
    assert (lock(roles), (roles.path / LOCK).stat().st_mtime_ns) == (WRITTEN, before)


def test_ini(roles):
    (roles.path / LOCK).unlink()
    roles.ini("mi_update = true")
    roles.run().assert_outcomes(passed=6)
    assert lock(roles) == WRITTEN


def test_a_role_that_has_moved(roles):
    """It fails by itself, and the checks are about the nodes that it was locked to."""
    roles.write(LOCK, WRITTEN.replace("{L1H1: 0.89, L1H2: 0.92}", "{L1H0: 0.83, L1H2: 0.71}"))
    result = roles.run("-k", "induction")
    result.assert_outcomes(failed=1, passed=1, deselected=4)
    result.stdout.fnmatch_lines(
        [
            "fail: the role induction has moved: L1H0, L1H2 → L1H2, L1H1",
            "  claim     the role induction is bound to L1H0, L1H2, as in roles.lock.yaml "
            "(score induction, at least 0.5)",
            "  because   now bound to L1H2 0.92, L1H1 0.89",
            "            recorded as L1H0 0.83, L1H2 0.71",
            "            whose scores are now L1H0 0.03, L1H2 0.92",
            "            if the move is intended, pytest --mi-update records it",
        ]
    )
    roles.write(LOCK, WRITTEN.replace("{L1H1: 0.89, L1H2: 0.92}", "{L1H0: 0.83}"))
    result = roles.run("-k", "induction")
    result.assert_outcomes(failed=2, deselected=4)
    result.stdout.fnmatch_lines(["  claim     denoising L1H0 recovers at least 0.3 of clean − corrupt"])
    roles.run("-k", "induction", "--mi-update").assert_outcomes(passed=2, deselected=4)
    assert lock(roles) == WRITTEN


def test_a_role_that_has_vanished(roles, folder):
    """Without the previous-token head's output nothing looks for what came after."""
    model = f"nano-attn-2l={folder(zero_heads=[(0, 3)])}"
    result = roles.run("-k", "role", "--mi-model", model)
    result.assert_outcomes(failed=1, passed=1, deselected=3)
    result.stdout.re_match_lines(
        [
            r"fail: no head of nano-attn-2l scores at least 0\.5 as induction; the highest: L\dH\d 0\.\d\d, .*",
            r"  because   recorded as L1H1 0\.89, L1H2 0\.92",
            r"            whose scores are now L1H1 0\.\d\d, L1H2 0\.\d\d",
        ]
    )


def test_what_stands_in_for_a_model_is_not_written_as_the_model(roles, folder):
    (roles.path / LOCK).unlink()
    model = f"nano-attn-2l={folder(zero_heads=[(0, 3)])}"
    result = roles.run("-k", "role", "--mi-model", model, "--mi-update")
    assert result.ret == 4
    result.stderr.fnmatch_lines([f"ERROR: --mi-model {model}: --mi-update would record it as nano-attn-2l, but *"])
    assert not (roles.path / LOCK).exists()


def test_a_role_with_no_match_is_not_written(roles):
    behaviour(roles, roles=ROLES.replace("at_least: 0.5", "at_least: 0.95"))
    (roles.path / LOCK).unlink()
    result = roles.run("--mi-update")
    result.assert_outcomes(failed=2, passed=4)
    result.stdout.fnmatch_lines(
        [
            "fail: no head of nano-attn-2l scores at least 0.95 as induction; the highest: L1H2 0.92, *",
            "the role 'induction' is not bound to any node of nano-attn-2l",
        ]
    )
    assert lock(roles) == WRITTEN.replace("      induction: {L1H1: 0.89, L1H2: 0.92}\n", "")


def test_only_what_was_asked_for_is_written(roles):
    behaviour(roles, "cd")
    roles.run("-k", "cd and previous", "--mi-update").assert_outcomes(passed=2, deselected=10)
    added = "  cd:\n    nano-attn-2l:\n      previous: {L0H3: 1.0}\n"
    assert lock(roles) == WRITTEN + added
    result = roles.run("-k", "logit_diff", "--mi-update")
    assert "roles:" not in result.stdout.str()
    assert lock(roles) == WRITTEN + added


def test_a_models_own_bound(roles):
    behaviour(roles, models='  nano-attn-2l: {"role[induction]": {at_least: 0.9}}\n  nano-attn-1l: absent')
    result = roles.run("-k", "induction")
    result.stdout.fnmatch_lines(["fail: the role induction has moved: L1H1, L1H2 → L1H2"])


def test_on_a_model_that_is_not_named_what_is_claimed_of_roles_is_checked(roles):
    model = ("--mi-model", "nano-gelu-2l")
    behaviour(roles, checks=CHECKS + "\n  - attention: {nodes: L1H2, from: A2, to: B1, at_least: 0.1}")
    assert roles.ids(*model) == [
        f"{FILE}::nano-gelu-2l::role[previous]",
        f"{FILE}::nano-gelu-2l::role[induction]",
        f"{FILE}::nano-gelu-2l::logit_diff",
        f"{FILE}::nano-gelu-2l::patching[induction]",
        f"{FILE}::nano-gelu-2l::attention[previous,B1->A1]",
    ]
    roles.run(*model).assert_outcomes(passed=5)
    result = roles.run(*model, "--mi-update")
    assert "roles:" not in result.stdout.str()
    assert lock(roles) == WRITTEN  # it makes no claim of that model


def test_a_model_that_is_not_named_and_has_nothing_of_it(roles):
    result = roles.run("--mi-model", "nano-gelu-1l", "-k", "role or patching")
    result.assert_outcomes(failed=3, deselected=2)
    result.stdout.re_match_lines(
        [
            r"fail: no head of nano-gelu-1l scores at least 0\.4 as previous; the highest: L0H1 0\.18, L0H2 .*",
            r"the role 'induction' is not bound to any node of nano-gelu-1l",
        ]
    )


def test_a_layer_that_a_model_does_not_have(roles):
    behaviour(roles, checks=f"{CHECKS}\n  - patching: {{nodes: layer 1 heads, recovers: {{at_least: 0.1}}}}")
    result = roles.run("--mi-model", "nano-gelu-1l", "-k", "layer")
    result.assert_outcomes(failed=1, deselected=5)
    result.stdout.fnmatch_lines(["'layer 1 heads' does not name any node of nano-gelu-1l"])


def test_locked_nodes_outside_the_weights(roles, folder):
    result = roles.run("--mi-model", f"nano-attn-2l={folder('nano-attn-1l')}", "-k", "induction")
    result.assert_outcomes(failed=2, deselected=3)
    result.stdout.fnmatch_lines(
        [
            "            whose scores are now L1H1, L1H2 outside the model",
            "'induction': nano-attn-2l has layer 0 only, so L1H1 does not exist",
        ]
    )


def test_workers_send_what_they_bind(roles):
    pytest.importorskip("xdist")
    (roles.path / LOCK).unlink()
    behaviour(roles, "cd")
    result = roles.run("-n", "1", "--mi-update")
    result.assert_outcomes(passed=12)
    assert result.stdout.str().count(f"roles: {LOCK} written") == 1
    assert lock(roles) == WRITTEN + WRITTEN[WRITTEN.index("  ab:") :].replace("ab:", "cd:")


def test_a_score_is_computed_once_for_each_model(roles, monkeypatch):
    from mi_checks.roles import role_binding

    asked = Counter()
    original = role_binding.role_score

    def counting(name, loaded_model, model):
        asked[name, loaded_model.name] += 1
        return original(name, loaded_model, model)

    monkeypatch.setattr(role_binding, "role_score", counting)
    behaviour(roles, "cd", roles=ROLES.replace("0.5", "0.6"))
    roles.run("--mi-update").assert_outcomes(passed=12)
    assert asked == {("previous_token", "nano-attn-2l"): 1, ("induction", "nano-attn-2l"): 1}
    asked.clear()
    roles.run("-k", "not role").assert_outcomes(passed=12, deselected=4)  # four of them baselines
    assert not asked  # all are locked


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (WRITTEN.replace("schema: 1", "schema: 3"), ":2:9: written by a newer mi-checks (schema 3*"),
        (WRITTEN + "<<<<<<< HEAD\n", ":8:1: merge conflict; keep either side*"),
        (WRITTEN.replace("{L0H3: 1.0}", "{L0H6: 1.0}"), f":7:18: 'L0H6' is outside nano-attn-2l, *; {REMEDY}"),
    ],
)
def test_a_lock_that_cannot_be_used_ends_the_run(text, message, roles):
    """Whatever it says is told once, and nothing is written over it."""
    roles.write(LOCK, text)
    behaviour(roles, "cd")
    for update in ((), ("--mi-update",)):
        result = roles.run(*update)
        assert result.ret == 2
        result.stdout.fnmatch_lines([LOCK + message])
        assert result.stdout.str().count("roles.lock.yaml:") == 1
        result.assert_outcomes(errors=1)
        assert lock(roles) == text


def test_without_roles_the_lock_does_not_matter_to_a_behaviour(roles):
    roles.write(LOCK, "schema: 3\n")
    roles.behaviour("ab")
    roles.run(FILE).assert_outcomes(passed=1)


def test_the_lock_is_no_behaviour(roles):
    roles.run(FILE, LOCK).assert_outcomes(passed=6)
    assert [loaded.behaviour.name for loaded in behaviours_in([roles.path / "behaviours"], roles.path)] == ["ab"]
    paths = [roles.path / LOCK, roles.path / FILE]
    assert [loaded.behaviour.name for loaded in behaviours_in(paths, roles.path)] == ["ab"]


def test_a_full_disk_is_told_at_the_end(roles, monkeypatch):
    from mi_checks.plugin import lock_files

    def full(folder, measured, root):
        raise MiChecksError(
            "behaviours/roles.lock.yaml: cannot be written: No space left on device; the file is unchanged."
        )

    monkeypatch.setattr(lock_files, "write_lock", full)
    result = roles.run("--mi-update")
    result.assert_outcomes(passed=6)
    assert result.ret == 1
    result.stdout.fnmatch_lines([f"roles: {LOCK}: cannot be written: No space left on device; the file is unchanged."])


def test_the_report_shows_roles(roles):
    roles.run()
    page = (roles.path / "reports/report.html").read_text(encoding="utf-8")
    assert re.search(r"the role induction is bound to L1H1, L1H2", page)


OWN = """\
import numpy as np


def first(loaded_model):
    scores = np.zeros((loaded_model.shape.n_layers, loaded_model.shape.n_heads))
    scores[1, 2] = 1
    return scores


def pytest_mi_role_scores(config):
    return {"first": first}
"""


@pytest.fixture
def own(roles):
    behaviour(roles, roles=ROLES.replace("score: induction", "score: first"))
    roles.write("behaviours/conftest.py", OWN)
    return roles


def test_a_score_of_the_project(own):
    own.run("--mi-update").assert_outcomes(passed=6)
    assert "      induction: {L1H2: 1.0}\n" in lock(own)


def test_an_unknown_score(own):
    own.write("behaviours/conftest.py", OWN.replace('"first"', '"frist"'))
    result = own.run()
    assert result.ret == 2
    result.stdout.fnmatch_lines(
        [f"{FILE}:19:22: unknown role score 'first'; role scores: *, name_mover, frist; did you mean 'frist'[?]"]
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('{"first": first}', "[first]", "must return a dict of functions, not a list"),
        ('"first"', '"induction"', "the score 'induction' is already part of mi-checks; choose another name"),
        (": first", ": 0.5", "the score 'first' must be a function, not a float"),
    ],
)
def test_what_is_no_score_ends_the_run(old, new, message, own):
    own.write("behaviours/conftest.py", OWN.replace(old, new))
    result = own.run()
    assert result.ret == 2
    result.stdout.fnmatch_lines([f"*pytest_mi_role_scores in behaviours/conftest.py: {message}"])


def test_a_score_of_the_wrong_shape(own):
    own.write("behaviours/conftest.py", OWN.replace("return scores", "return scores[0]"))
    result = own.run("-k", "role")
    result.assert_outcomes(failed=1, passed=1, deselected=4)
    result.stdout.fnmatch_lines(
        [
            "the role score 'first' must return an array of one number for each of the 2 × 6 heads, `layer head`, "
            "not 6",
        ]
    )
