"""A sampling profiler that says on which stage of a run of pytest its time is spent; a plugin that pytest loads.

With `pytest -p stage_sampler`, this folder on PYTHONPATH, and a folder named by MI_STAGES_FOLDER, each process of the
run, workers of `pytest -n` included, looks every 20 ms at the stack of its main thread. When it ends, it writes
`ProcessStages` as JSON into that folder. Without the variable, importing this module does nothing.

With MI_COUNT_OPERATIONS, each process also counts the floating-point operations of torch's matrix products, which takes
so much time that the stages' seconds mean nothing.
"""

from __future__ import annotations

import atexit
import json
import os
import resource
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from operation_counter import OperationCounter

FOLDER_VARIABLE, COUNT_VARIABLE = "MI_STAGES_FOLDER", "MI_COUNT_OPERATIONS"
INTERVAL_S = 0.02
START, WAITING, REST = "starting Python and pytest", "waiting for other processes", "rest"


@dataclass(frozen=True)
class StageRule:
    """Functions that belong to a stage, together with everything that they call.

    Attributes:
        stage: the name of the stage.
        path: a part of the path of the file that defines them.
        function: the name of the function; empty for every function of such files.
    """

    stage: str
    path: str
    function: str = ""

    def matches(self, path: str, function: str) -> bool:
        """Return whether a function belongs to the stage."""
        return self.path in path and self.function in ("", function)


# A stack belongs to the stage of the first rule that matches any of its functions, so that a stage within another one,
# such as the intervals of a sweep, stands first.
RULES = (
    StageRule("imports", "<frozen importlib._bootstrap>", "_find_and_load"),
    StageRule(WAITING, "/threading.py", "wait"),
    StageRule("intervals and p-values", "mi_checks/stats/"),
    StageRule("reading and writing the cache", "mi_checks/cache/cache_store.py"),
    StageRule("reading and writing the cache", "mi_checks/cache/cached_engine.py", "entry_from_arrays"),
    StageRule("reading and writing the cache", "mi_checks/cache/finished_results.py"),
    StageRule("drawing prompts", "mi_checks/suite/loaded_models.py", "prompts"),
    StageRule("loading models", "mi_checks/suite/loaded_models.py", "loaded_model"),
    StageRule("clean and corrupted runs", "mi_checks/engine/engine.py", "_run_side"),
    StageRule("clean and corrupted runs", "mi_checks/engine/replay/forward_pass.py"),
    StageRule("sweeps for the report", "mi_checks/suite/evidence/gather.py", "sweep_for_report"),
    StageRule("drawings for the report", "mi_checks/suite/evidence/"),
    StageRule("sweeps of checks", "mi_checks/checks/measurements.py", "sweep"),
    StageRule("sweeps of checks", "mi_checks/checks/measurements.py", "sweep_of"),
    StageRule("other patching", "mi_checks/engine/"),
    StageRule("baselines", "mi_checks/plugin/baseline_files.py"),
    StageRule("baselines", "mi_checks/baselines/"),
    StageRule("writing files", "mi_checks/plugin/output_files.py"),
    StageRule("writing files", "mi_checks/plugin/session_results.py", "write_journal"),
    StageRule("writing files", "mi_checks/plugin/interim_report.py"),
    StageRule("collection", "mi_checks/plugin/collectors.py", "collect"),
    StageRule("collection", "_pytest/main.py", "perform_collect"),
)
STAGES = tuple(dict.fromkeys((START, *(rule.stage for rule in RULES), REST)))


def stage_of(functions: Iterable[tuple[str, str]]) -> str:
    """Return the stage of a stack, given as the path and the name of each function."""
    return _stage_of_rules(_first_rule(path, function) for path, function in functions)


def _first_rule(path: str, function: str) -> int:
    """Return the index of the first rule that a function matches; the number of rules if there is none."""
    return next((i for i, rule in enumerate(RULES) if rule.matches(path, function)), len(RULES))


def _stage_of_rules(indices: Iterable[int]) -> str:
    first = min(indices, default=len(RULES))
    return RULES[first].stage if first < len(RULES) else REST


@dataclass(frozen=True)
class ProcessStages:
    """What one process spent.

    Attributes:
        process: `main`, or the id of a worker of `pytest -n`.
        cpu_s: the CPU time.
        peak_mb: the largest resident memory.
        stage_s: the elapsed seconds of each stage.
        operations: the floating-point operations of matrix products in the main thread; 0 if they were not counted.
    """

    process: str
    cpu_s: float
    peak_mb: float
    stage_s: dict[str, float]
    operations: int = 0


def read_stages(folder: Path) -> list[ProcessStages]:
    """Return what the processes that have ended wrote, the main process first."""
    found = [ProcessStages(**json.loads(path.read_text(encoding="utf-8"))) for path in folder.glob("*.json")]
    return sorted(found, key=lambda each: (each.process != "main", each.process))


def peak_memory_mb() -> float:
    """Return the largest resident memory of this process so far, in units of 10⁶ bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # unlike `getrusage` there, this does not include the parent's memory at the time of the fork
        line = next(line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


class StageSampler(threading.Thread):
    """A thread that adds up the time of each stage of the main thread until the process ends."""

    def __init__(self, folder: Path) -> None:
        super().__init__(name="stage sampler", daemon=True)
        self._folder = folder
        self._main_thread = threading.main_thread().ident
        self._rules: dict[CodeType, int] = {}
        self._seconds: Counter[str] = Counter({START: time.time() - psutil.Process().create_time()})
        self._last = time.perf_counter()
        self._counter: OperationCounter | None = None

    def count_operations(self) -> None:
        """Count the operations of this thread from now on. It must be the main one, and torch is imported."""
        from operation_counter import OperationCounter

        self._counter = OperationCounter()
        self._counter.__enter__()

    def run(self) -> None:
        """Sample for ever."""
        while True:
            time.sleep(INTERVAL_S)
            frame = sys._current_frames().get(self._main_thread or 0)
            now = time.perf_counter()
            self._seconds[self._stage(frame)] += now - self._last
            self._last = now

    def write(self) -> None:
        """Write what this process spent."""
        # Set by xdist in its workers:
        process = os.environ.get("PYTEST_XDIST_WORKER", "main")
        operations = 0 if self._counter is None else self._counter.operations
        stages = ProcessStages(process, time.process_time(), peak_memory_mb(), dict(self._seconds), operations)
        (self._folder / f"{os.getpid()}.json").write_text(json.dumps(asdict(stages)), encoding="utf-8")

    def _stage(self, frame: FrameType | None) -> str:
        indices = []
        while frame is not None:
            code = frame.f_code
            if code not in self._rules:
                self._rules[code] = _first_rule(code.co_filename, code.co_name)
            indices.append(self._rules[code])
            frame = frame.f_back
        return _stage_of_rules(indices)


if FOLDER_VARIABLE in os.environ:
    sampler = StageSampler(Path(os.environ[FOLDER_VARIABLE]))
    atexit.register(sampler.write)
    if COUNT_VARIABLE in os.environ:
        sampler.count_operations()
    sampler.start()
