"""A path that is no history, or cannot be read or written, in one line; and whatever happens, what was there stays."""

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mi_checks.errors import MiChecksError
from mi_checks.history import database
from mi_checks.history.run_store import History, run_summaries
from mi_checks.results.write_run import write_run
from tests.history.conftest import entry, month

ROOT = Path(__file__).parents[2]


def told(path, **how):
    with pytest.raises(MiChecksError) as raised, History.at(path, **how) as history:
        history.add([entry(month(9))])
    return str(raised.value)


def number_of_runs(path):
    with History.at(path) as history:
        (check,) = history.connection.execute("PRAGMA integrity_check").fetchone()
        assert check == "ok"
        return len(run_summaries(history))


def test_none_there_is_told_and_none_is_made(tmp_path):
    path = tmp_path / "none.sqlite3"
    assert told(path) == (
        f"the history '{path}' does not exist; create it with pytest --mi-history PATH or mi-checks history import RUN"
    )
    assert not path.exists()


def test_a_folder(tmp_path):
    assert told(tmp_path) == (
        f"{tmp_path} is a folder; name the history's file in it, such as {tmp_path / 'history.sqlite3'}"
    )


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    path = tmp_path / "file/history.sqlite3"
    assert told(path, create=True) == f"cannot create the folder '{tmp_path / 'file'}': File exists"


def test_no_database(tmp_path):
    path = tmp_path / "report.html"
    path.write_text("<html>" * 100)
    assert told(path, create=True) == f"{path} is not a database; name a history, or a file that does not exist yet"
    assert path.read_text() == "<html>" * 100


@pytest.mark.parametrize(
    "statement", ["CREATE TABLE theirs (a)", "PRAGMA application_id = 7", "PRAGMA user_version = 7"]
)
def test_a_database_of_something_else(tmp_path, statement):
    path = tmp_path / "theirs.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.execute(statement)
    connection.close()
    before = path.read_bytes()
    assert told(path, create=True) == (
        f"{path} is a database of another program; name a history, or a file that does not exist yet"
    )
    assert path.read_bytes() == before


def test_a_newer_schema(history_of):
    path = history_of(month(1))
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    assert told(path) == (
        f"{path} is a history of schema 99, and this mi-checks reads schemas up to 4: install a newer mi-checks, "
        "or name another file"
    )


def test_damage(history_of):
    path = history_of(month(1))
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(data)
    assert told(path) == (
        f"{path} is damaged: database disk image is malformed; restore a copy of the file, or move it away and import "
        "its runs again"
    )


def test_a_lock_that_stays(history_of, monkeypatch):
    path = history_of(month(1))
    monkeypatch.setattr(database, "WRITE_TIMEOUT_S", 0.1)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert told(path) == f"{path}: another process has been writing to it for 0.1 seconds; try again when it is done"
    other.close()
    assert number_of_runs(path) == 1


def test_a_lock_that_goes_is_waited_for(history_of):
    path = history_of(month(1))
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    threading.Timer(0.5, other.execute, ["COMMIT"]).start()
    with History.at(path) as history:
        assert history.add([entry(month(2))]).new == 1
    other.close()


def test_a_full_disk_leaves_it_as_it_was(history_of):
    path = history_of(month(1))
    with pytest.raises(MiChecksError) as raised, History.at(path) as history:  # noqa: PT012  # leaving it tells
        (pages,) = history.connection.execute("PRAGMA page_count").fetchone()
        history.connection.execute(f"PRAGMA max_page_count = {pages + 1}")
        history.add([entry(month(number)) for number in range(2, 12)])
    assert str(raised.value) == f"{path} cannot be written: the disk is full; the history is unchanged"
    assert number_of_runs(path) == 1


def test_read_only(history_of):
    path = history_of(month(1))
    with pytest.raises(MiChecksError) as raised, History.at(path) as history:  # noqa: PT012  # leaving it tells
        history.connection.execute("PRAGMA query_only = ON")  # permissions mean nothing to root
        history.add([entry(month(2))])
    assert str(raised.value) == f"{path} cannot be written: it or its folder is read-only"


def test_an_error_in_the_middle_adds_nothing(history_of):
    path = history_of(month(1))
    broken = entry(month(3, bound=None))  # NOT NULL
    with (
        pytest.raises(MiChecksError, match=r"NOT NULL constraint failed: results\.bound"),
        History.at(path) as history,
    ):
        history.add([entry(month(2)), broken])
    assert number_of_runs(path) == 1


KILLED = """\
import sys, time
from pathlib import Path
from mi_checks.history import run_store
from tests.history.conftest import entry, month

inserted = []
def slow(connection, *arguments):
    inserted.append(real(connection, *arguments))
    if len(inserted) == 10:
        print("in the middle", flush=True)
        time.sleep(60)
    return inserted[-1]

real, run_store.insert = run_store.insert, slow
with run_store.History.at(Path(sys.argv[1])) as kept:
    kept.connection.execute("PRAGMA cache_size = 1")  # so that pages reach the file before the end
    kept.add([entry(month(1 + number % 12, number + 1.0)) for number in range(20)])
"""


def test_a_killed_writer_leaves_it_as_it_was(history_of):
    path = history_of(month(1), month(2))
    before = path.read_bytes()
    command = [sys.executable, "-c", KILLED, str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout.readline() == "in the middle\n"
        writer.kill()
        writer.wait()
    assert path.with_name(f"{path.name}-journal").stat().st_size > 0
    assert path.read_bytes() != before  # it was in the middle indeed
    assert number_of_runs(path) == 2
    assert not path.with_name(f"{path.name}-journal").exists()
    with History.at(path) as history:
        assert history.add([entry(month(3))]).new == 1


def test_two_that_import_at_once_both_succeed(tmp_path):
    for side in ("a", "b"):
        (tmp_path / side).mkdir()
        for number in range(100):
            write_run(
                month(1 + number % 12, number + (0.0 if side == "a" else 0.5)), tmp_path / f"{side}/{number}.json"
            )
    path = tmp_path / "history.sqlite3"  # made by whichever is first
    code = "import sys; from mi_checks.cli.main import main; sys.exit(main(sys.argv[1:]))"
    commands = [
        [sys.executable, "-c", code, "history", "import", str(tmp_path / side), "--history", str(path)] for side in "ab"
    ]
    importers = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for command in commands]
    assert [importer.communicate()[0] for importer in importers] == [f"{path}: 100 new, 0 known\n"] * 2
    assert number_of_runs(path) == 200
