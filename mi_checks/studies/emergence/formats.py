"""What was found, in a format; and into a file, whole or not at all."""

from __future__ import annotations

from pathlib import Path

from mi_checks.errors import MiChecksError, did_you_mean
from mi_checks.files import write_file
from mi_checks.studies.emergence import emergence_json, emergence_markdown, emergence_page, emergence_text
from mi_checks.studies.emergence.findings import Emergence

FORMATS = ("text", "md", "json", "html")
SUFFIXES = {".html": "html", ".md": "md", ".json": "json", ".txt": "text"}


def written(emergence: Emergence, form: str, width: int) -> str:
    """The document in one of `FORMATS`; only text is as wide as it is told."""
    if form == "html":
        return emergence_page.render(emergence)
    if form == "json":
        return emergence_json.document(emergence)
    return "\n".join(emergence_markdown.lines(emergence) if form == "md" else emergence_text.lines(emergence, width))


def check_output(path: Path) -> str:
    """The format that a file's name asks for.

    Raises:
        MiChecksError: it asks for none.
    """
    if path.suffix not in SUFFIXES:
        raise MiChecksError(
            f"--output {str(path)!r}: its name must end with {', '.join(SUFFIXES)}{did_you_mean(path.suffix, SUFFIXES)}"
        )
    return SUFFIXES[path.suffix]


def write(emergence: Emergence, path: Path, width: int) -> None:
    """Write a file in the format of its name; an older one stays whole until the new one is.

    Raises:
        MiChecksError: the file cannot be written there.
    """
    document = written(emergence, check_output(path), width).rstrip("\n")
    write_file(path, f"{document}\n", "the emergence", "name another file (--output)")
