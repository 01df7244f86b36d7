"""What older versions wrote into a claim and into no other field."""

from __future__ import annotations

import re


def reader_of(claim: str) -> str:
    """Return the reader in what older versions wrote of `composes`, where no other field holds the deciding one."""
    found = re.search(r"(?:norm of|score of .* with) (L\d+H\d+\.[qkv])", claim)
    return "" if found is None else found[1]
