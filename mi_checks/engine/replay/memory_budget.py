"""The memory budget of a replay: as many interventions at once as fit, and fewer if memory runs out."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from typing import TypeVar

import psutil
import torch
from torch import Tensor

from mi_checks.faults.unexpected import is_out_of_memory

MAX_CPU_CHUNK_BYTES = 192 * 2**20  # bytes of a chunk on a CPU; larger chunks do not fit its caches
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # from glibc's malloc.h
MAX_MMAP_THRESHOLD_BYTES = 32 * 2**20  # the largest M_MMAP_THRESHOLD that glibc accepts
MAX_GROWTH_BYTES = 640 * 2**20  # by which a process may grow before it returns freed memory to the system
T = TypeVar("T")


class MemoryBudget:
    """A budget of bytes.

    Args:
        device: the device of the activations.
        limit_bytes: bytes; None for a quarter of the memory that is free there now.
    """

    def __init__(self, device: torch.device, limit: int | None = None) -> None:
        self.limit_bytes = free_bytes(device) // 4 if limit is None else limit
        self.chunk_bytes = self.limit_bytes if device.type == "cuda" else min(self.limit_bytes, MAX_CPU_CHUNK_BYTES)

    def max_variants(self, each: int) -> int:
        """Return how many variants of so many bytes fit; at least one."""
        return max(1, self.chunk_bytes // max(1, each))

    def run_halving(self, compute: Callable[[list[T]], Tensor], variants: list[T]) -> Tensor:
        """Return `compute(variants)`, `variant prompt`, in halves as long as that runs out of memory.

        Smaller chunks are used from then on.

        Raises:
            RuntimeError: one variant alone does not fit.
        """
        try:
            return compute(variants)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error) or len(variants) == 1:
                raise
        # Outside the handler, because its traceback keeps the tensors of the failed attempt alive.
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self.chunk_bytes //= 2
        half = len(variants) // 2
        return torch.cat([self.run_halving(compute, variants[:half]), self.run_halving(compute, variants[half:])])


def free_bytes(device: torch.device) -> int:
    """Return the number of bytes that are free on a device."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


class FreedMemory:
    """The memory that this process has freed and keeps, so that the next tensors can use it.

    By default glibc returns every large tensor to the system, which clears its pages before it lends them again. That
    took a sixth of a sweep's time. But glibc keeps freed memory in pieces that large tensors of the next behaviour may
    not fit, so that a process that never returned any would grow.
    """

    def __init__(self) -> None:
        """Make glibc keep freed memory from now on."""
        mallopt = getattr(_c_library(), "mallopt", None)
        if mallopt is not None:
            mallopt(M_MMAP_THRESHOLD, MAX_MMAP_THRESHOLD_BYTES)
            mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
        self.floor_bytes = _resident_bytes()  # resident when nothing was kept

    def return_if_grown(self, max_growth_bytes: int = MAX_GROWTH_BYTES) -> bool:
        """Return freed memory to the system if the process has grown since it last did, and say whether it did.

        What the process needs anyway, such as the weights of its models, does not count: it is what is left after freed
        memory is returned.

        Args:
            max_growth_bytes: the resident bytes by which the process may grow before.
        """
        trim = getattr(_c_library(), "malloc_trim", None)
        if trim is None or _resident_bytes() - self.floor_bytes <= max_growth_bytes:
            return False
        trim(0)
        self.floor_bytes = _resident_bytes()
        return True


def _resident_bytes() -> int:
    return int(psutil.Process().memory_info().rss)


def _c_library() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if sys.platform == "linux" else None  # only glibc has and needs these settings
