"""The time and the memory of the whole suite: `python benchmarks/suite.py` appends a record to `results/suite.json`.

Each run is pytest in a process of its own: everything that ships with empty caches (cold) and again (warm), in one
process and in two, one behaviour on one model, and collection alone. A thread in each process samples its stages (see
`stage_sampler.py`). One more cold run counts the operations of its matrix products, which no faster code for the same
measurements saves: they are the floor of the time. Models that are not bundled are left out. The record is shown beside
the previous ones, together with the speed of float32 matrix products, so that a slower machine is not taken for a
slower suite. The exit code is 1 if the suite exceeds its limits. With `--only`, `--behaviours` or `--models`, a part of
it is tried: nothing is appended unless `--json` says where, and with the latter two, limits do not count.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from stage_sampler import COUNT_VARIABLE, FOLDER_VARIABLE, STAGES, WAITING, read_stages

from mi_checks.output.tables import markdown_row
from mi_checks.results.read_run import read_run

HERE = Path(__file__).parent
ROOT = HERE.parent
RECORDS = HERE / "results" / "suite.json"
BEHAVIOURS = "behaviours/"
PACKAGES = ("torch", "transformer-lens", "transformers", "numpy", "scipy", "pytest", "pytest-xdist")
MAX_PREVIOUS_RECORDS = 3  # shown beside a new one
PRODUCT_SIZE, PRODUCT_REPEATS = 1024, 20  # of the matrix product that is timed


@dataclass(frozen=True)
class SuiteRun:
    """One command that is timed.

    Attributes:
        name: its name, for `--only`.
        workers: for `-n`; 0 runs the suite in pytest's own process.
        warm: whether the measurements of a cold run with as many workers are in the cache.
        arguments: further arguments of pytest, the behaviours included; empty for all behaviours.
        max_wall_s: the limit of the elapsed seconds; None without one.
        max_peak_mb: the limit of the memory of each process; None without one.
        counts: whether it counts the operations of matrix products, instead of being timed.
    """

    name: str
    workers: int
    warm: bool = False
    arguments: tuple[str, ...] = ()
    max_wall_s: float | None = None
    max_peak_mb: float | None = None
    counts: bool = False


# The limits hold on two quiet cores; they are those of issue 19.
RUNS = (
    SuiteRun("collect", 0, arguments=("--collect-only", "-qq"), max_wall_s=1.5),
    SuiteRun("induction", 0, arguments=("behaviours/induction.yaml", "--mi-model", "nano-attn-2l"), max_wall_s=6),
    SuiteRun("cold-n2", 2, max_wall_s=90, max_peak_mb=1500),
    SuiteRun("warm-n2", 2, warm=True),
    SuiteRun("cold-n1", 0),
    SuiteRun("warm-n1", 0, warm=True, max_wall_s=5),
)
COUNTING_RUN = SuiteRun("operations", 2, counts=True)


@dataclass(frozen=True)
class RunTiming:
    """What one run took.

    Attributes:
        name: the name of the run.
        wall_s: the elapsed seconds, with Python's start.
        cpu_s: the CPU seconds of all processes.
        peak_mb: the largest resident memory of each process, in units of 10⁶ bytes; the main one first.
        results: the number of results.
        stage_s: the seconds of each stage, summed over the processes, without waiting for other processes.
        operations: the operations of matrix products, if the run counted them.
    """

    name: str
    wall_s: float
    cpu_s: float
    peak_mb: list[float]
    results: int
    stage_s: dict[str, float]
    operations: int = 0


@dataclass(frozen=True)
class SuiteRecord:
    """The timings of one day on one machine.

    Attributes:
        date: when they began.
        commit: the commit, followed by `+` if files differed from it.
        cpu: the model of the CPU.
        cores: the number of cores.
        gflops: the speed of float32 matrix products in one thread, in 10⁹ operations per second.
        versions: of Python and of packages.
        behaviours: the behaviours that ran.
        models: the models that they ran on; empty for those that each behaviour lists.
        left_out: listed models that were left out, as they are not bundled.
        runs: the timings.
        operations: the floating-point operations of the matrix products of a cold run; 0 if they were not counted.
    """

    date: str
    commit: str
    cpu: str
    cores: int
    gflops: float
    versions: dict[str, str]
    behaviours: list[str]
    models: list[str]
    left_out: list[str]
    runs: list[RunTiming]
    operations: int = 0

    @property
    def floor_s(self) -> float:
        """Return the CPU seconds of the counted matrix products at the measured speed."""
        return self.operations / self.gflops / 1e9

    @property
    def what(self) -> tuple[list[str], list[str], list[str]]:
        """Return what was measured; only records of the same can be compared."""
        return self.behaviours, self.models, self.left_out

    @property
    def has_limits(self) -> bool:
        """Return whether limits count, as they are those of everything that ships."""
        return self.behaviours == [BEHAVIOURS] and not self.models

    def timing(self, name: str) -> RunTiming | None:
        """Return the timing of a run, or None if it was not run."""
        return next((each for each in self.runs if each.name == name), None)


def read_records(path: Path) -> list[SuiteRecord]:
    """Return the records in a file, the oldest first; none if it does not exist."""
    rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    return [SuiteRecord(**{**row, "runs": [RunTiming(**each) for each in row["runs"]]}) for row in rows]


def append_record(path: Path, record: SuiteRecord) -> None:
    """Write a record to the end of a file."""
    rows = [asdict(each) for each in (*read_records(path), record)]
    path.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


class Bench:
    """Runs pytest with caches in a temporary folder."""

    def __init__(self, folder: Path, behaviours: Sequence[str], models: Sequence[str]) -> None:
        """Begin with empty caches; without models, each behaviour runs on those that it lists."""
        self.left_out: set[str] = set()
        self._folder = folder
        self._behaviours = tuple(behaviours)
        self._models = tuple(word for model in models for word in ("--mi-model", model))
        self._cold_runs = Counter[int]()

    def time(self, run: SuiteRun) -> RunTiming:
        """Time one run; before a warm one, its cache is filled if no cold run has done so.

        Raises:
            SystemExit: pytest did not succeed.
        """
        if run.warm:
            if not self._cold_runs[run.workers]:
                self.time(SuiteRun("cold", run.workers))
        elif not run.arguments:
            self._cold_runs[run.workers] += not run.counts
        whole = not run.arguments or run.arguments[0].startswith("-")
        cache = f"cache-{run.name}" if run.arguments or run.counts else f"cache-n{run.workers}"
        return self._time(run, cache, [
            *(self._behaviours if whole else ()), *run.arguments, *(self._models if whole else ()),
            "-n", str(run.workers),
        ])  # fmt: skip

    def _time(self, run: SuiteRun, cache: str, arguments: Sequence[str]) -> RunTiming:
        with tempfile.TemporaryDirectory(dir=self._folder) as name_of_folder:
            folder = Path(name_of_folder)
            (stages := folder / "stages").mkdir()
            (no_models := folder / "models").mkdir()
            command = [
                sys.executable, "-m", "pytest", *arguments, "-q", "-p", "stage_sampler",
                "-o", f"cache_dir={self._folder / cache}", "--mi-report", str(folder / "report.html"),
            ]  # fmt: skip
            own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
            path = os.pathsep.join([str(ROOT), str(HERE), *filter(None, [own.get("PYTHONPATH")])])
            settings = {"PYTHONPATH": path, FOLDER_VARIABLE: str(stages), "MI_CHECKS_CACHE": str(no_models)}
            if run.counts:
                settings[COUNT_VARIABLE] = "1"
            cpu_before, began = _cpu_of_children(), time.perf_counter()
            ended = subprocess.run(
                command, cwd=ROOT, env={**own, **settings}, capture_output=True, text=True, check=False
            )
            wall_s, cpu_s = time.perf_counter() - began, _cpu_of_children() - cpu_before
            if ended.returncode:
                sys.exit(f"{' '.join(command)} ended with {ended.returncode}:\n{ended.stdout}{ended.stderr}")
            processes = read_stages(stages)
            seconds = sum((Counter(each.stage_s) for each in processes), Counter[str]())
            return RunTiming(
                name=run.name,
                wall_s=round(wall_s, 2),
                cpu_s=round(cpu_s, 2),
                peak_mb=[round(each.peak_mb) for each in processes],
                results=self._results(folder / "report.json"),
                stage_s={stage: round(seconds[stage], 2) for stage in STAGES if stage != WAITING},
                operations=sum(each.operations for each in processes),
            )

    def _results(self, path: Path) -> int:
        """Return the number of results of a run that were measured, and take note of the models that were not."""
        if not path.exists():  # nothing was to be measured
            return 0
        results = read_run(path).results
        measured = [result for result in results if result.outcome != "skipped"]
        self.left_out |= {result.model for result in results} - {result.model for result in measured}
        return len(measured)


def _cpu_of_children() -> float:
    """Return the CPU seconds of all processes that this one has started, and of those that they started."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def product_gflops() -> float:
    """Return the speed of float32 matrix products in one thread, in 10⁹ operations per second: that of the fastest."""
    import torch

    torch.set_num_threads(1)
    one, other = torch.randn(2, PRODUCT_SIZE, PRODUCT_SIZE)
    fastest = float("inf")
    for _ in range(PRODUCT_REPEATS):
        began = time.perf_counter()
        one @ other
        fastest = min(fastest, time.perf_counter() - began)
    return 2 * PRODUCT_SIZE**3 / fastest / 1e9


