"""`mi-checks discover` on bundled models."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from mi_checks.cli.main import main
from mi_checks.cli.progress_line import ProgressLine
from mi_checks.engine.replay.replay_engine import ReplayEngine
from mi_checks.studies.discovery.time_budget import ChunkedEngine
from tests.cli.test_matrix import INDUCTION

MODEL = ("--model", "nano-attn-2l")
QUICK = ("--count", "64")
PROGRESS = ProgressLine.progress
CASES = "cases:\n  one: {summary: one}\n  two: {summary: two}\n"


@pytest.fixture
def file(tmp_path, tmp_path_factory, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MI_CHECKS_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setattr("mi_checks.cli.discover.use_all_cores_if_faster", lambda run: None)  # it goes by the clock
    (tmp_path / "induction.yaml").write_text(INDUCTION)
    return "induction.yaml"


def told(capsys, *arguments):
    code = main(["discover", *map(str, arguments)])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_a_draft_is_printed(capsys, file):
    code, out, _ = told(capsys, file, *MODEL, *QUICK)
    assert code == 0
    draft = yaml.safe_load(out)
    assert draft["models"]["nano-attn-2l"]["nodes"]["mediators"] == ["L0H3", "L1H1", "L1H2"]
    assert out.startswith("# induction on nano-attn-2l: a draft")


def test_or_written_to_a_file_that_is_not_there(capsys, file, tmp_path):
    arguments = (file, *MODEL, *QUICK, "--output", "draft.yaml")
    assert told(capsys, *arguments)[:2] == (0, "written to draft.yaml\n")
    first = (tmp_path / "draft.yaml").read_text("utf-8")
    assert told(capsys, *arguments) == (
        2, "", "mi-checks: --output 'draft.yaml' already exists; overwrite it with --force\n",
    )  # fmt: skip
    code, out, _ = told(capsys, *arguments, "--force", "--seed", "5")
    assert (code, out) == (0, "written to draft.yaml\n")
    assert "seed 1000" in first
    assert "seed 5, held out" in (tmp_path / "draft.yaml").read_text("utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["draft.yaml", "induction.yaml"]


def test_count_and_seed_are_of_discovery(capsys, file):
    _, out, _ = told(capsys, file, *MODEL, "--count", "20", "--seed", "3")
    assert "# Discovered on 20 prompt pairs of seed 3; every check was then measured on 20 held-out pairs" in out
    assert "among the 64 that the checks use" in out


def test_a_higher_threshold_finds_fewer_nodes(capsys, file):
    _, out, _ = told(capsys, file, *MODEL, *QUICK, "--above", "0.7")
    assert re.search(r"^# heads that mediate \(.*more than 0.7;.*\): L0H3$", out, re.MULTILINE)


def test_a_circuit_that_must_be_less_faithful_is_no_larger(capsys, file):
    def circuit(faithful):
        _, out, _ = told(capsys, file, *MODEL, *QUICK, "--faithful", faithful)
        return re.search(r"^# circuit: ([^a-z]*), faithfulness", out, re.MULTILINE)[1].split(", ")

    assert len(circuit("0.2")) < len(circuit("0.8"))


def test_a_case_is_chosen_by_name(capsys, file, tmp_path):
    (tmp_path / file).write_text(INDUCTION + CASES)
    code, _, err = told(capsys, file, *MODEL, *QUICK)
    assert (code, err) == (
        2,
        "mi-checks: induction.yaml: the file has several cases; choose one, as in --case one; cases: one, two\n",
    )
    assert told(capsys, file, *MODEL, "--case", "tow")[2] == (
        "mi-checks: induction.yaml: there is no case 'tow'; cases: one, two; did you mean 'two'?\n"
    )
    code, out, _ = told(capsys, file, *MODEL, *QUICK, "--case", "two")
    assert code == 0
    assert out.startswith("# induction[two] on nano-attn-2l: a draft")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["induction.yaml", "--model", "nano-attn-9l"],
            r"unknown model 'nano-attn-9l'; bundled models: .*; did you mean 'nano-attn-4l'\?",
        ),
        (
            ["induction.yaml", "--model", "nano-attn-1l"],
            r"induction.yaml:18: induction is declared absent from nano-attn-1l, so there is nothing to discover; "
            r"remove the declaration to run discovery anyway",
        ),
        (["nowhere.yaml", *MODEL], r"nowhere.yaml: .*"),
        (
            ["induction.yaml", *MODEL, "--case", "x"],
            r"induction.yaml: there is no case 'x': the file has no 'cases'",
        ),
        (
            ["induction.yaml", *MODEL, "--output", "nowhere/draft.yaml"],
            r"--output 'nowhere/draft.yaml': name a file in an existing folder that can be written to",
        ),
        (
            ["induction.yaml", *MODEL, "--output", "."],
            r"--output '\.': name a file in an existing folder that can be written to",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_and_exit_code_2(capsys, file, arguments, said):
    code, out, err = told(capsys, *arguments)
    assert (code, out) == (2, "")
    assert re.fullmatch(rf"mi-checks: {said}\n", err)


def test_a_folder_that_is_read_only_is_told_before_anything_is_measured(capsys, file, tmp_path, monkeypatch):
    (tmp_path / "kept").mkdir(mode=0o500)
    monkeypatch.setattr(os, "access", lambda path, mode: path != Path("kept") or mode != os.W_OK)  # root may everywhere
    assert told(capsys, file, *MODEL, "--output", "kept/draft.yaml")[2] == (
        "mi-checks: --output 'kept/draft.yaml': name a file in an existing folder that can be written to\n"
    )


def test_nothing_to_discover_is_told_with_figures(capsys, file, tmp_path):
    (tmp_path / file).write_text(
        INDUCTION.replace("{{ C }}{{ query }}", "{{ C }}").replace("{{ B }}{{ D }}", "{{ D }}")
    )
    code, out, err = told(capsys, file, *MODEL, *QUICK)
    assert (code, out) == (2, "")
    err = err[err.index("mi-checks: ") :]  # after lines of progress, on a machine that is busy
    assert re.fullmatch(
        r"mi-checks: induction on nano-attn-2l: there is nothing to discover: clean − corrupt is -?\d+\.\d{3} logits "
        r"\[-?\d+\.\d{3}, -?\d+\.\d{3}\], which is not above zero \(64 prompt pairs, seed 1000\)\n",
        err,
    )


def test_prompts_that_are_used_up_are_told(capsys, file, tmp_path):
    few = INDUCTION.replace("A: {tokens: random}", "A: {values: [' a', ' b']}").replace("count: 64", "count: 2")
    for name, value in (("B", "' c', ' d'"), ("D", "' e', ' f'"), ("C", "' g', ' h'")):
        few = re.sub(rf"{name}: \{{tokens: random", f"{name}: {{values: [{value}]", few)
    (tmp_path / file).write_text(few)
    assert told(capsys, file, *MODEL, "--count", "64")[2].endswith(
        "mi-checks: behaviour 'induction': its checks use 2 prompt pairs and 14 are left, but discovery needs 32 that "
        "no check uses, half of them for verification; lower the behaviour's `count`, or give it more values or "
        "quotes\n"
    )


@pytest.fixture
def stopped(monkeypatch):
    """`stopped(how, after)`: so many steps after its beginning, the run is stopped by a function."""

    def stopped(how, after):
        seen = iter(range(after))

        def counting(self, items, total, title):
            for item in PROGRESS(self, items, total, title):
                if next(seen, None) is None:
                    how()
                yield item

        monkeypatch.setattr(ProgressLine, "progress", counting)

    return stopped


def interrupt():
    raise KeyboardInterrupt


def terminate():
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize(("how", "exit_code"), [(interrupt, 130), (terminate, 143)])
def test_case_25_what_was_measured_is_kept_when_it_is_stopped(capsys, file, stopped, monkeypatch, how, exit_code):
    before = signal.getsignal(signal.SIGTERM)
    stopped(how, 60)
    code, out, err = told(capsys, file, *MODEL, *QUICK)
    assert (code, out) == (exit_code, "")
    folder = re.escape(str(Path(os.environ["MI_CHECKS_CACHE"]) / "measurements"))
    said = re.search(
        rf"^mi-checks: stopped(?: while induction nano-attn-2l: [a-z ,-]+: \d+ of \d+)?; (\d+) measurements are cached "
        rf"in {folder}; run the same command to continue\n\Z",
        err,
        re.MULTILINE,
    )
    assert int(said[1]) >= 50
    assert signal.getsignal(signal.SIGTERM) is before
    monkeypatch.setattr(ProgressLine, "progress", PROGRESS)
    recalled = []
    unknown = ChunkedEngine.uncached

    def noted(self, interventions):
        left = unknown(self, interventions)
        recalled.append(len({*interventions}) - len(left))
        return left

    monkeypatch.setattr(ChunkedEngine, "uncached", noted)
    assert told(capsys, file, *MODEL, *QUICK)[0] == 0
    assert sum(recalled) >= int(said[1])


def test_case_25_what_was_not_begun_or_is_not_to_be_kept_is_told_as_that(capsys, file, stopped):
    stopped(interrupt, 60)
    code, _, err = told(capsys, file, *MODEL, *QUICK, "--no-cache")
    assert code == 130
    assert err.endswith("; no measurements are cached (--no-cache)\n")
    assert not (Path(os.environ["MI_CHECKS_CACHE"]) / "measurements").exists()


def test_a_second_run_measures_nothing(capsys, file, monkeypatch):
    arguments = (file, *MODEL, *QUICK, "--exact-seconds", "inf")
    first = told(capsys, *arguments)
    monkeypatch.setattr(ReplayEngine, "scores", lambda *_: pytest.fail("measured again"))
    second = told(capsys, *arguments)
    assert first[:2] == second[:2]
    assert first[0] == 0


def test_without_time_heads_and_neurons_are_screened(capsys, file):
    code, out, _ = told(capsys, file, "--model", "nano-gelu-2l", "--count", "16", "--exact-seconds", "0")
    assert code == 0
    assert re.search(r"^#   32 neurons were selected by attribution patching, because .* all 1536", out, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "the following arguments are required: --model"),
        ([*MODEL, "--count", "1"], "argument --count: '1': use a whole number of at least 2"),
        ([*MODEL, "--seed", "-1"], "argument --seed: "),
        ([*MODEL, "--above", "1"], "argument --above: '1': use a fraction between 0 and 1"),
        ([*MODEL, "--above", "many"], "argument --above: 'many': use a fraction between 0 and 1"),
        (
            [*MODEL, "--exact-seconds", "-1"],
            "argument --exact-seconds: '-1': use a number of seconds, 0 or more, or inf",
        ),
        ([*MODEL, "--exact-seconds", "nan"], "argument --exact-seconds: 'nan': "),
        ([*MODEL, "--faithful", "0"], "argument --faithful: '0': use a fraction between 0 and 1"),
    ],
)
def test_an_option_that_is_wrong(capsys, file, arguments, said):
    with pytest.raises(SystemExit) as left:
        main(["discover", file, *arguments])
    assert left.value.code == 2
    assert said in capsys.readouterr().err


def test_help_names_every_option(capsys):
    with pytest.raises(SystemExit) as left:
        main(["discover", "--help"])
    assert left.value.code == 0
    said = capsys.readouterr().out
    for option in ("FILE", "--model NAME", "--case NAME", "--count N", "--seed N", "--above FRACTION",
                   "--faithful FRACTION", "--output FILE", "--force", "--exact-seconds S", "--no-cache"):  # fmt: skip
        assert option in said


def test_mistakes_are_told_without_torch(file):
    code = (
        "import sys\nfrom mi_checks.cli.main import main\n"
        "assert main(['discover', 'induction.yaml', '--model', 'nano-attn-1l']) == 2\nassert 'torch' not in sys.modules"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, env=environment)
