"""One thread for each process, unless the user says otherwise."""

import os
import subprocess
import sys

import pytest

ASK = """
from mi_checks.threads import one_thread
one_thread()
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
