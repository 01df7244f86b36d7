"""How many interventions are replayed at once: as many as fit a budget of bytes, fewer when memory runs out."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from typing import TypeVar

import psutil
import torch
from torch import Tensor

from mi_checks.faults.unexpected import out_of_memory

CACHED = 192 * 2**20  # on a CPU larger chunks only fall out of its caches
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
MAPPED = 32 * 2**20  # the largest threshold that glibc takes
HELD = 1280 * 2**20  # bytes of a process, freed ones among them, beyond which these go back to the system
T = TypeVar("T")


class Memory:
    """A budget of bytes.

    Args:
        device: where the activations are.
        limit: bytes; None for a quarter of what is free there now.
    """

    def __init__(self, device: torch.device, limit: int | None = None) -> None:
        self.limit = free(device) // 4 if limit is None else limit
        self.chunk = self.limit if device.type == "cuda" else min(self.limit, CACHED)

    def holds(self, each: int) -> int:
        """How many variants of so many bytes fit; always one."""
        return max(1, self.chunk // max(1, each))

    def within(self, compute: Callable[[list[T]], Tensor], variants: list[T]) -> Tensor:
        """`compute(variants)`, `variant prompt`; in halves for as long as that runs out of memory, and so from then on.

        Raises:
            RuntimeError: one variant alone does not fit.
        """
        try:
            return compute(variants)
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error) or len(variants) == 1:
                raise
        # Outside the handler, whose traceback keeps the tensors of the failed attempt alive.
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self.chunk //= 2
        half = len(variants) // 2
        return torch.cat([self.within(compute, variants[:half]), self.within(compute, variants[half:])])


def free(device: torch.device) -> int:
    """Bytes that can be had on a device."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


def hold_freed() -> None:
    """Use what is freed again, until `hand_back`.

    glibc would hand every large tensor back, and the system clears its pages before it lends them again: a sixth of a
    sweep's time.
    """
    mallopt = getattr(_c_library(), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, MAPPED)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def hand_back(beyond: int = HELD) -> None:
    """Let the system have what was freed, once a process is large: glibc keeps it in pieces that large tensors of the
    next behaviour may not fit. A smaller one goes on with what it holds: to be cleared again for each behaviour was a
    sixth of a suite's time.

    Args:
        beyond: bytes that a process is large with.
    """
    trim = getattr(_c_library(), "malloc_trim", None)
    if trim is not None and psutil.Process().memory_info().rss > beyond:
        trim(0)


def _c_library() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if sys.platform == "linux" else None  # others than glibc have none of this, and need none
