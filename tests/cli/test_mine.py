"""`mi-checks mine trigrams` on a small corpus in which `import … as → np` and `except … as → e` are planted."""

import csv
import json
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mi_checks.cli.main import main
from mi_checks.models.model_tokenizer import load_tokenization
from mi_checks.prompts.build_prompts import build_prompts
from mi_checks.spec.data_files import read_rows
from mi_checks.spec.load_file import load_behaviour

APART = " we can see more of that here\n"  # longer than the gap
LINES = [" import number as np\n", " except error as e\n", " such as it\n", " just as we\n"]
FOUND = ["--gap", "4", "--least-count", "20", "--unlikely", "0.4"]
BEHAVIOUR = """\
name: mined
summary: mined rows
prompts:
  count: 2
  variables:
    skip: {file: rows.csv}
    filler: {tokens: random}
  template: "{{ skip.a }}{{ filler }}{{ skip.b | at('b') }}"
  corrupt: {skip.a: skip.a2}
  answer: "{{ skip.c }}"
  foils: ["{{ skip.c2 }}"]
checks: [{logit_diff: {at_least: 1}}]
models: {nano-attn-1l: {}}
"""


@pytest.fixture
def corpus(tmp_path) -> Path:
    folder = tmp_path / "corpus"
    folder.mkdir()
    for number in range(30):
        (folder / f"{number}.txt").write_text("".join(line + APART for line in LINES) * 5)
    return folder


@pytest.fixture
def mined(capsys, corpus):
    """Exit code, standard output and standard error of a run on the corpus."""

    def run(*options: str) -> tuple[int, str, str]:
        code = main(["mine", "trigrams", str(corpus), *options])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_the_table_has_the_planted_pair_with_its_counts(mined):
    code, out, err = mined(*FOUND)
    assert (code, err) == (0, "")
    table = [re.split(r"\s{2,}", line.strip()) for line in out.splitlines()]
    assert table[0] == ["a", "…", "b", "c", "count", "P(c|a,b)", "held out", "95 % interval", "P(c|b)", "P(c2|a,b)"]
    rows = {row[0]: row for row in table[1:] if len(row) == 10}
    assert set(rows) == {"·import", "·except"}
    assert rows["·import"][2:4] == ["·as", "·np"]
    files = int(re.search(r"tokens of (\d+) files;", out)[1])
    assert 0 < files < 30
    assert rows["·import"][4:6] == [str(5 * files), "1.00"]
    assert rows["·import"][6] == f"1.00 of {5 * (30 - files)}"
    assert rows["·import"][8:] == ["0.250", "0.000"]
    assert "2 trigrams a … b → c, a 2 to 4 tokens before b, in " in out
    assert "held out: 2 of them occur there; for 0, the whole interval of P(c|a,b) is below 0.6\n" in out


