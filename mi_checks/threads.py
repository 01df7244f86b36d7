"""How many threads compute."""

from __future__ import annotations

import os


def one_thread() -> None:
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
