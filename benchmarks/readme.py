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
import sweeps
import zoo

TEXT = """\
# Benchmarks

Timings of one machine say nothing about another, and are no part of the tests. Every figure below was printed by the
command above it ({machine}), written to `results/`, and put here by `python benchmarks/readme.py`.

## Sweeps beside TransformerLens

    python benchmarks/sweeps.py --json benchmarks/results/sweeps.json

The same effects, measured by `transformer_lens.patching` (or, where it has no such sweep, by one hooked forward each)
and by the replay engine in one run: seeded native models, random pairs of 64 tokens that differ at the middle. Of long
rows TransformerLens is timed on a random sample of its forwards (`--whole` times all). In brackets: what this
project holds itself to.

| sweep | TransformerLens, s | replay, s | ratio | largest difference, logits | floor, s | floor ÷ replay |
|---|---|---|---|---|---|---|
{sweeps}

The floor is the time of the matrix products that were thought unavoidable when the engine was planned
([products.py](products.py)), each shape timed alone in the same run. The engine comes near it or passes it because the
last layer's attention is read from END without projecting anybody's keys and values
([attention.py](../mi_checks/engine/replay/few_positions.py)).

Where the rest of the time goes (`python benchmarks/profile_sweep.py ROW` prints torch's profile): in the 4-layer GELU
row nearly all of it is the matrix products of the MLPs and projections themselves; in the small attention-only row it
is half moving memory: joining kept and new columns, layer norms, laying out the heads' differences. The neurons' row is
bound by the last layer's MLP at END, once per neuron and prompt, which no exact method avoids, and by the layer norm of
every changed position, which a rank-one form could spare.

## Growth

    python benchmarks/growth.py --json benchmarks/results/growth.json

One size of the sweep over all heads is grown at a time. More heads of the same width are also a wider model, so that
cost grows with more than their square; more layers are more patches, each with more layers after it.

| growing | seconds at each size | exponent |
|---|---|---|
{growth}

## Behaviours under both engines

    python benchmarks/engines.py --json benchmarks/results/engines.json

Six behaviours with every kind of check, on all models that ship (other files: name them).

{engines}

## History

    python benchmarks/history.py --json benchmarks/results/history.json

{history_runs:,} runs with {history_results:,} results, added as pytest and `history import` add them
in {history_filling:.0f} s; the file has {history_megabytes:,.0f} MB, the runs' own JSON included. A question is asked
on a connection opened for it, and includes the text of the answer; `mi-checks history` takes about half a second more
to start. Held to: a second.

| question | median, s | largest, s |
|---|---|---|
{history}

## What baselines add

    python benchmarks/baselines.py --json benchmarks/results/baselines.json

The same six behaviours on three models by pytest, with and without baselines to compare with, in turn in one process:
seconds of the processor for all items, of each the least in several runs. A run that measures is held to at most 5 %
more; where all that was measured is recalled there is little else to do.

{baselines}

## Discovery on compiled programs

    python benchmarks/compiled.py --json benchmarks/results/compiled.json

Discovery is run on programs whose nodes all have a known function, since
[Tracr](https://github.com/google-deepmind/tracr) compiled them from RASP ([the programs](tracr_programs/programs.py)).
The script installs Tracr into an environment of its own, because it needs an older jax; mi-checks does not depend on
it. {compiled_model}. Every program reads every prompt, so the nodes of one program are as busy on the prompts of
another, but have no part in its output.

The nodes to be found carry the difference between a clean and a corrupt prompt to the output. The program alone decides
which these are ([carrying.py](tracr_programs/carrying.py)), without any patching: the value that the node computes
differs between the prompts, and something that carries reads the difference. Thus the length of a text is not to be
found where both prompts are equally long, and of two conditions joined by "or" both are. The answer is the program's
output for the clean prompt, and the foil its output for the corrupt one. Where the output is a number x, the logit of a
candidate v is proportional to v x − v²/2, which is largest for the nearest candidate.

AUROC compares every node to be found with every other node of the model: it is the share of these comparisons in which
the first has the larger effect, by the larger of a node's two effects, by what it recovers alone, and by what it
removes alone. The last row has the sums, and the lowest AUROC of any program. Discovery screens the neurons of a model
as large as this one within a limit of time, so how many of them are found depends on the machine.

{compiled}

{compiled_totals}

## Calibration

    mi-checks calibrate --runs 500 --format json > benchmarks/results/calibration.json

How often claims pass where they are not so, and how often intervals hold the truth; `mi-checks calibrate` alone prints
the same tables of 200 runs, in about three minutes on one core. These are no timings: any machine gives about the same.
In short:

{calibration}

## The zoo

    python benchmarks/zoo.py --json benchmarks/results/zoo.json

Small random models of {zoo_families} families, built by `transformers` and loaded from disk: the largest difference of
each quantity from plain forward hooks on the `transformers` model in float64 ([tests/zoo](../tests/zoo)), divided by
the largest effect (for logits, attention and attribution: by their largest value). Any machine gives about the same.
The tier is the engine that `auto` takes; where it replays, the reference engine is measured too, and the larger
difference is shown. A dash is a refusal, whose reason stands below the table. Held to: 1e-4.

| model | family | tier | {zoo_columns} |
|---|---|---|{zoo_rule}|
{zoo}

What is refused:

{zoo_refused}
"""


def main() -> None:
    """Read the results and write the page."""

    def told(name: str) -> Any:
        return json.loads((HERE / "results" / f"{name}.json").read_text(encoding="utf-8"))

    engines = told("engines")
    table = [sweeps.Row(**row) for row in told("sweeps")]
    grown = [growth.Growth(**row) for row in told("growth")]
    kept = told("history")
    animals = [zoo.Row(**row) for row in told("zoo")]
    compiled_model, judged = compiled.read_results(HERE / "results" / "compiled.json")
    text = TEXT.format(
        zoo_families=len({row.family for row in animals}),
        zoo_columns=" | ".join(zoo.COLUMNS),
        zoo_rule="|".join(["---"] * len(zoo.COLUMNS)),
        zoo="\n".join(map(zoo.line, animals)),
        zoo_refused="\n".join(zoo.reasons(animals)),
        compiled_model=compiled_model,
        compiled="\n".join([compiled.HEADER, *map(compiled.line, judged), compiled.last_line(judged)]),
        compiled_totals="\n".join(f"- {each}" for each in (*compiled.totals(judged), *compiled.misses(judged))),
        machine=engines["machine"],
        sweeps="\n".join(map(sweeps.line, table)),
        growth="\n".join(map(growth.line, grown)),
        history="\n".join(history.line(history.Answer(**row)) for row in kept["answers"]),
        history_runs=kept["runs"],
        history_results=kept["results"],
        history_filling=kept["seconds_to_fill"],
        history_megabytes=kept["megabytes"],
        engines="\n".join(f"- {line}" for line in engines["lines"]),
        baselines="\n".join(f"- {line}" for line in told("baselines")["lines"]),
        calibration=calibration.section(HERE / "results" / "calibration.json"),
    )
    (HERE / "README.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
