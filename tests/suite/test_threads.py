"""One thread for each process, unless the user says otherwise."""

import os
import subprocess
import sys

import pytest
import torch

from mi_checks.suite import threads

ASK = """
from mi_checks.suite.threads import limit_to_one_thread
limit_to_one_thread()
import numpy, torch
from threadpoolctl import threadpool_info
print(torch.get_num_threads(), *{pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"})
"""


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core has one thread anyway")
@pytest.mark.parametrize(("asked", "expected"), [(None, "1 1"), ("2", "2 2")])
def test_torch_and_numpy_compute_with_one_thread_unless_told(asked, expected):
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    environment |= {} if asked is None else {"OMP_NUM_THREADS": asked}
    done = subprocess.run([sys.executable, "-c", ASK], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == expected


@pytest.mark.parametrize(("several", "expected"), [(0.5, 2), (0.9, 1), (3.0, 1)])
def test_several_threads_compute_where_they_are_clearly_faster(monkeypatch, several, expected):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(threads, "_cores", lambda: 2)
    before, now = torch.get_num_threads(), [0.0]

    def run():
        now[0] += 1.0 if torch.get_num_threads() == 1 else several

    try:
        threads.use_all_cores_if_faster(run, clock=lambda: now[0])
        assert torch.get_num_threads() == expected
    finally:
        torch.set_num_threads(before)


def test_what_the_user_says_of_threads_is_not_tried(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    threads.use_all_cores_if_faster(lambda: pytest.fail("tried"))
