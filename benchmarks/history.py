"""The time of history queries over 10,000 runs: `python benchmarks/history.py [--json FILE] [--runs N]`.

Each run has five behaviours with nine checks of 64 prompt pairs each, on one model of two layers with six heads, two of
them measured with an interval in each sweep; times and values differ from run to run. They are added like runs of
pytest. Each query uses a new connection, and its output is discarded, otherwise as in `mi-checks history`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

from mi_checks.history import history_text
from mi_checks.history.check_over_time import check_histories, check_summaries
from mi_checks.history.head_over_time import head_histories
from mi_checks.history.run_store import History, NewRun, run_summaries
from mi_checks.output.tables import markdown_row
from mi_checks.results.evidence import Architecture, Effect, Evidence, Heatmap, Mediator, Preference
from mi_checks.results.run import CheckResult, FileLine, Run
from mi_checks.results.write_run import run_text
from mi_checks.stats.estimate import Estimate

BEHAVIOURS, CHECKS, PAIRS, LAYERS, HEADS = 5, 9, 64, 2, 6
RUNS_PER_BATCH = 32  # runs per transaction, as in the import of files
MODEL = "nano-attn-2l"


@dataclass(frozen=True)
class QueryTiming:
    """The seconds of one query, over repeats."""

    question: str
    median: float
    largest: float


@dataclass(frozen=True)
class HistoryTimings:
    """All results on the page."""

    machine: str
    runs: int
    results: int
    megabytes: float
    seconds_to_fill: float
    answers: tuple[QueryTiming, ...]


def estimate(value: float, unit: str = "fraction of clean − corrupt") -> Estimate:
    return Estimate(value, value - 0.05, value + 0.05, PAIRS, unit, "bootstrap")


def synthetic(number: int, noise: random.Random) -> Run:
    """Return the number-th run: a check passes in most runs, and L1H2 mediates in the first half of them."""
    results, evidence = [], []
    for behaviour in (f"behaviour_{place}" for place in range(BEHAVIOURS)):
        values = [noise.gauss(0.8, 0.1) for _ in range(CHECKS)]
        per_prompt = tuple(noise.gauss(0.8, 0.3) for _ in range(PAIRS))
        for place, value in enumerate(values):
            check = f"patching[set_{place}]"
            results.append(
                CheckResult(
                    behaviour, MODEL, check, "patching", f"behaviours/{behaviour}.yaml::{MODEL}::{check}",
                    "denoising recovers at least 0.6", "pass" if value > 0.6 else "fail", estimate(value),
                    "at least 0.6", 0.6, None, "", FileLine(f"behaviours/{behaviour}.yaml", 20 + place), per_prompt,
                    0.01, "p" * 64,
                )
            )  # fmt: skip
        shares = {f"L{layer}H{head}": noise.gauss(0, 0.01) for layer in range(LAYERS) for head in range(HEADS)}
        shares |= {"L0H3": 0.9, "L1H2": 0.6 if number < 5_000 else 0.01}
        strongest = sorted(shares, key=shares.__getitem__, reverse=True)[:2]
        rows = tuple(tuple(shares[f"L{layer}H{head}"] for head in range(HEADS)) for layer in range(LAYERS))
        value = estimate(6 + noise.random(), "logits")
        effect = Effect(
            behaviour, MODEL, Architecture("attention-only", LAYERS, HEADS), "", "present", "foils", value, per_prompt,
            "p" * 64, (Preference("logit_diff", value, 2.0, None),), "can", "pass",
        )  # fmt: skip
        heatmap = Heatmap("heads", ("L0", "L1"), tuple(f"H{head}" for head in range(HEADS)), rows, "head")
        evidence.append(
            Evidence(
                behaviour, MODEL, "", "", "present", f"name: {behaviour}\n" * 40, f"behaviours/{behaviour}.yaml", PAIRS,
                value, effect, (), (heatmap,), tuple(Mediator(node, "", estimate(shares[node])) for node in strongest),
            )
        )  # fmt: skip
    started = datetime.fromisoformat("2025-01-01T00:00:00+00:00") + timedelta(hours=number)
    provenance = {"source": "bundled", "weights_sha256": f"{number // 4:064x}", "tokenizer_sha256": "t" * 64}
    return Run(
        command="pytest behaviours/", started=started.isoformat(), seconds=1.0 + number, versions={"mi-checks": "0.1"},
        settings={"dtype": "float32"}, models={MODEL: {**provenance, "dtype": "float32"}}, results=tuple(results),
        evidence=tuple(evidence),
    )  # fmt: skip


def batches(number: int) -> Iterator[list[NewRun]]:
    noise = random.Random(0)
    for begin in range(0, number, RUNS_PER_BATCH):
        runs = [synthetic(place, noise) for place in range(begin, min(begin + RUNS_PER_BATCH, number))]
        yield [NewRun(run, run_text(run), "reports/report.json") for run in runs]


def history_queries(path: Path) -> dict[str, Callable[[History], object]]:
    check = "patching[set_3]"
    return {
        "`list`": lambda history: history_text.run_list(path, run_summaries(history)),
        "`list --last 20`": lambda history: history_text.run_list(path, run_summaries(history, last=20)),
        "`show BEHAVIOUR`, nine checks": lambda history: history_text.check_summaries(
            check_summaries(history, "behaviour_2")
        ),
        "`show BEHAVIOUR --order training`": lambda history: history_text.check_summaries(
            check_summaries(history, "behaviour_2", order="training")
        ),
        "`show BEHAVIOUR --check ID`": lambda history: [
            history_text.check_history(each) for each in check_histories(history, "behaviour_2", check)
        ],
        "`mediators BEHAVIOUR L1H2`": lambda history: [
            history_text.head_history(each) for each in head_histories(history, "behaviour_2", "L1H2")
        ],
        "`mediators … --order training`": lambda history: [
            history_text.head_history(each) for each in head_histories(history, "behaviour_2", "L1H2", order="training")
        ],
    }


def query_seconds(path: Path, question: Callable[[History], object], repeats: int) -> list[float]:
    durations = []
    for _ in range(repeats):
        began = time.perf_counter()
        with History.at(path) as history:
            question(history)
        durations.append(time.perf_counter() - began)
    return durations


def table_row(answer: QueryTiming) -> str:
    """Return a row of the Markdown table."""
    return markdown_row([answer.question, f"{answer.median:.2f}", f"{answer.largest:.2f}"])


def measure_history(number: int, repeats: int, folder: Path) -> HistoryTimings:
    path = folder / "history.sqlite3"
    filling = 0.0
    for entries in batches(number):
        began = time.perf_counter()
        with History.at(path, create=True) as history:
            history.add(entries)
        filling += time.perf_counter() - began
    with History.at(path) as history:
        (results,) = history.connection.execute("SELECT count(*) FROM results").fetchone()
    timings = {name: query_seconds(path, question, repeats) for name, question in history_queries(path).items()}
    answers = tuple(QueryTiming(name, statistics.median(each), max(each)) for name, each in timings.items())
    machine = f"{os.cpu_count()} cores, {platform.machine()}"
    return HistoryTimings(machine, number, results, path.stat().st_size / 1e6, filling, answers)


def main() -> None:
    """Print the table, and the time to fill the database."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="also write the result there")
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=11)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure_history(arguments.runs, arguments.repeats, Path(folder))
    print("| question | median, s | largest, s |\n|---|---|---|")
    print("\n".join(map(table_row, result.answers)))
    print(
        f"\n{result.runs:,} runs, {result.results:,} results, {result.megabytes:.0f} MB, {result.seconds_to_fill:.0f} s"
    )
    if arguments.json:
        arguments.json.write_text(json.dumps(asdict(result), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
