"""Downloads from the Hugging Face hub: only files that are read, and none that is run."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from mi_checks.models.sources.folder import Folder
from mi_checks.models.sources.hub import Hub
from mi_checks.models.sources.source import Unloadable
from mi_checks.models.sources.weight_files import ADAPTER_FILES

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
OLDER_TOKENIZER_FILES = ("vocab.json", "merges.txt", "tokenizer.model", "vocab.txt", "added_tokens.json")
CONFIG_FILES = ("config.json", ADAPTER_FILES[0])
SAFETENSORS = ("model.safetensors", "model.safetensors.index.json", "model-*.safetensors")
PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json", "pytorch_model-*.bin")
MAX_LABEL_DIGITS = 16  # digits of a zero-padded checkpoint label
DISK_ERRNOS = (errno.ENOSPC, errno.EACCES, errno.EPERM, errno.EROFS, errno.EDQUOT)


def download(source: Hub) -> Folder:
    """Return a model's folder in the hub's cache, downloading it if necessary.

    Raises:
        Unloadable: the hub cannot be reached, or has no such model for this user.
    """
    if source.is_legacy:
        label = source.version
        # Labels in file names may be padded with zeros.
        padded = [label.zfill(width) for width in range(len(label), MAX_LABEL_DIGITS)] if label else []
        weights = [f"checkpoints/*_{text}.pth" for text in padded] or ["*_final.pth"]
        path = snapshot(source.repo, None, ("config.json", *TOKENIZER_FILES, *weights))
        return Folder(path, label, source.described, "@".join(filter(None, (path.name, label))))
    path = snapshot(source.repo, source.version, (*CONFIG_FILES, *TOKENIZER_FILES, *SAFETENSORS))
    # Only files that are needed: pickles if there are no safetensors, older tokenizer files if there is no newer one.
    pickles = () if any(path.glob("model*.safetensors*")) else PICKLES
    older = () if (path / "tokenizer.json").exists() else OLDER_TOKENIZER_FILES
    if pickles or older:
        path = snapshot(source.repo, path.name, (*pickles, *older))
    return Folder(path, None, source.described, path.name)


def snapshot(repo: str, revision: str | None, files: tuple[str, ...]) -> Path:
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
        raise Unloadable(f"the Hugging Face hub has no {repo!r}, or not for everybody (hf auth login)") from error
    except RevisionNotFoundError as error:
        raise Unloadable(f"{repo} has no revision {revision!r} on the Hugging Face hub") from error
    except HFValidationError as error:
        raise Unloadable(f"{repo!r} is no name on the Hugging Face hub") from error
    except Exception as error:  # any error of the hub's client, its transport or the disk
        raise Unloadable(_why_not(repo, error)) from error


def _why_not(repo: str, error: BaseException) -> str:
    """Return why a download failed: the disk, the hub's answer, no connection, or something else."""
    chain = [error]
    while (cause := chain[-1].__cause__) is not None and cause not in chain:
        chain.append(cause)
    disk = next((each for each in chain if isinstance(each, OSError) and each.errno in DISK_ERRNOS), None)
    if disk is not None:
        return f"{repo} cannot be kept in the hub's cache: {disk.strerror} ({disk.filename or 'HF_HOME'})"
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
        "folder from a machine that can, and name that folder"
    )
