"""The texts of a corpus, from files and folders; each file is held out or not by the hash of its name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mi_checks.errors import MiChecksError

BLOCK = 1 << 20  # characters given to the tokenizer at once; a longer file is split at a line end


@dataclass(frozen=True)
class File:
    """One file of the corpus.

    Attributes:
        path: its path.
        name: the name that is hashed: the path within the given folder, so that the split does not depend on where the
            corpus is.
        asked: whether it was given by name, instead of found in a folder.
    """

    path: Path
    name: str
    asked: bool

    def held_out(self, share: float) -> bool:
        """Return whether it belongs to the `share` of files that are held out."""
        digest = hashlib.sha256(self.name.encode("utf-8", "surrogateescape")).digest()
        return int.from_bytes(digest[:8]) < share * 2**64


def find(places: Sequence[Path], take: Sequence[str]) -> tuple[File, ...]:
    """Return the given files, and the files in the given folders that match a glob, without duplicates, sorted by name.

    Raises:
        MiChecksError: a path does not exist, or no glob matches a file in any of the folders.
    """
    files: dict[Path, File] = {}
    for place in places:
        if place.is_dir():
            inside = {path for glob in take for path in _globbed(place, glob) if path.is_file()}
            for path in sorted(inside):
                files.setdefault(path.resolve(), File(path, path.relative_to(place).as_posix(), asked=False))
        elif place.is_file():
            files.setdefault(place.resolve(), File(place, place.name, asked=True))
        else:
            raise MiChecksError(f"there is no file or folder {str(place)!r}; name the text to mine in")
    if not files:
        raise MiChecksError(
            f"no file in {', '.join(map(repr, map(str, places)))} is taken by --take {' '.join(map(repr, take))}; "
            "write a glob such as '**/*.txt'"
        )
    return tuple(files.values())


def _globbed(folder: Path, glob: str) -> Iterator[Path]:
    try:
        yield from folder.glob(glob)
    except (ValueError, NotImplementedError):
        raise MiChecksError(f"--take {glob!r} is no glob within a folder; write one such as '**/*.txt'") from None


def read(file: File) -> str | None:
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
        if not file.asked:
            return None
        raise MiChecksError(f"{file.path} is not UTF-8 text: byte {error.start} does not fit; convert it") from None
    if "\0" in text:
        if not file.asked:
            return None
        raise MiChecksError(f"{file.path} is not UTF-8 text: it holds the character U+0000; convert it")
    return text.replace("\r\n", "\n")


def blocks(text: str) -> Iterator[str]:
    """Yield the text in blocks of about `BLOCK` characters that end at a line end if possible."""
    start = 0
    while start < len(text):
        end = len(text) if len(text) - start <= BLOCK else text.rfind("\n", start, start + BLOCK) + 1
        end = end if end > start else min(start + BLOCK, len(text))
        yield text[start:end]
        start = end
