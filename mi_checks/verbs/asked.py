"""What several verbs ask in the same words."""

from __future__ import annotations

import argparse
from pathlib import Path

from mi_checks.verbs.whole_number import at_least


def add_paths(parser: argparse.ArgumentParser) -> None:
    """Add the behaviours, as `paths`."""
    parser.add_argument(
        "paths", metavar="PATH", nargs="*", type=Path, default=[Path("behaviours")],
        help="behaviour files, or folders of them (default: behaviours)",
    )  # fmt: skip


def add_prompts(parser: argparse.ArgumentParser, file: str = "each file") -> None:
    """Add `--count` and `--seed`; `file` is what they stand in place of."""
    parser.add_argument("--count", metavar="N", type=at_least(2), help=f"prompt pairs, instead of what {file} says")
    parser.add_argument(
        "--seed", metavar="N", type=at_least(0), help=f"seed of the prompts, instead of what {file} says"
    )
