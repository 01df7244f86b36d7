"""Tokenizer files of older models, converted to fast tokenizers that give the same tokens."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

from mi_checks.models.loaders.loader_common import error_text, quiet_transformers
from mi_checks.models.sources.model_source import Unloadable

UNIGRAM, BPE = 1, 2  # SentencePiece's types of models
UNKNOWN, CONTROL, USER_DEFINED = 2, 3, 4  # SentencePiece's types of pieces
SPACE = "▁"
N_RANDOM_PROBES = 200
PROBE_TEXTS = (
    "a", "When Mary and John went to the store, John gave a drink to", " a", "two  spaces,   three", "x\ny\n\n  z\tw",
    "def f(self, x):\n    return self.x + 1", "1234 5.6e-7", "été naïve Straße", "日本語 и русский",
    "👍🏽 ok", "ﬁ ㍿ Å",
)  # fmt: skip


def read_byte_pairs(folder: Path) -> Tokenizer:
    """Return the tokenizer of `vocab.json` and `merges.txt`.

    It is the one that `tokenizer_config.json` names or that transformers has for the architecture. If there is none,
    and the vocabulary is spelled in bytes, it is GPT-2's.

    Raises:
        Unloadable: the files are broken, or no known tokenizer reads them.
    """
    from transformers import AutoTokenizer, GPT2Tokenizer

    path = folder / "vocab.json"
    try:
        vocabulary = json.loads(path.read_text(encoding="utf-8"))
        words = {str(word): int(token) for word, token in vocabulary.items()}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise Unloadable(f"{path} is not a vocabulary: {error_text(error)}") from error
    if not words:
        raise Unloadable(f"{path} is not a vocabulary: it is empty")
    classes = [AutoTokenizer] + ([GPT2Tokenizer] if "Ġ" in words else [])
    reasons: list[Exception] = []
    for kind in classes:
        try:
            tokenizer = _read(kind, folder)
        except Exception as error:  # transformers and the Rust library may raise anything
            reasons.append(error)
            continue
        if all(tokenizer.token_to_id(word) == token for word, token in words.items()):
            return tokenizer
        reasons.append(ValueError("transformers assigns other ids to its tokens"))
    raise Unloadable(f"{path} with merges.txt is not a tokenizer file: {error_text(reasons[-1])}") from reasons[-1]


def read_word_pieces(folder: Path) -> Tokenizer:
    """Return the tokenizer of `vocab.txt`, which is BERT's.

    Raises:
        Unloadable: the file is broken.
    """
    from transformers import BertTokenizer

    path = folder / "vocab.txt"
    try:
        words = path.read_text(encoding="utf-8").splitlines()
        tokenizer = _read(BertTokenizer, folder)
    except Exception as error:  # transformers and the Rust library may raise anything
        raise Unloadable(f"{path} is not a vocabulary: {error_text(error)}") from error
    if not words or any(tokenizer.token_to_id(word) != token for token, word in enumerate(words)):
        raise Unloadable(f"{path} is not a vocabulary: it must have one word per line, each once")
    return tokenizer


def _read(kind: Any, folder: Path) -> Tokenizer:
    with quiet_transformers():
        loaded = kind.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    tokenizer: Tokenizer = loaded.backend_tokenizer
    return tokenizer


def read_sentencepiece(path: Path, *, add_bos: bool) -> Tokenizer:
    """Return the tokenizer of a SentencePiece model.

    Args:
        path: the model's file.
        add_bos: whether texts begin with its beginning-of-sequence token, if it has one. They do for Llama, Mistral and
            Gemma, whose tokenizers come in this form.

    Raises:
        Unloadable: it is not a SentencePiece model, the packages to read it are not installed, or the fast tokenizer
            would split texts differently.
    """
    try:
        from sentencepiece import SentencePieceProcessor
        from sentencepiece.sentencepiece_model_pb2 import ModelProto  # type: ignore[attr-defined]
    except ImportError as error:
        raise Unloadable(
            f"{path} requires the packages sentencepiece and protobuf ({error_text(error)}); install them with "
            "pip install 'mi-checks[sentencepiece]', or save the tokenizer as tokenizer.json"
        ) from error
    try:
        raw = path.read_bytes()
        proto = ModelProto.FromString(raw)
        processor = SentencePieceProcessor(model_proto=raw)
    except Exception as error:  # protobuf and SentencePiece may raise anything
        raise Unloadable(f"{path} is not a SentencePiece model; save the tokenizer as tokenizer.json") from error
    try:
        fast_tokenizer = _tokenizer(proto)
        extra_space = proto.normalizer_spec.add_dummy_prefix and not proto.normalizer_spec.remove_extra_whitespaces
        differing = next(
            (
                text
                for text in _probes(processor)
                if not _same_tokens(fast_tokenizer, processor, text, extra_space=extra_space)
            ),
            None,
        )
    except Exception as error:  # the Rust library raises no narrower type
        raise Unloadable(f"{path} cannot be converted to a fast tokenizer: {error_text(error)}") from error
    if differing is not None:
        raise Unloadable(
            f"{path} splits {differing[:40]!r} differently from the fast tokenizer made from it; save the tokenizer "
            "as tokenizer.json"
        )
    spec = proto.trainer_spec
    if add_bos and spec.bos_id >= 0:
        bos = spec.bos_piece
        fast_tokenizer.post_processor = processors.TemplateProcessing(f"{bos} $A", special_tokens=[(bos, spec.bos_id)])
    return fast_tokenizer


def _tokenizer(proto: Any) -> Tokenizer:
    spec, normalizer_spec = proto.trainer_spec, proto.normalizer_spec
    vocabulary = {piece.piece: token for token, piece in enumerate(proto.pieces)}
    unknown = next((token for token, piece in enumerate(proto.pieces) if piece.type == UNKNOWN), None)
    if spec.model_type == UNIGRAM:
        scored_pieces = [(piece.piece, piece.score) for piece in proto.pieces]
        model: Any = models.Unigram(scored_pieces, unk_id=unknown, byte_fallback=spec.byte_fallback)
    elif spec.model_type == BPE:
        name = None if unknown is None else proto.pieces[unknown].piece
        merges = _merges(proto, vocabulary)
        model = models.BPE(vocabulary, merges, unk_token=name, fuse_unk=True, byte_fallback=spec.byte_fallback)
    else:
        raise ValueError("only unigram and BPE models are supported")
    if spec.treat_whitespace_as_suffix or not normalizer_spec.escape_whitespaces:
        raise ValueError("it does not write spaces before words")
    tokenizer = Tokenizer(model)
    steps: list[Any] = []
    if normalizer_spec.precompiled_charsmap:
        steps.append(normalizers.Precompiled(normalizer_spec.precompiled_charsmap))
    if normalizer_spec.remove_extra_whitespaces:
        steps += [normalizers.Strip(), normalizers.Replace(Regex(" {2,}"), " ")]
        if normalizer_spec.add_dummy_prefix:
            steps.append(normalizers.Prepend(SPACE))
    steps.append(normalizers.Replace(" ", SPACE))
    tokenizer.normalizer = normalizers.Sequence(steps)
    if normalizer_spec.add_dummy_prefix and not normalizer_spec.remove_extra_whitespaces:
        # Only at the start of a text; the normalizer would also do it after a special token.
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(SPACE, prepend_scheme="first", split=False)
    for piece in proto.pieces:
        if piece.type in (UNKNOWN, CONTROL):
            tokenizer.add_special_tokens([AddedToken(piece.piece, special=True, normalized=False)])
        elif piece.type == USER_DEFINED:
            tokenizer.add_tokens([AddedToken(piece.piece, special=False, normalized=SPACE in piece.piece)])
    return tokenizer


def _merges(proto: Any, vocabulary: dict[str, int]) -> list[tuple[str, str]]:
    """Return the pairs that pieces can be merged from, beginning with the piece of the highest score."""
    unmergeable = {piece.piece for piece in proto.pieces if piece.type != 1}  # pieces that are matched whole, and bytes
    merges: list[tuple[float, int, str, str]] = []
    for piece in proto.pieces:
        if piece.piece in unmergeable:
            continue
        for i in range(1, len(piece.piece)):
            left, right = piece.piece[:i], piece.piece[i:]
            if left in vocabulary and right in vocabulary and not {left, right} & unmergeable:
                merges.append((-piece.score, len(merges), left, right))
    return [(left, right) for _, _, left, right in sorted(merges)]


def _probes(processor: Any) -> list[str]:
    """Return varied texts, and texts made of the model's own pieces."""
    rng = random.Random(0)  # noqa: S311  # only for probes
    size = processor.get_piece_size()
    pieces = [token for token in range(size) if not processor.is_control(token) and not processor.is_unknown(token)]
    texts = [processor.decode(rng.choices(pieces, k=rng.randint(1, 12))) for _ in range(N_RANDOM_PROBES)]
    return [*PROBE_TEXTS, *(text for text in texts if text.strip())]


def _same_tokens(fast_tokenizer: Tokenizer, processor: Any, text: str, *, extra_space: bool) -> bool:
    """Return whether both tokenizers split a text into the same tokens.

    With `extra_space`, SentencePiece puts a space also before a text that begins with one, and the fast tokenizer does
    not.
    """
    ids: list[int] = fast_tokenizer.encode(text, add_special_tokens=False).ids
    return bool(ids == processor.encode(text.removeprefix(" ") if extra_space else text))
