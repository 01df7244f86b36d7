"""The prompts of the calibration: those of `behaviours/induction.yaml` with fewer filler tokens."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mi_checks.prompts.batch import END, Prompt, PromptBatch
from mi_checks.prompts.build_prompts import build_prompts
from mi_checks.prompts.tokenization import Tokenization
from mi_checks.spec.behaviour import Prompts
from mi_checks.studies.calibration.calibrated_claims import DRAWN

PROMPTS = Prompts.model_validate(
    {
        "variables": {
            "pre": {"tokens": "random", "length": 3, "distinct": True},
            "A": {"tokens": "random", "differs_from": "pre"},
            "B": {"tokens": "random", "differs_from": ["pre", "A"]},
            "mid": {"tokens": "random", "length": 2, "distinct": True, "differs_from": ["pre", "A", "B"]},
            "D": {"tokens": "random", "differs_from": ["pre", "A", "B", "mid"]},
            "C": {"tokens": "random", "differs_from": ["pre", "A", "B", "mid", "D"]},
            "post": {
                "tokens": "random",
                "length": 2,
                "distinct": True,
                "differs_from": ["pre", "A", "B", "mid", "D", "C"],
            },
            "query": {"same_as": "A"},
        },
        "template": "{{ pre }}{{ A | at('A1') }}{{ B | at('B1') }}{{ mid }}"
        "{{ D | at('D1') }}{{ C | at('C1') }}{{ post }}{{ query | at('A2') }}",
        "corrupt": {"A": "D", "D": "A"},
        "answer": "{{ B }}",
        "foils": ["{{ C }}"],
    }
)
POSITIONS = 13  # the tokens of a prompt, including the first


def drawn(tokenization: Tokenization, count: int, seed: int) -> PromptBatch:
    """Return a number of prompt pairs, all of them `POSITIONS` tokens long."""
    return build_prompts(PROMPTS, tokenization, behaviour="calibration", count=count, seed=seed)


def with_random_answers(batch: PromptBatch, tokenization: Tokenization, rng: np.random.Generator) -> PromptBatch:
    """Replace answer and foil of every prompt by two random tokens of the whole vocabulary."""
    vocabulary = tokenization.tokenizer.get_vocab_size()
    pairs = []
    for pair in batch.pairs:
        answer, foil = (int(token) for token in rng.choice(vocabulary, 2, replace=False))
        pairs.append(
            replace(
                pair,
                answers=(tokenization.piece(answer),),
                foils=(tokenization.piece(foil),),
                answer_tokens=((answer,),),
                foil_tokens=((foil,),),
            )
        )
    return replace(batch, pairs=tuple(pairs))


def with_drawn_positions(batch: PromptBatch, rng: np.random.Generator) -> PromptBatch:
    """Label a random position of every prompt `drawn`, END included: attention from END to it is 1/n on average."""
    pairs = []
    for pair in batch.pairs:
        place = int(rng.integers(pair.clean.labels[END][-1] + 1))
        clean, corrupt = (_labelled(prompt, place) for prompt in (pair.clean, pair.corrupt))
        pairs.append(replace(pair, clean=clean, corrupt=corrupt))
    return replace(batch, pairs=tuple(pairs))


def _labelled(prompt: Prompt, place: int) -> Prompt:
    return replace(prompt, labels={**prompt.labels, DRAWN: (place,)})
