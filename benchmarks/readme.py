"""Write `benchmarks/README.md` from the committed results: `python benchmarks/readme.py`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
import calibration
import compiled
import growth
import history
import suite
import sweeps
import zoo

TEXT = """\
# Benchmarks

Timings depend on the machine and are not part of the tests. Every number below was measured by the command above it
({machine}), written to `results/`, and inserted here by `python benchmarks/readme.py`.

## Sweeps compared with TransformerLens

    python benchmarks/sweeps.py --json benchmarks/results/sweeps.json

One run measures the same effects with `transformer_lens.patching` (or, if it has no such sweep, with one hooked forward
pass for each effect) and with the replay engine, on seeded native models and random pairs of 64 tokens that differ in
the middle. For long sweeps, TransformerLens is timed on a random sample of its forward passes (`--whole` times all).
The limits that this project must meet are in parentheses.

| sweep | TransformerLens, s | replay, s | ratio | largest difference, logits | floor, s | floor ÷ replay |
|---|---|---|---|---|---|---|
{sweeps}

The floor is the time of the matrix products that seemed unavoidable when the engine was planned
([products.py](products.py)), with each shape timed alone in the same run. The engine comes close to the floor, or is
faster, because it computes the last layer's attention from END without projecting keys and values (`attend_from` of
[transformer.py](../mi_checks/engine/transformer.py)).

`python benchmarks/profile_sweep.py ROW` prints torch's profile, which shows where the rest of the time goes. In the
4-layer GELU row, nearly all of it is spent on the matrix products of the MLPs and projections. In the small
attention-only row, half of it is spent on moving memory: joining unchanged and changed columns, layer norms, and laying
out the heads' differences. The row of neurons is limited by the last layer's MLP at END, once per neuron and prompt,
which no exact method avoids, and by the layer norm of every changed position, which a rank-one update could avoid.

## The whole suite

    python benchmarks/suite.py

Every run is pytest in a process of its own: all behaviours that ship, with empty caches (cold) and again (warm), in one
process (n1) and with two workers (n2); `induction` on nano-attn-2l, cold; and `--collect-only`. Times include Python's
start. Memory is the largest resident memory of each process: pytest's own, and that of each worker. The script appends
a record to `results/suite.json` and shows it beside the previous records; the limits, on two quiet cores, are in
parentheses. The shares of the stages are of the time of all processes, sampled every 20 ms, without the time in which a
process waits for another one.

{suite}

## Growth

    python benchmarks/growth.py --json benchmarks/results/growth.json

The sweep over all heads is repeated while one size at a time is increased. More heads of the same width also make the
model wider, so the cost grows faster than the square of their number. More layers mean more patches, with more layers
after each.

| growing | seconds at each size | exponent |
|---|---|---|
{growth}

## Behaviours under both engines

    python benchmarks/engines.py --json benchmarks/results/engines.json

Six behaviours with every kind of check, on all bundled models (name other behaviour files to run those instead).

{engines}

## History

    python benchmarks/history.py --json benchmarks/results/history.json

The database has {history_runs:,} runs with {history_results:,} results, which were added in {history_filling:.0f} s in
the way that pytest and `history import` add them. The file takes {history_megabytes:,.0f} MB, including the JSON of the
runs. Each query opens its own connection, and its time includes formatting the answer; `mi-checks history` takes about
half a second more to start. The limit is one second.

| query | median, s | largest, s |
|---|---|---|
{history}

## The time that baselines add

    python benchmarks/baselines.py --json benchmarks/results/baselines.json

pytest runs the same six behaviours on three models with and without baselines to compare with, alternately in one
process. Times are CPU seconds of all items, the shortest of several runs for each item. Baselines may add at most 5 %
to a run that measures everything. If all measurements come from the cache, little other work remains, so the added time
is a larger part of the run.

{baselines}

## Discovery on compiled programs

    python benchmarks/compiled.py --json benchmarks/results/compiled.json

