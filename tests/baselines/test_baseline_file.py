"""The file: the same bytes for the same numbers, and no use of one that is not as it was written."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from mi_checks import files
from mi_checks.baselines.baseline_file import (
    baseline_path,
    baseline_text,
    orphaned_baselines,
    read_baseline,
    write_baseline,
)
from mi_checks.compare.baseline_record import reason_not_comparable
from mi_checks.errors import MiChecksError
from tests.baseline_numbers import HEADER, made, mediator, result, unmeasured

REMEDY = "restore the file, or record it again with pytest --mi-update"
WHOLE = made(result(), result("accuracy", deciding="L0H1"), unmeasured("patching"), mediators=(mediator("L0H0", 0.5),))


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "baselines/ab/m.json"
    assert write_baseline(path, WHOLE, "m.json")
    return path


def test_what_is_written_is_read(path):
    assert read_baseline(path, "m.json") == WHOLE


def test_written_again_it_is_not_touched(path):
    before = path.stat().st_mtime_ns
    assert not write_baseline(path, WHOLE, "m.json")
    assert path.stat().st_mtime_ns == before


def test_rounding_changes_no_byte(path):
    before = path.read_bytes()
    near = made(
        result(mean=2.00004), result("accuracy", mean=1.99996, deciding="L0H1"), unmeasured("patching"),
        mediators=(mediator("L0H0", 0.50004),),
    )  # fmt: skip
    assert not write_baseline(path, near, "m.json")
    assert path.read_bytes() == before
    assert write_baseline(path, replace(WHOLE, header=replace(HEADER, versions={"torch": "2.9.0"})), "m.json")


def test_keys_are_sorted_and_a_check_is_a_line(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [line.split('"')[1] for line in lines if line.startswith("  ")][:3] == ["accuracy", "logit_diff", "patching"]
    assert [line.split('"')[1] for line in lines if line.startswith(' "')] == [
        *("checks", "checksum", "effect_sizes", "header", "mediators", "schema"),
    ]


def edited(path, edit):
    """As by a hand that knows the checksum."""
    data = json.loads(path.read_text(encoding="utf-8"))
    edit(data)
    rest = {name: value for name, value in data.items() if name != "checksum"}
    line = json.dumps(rest, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    path.write_text(json.dumps({**rest, "checksum": hashlib.sha256(line.encode()).hexdigest()}), encoding="utf-8")


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            lambda d: d["checks"]["accuracy"]["estimate"].update(low=9),
            "checks: accuracy: its numbers are inconsistent: ",
        ),
        (
            lambda d: d["checks"]["accuracy"].update(per_prompt=["1"]),
            "checks: accuracy: per_prompt is not a list of numbers",
        ),
        (
            lambda d: d["checks"]["accuracy"].update(estimate={}),
            "checks: accuracy: the estimate has no value, low, high",
        ),
        (lambda d: d["checks"].update(accuracy=3), "checks: accuracy is not a check"),
        (lambda d: d["header"].update(weights="x"), "header: weights is not a SHA-256"),
        (lambda d: d["header"].update(versions=[]), "header: versions is not a mapping of strings"),
        (lambda d: d["header"].pop("mode"), "header: mode is not a string"),
        (lambda d: d["mediators"].update(L0H0=3), "mediators: L0H0 is not a mediator"),
        (lambda d: d.update(checks=[]), "checks is not a mapping"),
        (lambda d: d.pop("mediators"), "not a baseline: mediators is missing"),
        (lambda d: d.pop("schema"), "not a baseline: it has no schema"),
    ],
)
def test_contents_that_cannot_be(edit, message, path):
    edited(path, edit)
    with pytest.raises(MiChecksError) as error:
        read_baseline(path, "m.json")
    assert str(error.value).startswith(f"m.json: {message}")
    assert str(error.value).endswith(REMEDY)


def test_a_claim_is_stored_by_the_fields_that_it_sets(path):
    claim = json.loads(path.read_text(encoding="utf-8"))["checks"]["accuracy"]["claim"]
    assert claim == {"quantity": "logit difference", "against": "foils", "score": "first_token"}


def test_a_claim_that_is_none_is_refused(path):
    edited(path, lambda d: d["checks"]["accuracy"].update(claim={"quantity": "beauty"}))
    with pytest.raises(MiChecksError, match=r"m\.json: checks: accuracy: the claim: Input should be "):
        read_baseline(path, "m.json")


def test_a_claim_of_the_second_schema_was_a_sentence_and_is_compared_with_nothing(path):
    def second(data):
        data["schema"] = 2
        for check in data["checks"].values():
            check["claim"] = "the logit exceeds by …"
        data["checks"]["accuracy"]["estimate"]["unit"] = "share of prompts"

    edited(path, second)
    checks = read_baseline(path, "m.json").checks
    assert {check.claim for check in checks.values()} == {None}
    assert checks["accuracy"].estimate.unit == "fraction of prompts"


def test_a_file_of_the_third_schema_is_read_and_has_other_prompts_now():
    """It was left by a mi-checks that drew prompts otherwise; the remedy is to record it again."""
    found = read_baseline(Path(__file__).with_name("schema_3.json"), "m.json")
    assert {each.estimate.clusters for each in found.checks.values()} == {None}
    assert found.checks["accuracy"].estimate.low == 0.8928
    why = reason_not_comparable(found.header, replace(found.header, prompts="5" * 64))
    assert why.startswith("the prompts differ from the recorded ones")
    assert why.endswith("run pytest --mi-update to record it again")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", f"m.json:1:1: truncated or not JSON: Expecting value; {REMEDY}"),
        (b"\xff", f"m.json: is not UTF-8 text; {REMEDY}"),
        (b"[]", f"m.json: not a baseline: it has no schema; {REMEDY}"),
        (b'{"schema": NaN}', f"m.json: not a baseline: nested too deeply, or a number that is not finite; {REMEDY}"),
        (b"[" * 100_000, f"m.json: not a baseline: nested too deeply, or a number that is not finite; {REMEDY}"),
        (b"{\n=======\n", "m.json:2: a merge conflict; keep either side, or record it again with pytest --mi-update"),
        (b'{"schema": 5}', "m.json: written by a newer mi-checks (schema 5, and this one reads 4); update mi-checks, "
         "or delete the file and record it again with pytest --mi-update"),
    ],
)  # fmt: skip
def test_a_text_that_is_none(text, message, path):
    path.write_bytes(text)
    with pytest.raises(MiChecksError) as error:
        read_baseline(path, "m.json")
    assert str(error.value) == message
    assert path.read_bytes() == text


def test_one_that_is_a_folder(tmp_path):
    with pytest.raises(MiChecksError, match=r"m.json: cannot be read: Is a directory; restore the file"):
        read_baseline(tmp_path, "m.json")


def test_one_that_cannot_be_written(path, monkeypatch):
    before = path.read_bytes()

    def read_only(**kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(files.tempfile, "mkstemp", read_only)  # tests may run as root, whom no folder refuses
    with pytest.raises(MiChecksError, match=r"m\.json: cannot be written: Permission denied; it is unchanged\. Make"):
        write_baseline(path, made(result(mean=3.0)), "m.json")
    assert path.read_bytes() == before
    new = path.with_name("new.json")
    with pytest.raises(MiChecksError, match=r"new\.json: cannot be written: Permission denied; there is none\. Make"):
        write_baseline(new, WHOLE, "new.json")


def test_a_writer_that_is_killed_leaves_one_that_is_whole(path):
    code = (
        "import sys; sys.path.insert(0, '.')\n"
        "from pathlib import Path\n"
        "from mi_checks.baselines.baseline_file import write_baseline\n"
        "from tests.baseline_numbers import made, result\n"
        "print('ready', flush=True)\n"
        "for i in range(10**6): write_baseline(Path(sys.argv[1]), made(result(mean=2 + i % 2)), 'm.json')\n"
    )
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    with subprocess.Popen([sys.executable, "-c", code, str(path)], cwd=root, stdout=subprocess.PIPE) as writer:
        writer.stdout.readline()
        for _ in range(200):
            read_baseline(path, "m.json")
        writer.send_signal(signal.SIGKILL)
    assert list(read_baseline(path, "m.json").checks) in (["logit_diff"], ["accuracy", "logit_diff", "patching"])


def test_a_disk_that_is_full_in_the_middle_leaves_the_old_one(path):
    before = path.read_bytes()
    code = (
        "import resource, signal, sys; sys.path.insert(0, '.')\n"
        "from pathlib import Path\n"
        "from mi_checks.baselines.baseline_file import write_baseline\n"
        "from tests.baseline_numbers import made, result\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))\n"  # bytes of a file: the rest is refused
        "write_baseline(Path(sys.argv[1]), made(result(mean=3.0)), 'm.json')\n"
    )
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    writer = subprocess.run(  # -B: of a module that it imports late, half of the bytecode would be written
        [sys.executable, "-B", "-c", code, str(path)], cwd=root, capture_output=True, text=True, check=False
    )
    assert "m.json: cannot be written: File too large; it is unchanged. Make the folder writable" in writer.stderr
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == ["m.json"]


def test_what_a_killed_writer_left_is_swept_by_the_next(path):
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from mi_checks import files\n"
        "files.os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "files.replace_text(Path(sys.argv[1]), 'half')\n"
    )
    for _ in range(2):
        assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == -signal.SIGKILL
    others = path.with_name(".other.json.x.part")
    others.touch()
    left = set(path.parent.glob(".m.json.*.part"))
    assert len(left) == 2
    assert read_baseline(path, "m.json") == WHOLE
    old, new = left
    for abandoned in (old, others):
        os.utime(abandoned, (time.time() - files.ABANDONED_AFTER_S - 1,) * 2)
    assert not write_baseline(path, WHOLE, "m.json")  # even where nothing is to be written
    assert set(path.parent.glob(".*.part")) == {new, others}  # that of a live writer, and of another file, stay
    os.utime(new, (time.time() - files.ABANDONED_AFTER_S - 1,) * 2)
    assert write_baseline(path, made(result(mean=3.0)), "m.json")
    assert set(path.parent.glob(".m.json.*.part")) == set()


def test_many_prompts_take_few_bytes():
    """The suite that ships has about 2,400 checks, most of them on 256 prompts."""
    assert len(baseline_text(made(*(result(f"check{i}") for i in range(8))))) < 8 * 256 * 8


def loaded(path, *models, case=""):
    return SimpleNamespace(path=Path(path), case=case, behaviour=SimpleNamespace(models=dict.fromkeys(models)))


@pytest.mark.parametrize(
    ("case", "model", "where"),
    [
        ("", "nano-attn-2l", "b/baselines/ab/nano-attn-2l.json"),
        ("far", "nano-attn-2l@100", "b/baselines/ab/far/nano-attn-2l@100.json"),
        ("", "org/name", "b/baselines/ab/org%2Fname.json"),
        ("..", "gguf:x", "b/baselines/ab/%2E%2E/gguf%3Ax.json"),
    ],
)
def test_place(case, model, where):
    assert baseline_path(loaded("b/ab.yaml", case=case), model) == Path(where)


def test_orphans(tmp_path):
    for name in ("ab", "cd", "gone"):
        for model in ("m", "n"):
            file = tmp_path / f"baselines/{name}/{model}.json"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("{}")
    for name in ("ab", "cd"):
        (tmp_path / f"{name}.yaml").write_text("")
    found = orphaned_baselines([loaded(tmp_path / "ab.yaml", "m")])
    assert [str(path.relative_to(tmp_path)) for path in found] == [
        *("baselines/ab/n.json", "baselines/gone/m.json", "baselines/gone/n.json"),
    ]  # of cd.yaml, which was not collected, nothing is known
