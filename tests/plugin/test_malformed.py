"""Case 8: a file that is no behaviour is told what it lacks, by pytest and by every verb that reads behaviours."""

import re

import pytest

from mi_checks.cli.main import main

MALFORMED = {
    "name only": "name: x\n",
    "prompts without a value": "name: x\nprompts: ~\n",
    "prompts a list": "name: x\nprompts: []\n",
    "prompts a text": "name: x\nprompts: text\n",
    "prompts a number": "name: x\nprompts: 3\n",
    "prompts empty": "name: x\nprompts: {}\n",
    "score a list": "name: x\nprompts: {score: [1]}\n",
    "score a mapping": "name: x\nprompts: {score: {a: 1}}\n",
    "score nothing": "name: x\nprompts: {score: ~}\n",
    "variables a list": "name: x\nprompts: {variables: [a], template: 1, corrupt: 2, answer: {}, foils: {}}\n",
    "quotes a text": "name: x\nprompts: {quotes: a}\n",
    "checks a mapping": "name: x\nchecks: {logit_diff: {}}\n",
    "check a list": "name: x\nchecks: [[logit_diff]]\n",
    "models a list": "name: x\nmodels: [a]\n",
    "cases without a value": "name: x\ncases: ~\n",
    "case a list": "name: x\ncases: {a: []}\n",
    "case without a value": "name: x\ncases: {a: ~}\n",
    "name a list": "name: [x]\nprompts: {}\n",
    "no name": "prompts: {score: [1]}\n",
    "extends a list": "name: x\nextends: [1]\n",
    "extends itself": "name: x\nextends: x.yaml\n",
    "roles a text": "name: x\nroles: induction\n",
    "a list": "- a\n",
    "a text": "a\n",
    "a number": "3\n",
    "nothing": "",
    "null": "~\n",
    "cut off": "name: x\nprompts: {\n",
    "a tab": "name: x\nprompts:\n\tcount: 3\n",
    "two documents": "name: x\n---\nname: y\n",
    "not UTF-8": b"name: x\nsummary: \xff\n",
    "NUL": b"name: x\nsummary: a\0b\n",
}
VERBS = {
    "matrix": ("matrix", "behaviours"),
    "matrix FILE": ("matrix", "behaviours/x.yaml"),
    "discover": ("discover", "behaviours/x.yaml", "--model", "nano-attn-1l"),
    "emergence": ("emergence", "behaviours"),
    "bisect": ("history", "bisect", "behaviours/x.yaml", "--check", "logit_diff", "--over", "nano-attn-2l@*"),
}
PLACED = re.compile(r"behaviours/x\.yaml:\d+:\d+: .+")


@pytest.fixture
def told(project, capsys):
    def told(verb, text):
        """The lines that `behaviours/x.yaml` is told by a verb."""
        path = project.write("behaviours/x.yaml", "")
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        capsys.readouterr()
        assert main(list(verb)) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.startswith("mi-checks: ")
        return said.err.removeprefix("mi-checks: ").splitlines()

    return told


@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED)
def test_case_08_pytest_says_where_and_what(project, told, text):
    lines = told(VERBS["matrix"], text)
    assert all(PLACED.fullmatch(line) for line in lines)
    result = project.run("--collect-only")
    assert result.ret == 2
    result.assert_outcomes(errors=1)
    assert [line for line in result.outlines if PLACED.fullmatch(line)] == lines
    assert "Traceback" not in result.stdout.str()


@pytest.mark.parametrize("verb", VERBS)
def test_case_08_so_does_every_verb(told, verb):
    for name in ("name only", "prompts a list", "score a mapping", "cut off", "nothing"):
        lines = told(VERBS[verb], MALFORMED[name])
        assert lines == told(VERBS["matrix"], MALFORMED[name])
        assert all(PLACED.fullmatch(line) for line in lines)


def test_case_08_other_files_are_collected(project):
    project.behaviour("ab")
    project.write("behaviours/x.yaml", "name: x\n")
    project.write("behaviours/y.yaml", "name: y\nprompts: []\n")
    result = project.run("--continue-on-collection-errors")
    result.assert_outcomes(passed=1, errors=2)


def test_case_08_mistakes_in_several_files_are_told_together(project, capsys):
    project.behaviour("ab")
    project.write("behaviours/x.yaml", "name: x\nprompts: []\n")
    project.write("behaviours/y.yaml", "[")
    assert main(["matrix"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("mi-checks: behaviours/x.yaml:1:1: missing key ")
    assert lines[-1].startswith("behaviours/y.yaml:1:2: not valid YAML")
