"""The growth of the replay engine's cost with size: `python benchmarks/growth.py [--json FILE]`.

The benchmark is a sweep over all heads' z on a native 2-layer GELU model (width 256, 8 heads, 64 tokens, 16 pairs),
with one of its sizes doubled at a time; the exponent is the slope of log seconds against log size, by least squares. A
head keeps its width when there are more of them.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from mi_checks.output.tables import markdown_row

sys.path.insert(0, str(Path(__file__).parent))
from sweeps import median_seconds, random_pairs, seeded_model

from mi_checks.engine.choose_engine import replayable_model
from mi_checks.engine.interventions import denoise
from mi_checks.engine.nodes import all_nodes
from mi_checks.engine.replay.replay_engine import ReplayEngine

DEFAULT_SIZES = {"prompt pairs": 16, "tokens": 64, "layers": 2, "heads": 8}
SIZES = {
    "prompt pairs": (8, 16, 32, 64),
    "tokens": (32, 64, 128, 256),
    "layers": (2, 3, 4, 6, 8),
    "heads": (4, 8, 16, 32),
}
D_HEAD, D_VOCAB = 32, 2048


@dataclass(frozen=True)
class Growth:
    """The seconds of a sweep at several sizes, all else being equal."""

    what: str
    sizes: tuple[int, ...]
    seconds: tuple[float, ...]

    @property
    def exponent(self) -> float:
        """Return the exponent of size with which the seconds grow."""
        return float(np.polyfit(np.log(self.sizes), np.log(self.seconds), 1)[0])


def sweep_seconds(*, repeats: int, **size: int) -> float:
    """Return the seconds of one sweep, including the clean and the corrupted run."""
    heads, tokens = size["heads"], size["tokens"]
    loaded_model = seeded_model(size["layers"], heads * D_HEAD, D_VOCAB, gelu=True, heads=heads, n_ctx=tokens)
    batch = random_pairs(size["prompt pairs"], D_VOCAB, tokens)
    model = replayable_model(loaded_model)
    if model is None:
        raise SystemExit("the replay engine does not reproduce this model")
    what = [denoise(node) for node in all_nodes("head", loaded_model.shape)]
    return median_seconds(lambda: ReplayEngine(loaded_model, batch, model).scores(what), repeats)


def table_row(growth: Growth) -> str:
    """Return a row of the Markdown table."""
    figures = ", ".join(f"{size}: {taken:.3f}" for size, taken in zip(growth.sizes, growth.seconds, strict=True))
    return markdown_row([growth.what, figures, f"{growth.exponent:.2f}"])


def main() -> None:
    """Print the table, row by row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="also write the rows there")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    print("| growing | seconds at each size | exponent |\n|---|---|---|")
    rows = []
    for what, sizes in SIZES.items():
        durations = tuple(sweep_seconds(repeats=arguments.repeats, **{**DEFAULT_SIZES, what: size}) for size in sizes)
        rows.append(Growth(what, sizes, durations))
        print(table_row(rows[-1]), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
