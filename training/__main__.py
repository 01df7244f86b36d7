"""`python -m training prepare | text FOLDER | train MODEL … | export [MODEL …]`: from packages to bundled weights."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from training import machine
from training.corpus import documents, write_text
from training.evaluate import EvaluationData
from training.export import ExportRefusedError, export
from training.model import SHAPES
from training.prepare import prepare
from training.train import Recipe, train

HERE = Path(__file__).parent
DATA = HERE / ".data"
RUNS = HERE / ".runs"
NANO = HERE.parent / "mi_checks" / "models" / "nano"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("prepare", help="fetch the packages of corpus.toml, train the tokenizer, write token arrays")
    training = verbs.add_parser("train", help="train models, resuming where a killed run stopped")
    training.add_argument("models", nargs="+", choices=sorted(SHAPES))
    training.add_argument("--seed", type=int, default=0)
    training.add_argument("--steps", type=int, default=Recipe("").steps)
    training.add_argument("--threads", type=int, help="CPU threads; two models with one each beat one with two")
    training.add_argument("--compile", action="store_true", help="torch.compile the loss (needs a C++ compiler)")
    exporting = verbs.add_parser("export", help="evaluate finished runs and ship those that meet the criteria")
    exporting.add_argument("models", nargs="*", metavar="MODEL", help="default: every run that has finished")
    texts = verbs.add_parser(
        "text", help="write the documents as text files, to mine in: mi-checks mine trigrams FOLDER/train"
    )
    texts.add_argument("folder", type=Path, help="a new folder; train/ and held_out/ are made in it")
    arguments = parser.parse_args()
    if arguments.verb == "prepare":
        prepare(DATA, NANO / "tokenizer.json")
    elif arguments.verb == "export":
        if unknown := sorted(set(arguments.models) - set(SHAPES)):
            parser.error(f"unknown model {unknown[0]!r}; there are {', '.join(sorted(SHAPES))}")
        sys.exit(_export(arguments.models or sorted(run.parent.name for run in RUNS.glob("*/final.safetensors"))))
    elif arguments.verb == "text":
        if arguments.folder.exists():
            parser.error(f"{arguments.folder} exists already; name a new folder")
        print(write_text(documents(DATA / "packages"), arguments.folder))
    elif arguments.verb == "train":
        if arguments.threads:
            torch.set_num_threads(arguments.threads)
        for model in arguments.models:
            machine.record_machine(RUNS / model, arguments.threads)
            train(Recipe(model, seed=arguments.seed, steps=arguments.steps), DATA, RUNS, compiled=arguments.compile)


def _export(models: list[str]) -> int:
    if not models:
        print(f"no finished run in {RUNS}: `python -m training train MODEL` first", file=sys.stderr)
        return 1
    n_refused = 0
    # every model has the same context length and vocabulary
    bench = EvaluationData.of(DATA, n_ctx=SHAPES[models[0]].n_ctx, d_vocab=SHAPES[models[0]].d_vocab)
    for model in models:
        try:
            print(export(model, bench, data=DATA, runs=RUNS, nano=NANO))
        except ExportRefusedError as refusal:
            print(refusal, file=sys.stderr)
            n_refused += 1
    return 1 if n_refused else 0


if __name__ == "__main__":
    main()
