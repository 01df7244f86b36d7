"""Run behaviours and write the pages of `reports/gallery/`: `make gallery`, or `--check` compares."""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

from reports.findings import differing

ROOT = Path(__file__).parent.parent
GALLERY = ROOT / "reports" / "gallery"
LIMIT = 2_000_000  # bytes of a page
# What pytest is given for each page; all of it has to pass.
PAGES = {
    "induction.html": (
        *("behaviours/induction.yaml", "behaviours/induction_circuit.yaml"),
        *("--mi-model", "nano-attn-1l", "--mi-model", "nano-attn-2l", "--mi-model", "nano-gelu-2l"),
    ),
}

UNREAD = {"style", "script", "svg"}  # a chart's numbers stand beside it, and in its title and description
OF_THE_RUN = {"when", "setup", "facts"}  # when it was, how long it took, and on what: other every time
VOID = {"meta", "link", "br", "hr", "img", "input"}


class NotWritten(Exception):
    """What there is to say instead of a page."""


class _Content(HTMLParser):
    """The words of a page, without those that are another time's or another machine's."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._open: list[tuple[str, bool]] = []  # tags, with whether what is in them is read

    @property
    def _read(self) -> bool:
        return not self._open or self._open[-1][1]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        left_out = tag in UNREAD or bool(OF_THE_RUN & set((dict(attrs).get("class") or "").split()))
        in_svg = tag in ("title", "desc") and all(read for name, read in self._open if name != "svg")
        if tag not in VOID:
            self._open.append((tag, in_svg or (self._read and not left_out)))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self._read and data.strip():
            self.lines.append(" ".join(data.split()))


def content(html: str) -> str:
    """What a page says of the behaviours, a line for each piece of text: not how it is drawn, nor when it was run."""
    reader = _Content()
    reader.feed(html)
    reader.close()
    return re.sub(r"(?<![\w.])([−-]?)\.(?=\d)", r"\g<1>0.", "\n".join(reader.lines))


def measured(name: str) -> str:
    """The page, from a run of its behaviours in a process of its own; it stays in `reports/`.

    Raises:
        NotWritten: a check does not pass, or the page is larger than it may be.
    """
    page = Path("reports") / name
    command = [sys.executable, "-m", "pytest", *PAGES[name], "--mi-report", str(page)]
    status = subprocess.run(command, cwd=ROOT, check=False).returncode  # noqa: S603 — our own words
    if status:
        raise NotWritten(f"not every check passes (pytest's exit code is {status})")
    size = (ROOT / page).stat().st_size
    if size > LIMIT:
        raise NotWritten(f"{page} has {size:,} bytes, and may have {LIMIT:,}")
    return (ROOT / page).read_text(encoding="utf-8")


def changed(name: str, new: str) -> list[str]:
    """What the committed page says otherwise, by more than another machine's arithmetic can make it."""
    committed = GALLERY / name
    return differing(content(committed.read_text(encoding="utf-8")) if committed.exists() else "", content(new))


def main() -> int:
    """Write or compare."""
    parser = argparse.ArgumentParser(prog="python -m reports.pages", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if a page is out of date")
    check = parser.parse_args().check
    out_of_date = False
    for name in PAGES:
        page = (GALLERY / name).relative_to(ROOT)
        try:
            new = measured(name)
        except NotWritten as error:
            print(f"{page}: {error}", file=sys.stderr)
            return 2
        if not check:
            shutil.copyfile(ROOT / "reports" / name, GALLERY / name)
            print(page)
        elif lines := changed(name, new):
            out_of_date = True
            print(f"{page} is out of date (make gallery):", *lines[:10], sep="\n  ")
    return int(out_of_date)


if __name__ == "__main__":
    sys.exit(main())
