"""An argparse type for whole numbers."""

from __future__ import annotations

import argparse
from collections.abc import Callable


def at_least(least: int) -> Callable[[str], int]:
    """Return the argparse type of a whole number with a lower bound."""

    def whole_number(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r}: use a whole number of at least {least}")
        return int(text)

    return whole_number