@contextmanager
def other_process() -> Iterator[ProcessPoolExecutor]:
    """Provide a process for what needs torch: a large process would leave less memory to those that are timed."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        yield pool


def cpu_model() -> str:
    """Return the model of the CPU."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def commit() -> str:
    """Return the commit of this checkout, followed by `+` if files differ from it."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(ROOT), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    return git("rev-parse", "--short=8", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else "")


def measure(names: Sequence[str], behaviours: Sequence[str], models: Sequence[str]) -> SuiteRecord:
    """Time the runs with these names, and print each when it has ended."""
    date = datetime.now(UTC).isoformat(timespec="minutes")
    with other_process() as pool:
        gflops = pool.submit(product_gflops).result()
    timings = []
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder).resolve(), behaviours, models)
        for run in RUNS:
            if run.name in names:
                timings.append(bench.time(run))
                print(f"{run.name}: {timings[-1].wall_s:.1f} s", file=sys.stderr, flush=True)
        operations = bench.time(COUNTING_RUN).operations if COUNTING_RUN.name in names else 0
    return SuiteRecord(
        date=date,
        commit=commit(),
        cpu=cpu_model(),
        cores=os.cpu_count() or 1,
        gflops=round(gflops, 1),
        versions={"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        behaviours=list(behaviours),
        models=list(models),
        left_out=sorted(bench.left_out),
        runs=timings,
        operations=operations,
    )


def comparison_table(record: SuiteRecord, previous: Sequence[SuiteRecord]) -> list[str]:
    """Return a table of the runs of a record, with the ratios of their times to those of previous records."""
    compared = [each for each in previous if each.what == record.what][-MAX_PREVIOUS_RECORDS:]
    header = ["run", "results", "wall, s", "CPU, s", "memory, MB"]
    header += [f"{what} ÷ that of {each.date[:10]}, {each.commit}" for each in compared for what in ("wall", "CPU")]
    rows = [markdown_row(header), markdown_row(["---"] * len(header))]
    for run in RUNS:
        timing = record.timing(run.name)
        if timing is None:
            continue
        wall, memory = f"{timing.wall_s:.1f}", " + ".join(f"{each:,.0f}" for each in timing.peak_mb)
        if record.has_limits:
            wall += f" (≤ {run.max_wall_s:g})" if run.max_wall_s is not None else ""
            memory += f" (≤ {run.max_peak_mb:,g} each)" if run.max_peak_mb is not None else ""
        cells = [run.name, f"{timing.results:,}" if timing.results else "–", wall, f"{timing.cpu_s:.1f}", memory]
        for each in compared:
            other = each.timing(run.name)
            cells += ["–"] * 2 if other is None else [
                f"{timing.wall_s / other.wall_s:.2f}", f"{timing.cpu_s / other.cpu_s:.2f}"
            ]  # fmt: skip
        rows.append(markdown_row(cells))
    speeds = [f"{record.gflops / each.gflops:.2f}" for each in compared for _ in range(2)]
    rows.append(markdown_row(["matrix products, GFLOP/s", "", f"{record.gflops:.1f}", "", "", *speeds]))
    if record.operations:
        counted = f"{record.operations / 1e12:.1f}·10¹² operations of matrix products of a cold run, at this speed"
        rows.append(markdown_row([counted, "", "", f"≥ {record.floor_s:.1f}", "", *["–"] * len(speeds)]))
    return rows


def stage_table(record: SuiteRecord) -> list[str]:
    """Return a table of the share of each stage in the time of all processes of each run."""
    rows = [markdown_row(["stage", *(timing.name for timing in record.runs)])]
    rows.append(markdown_row(["---"] * (1 + len(record.runs))))
    totals = [sum(timing.stage_s.values()) for timing in record.runs]
    for stage in STAGES:
        if stage != WAITING:
            shares = [timing.stage_s.get(stage, 0.0) / total for timing, total in zip(record.runs, totals, strict=True)]
            rows.append(markdown_row([stage, *(f"{share:.1%}" if share else "–" for share in shares)]))
    return rows


def about(record: SuiteRecord) -> str:
    """Return where and on what a record was measured."""
    left_out = f"; {', '.join(record.left_out)} left out" if record.left_out else ""
    versions = ", ".join(f"{name} {number}" for name, number in record.versions.items())
    return (
        f"{record.date[:10]}, commit {record.commit}: {' '.join(record.behaviours)} on "
        f"{', '.join(record.models) or 'the models that each behaviour lists'}{left_out}; {record.cpu}, "
        f"{record.cores} cores; {versions}"
    )


def section(records: Sequence[SuiteRecord]) -> str:
    """Return what the README shows: the latest record, beside the previous ones."""
    if not records:
        return "Nothing has been recorded yet."
    *previous, latest = records
    return "\n".join([about(latest), "", *comparison_table(latest, previous), "", *stage_table(latest)])


def exceeded_limits(record: SuiteRecord) -> list[str]:
    """Return a sentence for each run that took more than it may."""
    sentences: list[str] = []
    for run in RUNS if record.has_limits else ():
        timing = record.timing(run.name)
        if timing is not None and run.max_wall_s is not None and timing.wall_s > run.max_wall_s:
            sentences.append(f"{run.name} took {timing.wall_s:.1f} s; the limit is {run.max_wall_s:g} s")
        if timing is not None and run.max_peak_mb is not None and max(timing.peak_mb) > run.max_peak_mb:
            sentences.append(f"{run.name} took {max(timing.peak_mb):,.0f} MB; the limit is {run.max_peak_mb:,g} MB")
    return sentences


def main() -> None:
    """Time the suite, print the record beside the previous ones, and append it."""
    names = [run.name for run in (*RUNS, COUNTING_RUN)]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=names, help="time these runs only")
    parser.add_argument("--behaviours", nargs="+", metavar="PATH", help="instead of all that ship, from the root")
    parser.add_argument("--models", nargs="+", metavar="NAME", help="instead of those that each behaviour lists")
    parser.add_argument("--json", type=Path, help=f"append the record to this file (default: {RECORDS.name})")
    arguments = parser.parse_args()
    is_whole = not (arguments.only or arguments.behaviours or arguments.models)
    record = measure(arguments.only or names, arguments.behaviours or [BEHAVIOURS], arguments.models or [])
    path = arguments.json or RECORDS
    print(section([*read_records(path), record]))
    if is_whole or arguments.json:
        append_record(path, record)
    if exceeded := exceeded_limits(record):
        sys.exit("\n".join(exceeded))


if __name__ == "__main__":
    main()
