"""Text of others in Markdown: names, nodes and messages come from YAML files and tokenizers, and may hold anything."""

from __future__ import annotations

import re

from mi_checks.output.readable import readable

LONGEST = 200  # characters


def code(text: str) -> str:
    """A code span: it ends where it should whatever the text holds, and nothing in it is Markdown, HTML or a link.

    Line breaks become spaces, as they would when it is shown; what does not show is escaped; long text is cut.
    """
    shown = " ".join(readable(text).split())
    if len(shown) > LONGEST:
        shown = f"{shown[:LONGEST]}…"
    if not shown:
        return "—"
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", shown)), default=0))
    apart = " " if shown.startswith("`") or shown.endswith("`") else ""  # one space at each end is not shown
    return f"{fence}{apart}{shown}{apart}{fence}"
