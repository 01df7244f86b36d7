"""Downloads, from a small hub on this machine that speaks as the real one does."""

import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading
import urllib.parse
from pathlib import Path

import pytest

from mi_checks.models.downloads import download_from_hub
from mi_checks.models.sources.hub_model import HubModel as Source
from mi_checks.models.sources.model_source import Unloadable
from tests.models.written import llama, toy_config, write_huggingface, write_legacy

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TOY = "NeelNanda/GELU_2L512W_C4_Code"


class HubModel(http.server.BaseHTTPRequestHandler):
    """Repositories are folders of `root`; whatever is asked for is noted in `asked`."""

    root: Path
    asked: list

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        self.asked.append(path)
        parts = path.strip("/").split("/")
        if parts[:2] == ["api", "models"]:
            repo, rest = self.root / parts[2] / parts[3], parts[4:]
            if not repo.is_dir():
                self.answer(404, b"{}", {"X-Error-Code": "RepoNotFound"})
            elif rest[:1] == ["revision"] and rest[1:] not in (["main"], [COMMIT], ["step1"]):
                self.answer(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
            elif rest[:1] == ["tree"]:
                self.answer(200, json.dumps([self.entry(repo, file) for file in self.files(repo)]).encode())
            else:
                siblings = [{"rfilename": str(file.relative_to(repo))} for file in self.files(repo)]
                known = {"id": "/".join(parts[2:4]), "sha": COMMIT, "siblings": siblings, "tags": [], "private": False}
                self.answer(200, json.dumps(known).encode())
        else:  # owner/name/resolve/revision/file
            file = self.root / parts[0] / parts[1] / "/".join(parts[4:])
            if not file.is_file():
                self.answer(404, b"", {"X-Error-Code": "EntryNotFound"})
                return
            content = file.read_bytes()
            etag = f'"{hashlib.sha256(content).hexdigest()}"'
            self.answer(200, content, {"ETag": etag, "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"})

    @staticmethod
    def files(repo):
        return sorted(path for path in repo.rglob("*") if path.is_file())

    @staticmethod
    def entry(repo, file):
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        return {"type": "file", "oid": digest[:40], "size": file.stat().st_size, "path": str(file.relative_to(repo))}

    def answer(self, status, body, headers=None):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def hub(tmp_path):
    """Its folder, what was asked of it, and Python run with it as the hub."""
    root, asked = tmp_path / "repos", []
    root.mkdir()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Own", (HubModel,), {"root": root, "asked": asked}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    environment |= {
        "HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}",
        "HF_HOME": str(tmp_path / "home"),
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }

    def run(code, **more):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=environment | more,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    yield root, asked, run
    server.shutdown()
    server.server_close()


DOWNLOAD = """
import pathlib
from mi_checks.models.downloads import download_from_hub
from mi_checks.models.model_names import resolve
from mi_checks.models.sources.model_source import Unloadable
try:
    found = download_from_hub(resolve({name!r}).source)
    print(*sorted(str(p.relative_to(found.path)) for p in pathlib.Path(found.path).rglob("*") if p.is_file()))
    print(found.revision, resolve({name!r}).shape)
except Unloadable as error:
    print(error)
"""


def test_only_what_is_read_is_downloaded(hub):
    root, asked, run = hub
    folder = root / "org" / "name"
    write_huggingface(folder, llama())
    for more in ("pytorch_model.bin", "modeling_mine.py", "original/model.safetensors", "tf_model.h5", "README.md"):
        (folder / more).parent.mkdir(exist_ok=True)
        (folder / more).write_bytes(b"not to be read")
    files, rest = run(DOWNLOAD.format(name="org/name")).splitlines()
    assert files == "config.json model.safetensors tokenizer.json"
    assert rest == f"{COMMIT} ModelShape(n_layers=2, n_heads=4, d_mlp=48, shared_kv_heads=2, no_neurons='')"
    assert not any("modeling_mine" in path or path.endswith(".bin") for path in asked)
    before = len(asked)
    assert run(DOWNLOAD.format(name="org/name"), HF_HUB_OFFLINE="1").splitlines() == [files, rest]
    assert len(asked) == before  # from the cache, without a question


