"""The result of a loader, and the functions that loaders share."""

from __future__ import annotations

import contextlib
import copy
import io
import pickle
import traceback
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TypeVar

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformer_lens.model_bridge import TransformerBridge
from transformers.utils import logging

from mi_checks.models.sources.model_source import Unloadable

MAX_ERROR_CHARS = 300  # characters of a library's error message
Model = TypeVar("Model", bound=nn.Module)


@dataclass(frozen=True)
class Placement:
    """The device and dtype of the weights."""

    device: torch.device
    dtype: torch.dtype


@dataclass(frozen=True)
class LoadedBridge:
    """A bridge with its tokenizer.

    Attributes:
        bridge: TransformerLens' model.
        tokenizer: the tokenizer as its file defines it.
        bos: the token that begins every prompt, or None.
        weights_sha256: hash of the files of weights.
        tokenizer_sha256: hash of the tokenizer's file.
        revision: the revision that was loaded, or "" if there are none.
        step: the training step of a numbered checkpoint, in digits; "" for other weights.
        unwrapped_model: the model that the bridge wraps, without TransformerLens' hooks, sharing the bridge's weights.
    """

    bridge: TransformerBridge
    tokenizer: Tokenizer
    bos: int | None
    weights_sha256: str
    tokenizer_sha256: str
    revision: str = ""
    step: str = ""
    unwrapped_model: nn.Module | None = None

    @property
    def rows(self) -> int:
        """Return the number of tokens that the model embeds, according to its weights."""
        return int(self.bridge.embed.weight.shape[0])


def error_text(error: BaseException, lines: int = 2) -> str:
    """Return the first lines of a library's error as one line, shortened if it is long.

    For an error without a message, return its type and the function that raised it.
    """
    text = " ".join(line.strip() for line in str(error).strip().splitlines()[:lines])
    if not text:
        frames = traceback.extract_tb(error.__traceback__)
        where = f" in {frames[-1].name} ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
        return f"{type(error).__name__}{where}"
    return text if len(text) <= MAX_ERROR_CHARS else text[:MAX_ERROR_CHARS].rstrip() + "…"


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Return a file's tensors by name.

    Raises:
        Unloadable: it cannot be read, holds more than tensors, which could run code, or is not a mapping of names to
            tensors.
    """
    try:
        with path.open("rb") as file:
            if not file.read(2).startswith((b"PK", b"\x80")):  # torch's current and its former format
                raise ValueError("it is neither an archive nor a pickle")
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Detected pickle protocol", UserWarning)
            state_dict = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise Unloadable(
            f"{path} contains more than tensors, and only tensors are loaded (weights_only=True)"
        ) from error
    except (OSError, RuntimeError, EOFError, KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise Unloadable(f"{path} is not a weights file: {error_text(error, 1)}") from error
    if not isinstance(state_dict, dict) or not all(isinstance(tensor, Tensor) for tensor in state_dict.values()):
        raise Unloadable(f"{path} is not a state dict (a mapping of names to tensors)")
    return state_dict


@contextlib.contextmanager
def quiet_transformers() -> Iterator[None]:
    """Suppress the progress bars and warnings of transformers, not all of which can be switched off."""
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        if shown:
            logging.enable_progress_bar()


def copy_sharing_weights(model: Model) -> Model:
    """Return a copy of a model's modules with the same parameters and buffers, which therefore takes no memory.

    It must be made before the model is wrapped, because TransformerLens replaces modules of the model.
    """
    shared = {id(tensor): tensor for tensor in chain(model.parameters(), model.buffers())}
    return copy.deepcopy(model, shared).eval()
