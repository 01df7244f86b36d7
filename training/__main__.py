"""`python -m training prepare | train MODEL … | export [MODEL …]`: every step from packages to the shipped weights."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

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
    arguments = parser.parse_args()
    if arguments.verb == "prepare":
        prepare(DATA, NANO / "tokenizer.json")
    elif arguments.verb == "train":
        if arguments.threads:
            torch.set_num_threads(arguments.threads)
        for model in arguments.models:
            train(Recipe(model, seed=arguments.seed, steps=arguments.steps), DATA, RUNS, compiled=arguments.compile)


if __name__ == "__main__":
    main()
