"""How many threads compute."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

MAX_TIME_RATIO = 0.8  # of the time with one thread: what several must not exceed to be worth it


def limit_to_one_thread() -> None:
    """One, unless `OMP_NUM_THREADS` says otherwise.

    One is faster on models this small (the suite's first behaviours: 24 s against 61 s with two, on two cores), and
    under `pytest -n` each worker would otherwise take every core: numpy's threads wait for each other by spinning, a
    fifth of a suite's time.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if "OMP_NUM_THREADS" in os.environ:
        return
    import numpy  # noqa: F401 — its library is asked, which is there only once it is loaded
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(1)
    threadpool_limits(1, user_api="blas")


def use_all_cores_if_faster(run: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> None:
    """Compute with all cores from here on, if that is clearly faster than with one, unless `OMP_NUM_THREADS` is set.

    Larger models gain by it, small ones lose, and so do all where other processes use the cores.

    Args:
        run: something typical of what is computed; it is run a few times.
        clock: what tells the time.
    """
    cores = _cores()
    if "OMP_NUM_THREADS" in os.environ or cores == 1:
        return
    import torch

    taken = {}
    for threads in (1, cores):
        torch.set_num_threads(threads)
        run()
        began = clock()
        run()
        taken[threads] = clock() - began
    torch.set_num_threads(cores if taken[cores] < MAX_TIME_RATIO * taken[1] else 1)


def _cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
