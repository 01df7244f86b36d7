"""`roles.lock.yaml`: it is read as it was written, and its mistakes are reported with their positions."""

import os
import subprocess
import sys

import pytest

from mi_checks import files
from mi_checks.errors import MiChecksError
from mi_checks.roles import role_lock
from mi_checks.roles.role_lock import read_lock, write_lock
from mi_checks.spec.node_names import ModelShape
from mi_checks.spec.problems import SpecError
from mi_checks.spec.roles import LOCK_FILE_NAME

TEXT = """\
# Written by pytest --mi-update: the nodes that each role is bound to on each model, with their scores.
schema: 1
roles:
  ab:
    gguf:path/to a.gguf:
      previous: {L0H3: 1.0}
    nano-attn-2l:
      induction: {L1H2: 0.92, L1H10: 0.5}
      'on': {L0N7: -0.25}
  table[far]:
    nano-attn-2l:
      induction: {L1H2: 0.92}
"""
MEASURED = {
    ("table[far]", "nano-attn-2l", "induction"): {"L1H2": 0.9185},
    ("ab", "nano-attn-2l", "induction"): {"L1H10": 0.5, "L1H2": 0.9185},
    ("ab", "nano-attn-2l", "on"): {"L0N7": -0.25},
    ("ab", "gguf:path/to a.gguf", "previous"): {"L0H3": 1.0},
}
REMEDY = "restore roles.lock.yaml, or delete it and run pytest --mi-update"


@pytest.fixture
def written(tmp_path):
    write_lock(tmp_path, MEASURED)
    return tmp_path / LOCK_FILE_NAME


def test_what_is_written(written):
    assert written.read_text() == TEXT
    assert sorted(path.name for path in written.parent.iterdir()) == [LOCK_FILE_NAME]
    assert written.stat().st_mode & 0o777 == 0o666 & ~files._umask()


def test_it_is_read_again(written):
    found = read_lock(written.parent)
    assert found.of("ab", "nano-attn-2l") == {"induction": {"L1H2": 0.92, "L1H10": 0.5}, "on": {"L0N7": -0.25}}
    assert found.of("table[far]", "nano-attn-2l") == {"induction": {"L1H2": 0.92}}
    assert found.of("ab", "nano-gelu-2l") == {}


def test_no_file_locks_nothing(tmp_path):
    assert read_lock(tmp_path).entries == {}


def test_to_write_the_same_again_changes_nothing(written):
    os.utime(written, (1, 1))
    assert write_lock(written.parent, MEASURED) is False
    assert written.stat().st_mtime == 1
    assert written.read_text() == TEXT


def test_what_rounding_may_change_stays(written):
    """0.9185 and 0.9250001 are written 0.92 and 0.93: another machine's last digits are no news."""
    key = ("ab", "nano-attn-2l", "induction")
    assert write_lock(written.parent, {key: {"L1H2": 0.925, "L1H10": 0.4951}}) is False
    assert write_lock(written.parent, {key: {"L1H2": 0.927, "L1H10": 0.5}}) is True
    assert "{L1H2: 0.93, L1H10: 0.5}" in written.read_text()


def test_what_was_not_measured_stays(written):
    assert write_lock(written.parent, {("ab", "nano-attn-2l", "induction"): {"L1H0": 0.61}})
    assert written.read_text() == TEXT.replace("{L1H2: 0.92, L1H10: 0.5}", "{L1H0: 0.61}")
    assert write_lock(written.parent, {("cd", "nano-attn-2l", "induction"): {"L1H0": 0.61}})
    assert "  cd:\n    nano-attn-2l:\n      induction: {L1H0: 0.61}\n  table[far]:" in written.read_text()


