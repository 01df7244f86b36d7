"""The tokens of a corpus: one array to count in and one held out."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mi_checks.errors import MiChecksError
from mi_checks.output.progress import progress_bar
from mi_checks.prompts.tokenization import Tokenization
from mi_checks.studies.mining.corpus import BLOCK, File, blocks, read

Tokens = npt.NDArray[np.int32]
NONE = -1  # separates files


@dataclass(frozen=True)
class Part:
    """The tokens of the files to count in, or of the held-out files.

    Attributes:
        tokens: the tokens, with `reach` times `NONE` before each file and once at the end, so that nothing is counted
            across files.
        files: the number of files.
    """

    tokens: Tokens
    files: int

    @property
    def size(self) -> int:
        """Return the number of tokens, without the separators."""
        return int(np.count_nonzero(self.tokens != NONE))


@dataclass(frozen=True)
class Encoded:
    """A tokenized corpus.

    Attributes:
        counted: the part that rows are selected by.
        held_out: the part that they are tested on.
        skipped: the number of files in folders that are not UTF-8 text.
    """

    counted: Part
    held_out: Part
    skipped: int


def encode(files: Sequence[File], tokenization: Tokenization, *, held_out: float, reach: int) -> Encoded:
    """Read and tokenize every file.

    Args:
        files: the corpus.
        tokenization: the tokenization to use.
        held_out: the fraction of files to hold out, 0 to 1.
        reach: the largest distance, in tokens, at which a token is counted before another.

    Raises:
        MiChecksError: a file cannot be read, or there is no text to count in.
    """
    counted, apart = _Growing(reach), _Growing(reach)
    skipped = 0
    waiting: list[tuple[_Growing, bool, str]] = []  # part, whether a file starts here, text

    def tokenize() -> None:
        texts = [text for _, _, text in waiting]
        try:
            encodings = tokenization.tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        except (TypeError, UnicodeEncodeError) as error:
            raise MiChecksError(f"the tokenizer cannot read a file's text: {error}") from None
        for (part, begins, _), encoding in zip(waiting, encodings, strict=True):
            part.add(encoding.ids, begins=begins)
        waiting.clear()

    size = 0
    for file in progress_bar(sys.stderr)(files, len(files), "reading files"):
        text = read(file)
        if text is None:
            skipped += 1
            continue
        part = apart if file.held_out(held_out) else counted
        for number, block in enumerate(blocks(text)):
            waiting.append((part, number == 0, block))
            size += len(block)
            if size >= 2 * BLOCK:
                tokenize()
                size = 0
    tokenize()
    encoded = Encoded(counted.part(), apart.part(), skipped)
    if not encoded.counted.size:
        raise MiChecksError(_nothing(encoded, len(files), held_out))
    return encoded


class _Growing:
    def __init__(self, reach: int) -> None:
        self._gap = np.full(reach, NONE, dtype=np.int32)
        self._arrays: list[Tokens] = []
        self._files = 0

    def add(self, ids: Sequence[int], *, begins: bool) -> None:
        if begins:
            self._files += 1
            self._arrays.append(self._gap)
        self._arrays.append(np.asarray(ids, dtype=np.int32))

    def part(self) -> Part:
        tokens = np.concatenate([*self._arrays, np.full(1, NONE, dtype=np.int32)])
        self._arrays.clear()
        return Part(tokens, self._files)


def _nothing(encoded: Encoded, files: int, held_out: float) -> str:
    of_them = f"of {files} file{'' if files == 1 else 's'}"
    if encoded.held_out.size:
        all_apart = f"{of_them} every one with text fell to the held-out part"
        return f"{all_apart}: lower --held-out {held_out:g}, or give more files"
    skipped = f" ({encoded.skipped} no UTF-8 text)" if encoded.skipped else ""
    return f"{of_them}{skipped} none holds any text: name files of text, or choose them with --take"
