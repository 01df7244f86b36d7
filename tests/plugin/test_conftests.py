"""Cases 18 and 19: what a conftest.py adds is known to every verb as to pytest, and is the same in every process."""

import json
import os
import subprocess
import sys

import pytest

from mi_checks.cli.main import main

CONFTEST = """\
import numpy as np


def probability(logits, answers, foils):
    return logits.softmax(-1).gather(1, answers)[:, 0]


def ascending(loaded_model):
    shape = loaded_model.shape
    return np.arange(shape.n_layers * shape.n_heads, dtype=float).reshape(shape.n_layers, shape.n_heads)


def pytest_mi_pools(config):
    print("a conftest may print")
    return {"mine": {" time", " name", " value", " file", " test"}}


def pytest_mi_scores(config):
    return {"probability": probability}


def pytest_mi_role_scores(config):
    return {"ascending": ascending}
"""
POOL = {" time", " name", " value", " file", " test"}
ROLE = "roles:\n  last: {score: ascending, at_least: 10, most: 1}\nchecks:"
CHECKS = "  - logit_diff: {at_least: 0.001}\n  - patching: {nodes: last, recovers: {at_most: 5}}"
COUNT = ("--count", "16")
VERBS = {
    "matrix": ("matrix", "behaviours", *COUNT),
    "discover": ("discover", "behaviours/ab.yaml", "--model", "nano-attn-2l", "--count", "128"),
    "emergence": ("emergence", "behaviours", "--model", "nano-attn-2l@400", "--model", "nano-attn-2l", *COUNT),
    "bisect": (
        *("history", "bisect", "behaviours/ab.yaml", "--check", "logit_diff"),
        *("--over", "nano-attn-2l@200", "--over", "nano-attn-2l", *COUNT),
    ),
}


@pytest.fixture
def added(project):
    """A behaviour with a pool, a score and a role score of the project's own."""
    text = project.behaviour(checks=CHECKS).replace("B: {tokens: random,", "B: {pool: mine, rows: fixed,")
    text = (
        text.replace("  foils:", "  score: probability\n  foils:")
        .replace("checks:", ROLE)
        .replace("count: 16", "count: 128")
    )
    project.copy("ab", text)
    project.write("behaviours/conftest.py", CONFTEST)
    return project


@pytest.fixture
def told(capsys):
    def told(*arguments):
        capsys.readouterr()
        code = main(list(arguments))
        said = capsys.readouterr()
        return code, said.out, said.err

    return told


def test_case_19_matrix_measures_what_pytest_measures(added, told):
    added.run("--mi-count", "16", "-k", "logit_diff").assert_outcomes(passed=1)
    (result,) = json.loads((added.path / "reports/report.json").read_text(encoding="utf-8"))["results"]
    code, out, err = told(*VERBS["matrix"], "--format", "json")  # whatever the conftest printed
    assert (code, err) == (0, "")
    (effect,) = json.loads(out)["effects"]
    assert effect["prompts_sha256"] == result["prompts_sha256"]
    assert effect["estimate"]["value"] == result["estimate"]["value"]
    assert effect["estimate"]["unit"] == "probability"


def test_case_19_discover(added, told):
    code, out, err = told(*VERBS["discover"])  # which says on standard error how far it is
    assert code == 0, err
    assert out.startswith("# ab on nano-attn-2l: a draft")


def test_case_19_emergence_follows_roles_by_a_score_of_the_projects_own(added, told):
    code, out, err = told(*VERBS["emergence"], "--format", "json")
    assert (code, err) == (0, "")
    (series,) = json.loads(out)["series"]
    assert len(series["behaviours"]) == 1
    (role,) = series["roles"]
    assert {each["node"] for each in role["checkpoints"]} == {"L1H5"}  # the last of two layers of six heads
    assert {each["score"] for each in role["checkpoints"]} == {11.0}


def test_case_19_bisect_measures_anew_what_a_function_scores(added, told):
    for _ in range(2):  # nobody knows whether the function is still what it was
        code, out, err = told(*VERBS["bisect"])
        assert (code, err) in ((0, ""), (1, ""))
        assert "measured 2 of 2 checkpoints" in out


