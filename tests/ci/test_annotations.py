"""GitHub's workflow commands."""

import pytest

from mi_checks.ci.annotations import MAX_ANNOTATIONS, AnnotationPaths, command, commands
from mi_checks.ci.failures import failures
from mi_checks.results.run import FileLine, Lint
from mi_checks.spec.problems import SpecProblem
from tests.effects import around
from tests.made_results import result, run_of


@pytest.fixture
def paths(tmp_path):
    return AnnotationPaths(tmp_path, {})


def red(check, value, **given):
    message = f"fail: measured {value}, bound at least 2\n  claim     100 % of it"
    return result(check, around(value, 0.001), at_least=2, message=message, **given)


def test_a_failure_is_an_error_at_its_line(paths):
    run = run_of(red("patching[a,b]", 1))
    assert list(commands((), failures(run), paths)) == [
        "::error file=behaviours/induction.yaml,line=20,title=induction on nano-attn-2l%3A patching[a%2Cb]::"
        "fail: measured 1, bound at least 2%0A  claim     100 %25 of it"
    ]


def test_what_is_inconclusive_is_an_error_too(paths):
    run = run_of(result("logit_diff", around(2, 1), at_least=2, message="inconclusive: measured"))
    (line,) = commands((), failures(run), paths)
    assert line.startswith("::error ")


def test_a_mistake_has_a_column_and_comes_first(paths):
    mistakes = [
        SpecProblem("behaviours/a.yaml", 3, 7, "unknown key 'x'"),
        SpecProblem("", 0, 0, "cannot write the run"),
    ]
    found = list(commands(mistakes, failures(run_of(red("logit_diff", 1))), paths))
    assert found[:2] == [
        "::error file=behaviours/a.yaml,line=3,col=7,title=mi-checks::unknown key 'x'",
        "::error title=mi-checks::cannot write the run",
    ]
    assert len(found) == 3


def test_as_many_as_are_shown_the_worst_first(paths):
    run = run_of(*(red(f"c{number}", 1 - number / 100) for number in range(MAX_ANNOTATIONS + 3)))
    found = list(commands((), failures(run), paths))
    assert len(found) == MAX_ANNOTATIONS + 1
    assert "title=induction on nano-attn-2l%3A c12::" in found[0]
    assert found[-1] == "::notice title=mi-checks::3 more failures; see the log"


def test_case_29_one_cause_does_not_take_every_place(paths):
    many = [red(f"c{number}", 1 - number / 100) for number in range(MAX_ANNOTATIONS + 3)]
    run = run_of(*many, red("other", 1.5, behaviour="trigram"))
    found = list(commands((), failures(run), paths))
    assert "title=induction on nano-attn-2l%3A c12::" in found[0]
    assert "title=trigram on nano-attn-2l%3A other::" in found[1]


def test_case_29_an_annotation_is_brief(paths):
    long = red("c", 1, reason="\n".join(f"reason {i}" for i in range(40)))
    (line,) = commands((), failures(run_of(long)), paths)
    assert line.count("%0A") < 12
    assert "more lines in the report" in line


def test_case_31_a_lint_is_a_warning_at_its_line(paths):
    lint = Lint("induction", "m", "answer", "not likely", FileLine("behaviours/a.yaml", 3))
    assert list(commands((), (), paths, [lint])) == [
        "::warning file=behaviours/a.yaml,line=3,title=induction on m::not likely"
    ]


def test_every_escape():
    assert command("error", {"file": "a,b:c%\r\n", "line": ""}, "x%\r\n,:") == (
        "::error file=a%2Cb%3Ac%25%0D%0A::x%25%0D%0A,:"
    )
    assert command("notice", {}, "") == "::notice::"


def test_paths_begin_at_the_workspace_or_at_gits_root(tmp_path):
    root = tmp_path / "checkout/package"
    root.mkdir(parents=True)
    assert AnnotationPaths(root, {}).path("behaviours/a.yaml") == "behaviours/a.yaml"
    (root.parent / ".git").mkdir()
    assert AnnotationPaths(root, {}).path("behaviours/a.yaml") == "package/behaviours/a.yaml"
    assert AnnotationPaths(root, {"GITHUB_WORKSPACE": str(tmp_path)}).path("a.yaml") == "checkout/package/a.yaml"
    assert AnnotationPaths(root, {"GITHUB_WORKSPACE": str(tmp_path / "other")}).path("a.yaml") == "package/a.yaml"
    assert AnnotationPaths(root, {}).path(str(tmp_path / "b.yaml")) == (tmp_path / "b.yaml").as_posix()
