"""How edges are written in a behaviour file: `previous_token -> induction.k`."""

from __future__ import annotations

import re
from dataclasses import dataclass

_EDGE = re.compile(r"(?P<sender>.+?) *-> *(?P<receiver>[^>]+?)(?:\.(?P<via>[qkv]))?")
SPELLING = (
    "edges are written 'L0H3 -> L1H6.k', with roles and node sets too, and end in a head's q, k or v, an MLP layer "
    "or 'logits'"
)


@dataclass(frozen=True)
class EdgeName:
    """An edge taken apart: names of senders and receivers, and the input of receiving heads."""

    sender: str
    receiver: str
    via: str | None


def parse_edge(text: str) -> EdgeName | None:
    """The parts of an edge, or None for what is not one."""
    found = _EDGE.fullmatch(text.strip())
    return None if found is None else EdgeName(found["sender"].strip(), found["receiver"].strip(), found["via"])
