"""Files and folders → the texts to count in, each file held out or not by the hash of its name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mi_checks.errors import MiChecksError

BLOCK = 1 << 20  # characters given to the tokenizer at once; a longer file is cut after a line


@dataclass(frozen=True)
class File:
    """One file of the corpus.

    Attributes:
        path: where it is.
        name: what its hash is taken of: its path within the folder that was named, so that the split does not depend
            on where the corpus lies.
        asked: it was named itself, and not found in a folder.
    """

    path: Path
    name: str
    asked: bool

    def held_out(self, share: float) -> bool:
        """Whether it belongs to the `share` of files that are not counted in."""
        digest = hashlib.sha256(self.name.encode("utf-8", "surrogateescape")).digest()
        return int.from_bytes(digest[:8]) < share * 2**64


def find(places: Sequence[Path], take: Sequence[str]) -> tuple[File, ...]:
    """The files named, and of the folders named those that a glob takes; each once, in the order of their names.

    Raises:
        MiChecksError: a place does not exist, or a glob takes nothing in any of the folders.
    """
    found: dict[Path, File] = {}
    for place in places:
        if place.is_dir():
            inside = {path for glob in take for path in _globbed(place, glob) if path.is_file()}
            for path in sorted(inside):
                found.setdefault(path.resolve(), File(path, path.relative_to(place).as_posix(), asked=False))
        elif place.is_file():
            found.setdefault(place.resolve(), File(place, place.name, asked=True))
        else:
            raise MiChecksError(f"there is no file or folder {str(place)!r}; name the text to mine in")
    if not found:
        raise MiChecksError(
            f"no file in {', '.join(map(repr, map(str, places)))} is taken by --take {' '.join(map(repr, take))}; "
            "write a glob such as '**/*.txt'"
        )
    return tuple(found.values())


def _globbed(folder: Path, glob: str) -> Iterator[Path]:
    try:
        yield from folder.glob(glob)
    except (ValueError, NotImplementedError):
        raise MiChecksError(f"--take {glob!r} is no glob within a folder; write one such as '**/*.txt'") from None


def read(file: File) -> str | None:
    """Its text with its line ends as `\\n`, or None where a file found in a folder is no UTF-8 text.

    Raises:
        MiChecksError: it cannot be read, or was asked for by name and is no UTF-8 text.
    """
    try:
        raw = file.path.read_bytes()
    except OSError as error:
        raise MiChecksError(f"{file.path} cannot be read: {error.strerror}") from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if not file.asked:
            return None
        raise MiChecksError(f"{file.path} is not UTF-8 text: byte {error.start} does not fit; convert it") from None
    if "\0" in text:
        if not file.asked:
            return None
        raise MiChecksError(f"{file.path} is not UTF-8 text: it holds the character U+0000; convert it")
    return text.replace("\r\n", "\n")


def blocks(text: str) -> Iterator[str]:
    """The text in parts of about `BLOCK` characters that end with a line where one ends."""
    start = 0
    while start < len(text):
        end = len(text) if len(text) - start <= BLOCK else text.rfind("\n", start, start + BLOCK) + 1
        end = end if end > start else min(start + BLOCK, len(text))
        yield text[start:end]
        start = end
