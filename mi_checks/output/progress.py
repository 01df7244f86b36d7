"""Who watches a long calculation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

Bar = Callable[[Sequence[Any], str], Iterable[Any]]  # what is gone through, and what it is called


def unseen(items: Sequence[Any], _title: str) -> Iterable[Any]:
    """Shows nobody how far it is."""
    return items
