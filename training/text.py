"""The documents as text files, split into training and held-out text, as input of `mi-checks mine trigrams`."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from training.corpus import Document

UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def write_text(documents: Iterable[Document], folder: Path) -> str:
    """Write `{train,held_out}/{code,prose}/PACKAGE/NAME.txt` atomically; return a sentence with both counts.

    Raises:
        OSError: the folder exists, or cannot be written.
    """
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)  # left by a killed run
    partial.mkdir(parents=True)
    written = {"train": 0, "held_out": 0}
    for document in documents:
        split = "held_out" if document.held_out else "train"
        place = partial / split / document.kind / document.package
        place.mkdir(parents=True, exist_ok=True)
        name = UNSAFE.sub("-", document.name.removeprefix(f"{document.package}/")).strip("-")[-200:]
        file = place / f"{name}.txt"
        assert not file.exists(), f"two documents are called {file}"
        file.write_text(document.text, encoding="utf-8")
        written[split] += 1
    partial.rename(folder)
    return f"{folder}: {written['train']} documents, and {written['held_out']} held out"
