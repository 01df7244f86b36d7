"""The tokenizer of the family: byte-level BPE with GPT-2's pre-tokenization and 2,048 tokens.

The vocabulary is small on purpose. Training on two cores becomes possible, and many words are one token after a space
and two tokens without, which split-token induction (seed problem 1.19) needs.
"""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

VOCABULARY = 2048
BOS = "<|endoftext|>"


def train_tokenizer(texts: Iterable[str]) -> Tokenizer:
    """Learn the merges; token 0 is `<|endoftext|>`, which starts every training sequence."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[BOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=True,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer
