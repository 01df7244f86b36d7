"""Small tokenizers in the manner of those that families of models are published with.

`tokenizer_of(manner)` gives a `tokenizers.Tokenizer` of some hundred tokens, made anew each time, so that a test may
change it; `write_tokenizer(manner, folder)` writes it as a model's folder has it. They differ in what is easily got
wrong: whether a space is written before every text, how words carry their spaces, whether normalization changes the
length of a text, which token begins and which ends it.

| manner | as in | spaces | before a text | after it |
|---|---|---|---|---|
| `gpt2` | GPT-2 | `Ġ` before words | – | – |
| `gpt2_trimmed` | the same, with offsets that leave spaces out | `Ġ` | – | – |
| `gpt2_prefix` | GPT-2 with `add_prefix_space` | `Ġ`, one before every text | – | – |
| `opt` | OPT | `Ġ` | `</s>` | – |
| `neox` | Pythia: NFC, runs of spaces are added tokens | `Ġ` | – | – |
| `llama3` | Llama 3: a split by a regular expression | `Ġ` | `<|begin_of_text|>` | – |
| `llama2` | Llama 2: normalizers write `▁`, doubled before a text that begins with a space | `▁` | `<s>` | – |
| `llama2_metaspace` | the same with a `Metaspace` pre-tokenizer, `first` | `▁`, one before every text | `<s>` | – |
| `mistral` | the same, `always` | `▁`, one before every text | `<s>` | `</s>`, where asked for |
| `gemma` | Gemma: `▁`, none before a text | `▁` | `<bos>` | – |
| `t5` | T5: unigram, white space collapses | `▁` before every word | – | `</s>` |
| `bert` | BERT: WordPiece, lower case, no accents | none | `[CLS]` | `[SEP]` |
| `nfc`, `nfkc`, `nfd`, `lowercase`, `accentless`, `stripped` | GPT-2 with that normalizer | `Ġ` | – | – |
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

SIZE = 700  # tokens that are trained, bytes and special ones included
TEXT = (
    "When Mary and John went to the store, John gave a drink to Mary.\n",
    "the cat sat on the mat and the dog sat on the log; the cat gave the dog a book\n",
    "def add(self, first, second):\n    return self.first + second\n",
    "one two three four five six seven eight nine ten words in the house of the river and the tree\n",
    "a hello to the world, and the world says hello; été naïve café, the name of the value is the number\n",
    "is are was were has have had not but for with from this that they them there their then than over under\n",
    "good bad old new red blue green black white small large long short high low early late first last next\n",
)
LLAMA3_SPLIT = "|".join(
    (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)",
        r"[^\r\n\p{L}\p{N}]?\p{L}+",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    )
)
BYTES = tuple(f"<0x{byte:02X}>" for byte in range(256))


def tokenizer_of(manner: str) -> Tokenizer:
    """Return a small tokenizer in a manner of the table above."""
    return Tokenizer.from_str(_made(manner))


def write_tokenizer(manner: str, folder: Path, **declared: Any) -> Tokenizer:
    """Write `tokenizer.json`, and `tokenizer_config.json` with what is declared; return the tokenizer."""
    tokenizer = tokenizer_of(manner)
    tokenizer.save(str(folder / "tokenizer.json"))
    if declared:
        (folder / "tokenizer_config.json").write_text(json.dumps(declared), encoding="utf-8")
    return tokenizer


def beginning_of(manner: str) -> str | None:
    """Return the token that a manner's tokenizer puts before every text."""
    return BEGINNINGS.get(manner)


@cache
def _made(manner: str) -> str:
    return str(MANNERS[manner]().to_str())


def _byte_level(special: tuple[str, ...] = ("<|endoftext|>",), *, prefix: bool = False, split: str = "") -> Tokenizer:
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = (
        pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(split), behavior="isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=prefix, use_regex=False),
            ]
        )
        if split
        else pre_tokenizers.ByteLevel(add_prefix_space=prefix)
    )
    made.decoder = decoders.ByteLevel()
    made.post_processor = processors.ByteLevel(trim_offsets=False)
    made.train_from_iterator(
        TEXT,
        trainers.BpeTrainer(
            vocab_size=SIZE,
            special_tokens=list(special),
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    return made


def _beginning_with(made: Tokenizer, token: str, end: str = "") -> Tokenizer:
    specials = [(name, made.token_to_id(name)) for name in (token, end) if name]
    template = " ".join(filter(None, (token, "$A", end)))
    own = made.post_processor
    template_processor = processors.TemplateProcessing(template, special_tokens=specials)
    made.post_processor = template_processor if own is None else processors.Sequence([own, template_processor])
    return made


def _trimmed() -> Tokenizer:
    made = _byte_level()
    made.post_processor = processors.ByteLevel(trim_offsets=True)
    return made


def _neox() -> Tokenizer:
    made = _byte_level()
    made.normalizer = normalizers.NFC()
    made.add_tokens([AddedToken(" " * length, normalized=True) for length in (4, 3, 2)])
    return made


def _sentence_pieces(special: tuple[str, ...]) -> Tokenizer:
    """Make a BPE of `▁` and characters, with a token for every byte; the caller says where `▁` comes from."""
    made = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))  # noqa: S106
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never", split=True)
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE, special_tokens=[*special, *BYTES], initial_alphabet=["▁"], show_progress=False
    )
    lines = [line.strip() for text in TEXT for line in text.splitlines()]
    made.train_from_iterator([form for line in lines for form in (line, f" {line}")], trainer)
    state = json.loads(made.to_str())
    state["added_tokens"] = [token for token in state["added_tokens"] if token["content"] in special]
    made = Tokenizer.from_str(json.dumps(state))
    made.pre_tokenizer = None
    made.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return made


