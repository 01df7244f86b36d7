"""A fault at each stage of a run: one placed line, the right outcome and exit code, and everything else is kept."""

import re

import pytest

# Before any run in a run: pytester forgets what was imported there, and would have it imported again, unpatched.
import mi_checks.ci.annotations
import mi_checks.ci.ci_summary  # noqa: F401
from mi_checks.results import write_run
from mi_checks.results.read_run import read_run
from tests.plugin.conftest import LIGHT

PLAIN = ("Traceback", "INTERNALERROR", ".py:")
LEFT = "was left out: Odd: odd"
DEBUG = "run with --mi-debug to see where"
STOPPED = f"stopped with an unexpected Odd: odd; {DEBUG}"


class Odd(Exception):
    """One that nobody foresees."""


class PanicException(BaseException):
    """As the bindings of Rust raise it: no `Exception` at all."""


@pytest.fixture
def two(project):
    """Two behaviours, `ab` and `cd`, of two checks each."""
    for name in ("ab", "cd"):
        project.behaviour(name, checks=f"{LIGHT}\n  - accuracy: {{at_least: 0.65}}")
    return project


@pytest.fixture
def breaks_for(monkeypatch):
    """Makes a function raise where `first` is an argument's behaviour or name: `breaks_for("module.name", error)`."""

    def breaks_for(place, error, wanted=lambda *_, **__: True):
        module, _, name = place.rpartition(".")
        holder = pytest.importorskip(module) if "." in module else None
        function = getattr(holder, name)

        def broken(*given, **named):
            if wanted(*given, **named):
                raise error
            return function(*given, **named)

        monkeypatch.setattr(place, broken)

    return breaks_for


def outcomes(project, name="reports/report.json"):
    return {f"{each.behaviour} {each.check}": each.outcome for each in read_run(project.path / name).results}


def of_ab(check, measured):
    return measured.behaviour.name == "ab" and check.kind == "accuracy"


@pytest.mark.parametrize(
    "error",
    [
        Odd("not\n  foreseen"), KeyError("prompts"), AssertionError(), IndexError("index 7"), RecursionError("deep"),
        StopIteration(), UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), PanicException("in Rust"),
    ],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_measuring(two, breaks_for, error):
    breaks_for("mi_checks.suite.suite.run_check", error, of_ab)
    result = two.run("--mi-annotations", "github")
    assert result.ret == 1
    result.assert_outcomes(passed=3, failed=1)
    told = " ".join(str(error).split())
    line = f"behaviours/ab.yaml:19: accuracy on nano-attn-2l stopped with an unexpected {type(error).__name__}"
    assert f"{line}{': ' if told else ''}{told}; {DEBUG}" in result.outlines
    assert not any(word in result.stdout.str() for word in PLAIN)
    assert list(outcomes(two).values()) == ["pass", "error", "pass", "pass"]
    assert any(each.startswith("::error file=behaviours/ab.yaml,line=19") for each in result.outlines)


@pytest.mark.parametrize(
    ("place", "wanted"),
    [
        ("mi_checks.suite.loaded_models.build_prompts", lambda *_, behaviour, **__: behaviour == "ab"),
        ("mi_checks.suite.suite.check_shapes", lambda loaded, *_: loaded.behaviour.name == "ab"),
        ("mi_checks.suite.suite.choose_engine", None),
        ("mi_checks.suite.suite.measurement_key", None),
        ("mi_checks.engine.engine.Engine._run_side", None),
    ],
    ids=["prompts", "shapes", "engine", "cache key", "unpatched runs"],
)
def test_getting_ready(two, breaks_for, place, wanted, monkeypatch):
    arguments = ["--mi-no-cache"] if place.endswith(("choose_engine", "build_prompts")) else []
    if place.endswith("_run_side"):
        from mi_checks.engine.engine import Engine

        def broken(*_):
            raise Odd("odd")

        monkeypatch.setattr(Engine, "_run_side", broken)
    else:
        breaks_for(place, Odd("odd"), wanted or (lambda *_, **__: True))
    result = two.run(*arguments, *([] if wanted else ["behaviours/ab.yaml"]))
    assert result.ret == 1
    result.assert_outcomes(failed=2, passed=2 if wanted else 0)
    for line, check in ((18, "logit_diff"), (19, "accuracy")):
        told = f"behaviours/ab.yaml:{line}: {check} on nano-attn-2l stopped with an unexpected Odd: odd; {DEBUG}"
        assert told in result.outlines
    assert not any(word in result.stdout.str() for word in PLAIN)
    assert outcomes(two)["ab logit_diff"] == "error"
    if wanted:
        assert outcomes(two)["cd logit_diff"] == "pass"


