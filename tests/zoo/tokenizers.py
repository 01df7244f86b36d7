"""Small tokenizers in the manner of those that families of models are published with."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Literal

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

Manner = Literal["byte-level", "byte-level+bos", "metaspace", "metaspace+bos"]
VOCABULARY = 400  # of the models; their embeddings have some rows more than there are tokens, as published ones do
TEXT = (
    "the cat sat on the mat and the dog sat on the log",
    "then Mary and John went to the store and John gave a book to Mary",
    "def add(first, second): return first + second",
    "one two three four five six seven eight nine ten",
)
SPECIAL = ("<pad>", "<s>", "<unk>")


def write_tokenizer(manner: Manner, folder: Path) -> None:
    """Write `tokenizer.json` and `tokenizer_config.json`."""
    tokenizer, begins = _trained(manner), manner.endswith("+bos")
    (folder / "tokenizer.json").write_text(tokenizer, encoding="utf-8")
    declared: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "<s>", "pad_token": "<pad>",
        "unk_token": "<unk>", "add_bos_token": begins,
    }  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps(declared), encoding="utf-8")


@cache
def _trained(manner: Manner) -> str:
    made = _byte_level() if manner.startswith("byte-level") else _metaspace()
    if manner.endswith("+bos"):
        made.post_processor = processors.TemplateProcessing(
            single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", made.token_to_id("<s>"))]
        )
    return str(made.to_str())


def _byte_level() -> Tokenizer:
    """Make one as GPT-2 has it: every byte is a character, and a word's space is its first one."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - 20, special_tokens=list(SPECIAL), initial_alphabet=alphabet, show_progress=False
    )
    made.train_from_iterator(TEXT, trainer)
    return made


def _metaspace() -> Tokenizer:
    """Make one as Llama 2 has it: ▁ for spaces, one of them before every text, and bytes for what has no token."""
    made = Tokenizer(models.BPE())
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    trainer = trainers.BpeTrainer(vocab_size=110, special_tokens=list(SPECIAL), show_progress=False)
    learned = Tokenizer(models.BPE())
    learned.normalizer = made.normalizer
    learned.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    learned.train_from_iterator(TEXT, trainer)
    found = json.loads(learned.to_str())["model"]
    pieces = [piece for piece, _ in sorted(found["vocab"].items(), key=lambda item: item[1]) if piece not in SPECIAL]
    whole = [*SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256)), *pieces]
    made.model = models.BPE(
        vocab={piece: index for index, piece in enumerate(whole)},
        merges=[tuple(merge) for merge in found["merges"]],
        unk_token="<unk>",  # noqa: S106 (no password)
        fuse_unk=True,
        byte_fallback=True,
    )
    made.add_special_tokens([AddedToken(piece, special=True, normalized=False) for piece in SPECIAL])
    made.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return made
