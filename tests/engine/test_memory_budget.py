"""The memory budget: how much is replayed at once, and what happens if memory runs out."""

import platform

import numpy as np
import psutil
import pytest
import torch

from mi_checks.engine.interventions import denoise
from mi_checks.engine.nodes import all_nodes
from mi_checks.engine.replay import memory_budget
from mi_checks.engine.replay.memory_budget import MAX_CPU_CHUNK_BYTES, FreedMemory, MemoryBudget
from mi_checks.engine.replay.replay_engine import ReplayEngine

CPU = torch.device("cpu")
FULL = RuntimeError("[enforce fail at alloc_cpu.cpp:121] . DefaultCPUAllocator: can't allocate memory: you tried …")


def test_the_limit_is_a_quarter_of_the_free_memory():
    assert abs(MemoryBudget(CPU).limit_bytes - psutil.virtual_memory().available / 4) < 2**30
    assert MemoryBudget(CPU, 10**6).limit_bytes == 10**6


def test_on_a_cpu_a_chunk_stays_near_the_caches():
    assert MemoryBudget(CPU, 10**12).chunk_bytes == MAX_CPU_CHUNK_BYTES
    assert MemoryBudget(CPU, 10**6).chunk_bytes == 10**6


def test_on_a_gpu_a_chunk_is_the_limit(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (40 * 2**30, 80 * 2**30))
    assert MemoryBudget(torch.device("cuda")).chunk_bytes == 10 * 2**30


@pytest.mark.parametrize(("each", "held"), [(1000, 1), (300, 3), (1, 1000), (0, 1000), (10**9, 1)])
def test_number_of_variants_that_fit(each, held):
    assert MemoryBudget(CPU, 1000).max_variants(each) == held


@pytest.mark.parametrize("error", [FULL, MemoryError(), torch.OutOfMemoryError("CUDA out of memory")])
def test_out_of_memory_is_retried_in_halves(error):
    budget, sizes = MemoryBudget(CPU, 1024), []

    def compute(variants):
        sizes.append(len(variants))
        if len(variants) > 3:
            raise error
        return torch.tensor(variants)[:, None]

    assert budget.run_halving(compute, list(range(10))).flatten().tolist() == list(range(10))
    assert sizes == [10, 5, 2, 3, 5, 2, 3]
    assert budget.chunk_bytes == 1024 // 8  # smaller chunks from now on


def test_a_variant_that_does_not_fit_is_an_error():
    def compute(variants):
        raise FULL

    with pytest.raises(RuntimeError, match="can't allocate memory"):
        MemoryBudget(CPU, 1024).run_halving(compute, [1, 2])


def test_other_errors_are_raised():
    def compute(variants):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="shapes"):
        MemoryBudget(CPU, 1024).run_halving(compute, [1, 2])


def test_a_sweep_continues_after_out_of_memory(engine_of, monkeypatch):
    reference = engine_of("nano-attn-2l")
    loaded_model = reference.loaded_model
    from mi_checks.engine.choose_engine import replayable_model

    replay = ReplayEngine(loaded_model, reference.batch, replayable_model(loaded_model))
    what = [denoise(node) for node in all_nodes("head", loaded_model.shape)]
    expected = replay.scores(what)
    together = ReplayEngine._score_group
    failed = []

    def scarce(self, alike):
        if len(alike) > 2:
            failed.append(len(alike))
            raise MemoryError
        return together(self, alike)

    monkeypatch.setattr(ReplayEngine, "_score_group", scarce)
    np.testing.assert_allclose(replay.scores(what), expected, rtol=1e-5, atol=5e-5)  # float32
    assert failed


def test_free_memory_of_this_machine():
    assert 0 < memory_budget.free_bytes(CPU) <= psutil.virtual_memory().total


glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="others hand back by themselves")


@glibc
def test_freed_memory_is_returned_to_the_system():
    freed = FreedMemory()
    size = 64 * 1024
    pieces = [np.ones(size, dtype=np.uint8) for _ in range(4000)]
    pinned = pieces[::500]  # what is freed lies between what is not
    full = psutil.Process().memory_info().rss
    del pieces
    assert not freed.return_if_grown(2**30)
    assert abs(full - psutil.Process().memory_info().rss) < 0.2 * 4000 * size
    assert freed.return_if_grown(50 * 2**20)
    assert full - psutil.Process().memory_info().rss > 0.8 * 4000 * size
    assert len(pinned) == 8


@glibc
def test_what_a_process_needs_anyway_does_not_count_as_growth():
    """Such as the weights of a large model: a process that holds them keeps the memory that its behaviours free."""
    freed = FreedMemory()
    weights = np.ones(256 * 2**20, dtype=np.uint8)
    assert freed.return_if_grown(128 * 2**20)  # once
    activations = np.ones(64 * 2**20, dtype=np.uint8)
    del activations
    assert not freed.return_if_grown(128 * 2**20)
    assert weights.all()