def test_case_14_a_failed_load_is_remembered(two, monkeypatch):
    """Said once; whatever depends on the model is an error of one line, and the model is not tried again."""
    tried = []

    def broken(name, **_):
        tried.append(name)
        raise AssertionError

    monkeypatch.setattr("mi_checks.suite.loaded_models.load", broken)
    result = two.run("-rN")
    assert result.ret == 1
    result.assert_outcomes(failed=4)
    assert tried == ["nano-attn-2l"]
    first = f"behaviours/ab.yaml:18: loading nano-attn-2l stopped with an unexpected AssertionError; {DEBUG}"
    assert result.outlines.count(first) == 1
    for place in ("ab.yaml:19", "cd.yaml:18", "cd.yaml:19"):
        at = result.outlines.index(f"behaviours/{place}: nano-attn-2l could not be loaded; see the first error")
        assert re.match("_+ |=+ |$", result.outlines[at + 1])  # nothing more is said of it
    run = read_run(two.path / "reports/report.json")
    assert [each.message.count("\n") for each in run.results] == [2, 0, 0, 0]
    assert run.omitted == ()
    assert not any(word in result.stdout.str() for word in PLAIN)


def test_case_14_of_weights_that_are_not_there(two, folder):
    weights = folder()
    (weights / "model.safetensors").unlink()
    result = two.run("--mi-model", f"nano-attn-2l={weights}")
    result.assert_outcomes(failed=4)
    assert result.stdout.str().count("model.safetensors is missing") == 1
    told = f"behaviours/ab.yaml:19: nano-attn-2l={weights} could not be loaded; see the first error"
    assert told in result.outlines


def test_a_failed_load_is_said_where_the_baseline_is_asked_alone(two, monkeypatch):
    def broken(*_, **__):
        raise Odd("odd")

    assert two.run("--mi-update").ret == 0
    monkeypatch.setattr("mi_checks.suite.loaded_models.load", broken)
    result = two.run("behaviours/ab.yaml::nano-attn-2l::baseline")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "not compared: logit_diff could not be measured",
            f"  because   behaviours/ab.yaml:18: loading nano-attn-2l stopped with an unexpected Odd: odd; {DEBUG}",
        ]
    )


def test_another_model_goes_on(two, folder):
    """The weights of one are missing; the other is measured."""
    weights = folder("nano-attn-1l")
    (weights / "model.safetensors").unlink()
    two.behaviour("ef", models="  nano-attn-2l: {}\n  nano-attn-1l: {}")
    result = two.run("behaviours/ef.yaml", "--mi-model", "nano-attn-2l", "--mi-model", f"nano-attn-1l={weights}")
    result.assert_outcomes(passed=1, failed=1)


@pytest.mark.parametrize(
    "text",
    [
        "DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes",
        "CUDA out of memory. Tried to allocate 9 bytes",
        None,
    ],
)
def test_out_of_memory_says_what_to_lower(two, breaks_for, text):
    import torch

    error = MemoryError() if text is None else torch.OutOfMemoryError(text) if "CUDA" in text else RuntimeError(text)
    breaks_for("mi_checks.suite.suite.run_check", error, of_ab)
    result = two.run()
    assert result.ret == 1
    result.assert_outcomes(passed=3, failed=1)
    told = f"behaviours/ab.yaml:19: accuracy on nano-attn-2l ran out of memory ({type(error).__name__}"
    (line,) = [line for line in result.outlines if line.startswith(told)]
    assert line.endswith("); lower --mi-count or --mi-memory")


def test_a_file_that_breaks_the_collection(two, breaks_for):
    """pytest's own exit code for a file that cannot be collected; the other file is named by no error."""
    breaks_for(
        "mi_checks.suite.selection.load_behaviours", KeyError("prompts"), lambda path, *_: path.name == "ab.yaml"
    )
    for arguments in (), ("--collect-only",):
        result = two.run(*arguments)
        assert result.ret == 2
        result.assert_outcomes(errors=1)
        told = f"behaviours/ab.yaml: collecting it stopped with an unexpected KeyError: 'prompts'; {DEBUG}"
        assert told in result.outlines
        assert not any(word in result.stdout.str() for word in PLAIN)
    result = two.run("--continue-on-collection-errors")
    assert result.ret == 1
    result.assert_outcomes(errors=1, passed=2)
    assert outcomes(two) == {"cd logit_diff": "pass", "cd accuracy": "pass"}


