"""Every verb on broken input: one line on standard error and an exit code that says whose doing it is, no traceback."""

import errno
import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from mi_checks.cli import main
from mi_checks.history.run_rows import run_digest
from mi_checks.history.run_store import History, NewRun
from mi_checks.results.write_run import run_text, write_run
from tests.effects import around
from tests.made_results import result, run_of

MODEL = ["--model", "nano-attn-2l"]
HISTORY = ["--history", "INPUT"]
# Each verb with every input that it reads; INPUT is what is broken, and the rest is as it should be.
VERBS = {
    "discover": [["discover", "INPUT", *MODEL], ["discover", "ab.yaml", "--model", "INPUT"]],
    "matrix": [["matrix", "INPUT", *MODEL], ["matrix", "ab.yaml", "--model", "gguf:INPUT"]],
    "emergence": [["emergence", "INPUT"], ["emergence", "ab.yaml", "--model", "INPUT@*"]],
    "report": [["report", "INPUT", "-o", "out.html"], ["report", "good.json", "INPUT", "-o", "out.html"]],
    "compare": [["compare", "INPUT", "good.json"], ["compare", "good.json", "INPUT", "--format", "json"]],
    "history import": [["history", "import", "INPUT", "--history", "new.sqlite3"]],
    "history list": [["history", "list", *HISTORY], ["history", "list", "--format", "json", *HISTORY]],
    "history show": [
        ["history", "show", "induction", *HISTORY],
        ["history", "show", "induction", "--check", "logit_diff", *HISTORY],
    ],
    "history mediators": [["history", "mediators", "induction", "L1H2", *HISTORY]],
    "history export": [["history", "export", "DIGEST", "out.json", *HISTORY]],
    "history bisect": [
        ["history", "bisect", "INPUT", "--check", "logit_diff", "--over", "nano-attn-2l@*", "--history", "new.sqlite3"],
    ],
    "mine trigrams": [["mine", "trigrams", "INPUT"], ["mine", "trigrams", "ab.yaml", "--model", "INPUT"]],
    "models fetch": [["models", "fetch", "smollm2-135m", "--from", "INPUT"]],
    "models list": [],  # reads nothing
    "calibrate": [],  # likewise
}
CASES = [case for cases in VERBS.values() for case in cases]
DATABASES = ("cut.sqlite3", "scrambled.sqlite3", "documents.sqlite3", "rows.sqlite3", "tables.sqlite3", "other.sqlite3")
INPUTS = ("absent", "garbage", "folder", "deep.json", "garbage/below", "/proc/self/mem")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with inputs that are whole, and others that are broken."""
    place = tmp_path_factory.mktemp("inputs")
    good = run_of(result("logit_diff", around(3), at_least=2))
    write_run(good, place / "good.json")
    whole = place / "good.sqlite3"
    with History.at(whole, create=True) as history:
        history.add([NewRun(good, run_text(good), "good.json")])
    raw = whole.read_bytes()
    (place / "cut.sqlite3").write_bytes(raw[: len(raw) // 2])
    (place / "scrambled.sqlite3").write_bytes(raw[:4096] + b"\x5a" * 20_480 + raw[24_576:])
    spoilt = {
        "documents": "UPDATE documents SET text = x'00ff'",
        "rows": "UPDATE runs SET started = 'never', seconds = 'x', settings = '{'; UPDATE results SET value = 'abc'",
        "tables": "DROP TABLE results; DELETE FROM documents",
    }
    for name, statements in spoilt.items():
        shutil.copy(whole, place / f"{name}.sqlite3")
        with sqlite3.connect(place / f"{name}.sqlite3") as connection:
            connection.executescript(statements)
        connection.close()
    with sqlite3.connect(place / "other.sqlite3") as connection:
        connection.execute("CREATE TABLE cats (name TEXT)")
    connection.close()
    (place / "garbage").write_bytes(bytes(range(256)) * 12)
    (place / "deep.json").write_text("[" * 100_000)
    (place / "folder").mkdir()
    text = Path(__file__).parents[2].joinpath("behaviours/induction.yaml").read_text("utf-8")
    (place / "ab.yaml").write_text(text, "utf-8")
    (place / "digest").write_text(run_digest(good)[:8])
    return place


@pytest.fixture
def run(place, capfd, monkeypatch):
    """Runs a verb in that folder: its exit code, and the lines on standard error."""

    def run(*arguments):
        monkeypatch.chdir(place)
        monkeypatch.setenv("MI_CHECKS_CACHE", str(place / "cache"))  # nothing is fetched yet
        for file in ("new.sqlite3", "out.html", "out.json"):
            Path(file).unlink(missing_ok=True)
        capfd.readouterr()
        code = main.main(arguments)
        lines = capfd.readouterr().err.splitlines()
        return code, [line for line in lines if not line.endswith(" s so far")]  # progress, on a slow machine

    return run


def filled(case, name, place):
    return [word.replace("INPUT", name).replace("DIGEST", (place / "digest").read_text()) for word in case]


def test_every_verb_has_its_cases():
    assert set(VERBS) == {name for name, _ in main._last_parsers(main._parser(), ())}


@pytest.mark.parametrize("case", CASES, ids=" ".join)
def test_what_cannot_be_read(case, run, place):
    for name in (*INPUTS, *(DATABASES if case[-2:] == HISTORY else ())):
        code, lines = run(*filled(case, name, place))
        if code == 0:  # what is broken here is not what this verb reads
            assert name in DATABASES
            continue
        assert code == 2, (name, lines)
        assert len(lines) == 1, (name, lines)
        assert lines[0].startswith("mi-checks: ")
        assert "unexpected" not in lines[0]


@pytest.mark.parametrize("name", DATABASES)
def test_a_broken_history_is_named(name, run, place):
    """By every verb that reads what is broken in it, and by none as a defect of ours."""
    said = [run(*filled(case, name, place)) for case in CASES if case[-2:] == HISTORY]
    assert any(code == 2 and name in lines[0] for code, lines in said)
    assert all(code in (0, 2) for code, _ in said)


OUTPUTS = [
    ["report", "good.json", "-o", "OUTPUT"],
    ["compare", "good.json", "good.json", "--output", "OUTPUT"],
    ["history", "export", "DIGEST", "OUTPUT", "--history", "good.sqlite3"],
    ["mine", "trigrams", "ab.yaml", "--output", "OUTPUT.csv"],
    ["emergence", "ab.yaml", "--output", "OUTPUT.html"],
    ["discover", "ab.yaml", *MODEL, "--output", "OUTPUT"],
    ["history", "import", "good.json", "--history", "OUTPUT"],
]


@pytest.mark.parametrize("case", OUTPUTS, ids=" ".join)
def test_where_nothing_can_be_written(case, run, place):
    early = case[0] in ("mine", "emergence", "discover")  # found out before minutes of measuring
    for output in ("garbage/below",) if early else ("garbage/below", "/proc/below", "/dev/full"):
        code, lines = run(*filled([word.replace("OUTPUT", output) for word in case], "", place))
        assert code == 2, output
        assert len(lines) == 1, lines
        assert lines[0].startswith("mi-checks: ")
        assert "unexpected" not in lines[0]


def test_a_device_is_written_to_and_not_replaced(run, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    code, lines = run("compare", "good.json", "good.json", "--output", str(pipe))
    assert (code, lines) == (0, [])
    assert os.read(reading, 100).lstrip().startswith(b"<!doctype html>")
    assert pipe.is_fifo()
    os.close(reading)


def process(place, *arguments, **how):
    """A verb in a process of its own."""
    command = [Path(sys.executable).with_name("mi-checks"), *arguments]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    environment |= how.pop("env", {})
    return subprocess.run(
        command, cwd=place, stderr=subprocess.PIPE, text=True, check=False, env=environment, **how
    )  # fmt: skip


PRINTED = [["models", "list"], ["history", "list", "--history", "good.sqlite3"], ["--help"], ["report", "--help"]]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("arguments", PRINTED, ids=" ".join)
def test_a_full_disk_behind_standard_output(arguments, place):
    with open("/dev/full", "w") as full:
        done = process(place, *arguments, stdout=full)
    assert done.returncode == 2
    assert done.stderr == f"mi-checks: cannot write the output: {os.strerror(errno.ENOSPC)}\n"


def test_a_full_disk_behind_standard_output_that_is_not_buffered(place):
    with open("/dev/full", "w") as full:
        done = process(place, "models", "list", stdout=full, env={"PYTHONUNBUFFERED": "1"})
    assert done.returncode == 2
    assert done.stderr == f"mi-checks: cannot write the output: {os.strerror(errno.ENOSPC)}\n"


def test_nobody_reads(place):
    read, write = os.pipe()
    os.close(read)
    done = process(place, "models", "list", stdout=write)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


def test_nothing_to_write_to(place):
    """Neither standard output nor standard error."""
    done = subprocess.run(
        ["/bin/sh", "-c", f"'{Path(sys.executable).with_name('mi-checks')}' history list --history absent >&- 2>&-"],
        cwd=place, check=False,
    )  # fmt: skip
    assert done.returncode == 2


def test_a_limit_on_the_size_of_files(place):
    """A disk that becomes full half-way."""
    done = process(
        place, "report", "good.json", "-o", "limited.html",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)),
        env={"PYTHONDONTWRITEBYTECODE": "1"},  # only half of which would be written
    )  # fmt: skip
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("mi-checks: cannot write the report to limited.html: File too large")
    assert not (place / "limited.html").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run a verb as somebody else")
@pytest.mark.parametrize("case", [["report", "secret.json"], ["history", "list", "--history", "secret.sqlite3"]])
def test_no_permission(case, tmp_path_factory):
    """As somebody who may enter the folder and read nothing in it."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        place.chmod(0o711)
        for name in ("secret.json", "secret.sqlite3"):
            (place / name).write_text("{}")
            (place / name).chmod(0o600)
        code = (
            "import os, sys\nfrom mi_checks.cli.main import main\n"
            "import mi_checks.history.run_store, mi_checks.results.read_run, mi_checks.report.report_folder\n"
            "import mi_checks.report.series_page, mi_checks.report.comparison_page\n"
            "import mi_checks.compare.run_comparison, mi_checks.compare.run_comparison, mi_checks.history.run_store\n"
            "import mi_checks.history.history_json, mi_checks.history.history_text\n"
            f"os.setuid(65534)\nsys.exit(main({case!r}))\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=place, capture_output=True, text=True, check=False
        )  # fmt: skip
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert case[-1] in line
    assert "unexpected" not in line