def test_a_full_disk_is_told_and_leaves_the_old_file(mined, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    output = tmp_path / "rows.csv"
    output.write_text("old")
    monkeypatch.setattr("os.replace", full)
    code, _, err = mined(*FOUND, "--output", str(output))
    told = f"mi-checks: cannot write the rows to {output}: No space left on device; name another file (--output)\n"
    assert (code, err) == (2, told)
    assert output.read_text() == "old"


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_a_behaviour_reads_what_is_written(mined, tmp_path, suffix):
    output = tmp_path / f"rows{suffix}"
    assert mined(*FOUND, "--output", str(output))[1].endswith(f"written to {output}\n")
    assert list(tmp_path.glob("*.part")) == []
    (row,) = read_rows(output, "rows")
    assert [row[name] for name in ("a", "b", "c", "a2", "c2")] == [" import", " as", " np", " except", " e"]
    (tmp_path / "mined.yaml").write_text(BEHAVIOUR.replace("rows.csv", output.name))
    batch = build_prompts(
        load_behaviour(tmp_path / "mined.yaml").behaviour.prompts,
        load_tokenization("nano-attn-1l"),
        behaviour="mined",
    )
    for pair in batch.pairs:
        assert [len(pair.clean.tokens), len(pair.corrupt.tokens)] == [3, 3]
        assert pair.clean.pieces[-1] == " as"


def test_pairs_that_share_their_first_token(corpus, mined, tmp_path):
    for file in corpus.iterdir():
        file.write_text(file.read_text() + (" import error from us\n" + APART + " go from it\n" + APART) * 5)
    output = tmp_path / "rows.csv"
    code, _, _ = mined("--gap", "4", "--least-count", "20", "--unlikely", "0.5", "--pair", "a", "--output", str(output))
    assert code == 0
    rows = list(csv.DictReader(output.read_text().splitlines()))
    assert {"a": " import", "b": " as", "c": " np", "b2": " from", "c2": " us"}.items() <= rows[0].items()
    assert all(row["a"] == " import" and row["c2_given_ab"] == "0.0000" for row in rows)


def test_trigrams_singly(mined, tmp_path):
    output = tmp_path / "rows.jsonl"
    mined(*FOUND, "--pair", "none", "--output", str(output))
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert {(row["a"], row["b"], row["c"]) for row in rows} == {(" import", " as", " np"), (" except", " as", " e")}
    assert all("c2" not in row and row["held_out_given_ab"] == "1.000" for row in rows)


def test_nothing_held_out_is_said(mined):
    assert (
        "no file is held out, so nothing was verified; give more files, or raise --held-out"
        in mined(*FOUND, "--held-out", "0")[1]
    )


def test_what_is_no_text_is_counted(mined, corpus):
    (corpus / "picture.png").write_bytes(b"\x89PNG\xff")
    assert "1 file is not UTF-8 text and skipped" in mined(*FOUND)[1]
    assert "skipped" not in mined(*FOUND, "--take", "**/*.txt")[1]


@pytest.mark.parametrize(
    ("options", "first", "relaxed"),
    [
        (["--unlikely", "0.1"], "P(c|a,b) ≥ 0.6 and P(c|b) ≤ 0.1", r"--unlikely [\d.]+"),
        (["--unlikely", "0.4", "--least-count", "9999"], "occurs 9999 times or more", r"--least-count \d+"),
    ],
)
def test_nothing_found_names_the_option_that_would_find_something(mined, options, first, relaxed):
    code, out, err = mined("--gap", "4", "--least-count", "20", *options)
    assert (code, out) == (2, "")
    assert err.startswith("mi-checks: no trigram a … b → c, a 2 to 4 tokens before b, occurs ")
    assert first in err
    option, value = re.findall(relaxed, err)[-1].split()
    assert mined("--gap", "4", "--least-count", "20", *options, option, value, "--pair", "none")[0] == 0


def test_nothing_near_names_two_options(mined, corpus):
    for file in corpus.iterdir():
        file.write_text("".join(random.Random(file.name).choices([" we", " can", " see"], k=300)))  # noqa: S311
    strict = ["--least-count", "20", "--pair", "none", "--likely", "0.9", "--unlikely", "0.1"]
    code, _, err = mined(*strict)
    assert code == 2
    named = re.search(
        r"  relaxing one criterion is not enough; the closest is '.*; use (--likely [\d.]+ --unlikely [\d.]+)$", err
    )
    assert mined(*strict, *named[1].split())[0] == 0


def test_too_little_text_is_said(mined):
    told = "no trigram of eligible tokens occurs 9999 times at all: add text, or lower --least-count"
    assert told in mined("--least-count", "9999", "--likely", "1", "--unlikely", "0")[2]


def test_no_pairs(mined):
    code, _, err = mined(*FOUND, "--pair", "a")
    assert code == 2
    assert err == (
        "mi-checks: 2 trigrams a … b → c, a 2 to 4 tokens before b, meet the criteria, but no two of them form a pair: "
        "none share a, or the continuation of one has a probability above --crossed 0.4 after the other; relax "
        "--likely, --crossed or --least-count, or use --pair none\n"
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nowhere"], "there is no file or folder 'nowhere'; name text files or folders to mine"),
        (
            [".", "--take", "*.md"],
            "no file in '.' matches --take '*.md'; use a glob such as '**/*.txt'",
        ),
        ([".", "--take", "/etc/*"], "--take '/etc/*' is not a glob for files in a folder; use one such as '**/*.txt'"),
        (["empty.txt"], "there is no text in 1 file; name text files, or select them with --take"),
        (
            ["a.txt", "--held-out", "0.9999999"],
            "every file with text (1 file in all) is held out; lower --held-out 1 or add more files",
        ),
        (["latin.txt"], "latin.txt is not UTF-8 text: byte 0 is invalid; convert the file"),
        (
            ["a.txt", "--output", "rows.cvs"],
            "--output 'rows.cvs': its name must end with .csv or .jsonl; did you mean '.csv'?",
        ),
        (
            ["a.txt", "--output", "no/rows.csv"],
            "--output 'no/rows.csv': the folder 'no' does not exist; create it or name another",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_and_exit_code_2(capsys, tmp_path, monkeypatch, arguments, told):
    monkeypatch.chdir(tmp_path)
    Path("empty.txt").write_text("")
    Path("a.txt").write_text("some text")
    Path("latin.txt").write_bytes(b"\xe9")
    assert main(["mine", "trigrams", *arguments]) == 2
    assert capsys.readouterr() == ("", f"mi-checks: {told}\n")


def test_an_unknown_model(mined):
    code, _, err = mined("--model", "nano-atn-1l")
    assert code == 2
    assert err.startswith("mi-checks: unknown model 'nano-atn-1l'; bundled models: nano-attn-1l, ")
    assert err.endswith("did you mean 'nano-attn-1l'?\n")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--gap", "1"], "argument --gap: '1': use 0, or a number from 2 to 512"),
        (["--likely", "60"], "argument --likely: '60': use a probability from 0 to 1"),
        (["--held-out", "1"], "argument --held-out: '1': use a fraction from 0 to below 1"),
        (["--most", "none"], "argument --most: 'none': use a whole number of at least 1"),
    ],
)
def test_an_option_that_does_not_fit(capsys, options, told):
    with pytest.raises(SystemExit) as left:
        main(["mine", "trigrams", ".", *options])
    assert left.value.code == 2
    assert capsys.readouterr().err.endswith(f"{told}\n")


def test_the_help_says_every_default(capsys):
    with pytest.raises(SystemExit) as left:
        main(["mine", "trigrams", "--help"])
    assert left.value.code == 0
    said = " ".join(capsys.readouterr().out.split())
    for default in ("nano-attn-1l", "'**/*'", "150", "0.6", "0.1", "40"):
        assert f"(default: {default})" in said
    assert "b: pairs of trigrams that share b, with columns a b c a2 c2, so that b alone favours neither" in said


def test_no_torch_is_needed(corpus):
    run = f"assert main({['mine', 'trigrams', str(corpus), *FOUND]!r}) == 0"
    code = f"import sys\nfrom mi_checks.cli.main import main\n{run}\nassert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