@pytest.mark.parametrize("place", ["mi_checks.suite.selection.checks_on", "mi_checks.suite.selection.expand_series"])
def test_models_and_options_that_break(two, breaks_for, place):
    breaks_for(place, Odd("odd"))
    result = two.run("--mi-model", "nano-attn-2l")
    assert result.ret == (2 if "checks_on" in place else 4)
    assert "stopped with an unexpected Odd: odd" in result.stdout.str() + result.stderr.str()
    assert not any(word in result.stdout.str() + result.stderr.str() for word in PLAIN)


def test_the_journal(two, monkeypatch):
    def broken(*_):
        raise Odd("odd")

    monkeypatch.setattr(write_run, "LINE_INTERVAL_S", 0.0)
    monkeypatch.setattr(write_run.Journal, "add", broken)
    result = two.run()
    assert result.ret == 0
    result.assert_outcomes(passed=4)
    assert result.outlines.count("note: The journal of this run was left out: Odd: odd") == 1
    assert read_run(two.path / "reports/report.json").omitted == ("The journal of this run was left out: Odd: odd",)


def test_the_history(two, monkeypatch):
    from mi_checks.history.run_store import History

    def broken(*_):
        raise Odd("odd")

    monkeypatch.setattr(History, "add", broken)
    result = two.run("--mi-history", "history.sqlite3")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        ["note: The entry of this run, which is in reports/report.json, in the history was left out: Odd: odd"]
    )
    assert len(outcomes(two)) == 4


def test_the_run_itself(two, monkeypatch):
    """All that is asked of a run is its record: without it the run is red, and the rest is written."""

    def broken(*_):
        raise Odd("odd")

    monkeypatch.setattr("mi_checks.results.write_run.run_text", broken)
    result = two.run()
    assert result.ret == 1
    result.assert_outcomes(passed=4)
    assert f"writing the run to reports/report.json stopped with an unexpected Odd: odd; {DEBUG}" in result.outlines
    assert "All 4 checks passed" in (two.path / "reports/report.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("place", "option", "told", "code"),
    [
        ("mi_checks.plugin.terminal_summary.verdict_table", [], f"note: The table of behaviours and models {LEFT}", 0),
        ("mi_checks.ci.ci_summary.ci_summary", ["--mi-summary", "s.md"], f"note: The summary for CI {LEFT}", 0),
        ("mi_checks.ci.annotations.commands", ["--mi-annotations=github"], f"The list of annotations for CI {LEFT}", 0),
        ("mi_checks.cache.cache_store.CacheStore.prune", [], f"note: The pruning of the cache {LEFT}", 0),
        ("mi_checks.suite.suite.Suite.provenance", [], f"note: The provenance of nano-attn-2l {LEFT}", 0),
        ("mi_checks.plugin.baseline_files.orphaned_baselines", [], f"writing baselines {STOPPED}", 1),
        ("mi_checks.plugin.lock_files.LockFiles.write", [], f"writing the lock files of roles {STOPPED}", 1),
    ],
)  # fmt: skip
def test_the_end_of_a_run(two, monkeypatch, place, option, told, code):
    def broken(*_, **__):
        raise Odd("odd")

    monkeypatch.setattr(place, broken)
    result = two.run(*option)
    assert result.ret == code
    result.assert_outcomes(passed=4)
    assert told in result.outlines
    assert not any(word in result.stdout.str() for word in PLAIN)
    assert list(outcomes(two).values()) == ["pass"] * 4
    assert (two.path / "reports/report.html").exists()


def test_an_end_that_breaks_as_a_whole(two, monkeypatch):
    """The run fails because nothing was written, although all of its checks passed."""
    from mi_checks.plugin.session_results import SessionResults

    def broken(_):
        raise Odd("odd")

    monkeypatch.setattr(SessionResults, "record", broken)
    result = two.run()
    assert result.ret == 1
    result.assert_outcomes(passed=4)
    assert f"writing what was measured {STOPPED}" in result.outlines
    assert not any(word in result.stdout.str() for word in PLAIN)


def test_mutants(two, monkeypatch):
    """A defect kills no mutant."""
    from mi_checks.mutants.judge_mutants import MutantJudge

    def broken(*_):
        raise Odd("odd")

    monkeypatch.setattr(MutantJudge, "_verdict", broken)
    result = two.run("--mi-mutants", "-k", "ab")
    assert result.ret == 1
    result.assert_outcomes(passed=2, failed=2)
    told = (
        f"behaviours/ab.yaml:18: the mutants of logit_diff on nano-attn-2l stopped with an unexpected Odd: odd; {DEBUG}"
    )
    assert told in result.outlines
    assert "mutants: 0 of 0 killed" in result.outlines


