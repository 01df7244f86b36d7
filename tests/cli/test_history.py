"""`mi-checks history` on files, as it is typed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mi_checks.cli.main import main
from mi_checks.results.write_run import write_run
from tests.history.conftest import heads, month

HERE = "reports/history.sqlite3"


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Three runs in files, in the second of which L1H2 recovers nothing any more."""
    monkeypatch.chdir(tmp_path)
    Path("runs").mkdir()
    for number, share in ((1, 0.6), (2, 0.02), (3, 0.01)):
        write_run(month(number, 7.0 - number, evidence=(heads(L1H2=share),)), Path(f"runs/{number}.json"))


@pytest.fixture
def imported(runs, capsys):
    main(["history", "import", "runs"])
    capsys.readouterr()


def told(capsys, *arguments):
    code = main(["history", *arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_import_says_how_many_are_new(capsys, runs):
    assert told(capsys, "import", "runs/1.json") == (0, f"{HERE}: 1 new, 0 known\n", "")
    Path("runs/other.json").write_text("[]")
    assert told(capsys, "import", "runs") == (
        0,
        f"{HERE}: 2 new, 1 known\nskipped 1 JSON file in the folders that contain no run, such as runs/other.json\n",
        "",
    )


def test_import_of_what_is_no_run_is_exit_code_2_and_adds_the_others(capsys, runs):
    Path("a.json").write_text("{}")
    assert told(capsys, "import", "a.json", "b.json", "runs/1.json") == (
        2,
        f"{HERE}: 1 new, 0 known\n",
        "mi-checks: a.json is JSON but not a run; name a file written by pytest --mi-run (and 1 more file)\n",
    )


@pytest.mark.parametrize("action", [["list"], ["show", "induction"], ["mediators", "induction", "L1H2"]])
def test_a_question_makes_no_history(capsys, runs, action):
    assert told(capsys, *action) == (
        2,
        "",
        f"mi-checks: the history '{HERE}' does not exist; create it with pytest --mi-history PATH or mi-checks history "
        "import RUN\n",
    )
    assert not Path(HERE).exists()


def test_list(capsys, imported):
    code, out, err = told(capsys, "list")
    assert (code, err) == (0, "")
    first, *lines = out.splitlines()
    assert first == f"{HERE}: 3 runs"
    assert [line[2:12] for line in lines] == ["2026-01-01", "2026-02-01", "2026-03-01"]
    data = json.loads(told(capsys, "list", "--format", "json", "--last", "1")[1])
    assert [each["started"] for each in data["runs"]] == ["2026-03-01T12:00:00+00:00"]
    assert data["runs"][0]["models"] == {"nano-attn-2l": "3" * 64}
    assert data["runs"][0]["outcomes"] == {"pass": 1}


def test_show(capsys, imported):
    out = told(capsys, "show", "induction")[1]
    assert "logit_diff  nano-attn-2l  █▅▁  ✓ 4.00 [" in out
    (short,) = json.loads(told(capsys, "show", "induction", "--format", "json")[1])["checks"]
    assert short["values"] == pytest.approx([6, 5, 4])
    assert short["last"]["started"] == "2026-03-01T12:00:00+00:00"
    out = told(capsys, "show", "induction", "--check", "logit_diff")[1]
    assert out.startswith("induction logit_diff on nano-attn-2l, 3 runs  █▅▁  4.00 to 6.00 logits\n")
    data = json.loads(told(capsys, "show", "induction", "--check", "logit_diff", "--format", "json")[1])
    (check,) = data["checks"]
    assert [run["estimate"]["value"] for run in check["runs"]] == pytest.approx([6, 5, 4])
    assert check["runs"][0]["weights_sha256"] == "1" * 64


def test_mediators(capsys, imported):
    out = told(capsys, "mediators", "induction", "L1H2")[1]
    assert out.startswith("L1H2 mediated induction on nano-attn-2l until ")
    data = json.loads(told(capsys, "mediators", "induction", "L1H2", "--format", "json")[1])
    (model,) = data["models"]
    assert model["answer"] == out.splitlines()[0]
    assert [run["mediates"] for run in model["runs"]] == [True, False, False]
    assert [run["among_strongest"] for run in model["runs"]] == [True, False, False]
    (change,) = model["changes"]
    assert (change["before"], change["after"]) == (model["runs"][0]["run"], model["runs"][1]["run"])


def test_an_unknown_name_is_exit_code_2(capsys, imported):
    assert told(capsys, "show", "induction", "--check", "accuracy") == (
        2,
        "",
        "mi-checks: the history of induction has no check 'accuracy'; it has logit_diff\n",
    )


def test_export_gives_back_the_file(capsys, imported):
    called = told(capsys, "list", "--last", "1")[1].split()[5]
    assert told(capsys, "export", called, "again.json") == (0, "written to again.json\n", "")
    assert Path("again.json").read_bytes() == Path("runs/3.json").read_bytes()
    assert told(capsys, "export", called, "none/again.json") == (
        2,
        "",
        "mi-checks: cannot write the run to none/again.json: No such file or directory\n",
    )


@pytest.mark.parametrize("arguments", [[], ["show"], ["list", "--last", "0"], ["list", "--format", "md"], ["find"]])
def test_an_option_that_is_wrong(capsys, runs, arguments):
    with pytest.raises(SystemExit) as left:
        main(["history", *arguments])
    assert left.value.code == 2
    assert capsys.readouterr().err.startswith("usage: mi-checks history")


def test_it_needs_no_torch(imported):
    code = (
        "import sys\nfrom mi_checks.cli.main import main\n"
        "for action in (['list'], ['show', 'induction'], ['mediators', 'induction', 'L1H2']):\n"
        "    assert main(['history', *action]) == 0\n"
        "assert not {'torch', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_a_reader_that_has_read_enough_is_no_error(imported):
    code = "import sys; from mi_checks.cli.main import main; sys.exit(main(['history', 'list']))"
    piped = f'{sys.executable} -c "{code}" | true; echo ${{PIPESTATUS[0]}}'
    done = subprocess.run(["bash", "-c", piped], check=True, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("141\n", "")
