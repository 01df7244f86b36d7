"""The cost of comparing with baselines: `python benchmarks/baselines.py [FILE…]` runs pytest with and without them.

The behaviours are copied, recorded with `--mi-update`, and run with and without the recorded baselines, alternating in
one process. A time is the CPU time of pytest's items: the minimum over several runs for each item, summed. The added
time is taken from runs that read all measurements from the cache. It is the same in a run that measures, where the
variation between long runs would hide it. The exit code is 1 if it exceeds 5 % of a run that measures.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from engines import DEFAULT_BEHAVIOURS, ROOT
from sweeps import machine

MAX_ADDED_FRACTION = 0.05
MODELS = ("nano-attn-1l", "nano-attn-2l", "nano-gelu-2l")
FOLDER = "baselines"


class ItemClock:
    """A pytest plugin that records the CPU seconds of each item, with setup and teardown, and the failures."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.failed: list[str] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        began = time.process_time()
        result = yield
        self.seconds[item.nodeid] = time.process_time() - began
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.append(report.nodeid)


def run_pytest(project: Path, *options: str) -> ItemClock:
    """Run pytest in a project.

    Raises:
        SystemExit: something failed.
    """
    clock = ItemClock()
    models = [word for model in MODELS for word in ("--mi-model", model)]
    arguments = ["behaviours", "-p", "no:terminal", "--rootdir", str(project), *models, *options]
    code = pytest.main(arguments, plugins=[clock])
    if code or clock.failed:
        sys.exit(f"pytest ended with {code}: {', '.join(clock.failed)}")
    return clock


def record_baselines(project: Path, behaviours: list[Path]) -> None:
    """Create a project with copies of the behaviours, their data and parent files, and their role lock files."""
    (project / "behaviours").mkdir()
    (project / "pytest.ini").write_text("[pytest]\naddopts = -p no:logging\n", encoding="utf-8")
    others = [path for file in behaviours for path in file.parent.iterdir() if path.suffix in (".csv", ".jsonl")]
    bases = [path for file in behaviours for path in file.parent.glob("_*.yaml")]
    locks = [path for file in behaviours for path in file.parent.glob("roles.lock.yaml")]
    for path in {*behaviours, *others, *bases, *locks}:
        shutil.copy(path, project / "behaviours" / path.name)


def alternate_runs(project: Path, repeats: int) -> Iterator[tuple[ItemClock, ItemClock]]:
    """Yield runs that use the cache, without and with the project's baselines, alternating."""
    kept, aside = project / "behaviours" / FOLDER, project / FOLDER
    for _ in range(repeats):
        kept.rename(aside)
        without = run_pytest(project)
        aside.rename(kept)
        yield without, run_pytest(project)


def shortest_total(clocks: Sequence[ItemClock]) -> float:
    """Return the seconds of all items, with the minimum over the runs for each."""
    return sum(min(clock.seconds[item] for clock in clocks) for item in clocks[0].seconds)


def main() -> None:
    """Time runs that measure everything, and runs that read everything from the cache."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "behaviours",
        type=Path,
        nargs="*",
        default=[ROOT / "behaviours" / f"{name}.yaml" for name in DEFAULT_BEHAVIOURS],
    )
    parser.add_argument(
        "--repeats", type=int, default=10, help="of short runs; a third of that of long ones (default: 10)"
    )
    parser.add_argument("--json", type=Path, help="also write what is said there")
    arguments = parser.parse_args()
    result = None if arguments.json is None else arguments.json.absolute()
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # as in a run of pytest
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder).resolve()
        record_baselines(project, [path.absolute() for path in arguments.behaviours])
        os.chdir(project)
        run_pytest(project, "--mi-update")
        without, compared = zip(*alternate_runs(project, arguments.repeats), strict=True)
        (project / "behaviours" / FOLDER).rename(project / FOLDER)
        measured = shortest_total([run_pytest(project, "--mi-no-cache") for _ in range(-(-arguments.repeats // 3))])
        os.chdir(ROOT)
    number = len(compared[0].seconds) - len(without[0].seconds)
    cached = shortest_total(without)
    added = shortest_total(compared) - cached
    lines = [
        f"{number} baselines add {added:.3f} s, {1000 * added / number:.1f} ms each",
        f"to a run that measures everything, of {measured:.2f} s: {added / measured:.1%}",
        f"to a run whose measurements are all cached, of {cached:.2f} s: {added / cached:.1%}",
    ]
    print("\n".join(lines))
    if result:
        result.write_text(json.dumps({"machine": machine(), "lines": lines}, indent=1) + "\n", encoding="utf-8")
    if added > MAX_ADDED_FRACTION * measured:
        sys.exit(1)


if __name__ == "__main__":
    main()
