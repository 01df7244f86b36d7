"""`mi-checks compare` on files."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mi_checks.cli.main import main
from mi_checks.results.write_run import write_run
from tests.compare.test_mediator_sets import NOW, THEN, shown
from tests.effects import around
from tests.made_results import result, run_of


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Three: one, the same with a weaker effect, and one on other prompts."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    kept = result("accuracy", around(0.8, 0.1), at_least=0.5, unit="fraction of prompts")
    write_run(run_of(result("logit_diff", around(6), at_least=2), kept), Path("before.json"))
    write_run(run_of(result("logit_diff", around(3, seed=1), at_least=2), kept), Path("weaker.json"))
    other = result("logit_diff", around(3), at_least=2, prompts_sha256="others")
    write_run(run_of(other), Path("others.json"))


def told(capsys, *arguments):
    code = main(["compare", *arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_nothing_changed(capsys, runs):
    code, out, err = told(capsys, "before.json", "before.json")
    assert (code, err) == (0, "")
    assert "\n2 unchanged\n" in out


def test_what_drifted_is_told_drawn_and_exit_code_1(capsys, runs):
    code, out, err = told(capsys, "before.json", "weaker.json")
    assert (code, err) == (1, "")
    lines = out.splitlines()
    assert "1 drifted, 1 unchanged" in lines
    at = lines.index("drifted")
    assert lines[at + 1] == "      ████│          induction logit_diff  (nano-attn-2l)"
    assert lines[at + 2].strip().startswith("6.00 [")
    assert "→ 3.00 [" in lines[at + 2]
    assert re.search(r", −3\.00 \[−3\.\d\d, −2\.\d\d\], p < 0\.001$", lines[at + 2])


def test_an_improvement_is_no_drift(capsys, runs):
    code, out, _ = told(capsys, "weaker.json", "before.json")
    assert code == 0
    assert "\nimproved\n          │████  " in out


def test_json_has_every_comparison(capsys, runs):
    code, out, _ = told(capsys, "before.json", "weaker.json", "--format", "json")
    data = json.loads(out)
    assert code == 1
    assert data["counts"] == {"drifted": 1, "unchanged": 1}
    first = data["changes"][0]
    assert (first["check"], first["state"], first["relative_size"]) == ("logit_diff", "drifted", pytest.approx(0.5))
    assert first["before"]["estimate"]["value"] == pytest.approx(6)
    assert [each["path"] for each in data["runs"]] == ["before.json", "weaker.json"]


def test_nothing_that_can_be_compared_is_exit_code_2(capsys, runs):
    code, out, err = told(capsys, "before.json", "others.json")
    assert code == 2
    assert "measured on other prompts, or with another tokenizer" in out
    assert err == (
        "mi-checks: no check of one run can be compared with a check of the other; run the same behaviours in both, "
        "with the same --mi-count and --mi-seed, on models with the same tokenizer\n"
    )


def test_a_file_that_is_no_run_is_exit_code_2(capsys, runs):
    assert told(capsys, "before.json", "none.json") == (
        2,
        "",
        "mi-checks: the run 'none.json' does not exist; pytest writes one beside its report (--mi-run)\n",
    )


@pytest.mark.parametrize("arguments", [[], ["before.json"], ["before.json", "weaker.json", "--format", "md"]])
def test_an_option_that_is_wrong(capsys, runs, arguments):
    with pytest.raises(SystemExit) as left:
        main(["compare", *arguments])
    assert left.value.code == 2
    assert capsys.readouterr().err.startswith("usage: mi-checks compare")


def test_a_set_of_mediators_that_changed_is_drift(capsys, runs):
    for name, heads in (("then", THEN), ("now", NOW)):
        write_run(run_of(result("logit_diff", around(6), at_least=2), evidence=(shown(*heads),)), Path(f"{name}.json"))
    code, out, err = told(capsys, "then.json", "now.json")
    assert (code, err) == (1, "")
    lines = out.splitlines()
    at = lines.index("mediators changed")
    assert lines[at - 2] == "1 unchanged, mediators of 1 behaviour changed"
    assert lines[at + 1 : at + 4] == [
        "  induction mediators  −L1H2 +L1H5  (nano-attn-2l)",
        "    −L1H2  0.60 [0.58, 0.62] → 0.01 [−0.01, 0.03]",
        "    +L1H5  0.00 [−0.02, 0.02] → 0.50 [0.48, 0.52]",
    ]
    code, out, _ = told(capsys, "then.json", "now.json", "--format", "json")
    (change,) = json.loads(out)["mediators"]
    assert code == 1
    assert (list(change["lost"]), list(change["gained"]), list(change["stayed"])) == (["L1H2"], ["L1H5"], ["L0H3"])
    assert change["lost"]["L1H2"]["after"]["value"] == 0.01


def test_a_page_is_written_beside_what_is_printed(capsys, runs):
    code, out, _ = told(capsys, "before.json", "weaker.json", "--output", "changes.html")
    assert code == 1
    assert "1 drifted, 1 unchanged" in out
    assert "1 of 2 checks drifted." in Path("changes.html").read_text()


def test_a_page_that_cannot_be_written_is_exit_code_2(capsys, runs):
    Path("folder").mkdir()
    code, out, err = told(capsys, "before.json", "weaker.json", "--output", "folder")
    assert code == 2
    assert "1 drifted, 1 unchanged" in out
    assert err == "mi-checks: cannot write the comparison to folder: Is a directory; name another file\n"


def test_it_needs_no_torch(runs):
    code = (
        "import sys\nfrom mi_checks.cli.main import main\nassert main(['compare', 'before.json', 'weaker.json']) == 1\n"
        "assert not {'torch', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
