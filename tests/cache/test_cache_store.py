"""A folder of arrays: never trusted, never half-written, never larger than its limit."""

import os
import time

import numpy as np
import pytest

from mi_checks.cache.cache_store import ABANDONED, CacheStore

ARRAYS = {"about": np.frombuffer(b"{}", dtype=np.uint8), "values": np.array([[1.5, -2.0], [np.pi, 0.0]])}


@pytest.fixture
def store(tmp_path):
    return CacheStore(tmp_path / "kept")


def test_what_is_written_is_read_bit_by_bit(store):
    store.write("a", ARRAYS)
    found = store.read("a")
    assert found.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype
        assert found[name].tobytes() == array.tobytes()


def test_a_key_that_nobody_wrote_has_nothing(store):
    assert store.read("a") == {}
    store.write("a", ARRAYS)
    assert store.read("b") == {}


SPOILED = {
    "empty": lambda whole: b"",
    "no zip": lambda whole: b"something else",
    "cut short": lambda whole: whole[:-40],
    "a byte": lambda whole: whole[:150] + bytes([whole[150] ^ 1]) + whole[151:],
}


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_a_garbled_file_counts_as_absent_and_is_written_over(store, spoil):
    store.write("a", ARRAYS)
    (path,) = store.folder.glob("*.npz")
    path.write_bytes(spoil(path.read_bytes()))
    assert store.read("a") == {}
    store.write("a", ARRAYS)
    assert store.read("a").keys() == ARRAYS.keys()


def test_pickles_are_not_read(store):
    store.folder.mkdir()
    np.savez(store.folder / "a.npz", values=np.array([{"not": "numbers"}], dtype=object))
    assert store.read("a") == {}


def test_a_kill_while_writing_leaves_the_old_entry(store, monkeypatch):
    store.write("a", ARRAYS)

    def killed(file, **arrays):
        file.write(b"half an ent")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", killed)
    with pytest.raises(KeyboardInterrupt):
        store.write("a", {})
    assert store.read("a").keys() == ARRAYS.keys()


def test_a_full_disk_costs_only_the_entry(store, monkeypatch):
    def full(file, **arrays):
        raise OSError(28, "No space left on device")

    store.write("a", ARRAYS)
    monkeypatch.setattr(np, "savez", full)
    store.write("a", {})
    store.write("b", {})
    assert store.read("a").keys() == ARRAYS.keys()
    assert [path.name for path in store.folder.iterdir()] == ["a.npz"]


def test_a_folder_that_cannot_be_made_costs_only_the_entry(tmp_path):
    (tmp_path / "kept").write_text("a file where the folder would be")
    store = CacheStore(tmp_path / "kept")
    store.write("a", ARRAYS)
    assert store.read("a") == {}
    store.prune()


def test_the_least_recently_used_goes_first(store):
    for age, key in enumerate("abc"):
        store.write(key, ARRAYS)
        os.utime(store.folder / f"{key}.npz", (time.time() - 100 + age,) * 2)
    size = (store.folder / "a.npz").stat().st_size
    store.read("a")  # the oldest, used now
    store.prune(2 * size)
    assert sorted(path.name for path in store.folder.iterdir()) == ["a.npz", "c.npz"]


def test_what_a_killed_writer_left_is_thrown_away_but_not_what_is_being_written(store):
    store.write("a", ARRAYS)
    left, writing = store.folder / "left.part", store.folder / "writing.part"
    left.touch()
    writing.touch()
    os.utime(left, (time.time() - ABANDONED - 1,) * 2)
    store.prune()
    assert sorted(path.name for path in store.folder.iterdir()) == ["a.npz", "writing.part"]
