"""Untrusted text in Markdown: names, nodes and messages from YAML files and tokenizers may contain anything."""

from __future__ import annotations

import re

from mi_checks.output.readable import readable

LONGEST = 200  # characters


def code(text: str) -> str:
    """Return a code span that is closed correctly and in which nothing is Markdown, HTML or a link.

    Line breaks become spaces, as they would in the rendered page; invisible characters are escaped; long text is
    truncated.
    """
    shown = " ".join(readable(text).split())
    if len(shown) > LONGEST:
        shown = f"{shown[:LONGEST]}…"
    if not shown:
        return "—"
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", shown)), default=0))
    apart = " " if shown.startswith("`") or shown.endswith("`") else ""  # Markdown drops one space at each end
    return f"{fence}{apart}{shown}{apart}{fence}"