POOLS = '    return {"mine": {" time", " name", " value", " file", " test"}}'
RAISING = [
    ("import numpy as np", "import nothing_at_all", "1:1: ModuleNotFoundError: No module named 'nothing_at_all'"),
    ("import numpy as np", "x = (", "1:1: SyntaxError: '(' was never closed (conftest.py, line 1)"),
    ("import numpy as np", "raise SystemExit(3)", "1:1: SystemExit: 3"),
    ("import numpy as np", "import pytest; pytest.skip('no', allow_module_level=True)", "1:1: Skipped: no"),
    (POOLS, "    raise KeyError('gone')", "15: pytest_mi_pools raised KeyError: 'gone'"),
    (
        POOLS,
        "    pool = (1 / 0 for _ in 'a')\n    return {'mine': pool}",
        "15: pytest_mi_pools raised ZeroDivisionError: ",
    ),
    ('{"probability": probability}', "{}[0]", "19: pytest_mi_scores raised KeyError: 0"),
    ('{"ascending": ascending}', "{}[0]", "23: pytest_mi_role_scores raised KeyError: 0"),
    ("import numpy as np", "def pytest_configure(config): raise OSError('not today')", "1:1: OSError: not today"),
]


@pytest.mark.parametrize(
    ("verb", "raising"), [*(("matrix", each) for each in RAISING), *((v, RAISING[4]) for v in VERBS)]
)
def test_case_19_a_conftest_that_raises(added, told, verb, raising):
    line, new, message = raising
    added.write("behaviours/conftest.py", CONFTEST.replace(line, new))
    code, out, err = told(*VERBS[verb])
    assert (code, out) == (2, "")
    assert err.startswith(f"mi-checks: behaviours/conftest.py:{message}")
    assert err.count("\n") == 1


def test_case_19_a_hook_that_raises_is_one_error_of_pytest_too(added):
    added.write("behaviours/conftest.py", CONFTEST.replace('    return {"mine"', '    raise KeyError("gone")  #'))
    result = added.run()
    assert result.ret == 2
    result.assert_outcomes(errors=1)
    said = result.stdout.str()
    assert said.count("behaviours/conftest.py:15: pytest_mi_pools raised KeyError: 'gone'") == 1
    assert "Traceback" not in said
    assert "pluggy" not in said.partition("collected")[2]


def test_case_19_what_is_no_pool(added, told):
    added.write("behaviours/conftest.py", CONFTEST.replace('"mine"', '"words"'))
    message = (
        "pytest_mi_pools in behaviours/conftest.py: the pool 'words' is already part of mi-checks; choose another name"
    )
    for verb in VERBS.values():
        assert told(*verb) == (2, "", f"mi-checks: {message}\n")


def test_case_19_conftests_of_the_folders_above(added, told):
    text = (added.path / "behaviours/ab.yaml").read_text()
    added.write("behaviours/deep/er/cd.yaml", text.replace("name: ab", "name: cd").replace("pool: mine", "pool: deep"))
    added.write(
        "behaviours/deep/conftest.py", "def pytest_mi_pools(config):\n    return {'deep': [' a', ' b', ' c']}\n"
    )
    added.write("behaviours/other/conftest.py", "def pytest_mi_pools(config):\n    return {'other': [' a']}\n")
    assert len(added.ids()) == 6
    code, out, err = told(*VERBS["matrix"])
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines() if line.startswith(("ab ", "cd "))] == ["ab", "cd"]
    added.copy("ab", text.replace("pool: mine", "pool: deep"))
    known = "adjectives, first_names, identifiers, modules, words, mine"
    for said in (told(*VERBS["matrix"])[2], "mi-checks: " + added.run().stdout.str()):
        assert f"behaviours/ab.yaml:9:15: unknown pool 'deep'; pools: {known}" in said


def test_case_19_root_directory_and_cut_are_pytests(added, told):
    """A conftest.py above the root directory is nobody's, and one above `confcutdir` is left out."""
    (added.path / "behaviours/conftest.py").rename(added.path / "conftest.py")
    assert told(*VERBS["matrix"])[0] == 0
    added.write("pytest.ini", "[pytest]\naddopts = --confcutdir=behaviours\n")
    assert "unknown pool 'mine'" in told(*VERBS["matrix"])[2]
    assert "unknown pool 'mine'" in added.run("behaviours").stdout.str()
    added.ini()
    added.write("behaviours/pytest.ini", "[pytest]\n")  # a project of its own, below the conftest.py
    assert "unknown pool 'mine'" in told(*VERBS["matrix"])[2]
    assert "unknown pool 'mine'" in added.run("behaviours").stdout.str()


