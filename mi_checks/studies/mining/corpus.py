"""The texts of a corpus and their tokens; each file is held out or not by the hash of its name."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mi_checks.errors import MiChecksError
from mi_checks.output import numbers
from mi_checks.output.progress import progress_bar
from mi_checks.prompts.tokenization import Tokenization

BLOCK_CHARACTERS = 1 << 20  # characters given to the tokenizer at once; a longer file is split at a line end
TokenArray = npt.NDArray[np.int32]
NO_TOKEN = -1  # separates files


@dataclass(frozen=True)
class CorpusFile:
    """One file of the corpus.

    Attributes:
        path: its path.
        name: the name that is hashed: the path within the given folder, so that the split does not depend on where the
            corpus is.
        is_explicit: whether it was given by name, instead of found in a folder.
    """

    path: Path
    name: str
    is_explicit: bool

    def held_out(self, fraction: float) -> bool:
        """Return whether it belongs to the `fraction` of files that are held out."""
        digest = hashlib.sha256(self.name.encode("utf-8", "surrogateescape")).digest()
        return int.from_bytes(digest[:8]) < fraction * 2**64


def find_files(places: Sequence[Path], take: Sequence[str]) -> tuple[CorpusFile, ...]:
    """Return the given files, and the files in the given folders that match a glob, without duplicates, sorted by name.

    Raises:
        MiChecksError: a path does not exist, or no glob matches a file in any of the folders.
    """
    files: dict[Path, CorpusFile] = {}
    for place in places:
        if place.is_dir():
            inside = {path for glob in take for path in _glob(place, glob) if path.is_file()}
            for path in sorted(inside):
                files.setdefault(
                    path.resolve(), CorpusFile(path, path.relative_to(place).as_posix(), is_explicit=False)
                )
        elif place.is_file():
            files.setdefault(place.resolve(), CorpusFile(place, place.name, is_explicit=True))
        else:
            raise MiChecksError(f"there is no file or folder {str(place)!r}; name text files or folders to mine")
    if not files:
        raise MiChecksError(
            f"no file in {', '.join(map(repr, map(str, places)))} matches --take {' '.join(map(repr, take))}; "
            "use a glob such as '**/*.txt'"
        )
    return tuple(files.values())


def _glob(folder: Path, glob: str) -> Iterator[Path]:
    try:
        yield from folder.glob(glob)
    except (ValueError, NotImplementedError):
        raise MiChecksError(
            f"--take {glob!r} is not a glob for files in a folder; use one such as '**/*.txt'"
        ) from None


def read_text(file: CorpusFile) -> str | None:
    """Return a file's text with `\\n` line ends, or None if a file found in a folder is not UTF-8 text.

    Raises:
        MiChecksError: it cannot be read, or was given by name and is not UTF-8 text.
    """
    try:
        raw = file.path.read_bytes()
    except OSError as error:
        raise MiChecksError(f"{file.path} cannot be read: {error.strerror}") from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if not file.is_explicit:
            return None
        raise MiChecksError(f"{file.path} is not UTF-8 text: byte {error.start} is invalid; convert the file") from None
    if "\0" in text:
        if not file.is_explicit:
            return None
        raise MiChecksError(f"{file.path} is not UTF-8 text: it contains the character U+0000; convert the file")
    return text.replace("\r\n", "\n")


def text_blocks(text: str) -> Iterator[str]:
    """Yield the text in blocks of about `BLOCK_CHARACTERS` that end at a line end if possible."""
    start = 0
    while start < len(text):
        end = (
            len(text)
            if len(text) - start <= BLOCK_CHARACTERS
            else text.rfind("\n", start, start + BLOCK_CHARACTERS) + 1
        )
        end = end if end > start else min(start + BLOCK_CHARACTERS, len(text))
        yield text[start:end]
        start = end


@dataclass(frozen=True)
class TokenizedPart:
    """The tokens of the files to count in, or of the held-out files.

    Attributes:
        tokens: the tokens, with `reach` times `NO_TOKEN` before each file and once at the end, so that nothing is
            counted across files.
        files: the number of files.
    """

    tokens: TokenArray
    files: int

    @property
    def size(self) -> int:
        """Return the number of tokens, without the separators."""
        return int(np.count_nonzero(self.tokens != NO_TOKEN))


@dataclass(frozen=True)
class TokenizedCorpus:
    """A tokenized corpus.

    Attributes:
        counted: the part that rows are selected by.
        held_out: the part that they are tested on.
        skipped: the number of files in folders that are not UTF-8 text.
    """

    counted: TokenizedPart
    held_out: TokenizedPart
    skipped: int


def tokenize_corpus(
    files: Sequence[CorpusFile], tokenization: Tokenization, *, held_out: float, reach: int
) -> TokenizedCorpus:
    """Read and tokenize every file.

    Args:
        files: the corpus.
        tokenization: the tokenization to use.
        held_out: the fraction of files to hold out, 0 to 1.
        reach: the largest distance, in tokens, at which a token is counted before another.

    Raises:
        MiChecksError: a file cannot be read, or there is no text to count in.
    """
    counted, apart = _TokenBuffer(reach), _TokenBuffer(reach)
    skipped = 0
    waiting: list[tuple[_TokenBuffer, bool, str]] = []  # part, whether a file starts here, text

    def tokenize() -> None:
        texts = [text for _, _, text in waiting]
        try:
            encodings = tokenization.tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        except (TypeError, UnicodeEncodeError) as error:
            raise MiChecksError(f"the tokenizer cannot process a file's text: {error}") from None
        for (part, begins, _), encoding in zip(waiting, encodings, strict=True):
            part.add(encoding.ids, begins=begins)
        waiting.clear()

    size = 0
    for file in progress_bar(sys.stderr)(files, len(files), "reading files"):
        text = read_text(file)
        if text is None:
            skipped += 1
            continue
        part = apart if file.held_out(held_out) else counted
        for number, block in enumerate(text_blocks(text)):
            waiting.append((part, number == 0, block))
            size += len(block)
            if size >= 2 * BLOCK_CHARACTERS:
                tokenize()
                size = 0
    tokenize()
    encoded = TokenizedCorpus(counted.part(), apart.part(), skipped)
    if not encoded.counted.size:
        raise MiChecksError(_no_text_message(encoded, len(files), held_out))
    return encoded


class _TokenBuffer:
    def __init__(self, reach: int) -> None:
        self._gap = np.full(reach, NO_TOKEN, dtype=np.int32)
        self._arrays: list[TokenArray] = []
        self._files = 0

    def add(self, ids: Sequence[int], *, begins: bool) -> None:
        if begins:
            self._files += 1
            self._arrays.append(self._gap)
        self._arrays.append(np.asarray(ids, dtype=np.int32))

    def part(self) -> TokenizedPart:
        tokens = np.concatenate([*self._arrays, np.full(1, NO_TOKEN, dtype=np.int32)])
        self._arrays.clear()
        return TokenizedPart(tokens, self._files)


def _no_text_message(encoded: TokenizedCorpus, files: int, held_out: float) -> str:
    counted = numbers.count(files, "file")
    if encoded.held_out.size:
        return f"every file with text ({counted} in all) is held out; lower --held-out {held_out:g} or add more files"
    skipped = f" ({encoded.skipped} not UTF-8 text)" if encoded.skipped else ""
    return f"there is no text in {counted}{skipped}; name text files, or select them with --take"