def test_debug_shows_where(two, breaks_for):
    """One option for all stages: an item, the evidence, and the page."""
    breaks_for("mi_checks.suite.suite.run_check", Odd("in a check"), of_ab)
    breaks_for("mi_checks.suite.evidence.gather._example", Odd("in an example"))
    result = two.run("--mi-debug")
    assert result.ret == 1
    result.assert_outcomes(passed=3, failed=1)
    text = result.stdout.str()
    assert text.count("Traceback (most recent call last):") == 3  # an item's, and the evidence's of each behaviour
    result.stdout.fnmatch_lines(
        [
            "behaviours/ab.yaml:19: accuracy on nano-attn-2l stopped with an unexpected Odd: in a check; *",
            "Traceback (most recent call last):",
            "*test_faults.py*in broken",
        ]
    )


def test_debug_from_the_ini_file(two, breaks_for):
    breaks_for("mi_checks.suite.selection.load_behaviours", Odd("odd"), lambda path, *_: path.name == "ab.yaml")
    two.ini("mi_debug = true")
    for arguments, shown in ([], 1), (["--collect-only"], 1), (["-o", "mi_debug=false"], 0):
        result = two.run(*arguments)
        assert result.ret == 2
        assert result.stdout.str().count("Traceback (most recent call last):") == shown


def test_debug_shows_what_was_behind_an_error_of_ours(two):
    """A failure that was foreseen and has a cause; without the option the cause is in the message alone."""
    text = two.behaviour("ab").replace("  foils:", "  score: probability\n  foils:")
    two.copy("ab", text)
    two.write("behaviours/conftest.py", SCORE.format(body="return 1 / 0"))
    assert "Traceback" not in two.run().stdout.str()
    result = two.run("--mi-debug")
    result.stdout.fnmatch_lines(["Traceback (most recent call last):", "ZeroDivisionError: division by zero"])


@pytest.mark.parametrize(
    ("hook", "told"),
    [
        ("pytest_mi_pools", "pytest_mi_pools"),
        ("pytest_mi_scores", "pytest_mi_scores"),
        ("pytest_mi_role_scores", "pytest_mi_role_scores"),
    ],
)
def test_a_hook_of_the_project_that_raises(two, hook, told):
    code = f"def {hook}(config):\n    return helper()\n\n\ndef helper():\n    return 1 / 0\n"
    two.write("behaviours/conftest.py", code)
    result = two.run()
    assert result.ret == 2
    result.assert_outcomes(errors=2)
    line = "fix it there, or run with --mi-debug to see its traceback"
    assert f"behaviours/conftest.py:6: {told} raised ZeroDivisionError: division by zero; {line}" in result.outlines
    assert "Traceback" not in result.stdout.str()


SCORE = """\
def probability(logits, answers, foils):
    {body}


def pytest_mi_scores(config):
    return {{"probability": probability}}
"""


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("return logits.no_such_thing", "AttributeError: 'Tensor' object has no attribute 'no_such_thing'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("return logits[:, 10**9]", "IndexError: index 1000000000 is out of bounds*"),
    ],
)
def test_a_score_of_the_project_that_raises(two, body, told):
    text = two.behaviour("ab").replace("  foils:", "  score: probability\n  foils:")
    two.copy("ab", text)
    two.write("behaviours/conftest.py", SCORE.format(body=body))
    result = two.run()
    assert result.ret == 1
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        [
            f"behaviours/conftest.py:2: the score 'probability' raised {told}; fix it there, or *",
            "  claimed   behaviours/ab.yaml:19",
        ]
    )
    assert "Traceback" not in result.stdout.str()


def test_a_score_of_the_project_that_is_no_number(two):
    text = two.behaviour("ab").replace("  foils:", "  score: probability\n  foils:")
    two.copy("ab", text)
    two.write("behaviours/conftest.py", SCORE.format(body="return logits[:, 0] * float('nan')"))
    result = two.run()
    assert result.ret == 1
    result.assert_outcomes(passed=2, failed=1)
    assert outcomes(two)["ab logit_diff"] == "error"
    assert "Traceback" not in result.stdout.str()


def test_outcomes_of_pytest_pass_through(two):
    """A project's own code may skip, or end the run."""
    text = two.behaviour("ab").replace("  foils:", "  score: probability\n  foils:")
    two.copy("ab", text)
    two.write("behaviours/conftest.py", "import pytest\n\n\n" + SCORE.format(body="pytest.skip('not here')"))
    result = two.run()
    assert result.ret == 0
    result.assert_outcomes(passed=2, skipped=1)
    two.write("behaviours/conftest.py", "import pytest\n\n\n" + SCORE.format(body="pytest.exit('enough', 7)"))
    result = two.run("-p", "no:cacheprovider")
    assert result.ret == 7