def test_case_19_a_plugin_that_the_ini_file_names(added, told, monkeypatch):
    (added.path / "behaviours/conftest.py").rename(added.path / "our_plugin.py")
    monkeypatch.syspath_prepend(added.path)
    assert "unknown pool 'mine'" in told(*VERBS["matrix"])[2]
    added.write("pytest.ini", "[pytest]\naddopts = -p our_plugin\n")
    assert told(*VERBS["matrix"])[0] == 0


def test_case_19_what_a_conftest_prepares_when_pytest_is_configured(added, told):
    prepared = CONFTEST.replace('{"mine": {', '{"mine": config.stash[KEY] if KEY in config.stash else {')
    added.write(
        "behaviours/conftest.py",
        prepared.replace('else {" time", " name", " value", " file", " test"}', "else []")
        + "\n\nimport pytest\n\nKEY = pytest.StashKey()\n\n\n"
        + f"def pytest_configure(config):\n    config.stash[KEY] = {sorted(POOL)}\n",
    )
    assert told(*VERBS["matrix"])[::2] == (0, "")


def test_case_19_asking_leaves_no_trace_of_a_run(added, told):
    options = "addopts = --junit-xml=out.xml --mi-report=page.html --lf -v -ra -n 2"
    added.write("pytest.ini", f"[pytest]\n{options}\nmi_dtype = float99\nmi_model = no/where\n")
    added.write("out.xml", "<of_the_last_run/>")
    before = sorted(path for path in added.path.rglob("*") if "__pycache__" not in path.parts)
    assert told(*VERBS["matrix"])[::2] == (0, "")
    assert (added.path / "out.xml").read_text() == "<of_the_last_run/>"
    assert sorted(path for path in added.path.rglob("*") if "__pycache__" not in path.parts) == before


def test_case_19_where_pytest_cannot_start(added, told):
    added.write("pytest.ini", "[pytest]\naddopts = --no-such-option\n")
    message = "pytest cannot start here, so conftest.py files cannot be read: unrecognized arguments: --no-such-option"
    assert told(*VERBS["matrix"]) == (2, "", f"mi-checks: {message}\n")


def test_case_19_without_plugins_there_are_no_pools(project, told, monkeypatch):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    project.behaviour()
    assert told(*VERBS["matrix"])[::2] == (0, "")


MADE = ("words", "list(words)", "frozenset(words)", "dict.fromkeys(words).keys()", "(word for word in words)")
DIGESTS = """\
from pathlib import Path
from mi_checks.models.model_tokenizer import load_tokenization
from mi_checks.prompts.build_prompts import build_prompts
from mi_checks.cli.shared_options import behaviours_of
tokenization = load_tokenization("nano-attn-2l")
for loaded in behaviours_of([Path("behaviours")]):
    print(build_prompts(loaded.behaviour.prompts, tokenization, behaviour="ab").sha256)
"""


def test_case_18_pools_are_the_same_in_every_process(project):
    """The prompts that each of two processes draws, whose sets have different orders."""
    for place in range(len(MADE)):
        text = project.behaviour(f"ab{place}").replace("B: {tokens: random,", f"B: {{pool: made{place},")
        project.copy(f"ab{place}", text)
    words = sorted({f" {a}{b}" for a in "abcdefgh" for b in ("an", "in", "on")} | POOL)
    pools = ", ".join(f"'made{place}': {made}" for place, made in enumerate(MADE))
    project.write(
        "behaviours/conftest.py",
        f"import sys\n\ndef pytest_mi_pools(config):\n    words = set({words})\n"
        f"    print(list(words), file=sys.__stderr__)\n    return {{{pools}}}\n",
    )
    one, other = (
        subprocess.run(
            [sys.executable, "-c", DIGESTS], env={**os.environ, "PYTHONHASHSEED": seed}, cwd=project.path,
            capture_output=True, text=True, check=False,
        )
        for seed in ("1", "2")
    )  # fmt: skip
    assert one.returncode == other.returncode == 0, one.stderr + other.stderr
    assert one.stderr != other.stderr  # the sets as they came
    assert one.stdout == other.stdout
    assert len(one.stdout.splitlines()) == len(MADE)
    assert len(set(one.stdout.splitlines())) == 1  # whatever the pool came in
