"""The formats of an emergence result, and writing it to a file atomically."""

from __future__ import annotations

from pathlib import Path

from mi_checks.errors import MiChecksError, did_you_mean
from mi_checks.files import write_file
from mi_checks.studies.emergence import emergence_json, emergence_markdown, emergence_page, emergence_text
from mi_checks.studies.emergence.findings import Emergence

FORMATS = ("text", "md", "json", "html")
SUFFIXES = {".html": "html", ".md": "md", ".json": "json", ".txt": "text"}


def written(emergence: Emergence, form: str, width: int) -> str:
    """Return the document in one of `FORMATS`; `width`, in characters, applies to text only."""
    if form == "html":
        return emergence_page.render(emergence)
    if form == "json":
        return emergence_json.document(emergence)
    return "\n".join(emergence_markdown.lines(emergence) if form == "md" else emergence_text.lines(emergence, width))


def check_output(path: Path) -> str:
    """Return the format that a file's suffix stands for.

    Raises:
        MiChecksError: the suffix stands for no format.
    """
    if path.suffix not in SUFFIXES:
        raise MiChecksError(
            f"--output {str(path)!r}: its name must end with {', '.join(SUFFIXES)}{did_you_mean(path.suffix, SUFFIXES)}"
        )
    return SUFFIXES[path.suffix]


def write(emergence: Emergence, path: Path, width: int) -> None:
    """Write a file in the format of its suffix; an older one stays intact until the new one is complete.

    Raises:
        MiChecksError: the file cannot be written there.
    """
    document = written(emergence, check_output(path), width).rstrip("\n")
    write_file(path, f"{document}\n", "the emergence", "name another file (--output)")