def test_case_13_pickles_are_downloaded_where_there_are_no_safetensors(hub):
    root, asked, run = hub
    folder = root / "org" / "name"
    write_huggingface(folder, llama())
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    (folder / "tokenizer.json").rename(folder / "vocab.json")
    for more in ("merges.txt", "modeling_mine.py", "optimizer.pt", "training_args.bin", "tf_model.h5"):
        (folder / more).write_bytes(b"x")
    files, rest = run(DOWNLOAD.format(name="org/name")).splitlines()
    assert files == "config.json merges.txt pytorch_model.bin vocab.json"
    assert rest.startswith(COMMIT)
    before = len(asked)
    assert run(DOWNLOAD.format(name="org/name"), HF_HUB_OFFLINE="1").splitlines() == [files, rest]
    assert len(asked) == before


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (
            OSError(28, "No space left on device", "/cache/x"),
            "cannot be written to the hub's cache: No space left on device",
        ),
        (PermissionError(13, "Permission denied"), "cannot be written to the hub's cache: Permission denied (HF_HOME)"),
        (ConnectionError("refused"), "cannot be reached (no connection), and org/name is not in its cache"),
        (RuntimeError("a defect\nof many lines"), "downloading org/name from the Hugging Face hub failed: a defect"),
        (AssertionError(), "downloading org/name from the Hugging Face hub failed: AssertionError"),
    ],
)
def test_what_a_download_fails_of(monkeypatch, raised, said):
    def fail(*_, **__):
        raise raised

    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr("huggingface_hub.snapshot_download", fail)
    with pytest.raises(Unloadable) as error:
        download_from_hub(Source("org/name"))
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert error.value.__cause__ is raised


def test_the_hubs_answer_is_told(monkeypatch):
    class Answered(OSError):
        response = type("Response", (), {"status_code": 503})

    def fail(*_, **__):
        raise FileNotFoundError("nothing kept") from Answered("busy")

    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr("huggingface_hub.snapshot_download", fail)
    with pytest.raises(Unloadable, match="the Hugging Face hub answers with HTTP status 503, and org/name is not in"):
        download_from_hub(Source("org/name"))


def test_what_the_hub_does_not_have(hub):
    root, _, run = hub
    write_huggingface(root / "org" / "name", llama())
    assert run(DOWNLOAD.format(name="org/other")) == (
        "the Hugging Face hub has no 'org/other', or it is private (log in with: hf auth login)"
    )
    assert run(DOWNLOAD.format(name="org/name@step2")) == "org/name has no revision 'step2' on the Hugging Face hub"
    assert COMMIT in run(DOWNLOAD.format(name="org/name@step1"))


AS_TRANSFORMERLENS_DOES = """
import torch
from transformer_lens.model_bridge import TransformerBridge
from mi_checks.models.load_model import load
tokens = torch.arange(1, 20)[None]
for name, how in (("gelu-2l", {}), ("gelu-2l@300", {"checkpoint_value": 300})):
    loaded_model = load(name, device="cpu")
    theirs = TransformerBridge.boot_tl_legacy("NeelNanda/GELU_2L512W_C4_Code", device="cpu", **how).eval()
    with torch.no_grad():
        ours, wanted = loaded_model.bridge(tokens), theirs(tokens)
    assert wanted.std() > 0.1
    torch.testing.assert_close(ours, wanted)
    print(loaded_model.name, loaded_model.provenance.source, loaded_model.provenance.revision)
"""


def test_a_toy_model_as_transformerlens_loads_it(hub):
    root, asked, run = hub
    folder = root / TOY
    folder.mkdir(parents=True)
    config = toy_config()
    del config["tokenizer_name"]  # it is beside the weights here
    write_legacy(folder, config, checkpoints={300: 2, 1200: 3})
    assert run(AS_TRANSFORMERLENS_DOES).splitlines() == [
        f"gelu-2l hf:{TOY} {COMMIT}",
        f"gelu-2l@300 hf:{TOY} {COMMIT}@300",
    ]
    assert not any(path.endswith("1200.pth") for path in asked)
