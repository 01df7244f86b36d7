"""The number of threads that compute."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

MAX_TIME_FRACTION = 0.8  # of the time with one thread; all cores are used only if they take less


def limit_to_one_thread() -> None:
    """Compute with one thread, unless `OMP_NUM_THREADS` is set.

    One thread is faster on small models (the first behaviours of the suite take 24 s with one and 61 s with two, on two
    cores). Under `pytest -n`, each worker would otherwise use every core, and numpy's threads would spend a fifth of
    the time spinning.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if "OMP_NUM_THREADS" in os.environ:
        return
    import numpy  # noqa: F401 — threadpoolctl limits only libraries that are loaded
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(1)
    threadpool_limits(1, user_api="blas")


def use_all_cores_if_faster(run: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> None:
    """Compute with all cores from here on if that is clearly faster than with one, unless `OMP_NUM_THREADS` is set.

    Large models become faster, small ones slower, and all of them slower if other processes use the cores.

    Args:
        run: a typical computation, which is run a few times.
        clock: returns the time in seconds.
    """
    cores = _cores()
    if "OMP_NUM_THREADS" in os.environ or cores == 1:
        return
    import torch

    seconds = {}
    for threads in (1, cores):
        torch.set_num_threads(threads)
        run()
        began = clock()
        run()
        seconds[threads] = clock() - began
    torch.set_num_threads(cores if seconds[cores] < MAX_TIME_FRACTION * seconds[1] else 1)


def _cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