def _llama2() -> Tokenizer:
    made = _sentence_pieces(("<unk>", "<s>", "</s>"))
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    return _beginning_with(made, "<s>")


def _metaspace(scheme: str, *, split: bool) -> Tokenizer:
    made = _sentence_pieces(("<unk>", "<s>", "</s>"))
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=split)
    return _beginning_with(made, "<s>")


def _gemma() -> Tokenizer:
    made = _sentence_pieces(("<pad>", "<eos>", "<bos>", "<unk>"))
    made.normalizer = normalizers.Replace(" ", "▁")
    made.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    return _beginning_with(made, "<bos>")


def _t5() -> Tokenizer:
    made = Tokenizer(models.Unigram())
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="always")]
    )
    special = ["<pad>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(vocab_size=300, special_tokens=special, unk_token="<unk>", show_progress=False)  # noqa: S106
    made.train_from_iterator(TEXT * 3, trainer)
    made.decoder = decoders.Metaspace()
    made.post_processor = processors.TemplateProcessing("$A </s>", special_tokens=[("</s>", 1)])
    return made


def _bert() -> Tokenizer:
    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))  # noqa: S106
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=400, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]"], show_progress=False
    )
    made.train_from_iterator(TEXT * 3, trainer)
    made.decoder = decoders.WordPiece()
    return _beginning_with(made, "[CLS]", "[SEP]")


def _normalized(normalizer: Any) -> Tokenizer:
    made = _byte_level()
    made.normalizer = normalizer
    return made


MANNERS: dict[str, Callable[[], Tokenizer]] = {
    "gpt2": _byte_level,
    "gpt2_trimmed": _trimmed,
    "gpt2_prefix": lambda: _byte_level(prefix=True),
    "opt": lambda: _beginning_with(_byte_level(("<s>", "<pad>", "</s>", "<unk>")), "</s>"),
    "neox": _neox,
    "llama3": lambda: _beginning_with(
        _byte_level(("<|begin_of_text|>", "<|end_of_text|>"), split=LLAMA3_SPLIT), "<|begin_of_text|>"
    ),
    "llama2": _llama2,
    "llama2_metaspace": lambda: _metaspace("first", split=False),
    "mistral": lambda: _metaspace("always", split=True),
    "gemma": _gemma,
    "t5": _t5,
    "bert": _bert,
    "nfc": lambda: _normalized(normalizers.NFC()),
    "nfkc": lambda: _normalized(normalizers.NFKC()),
    "nfd": lambda: _normalized(normalizers.NFD()),
    "lowercase": lambda: _normalized(normalizers.Lowercase()),
    "accentless": lambda: _normalized(
        normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase()])
    ),
    "stripped": lambda: _normalized(normalizers.Strip()),
}
BEGINNINGS = {
    "opt": "</s>", "llama3": "<|begin_of_text|>", "llama2": "<s>", "llama2_metaspace": "<s>", "mistral": "<s>",
    "gemma": "<bos>", "bert": "[CLS]",
}  # fmt: skip
WRITES_SPACE = ("gpt2_prefix", "llama2", "llama2_metaspace", "mistral", "t5")


def in_llama2s_manner(byte_level: Tokenizer, spaces: str = "prepend") -> Tokenizer:
    """Return a byte-level vocabulary as Llama 2 would have it: `▁` for spaces, bytes as a last resort.

    Args:
        byte_level: whose words and merges; those that end within a character are left out.
        spaces: what writes a space before every text: `prepend`, a normalizer; `first` or `always`, a pre-tokenizer; or
            `never`, nothing.
    """
    model = json.loads(byte_level.to_str())["model"]
    byte_of = _stand_ins()

    def spelled(token: str) -> str | None:
        try:
            return bytes(byte_of[character] for character in token).decode("utf-8").replace(" ", "▁")
        except (KeyError, UnicodeDecodeError):
            return None

    pairs = [merge if isinstance(merge, list) else merge.split(" ") for merge in model["merges"]]
    merges = [(left, right) for a, b in pairs if (left := spelled(a)) and (right := spelled(b))]
    words = dict.fromkeys(filter(None, map(spelled, model["vocab"])))
    made_of = dict.fromkeys(left + right for left, right in merges)
    singles = [word for word in words if len(word) == 1]
    vocabulary = {token: place for place, token in enumerate(("<unk>", "<s>", "</s>", *BYTES, *singles, *made_of))}
    merges = [(left, right) for left, right in merges if left in vocabulary and right in vocabulary]
    made = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))  # noqa: S106
    steps = [normalizers.Prepend("▁")] if spaces == "prepend" else []
    made.normalizer = normalizers.Sequence([*steps, normalizers.Replace(" ", "▁")])
    if spaces in ("first", "always"):
        made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=spaces, split=False)
    made.add_special_tokens(["<unk>", "<s>", "</s>"])
    return _beginning_with(made, "<s>")


def _stand_ins() -> dict[str, int]:
    """Return GPT-2's printable stand-in for each byte → the byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + n): byte for n, byte in enumerate(others)}