def test_a_full_disk_leaves_the_old_one(written, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(role_lock.os, "replace", full)
    with pytest.raises(MiChecksError) as caught:
        write_lock(written.parent, {("ab", "nano-attn-2l", "induction"): {"L1H0": 0.61}}, written.parent)
    assert str(caught.value) == (
        "roles.lock.yaml: cannot be written: No space left on device; the file is unchanged. Make the folder writable "
        "or free disk space, and run pytest --mi-update again"
    )
    assert written.read_text() == TEXT
    assert [path.name for path in written.parent.iterdir()] == [LOCK_FILE_NAME]


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    def read_only(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(files.tempfile, "mkstemp", read_only)  # tests may run as root, whom no folder refuses
    with pytest.raises(
        MiChecksError, match=r"^roles\.lock.yaml: cannot be written: Permission denied; the file is unchanged"
    ):
        write_lock(tmp_path, MEASURED, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("schema: 1\nroles: {a: [}\n", "2:13: not valid YAML: * near this place; " + REMEDY),
        ("- 1\n", f"1:1: the file must contain a mapping such as 'name: induction', not a list; {REMEDY}"),
        ("", f"1:1: the file is empty; it must contain a mapping such as 'name: induction'; {REMEDY}"),
        (
            "schema: 1\nroles:\n<<<<<<< HEAD\n  ab: {}\n=======\n  cd: {}\n>>>>>>> other\n",
            "3:1: merge conflict; keep either side, then run pytest --mi-update to bring the file up to date",
        ),
        (
            "schema: 2\nroles: {ab: 1}\n",
            "1:9: written by a newer mi-checks (schema 2; this version reads schema 1); update mi-checks",
        ),
        ("schema: one\nroles: {}\n", f"1:9: 'schema' must be 1, not the text 'one'; {REMEDY}"),
        ("schema: 0\nroles: {}\n", f"1:9: 'schema' must be 1, not 0; {REMEDY}"),
        ("schema: true\nroles: {}\n", f"1:9: 'schema' must be 1, not true; {REMEDY}"),
        ("roles: {}\n", f"1:1: 'schema' must be 1, but it is missing; {REMEDY}"),
        ("schema: 1\n", f"1:1: missing key 'roles'; {REMEDY}"),
        (
            "schema: 1\nroles: {}\nrole: {}\n",
            f"3:1: unknown key 'role'; a lock file has only the keys schema and roles; {REMEDY}",
        ),
        ("schema: 1\nroles: 7\n", f"2:8: roles must contain a mapping of behaviours, not 7; {REMEDY}"),
        (
            "schema: 1\nroles: {ab: L1H2}\n",
            f"2:13: the behaviour 'ab' must contain a mapping of models, not the text 'L1H2'; {REMEDY}",
        ),
        (
            "schema: 1\nroles: {ab: {m: [L1H2]}}\n",
            f"2:17: the model 'm' must contain a mapping of roles, not a list; {REMEDY}",
        ),
        (
            "schema: 1\nroles: {ab: {m: {induction: 0.5}}}\n",
            f"2:29: the role 'induction' must contain a mapping of nodes, not 0.5; {REMEDY}",
        ),
        ("schema: 1\nroles: {ab: {m: {induction: {}}}}\n", f"2:29: the role 'induction' has no nodes; {REMEDY}"),
        (
            "schema: 1\nroles: {ab: {m: {induction: {L1H2: high}}}}\n",
            f"2:36: a score must be a number, not the text 'high'; {REMEDY}",
        ),
        (
            "schema: 1\nroles: {ab: {m: {induction: {L1H2: .nan}}}}\n",
            f"2:36: a score must be a number, not nan; {REMEDY}",
        ),
        (
            "schema: 1\nroles: {ab: {m: {induction: {L1.mlp: 0.5}}}}\n",
            f"2:30: 'L1.mlp' is not a head or a neuron; {REMEDY}",
        ),
        (
            "schema: 1\nroles: {ab: {known: {induction: {L2H0: 0.5, L1H6: 0.5, L1H5: 0.5}}}}\n",
            f"2:34: 'L2H0' is outside known, which has layers 0 to 1; {REMEDY}\n"
            f"roles.lock.yaml:2:45: 'L1H6' is outside known, which has heads 0 to 5 in each layer; {REMEDY}",
        ),
        (
            "schema: 1\nroles: {ab: {known: {induction: {L0N0: 0.5}}}}\n",
            f"2:34: 'L0N0' is outside known, which has attention layers only; {REMEDY}",
        ),
    ],
)
def test_error_text(text, message, tmp_path):
    """And nothing is written over it."""
    path = tmp_path / LOCK_FILE_NAME
    path.write_text(text)
    shapes = {"known": ModelShape(2, 6, None)}
    with pytest.raises(SpecError) as caught:
        read_lock(tmp_path, tmp_path, shapes.get)
    before, star, after = f"roles.lock.yaml:{message}".partition(" * near this place")
    assert str(caught.value).startswith(before)
    assert str(caught.value).endswith(after) if star else str(caught.value) == before
    if "known" not in text:
        with pytest.raises(SpecError):
            write_lock(tmp_path, MEASURED)
        assert path.read_text() == text


def test_a_file_that_cannot_be_read(tmp_path):
    (tmp_path / LOCK_FILE_NAME).mkdir()
    with pytest.raises(MiChecksError) as caught:
        read_lock(tmp_path, tmp_path)
    assert str(caught.value) == "roles.lock.yaml: cannot be read: Is a directory"
    (tmp_path / LOCK_FILE_NAME).rmdir()
    (tmp_path / LOCK_FILE_NAME).symlink_to("nowhere")
    with pytest.raises(MiChecksError, match="cannot be read: No such file or directory"):
        read_lock(tmp_path, tmp_path)


def test_it_is_read_without_torch():
    code = "import sys, mi_checks.plugin.lock_files; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
