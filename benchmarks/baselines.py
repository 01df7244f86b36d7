"""What comparing with baselines adds to a run: `python benchmarks/baselines.py [FILE…]` runs pytest both ways, in turn.

The behaviours are copied, recorded with `--mi-update`, and run with and without what was recorded, in one process. A
time is the processor's for pytest's items: of each item the least in several runs, summed. Ends with exit code 1 if
over 5 % is added to a run that measures; one that recalls all it measured has nothing else to do.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from engines import ROOT, SIX
from sweeps import machine

LIMIT = 0.05
MODELS = ("nano-attn-1l", "nano-attn-2l", "nano-gelu-2l")
FOLDER = "baselines"


class Clock:
    """A plugin of pytest: the processor's seconds for its items, setup and teardown included, and how they ended."""

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


def ran(project: Path, *options: str) -> Clock:
    """Run pytest in a project.

    Raises:
        SystemExit: something failed.
    """
    clock = Clock()
    models = [word for model in MODELS for word in ("--mi-model", model)]
    arguments = ["behaviours", "-p", "no:terminal", "--rootdir", str(project), *models, *options]
    code = pytest.main(arguments, plugins=[clock])
    if code or clock.failed:
        sys.exit(f"pytest ended with {code}: {', '.join(clock.failed)}")
    return clock


def made(project: Path, behaviours: list[Path]) -> None:
    """A project with copies of the behaviours, of the files that they name and of what roles are bound to."""
    (project / "behaviours").mkdir()
    (project / "pytest.ini").write_text("[pytest]\naddopts = -p no:logging\n", encoding="utf-8")
    others = [path for file in behaviours for path in file.parent.iterdir() if path.suffix in (".csv", ".jsonl")]
    bases = [path for file in behaviours for path in file.parent.glob("_*.yaml")]
    locks = [path for file in behaviours for path in file.parent.glob("roles.lock.yaml")]
    for path in {*behaviours, *others, *bases, *locks}:
        shutil.copy(path, project / "behaviours" / path.name)


def both(project: Path, repeats: int, *options: str) -> Iterator[tuple[Clock, Clock]]:
    """Runs without and with the project's baselines, in turn."""
    kept, aside = project / "behaviours" / FOLDER, project / FOLDER
    for _ in range(repeats):
        kept.rename(aside)
        without = ran(project, *options)
        aside.rename(kept)
        yield without, ran(project, *options)


def line(what: str, pairs: list[tuple[Clock, Clock]]) -> tuple[str, float]:
    """In words, and the share that was added."""
    without, compared = (
        sum(min(clock.seconds[item] for clock in clocks) for item in clocks[0].seconds)
        for clocks in zip(*pairs, strict=True)
    )
    share = compared / without - 1
    number = len(pairs[0][1].seconds) - len(pairs[0][0].seconds)
    return f"{what}: {without:.2f} s, with {number} baselines {compared:.2f} s: {share:+.1%}", share


def main() -> None:
    """Time runs that measure everything, and runs that recall it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "behaviours", type=Path, nargs="*", default=[ROOT / "behaviours" / f"{name}.yaml" for name in SIX]
    )
    parser.add_argument("--repeats", type=int, default=5, help="of each run (default: 5)")
    parser.add_argument("--json", type=Path, help="also write what is said there")
    arguments = parser.parse_args()
    result = None if arguments.json is None else arguments.json.absolute()
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # as a run of pytest has it
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder).resolve()
        made(project, [path.absolute() for path in arguments.behaviours])
        os.chdir(project)
        ran(project, "--mi-update")
        told = [
            line("everything measured", list(both(project, arguments.repeats, "--mi-no-cache"))),
            line("everything recalled", list(both(project, arguments.repeats))),
        ]
        os.chdir(ROOT)
    lines = [words for words, _ in told]
    print("\n".join(lines))
    if result:
        result.write_text(json.dumps({"machine": machine(), "lines": lines}, indent=1) + "\n", encoding="utf-8")
    if told[0][1] > LIMIT:
        sys.exit(1)


if __name__ == "__main__":
    main()