Discovery is run on programs in which the function of every node is known, because
[Tracr](https://github.com/google-deepmind/tracr) compiled them from RASP ([the programs](tracr_programs/programs.py)).
The script installs Tracr into a separate environment, because Tracr needs an older jax; mi-checks does not depend on
it. There are {compiled_model}. Every program reads every prompt, so the nodes of one program are equally active on the
prompts of another, but contribute nothing to its output.

The nodes to be found are those that carry the difference between a clean and a corrupt prompt to the output. Which
these are follows from the program alone ([carrying.py](tracr_programs/carrying.py)), without any patching: the value
that the node computes differs between the prompts, and the output, or another such node, reads the difference. Thus a
node that computes the length of a text need not be found if both prompts are equally long, and of two conditions joined
by "or", both must be found. The answer is the program's output for the clean prompt, and the foil its output for the
corrupt prompt. If the output is a number x, the logit of a candidate v is proportional to v x − v²/2, which is largest
for the nearest candidate.

AUROC compares every node to be found with every other node of the model: it is the fraction of these comparisons in
which the node to be found has the larger effect. The last three columns give it for the larger of a node's two effects,
for what the node recovers alone, and for what it removes alone. The last row has the sums, and the lowest AUROC of any
program. In a model as large as this one, discovery preselects neurons within a time limit, so the number of neurons
found depends on the machine.

{compiled}

{compiled_totals}

## Calibration

    mi-checks calibrate --format json > benchmarks/results/calibration.json

These are the false-positive rates of claims, of 200 runs each, and the errors of tests and intervals on simulated
samples, of 2,000 draws each; it takes about ten minutes. [docs/statistics.md](../docs/statistics.md) explains the
methods. The results are about the same on any machine. In short:

{calibration}

## The zoo

    python benchmarks/zoo.py --json benchmarks/results/zoo.json

Small random models of {zoo_families} families are built by `transformers` and loaded from disk. The table has the
largest difference of each quantity from plain forward hooks on the `transformers` model in float64
([tests/zoo](../tests/zoo)), divided by the largest effect (logits, attention and attribution: by their largest value).
The results are about the same on any machine. The engine is the one that `auto` selects; if that is replay, the
reference engine is measured too, and the larger difference is shown. A dash means that the quantity is refused, for a
reason given below the table. The limit is 1e-4.

| model | family | engine | {zoo_columns} |
|---|---|---|{zoo_rule}|
{zoo}

What is refused:

{zoo_refused}
"""


def main() -> None:
    """Read the results and write the page."""

    def results_of(name: str) -> Any:
        return json.loads((HERE / "results" / f"{name}.json").read_text(encoding="utf-8"))

    engines = results_of("engines")
    sweep_rows = [sweeps.SweepTiming(**row) for row in results_of("sweeps")]
    growth_rows = [growth.Growth(**row) for row in results_of("growth")]
    history_results = results_of("history")
    zoo_models = [zoo.ModelErrors(**row) for row in results_of("zoo")]
    compiled_model, judged = compiled.read_results(HERE / "results" / "compiled.json")
    text = TEXT.format(
        zoo_families=len({row.family for row in zoo_models}),
        zoo_columns=" | ".join(zoo.COLUMNS),
        zoo_rule="|".join(["---"] * len(zoo.COLUMNS)),
        zoo="\n".join(map(zoo.table_row, zoo_models)),
        zoo_refused="\n".join(zoo.refusal_lines(zoo_models)),
        compiled_model=compiled_model,
        compiled="\n".join([compiled.HEADER, *map(compiled.table_row, judged), compiled.totals_row(judged)]),
        compiled_totals="\n".join(
            f"- {each}" for each in (*compiled.total_lines(judged), *compiled.miss_lines(judged))
        ),
        machine=engines["machine"],
        suite=suite.section(suite.read_records(suite.RECORDS)),
        sweeps="\n".join(map(sweeps.table_row, sweep_rows)),
        growth="\n".join(map(growth.table_row, growth_rows)),
        history="\n".join(history.table_row(history.QueryTiming(**row)) for row in history_results["answers"]),
        history_runs=history_results["runs"],
        history_results=history_results["results"],
        history_filling=history_results["seconds_to_fill"],
        history_megabytes=history_results["megabytes"],
        engines="\n".join(f"- {line}" for line in engines["lines"]),
        baselines="\n".join(f"- {line}" for line in results_of("baselines")["lines"]),
        calibration=calibration.section(HERE / "results" / "calibration.json"),
    )
    (HERE / "README.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
