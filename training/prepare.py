"""The preparation of token arrays: train the tokenizer on a sample, encode all documents, write the `.npy` files.

The tokenizer is byte-level BPE with GPT-2's pre-tokenization and 2,048 tokens. The vocabulary is small on purpose.
Training on two cores becomes possible, and many words are one token after a space and two tokens without, which
split-token induction (seed problem 1.19) needs.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from tqdm import tqdm

from training.corpus import Document, documents

VOCABULARY_TOKENS = 2048
BOS = "<|endoftext|>"
SAMPLE_CHARS = 6_000_000  # characters of each kind that the tokenizer is trained on


def prepare(data: Path, tokenizer_path: Path) -> None:
    """Write `{code,prose}-{train,held_out}.npy` (uint16 token ids, documents separated by token 0) under `data`.

    A committed tokenizer is reused, so that a second preparation cannot renumber the tokens of models already trained.
    """
    docs = list(documents(data / "packages"))
    if tokenizer_path.exists():
        tokenizer = Tokenizer.from_file(str(tokenizer_path))
    else:
        tokenizer = train_tokenizer(_sample(docs))
        tokenizer_path.parent.mkdir(parents=True, exist_ok=True)
        tokenizer.save(str(tokenizer_path))
    bos = tokenizer.token_to_id(BOS)
    for kind in ("code", "prose"):
        for held_out in (False, True):
            texts = [d.text for d in docs if d.kind == kind and d.held_out == held_out]
            ids: list[npt.NDArray[np.uint16]] = []
            for start in tqdm(range(0, len(texts), 64), desc=f"encode {kind}"):
                for encoding in tokenizer.encode_batch(texts[start : start + 64], add_special_tokens=False):
                    ids.append(np.asarray([bos, *encoding.ids], dtype=np.uint16))
            tokens = np.concatenate(ids)
            np.save(data / f"{kind}-{'held_out' if held_out else 'train'}.npy", tokens)
            print(f"{kind} {'held out' if held_out else 'train'}: {len(texts)} documents, {len(tokens):,} tokens")


def train_tokenizer(texts: Iterable[str]) -> Tokenizer:
    """Learn the merges; token 0 is `<|endoftext|>`, which starts every training sequence."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_TOKENS,
        special_tokens=[BOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=True,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def _sample(docs: list[Document]) -> list[str]:
    sample: list[str] = []
    for kind in ("code", "prose"):
        size = 0
        for doc in (d for d in docs if d.kind == kind and not d.held_out):
            if is_in_sample_third(doc.name) and size < SAMPLE_CHARS:
                sample.append(doc.text)
                size += len(doc.text)
    return sample


def is_in_sample_third(name: str) -> bool:
    """Return whether a document is in a fixed third, so that the sample has text from every package."""
    return sum(name.encode()) % 3 == 0
