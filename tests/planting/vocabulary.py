"""The words that planted models read: three kinds of them, and a tokenizer of one token each."""

from string import ascii_lowercase

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from mi_checks.prompts.tokenization import Tokenization

KEYS, VALUES, FILLERS = (
    tuple(f" {kind}{letter}" for letter in ascii_lowercase[:count]) for kind, count in (("k", 12), ("v", 16), ("f", 19))
)
BOS = 0
WORDS = ("<s>", *KEYS, *VALUES, *FILLERS)
D_VOCAB = len(WORDS)


def ids(words):
    """Their token ids."""
    return [WORDS.index(word) for word in words]


def tokenization():
    """A word and the space before it are one token."""
    tokenizer = Tokenizer(models.WordLevel({word.replace(" ", "▁"): i for i, word in enumerate(WORDS)}, "<s>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="never")
    return Tokenization(tokenizer, BOS)


def fillings(length, seed):
    """Texts of so many distinct fillers, for a variable's `values`: fillers are never looked for."""
    rng = np.random.default_rng(seed)
    return sorted({"".join(rng.choice(FILLERS, length, replace=False)) for _ in range(64)})