class Odd(Exception):
    """One that nobody foresees."""


VERB_FUNCTIONS = {
    "discover": "draft", "matrix": "run_matrix", "emergence": "run_emergence", "report": "run_report",
    "compare": "run_compare", "history": "list_runs", "mine": "find_trigrams", "calibrate": "run_calibrate",
    "models": "list_models",
}  # fmt: skip
SIMPLEST = {
    "discover": ["discover", "ab.yaml", *MODEL], "matrix": ["matrix"], "emergence": ["emergence"],
    "report": ["report", "good.json"], "compare": ["compare", "good.json", "good.json"], "history": ["history", "list"],
    "mine": ["mine", "trigrams", "ab.yaml"], "calibrate": ["calibrate"], "models": ["models", "list"],
}  # fmt: skip


@pytest.mark.parametrize("verb", SIMPLEST)
def test_what_nobody_foresaw(verb, run, monkeypatch):
    def broken(_):
        raise Odd("not\n  foreseen")

    monkeypatch.setattr(f"mi_checks.cli.{verb}.{VERB_FUNCTIONS[verb]}", broken)
    words = " ".join(word for word in SIMPLEST[verb][:2] if word in ("list", "trigrams") or word == verb)
    told = f"mi-checks: {words} stopped with an unexpected Odd: not foreseen; "
    code, lines = run(*SIMPLEST[verb])
    assert code == 3
    assert lines == [f"{told}run with --mi-debug to see where"]
    for option in ("--debug", "--mi-debug"):
        code, lines = run(*SIMPLEST[verb], option)
        assert code == 3
        assert lines[1] == "Traceback (most recent call last):"
        assert lines[-1] == f"{told}its traceback is shown separately"


@pytest.mark.parametrize(
    ("error", "told", "code"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "x.json"), "x.json: Permission denied", 2),
        (OSError("no room"), "OSError: no room", 2),
        (sqlite3.DatabaseError("malformed"), "the history cannot be read or written: malformed", 2),
        (MemoryError(), "matrix ran out of memory (MemoryError); use fewer prompts (--count) or a smaller model", 2),
        (
            RecursionError("x"),
            "matrix stopped with an unexpected RecursionError: x; run with --mi-debug to see where",
            3,
        ),
        (KeyboardInterrupt(), None, 130),
    ],
)  # fmt: skip
def test_what_the_system_refuses(error, told, code, run, monkeypatch):
    def broken(_):
        raise error

    monkeypatch.setattr("mi_checks.cli.matrix.run_matrix", broken)
    assert run("matrix") == (code, [] if told is None else [f"mi-checks: {told}"])


def test_a_cell_that_nobody_foresaw_costs_that_cell(run, place, monkeypatch, capfd):
    """The others are measured and printed."""
    from mi_checks.suite.suite import Suite

    measurements = Suite.measurements

    def broken(self, loaded, model):
        if model == "nano-attn-1l":
            raise Odd("odd")
        return measurements(self, loaded, model)

    monkeypatch.setattr(Suite, "measurements", broken)
    monkeypatch.chdir(place)
    arguments = ["matrix", "ab.yaml", "--count", "16", "--model", "nano-attn-1l", "--model", "nano-attn-2l"]
    assert main.main([*arguments, "--format", "json"]) == 2
    said = capfd.readouterr()
    assert [effect["model"] for effect in json.loads(said.out)["effects"]] == ["nano-attn-2l"]
    (line,) = said.err.splitlines()
    assert "induction on nano-attn-1l stopped with an unexpected Odd: odd; run with --mi-debug to see where" in line


def test_case_14_a_failed_load_is_said_once_in_a_matrix(place, tmp_path, monkeypatch, capfd):
    tried = []

    def broken(name, **_):
        tried.append(name)
        raise AssertionError

    monkeypatch.setattr("mi_checks.suite.loaded_models.load", broken)
    text = (place / "ab.yaml").read_text("utf-8")
    for name in ("one", "two", "three"):
        (tmp_path / f"{name}.yaml").write_text(text.replace("name: induction", f"name: {name}", 1), "utf-8")
    monkeypatch.chdir(tmp_path)
    assert main.main(["matrix", ".", "--model", "nano-attn-2l"]) == 2
    said = capfd.readouterr()
    assert tried == ["nano-attn-2l"]
    assert said.out.count("loading nano-attn-2l stopped with an unexpected AssertionError") == 1
    assert said.out.count("nano-attn-2l could not be loaded; see the first error") == 1  # of the two others together
