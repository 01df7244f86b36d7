"""Files that torch saved, of which only tensors are read."""

from __future__ import annotations

import pickle
import warnings
import zipfile
from pathlib import Path

import torch
from torch import Tensor

from mi_checks.models.loaders.loaded import told
from mi_checks.models.sources.source import Unloadable


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Return a file's tensors by name.

    Raises:
        Unloadable: it cannot be read, holds more than tensors, which could run code, or is not a mapping of names to
            tensors.
    """
    try:
        with path.open("rb") as file:
            if not file.read(2).startswith((b"PK", b"\x80")):  # torch's current and its former format
                raise ValueError("it is no archive and no pickle")
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Detected pickle protocol", UserWarning)
            state_dict = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise Unloadable(f"{path} holds more than tensors, and only tensors are loaded (weights_only=True)") from error
    except (OSError, RuntimeError, EOFError, KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise Unloadable(f"{path} is no file of weights: {told(error, 1)}") from error
    if not isinstance(state_dict, dict) or not all(isinstance(tensor, Tensor) for tensor in state_dict.values()):
        raise Unloadable(f"{path} is no state dict: a mapping of names to tensors")
    return state_dict
