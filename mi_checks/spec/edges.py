"""The syntax of edges in a behaviour file: `previous_token -> induction.k`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

LOGITS = "logits"  # the end of a path or an edge that does not end in a node
Input = Literal["q", "k", "v"]  # the inputs of a head, which read the residual stream

_EDGE = re.compile(r"(?P<sender>[^<>]+?) *-> *(?P<receiver>[^<>]+?)(?:\.(?P<via>[qkv]))?")
SPELLING = (
    "edges are written 'L0H3 -> L1H6.k', with roles and node sets too, and end in a head's q, k or v, an MLP layer "
    "or 'logits'"
)


@dataclass(frozen=True)
class EdgeName:
    """The parts of an edge: names of senders and receivers, and the input of the receiving heads."""

    sender: str
    receiver: str
    via: Input | None

    def __str__(self) -> str:
        return f"{self.sender} -> {self.receiver}" + (f".{self.via}" if self.via else "")


def parse_edge(text: str) -> EdgeName | None:
    """Return the parts of an edge, or None if the text is not an edge."""
    match = _EDGE.fullmatch(" ".join(text.split()))
    if match is None:
        return None
    via: Input | None = match["via"]  # type: ignore[assignment]  # the pattern admits no other
    return EdgeName(match["sender"], match["receiver"], via)


def _edge(text: str) -> str:
    if parse_edge(text) is None:
        raise ValueError(f"{text!r} is not an edge; {SPELLING}")
    return text


Edge = Annotated[
    str, AfterValidator(_edge), Field(json_schema_extra={"pattern": "^[^<>]*[^<> ] *-> *[^<> ][^<>]*$"})
]  # fmt: skip
