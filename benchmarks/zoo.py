"""Every family of the tests' zoo compared with plain `transformers` in float64: `python benchmarks/zoo.py --json PATH`.

It prints the error of each quantity on the engines that measure the model, and what is refused and why. The exit code
is 1 if an error exceeds 1e-4 of the largest effect, or if anything but a refusal is raised.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from transformers.utils import logging

from mi_checks.output.tables import markdown_row

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
from tests.zoo.configurations import ZOO, write
from tests.zoo.quantities import QUANTITIES
from tests.zoo.specimen import Specimen

MAX_RELATIVE_ERROR = 1e-4  # relative to the largest effect; see tests/zoo/test_zoo.py
# Each column shows the largest error of these quantities.
COLUMNS: dict[str, tuple[str, ...]] = {
    "logits": ("logits",),
    "attention": ("attention",),
    "patch z": ("z",),
    "q, k, v": ("q", "k", "v"),
    "pattern": ("pattern",),
    "neurons": ("neurons",),
    "layers": ("layers", "resid_mid"),
    "paths": ("paths", "hops"),
    "attribution": ("attribution",),
}


@dataclass(frozen=True)
class ModelErrors:
    """One model of the zoo.

    Attributes:
        name: its name in the tests.
        family: the class of its configuration in `transformers`, without `Config`.
        tier: the engine that measures it: `replay`, `reference`, or `refused`.
        errors: maps a quantity to the largest difference from float64 on any engine, relative to the largest effect.
        refused: maps a quantity to the reason; `load` stands for the model itself.
    """

    name: str
    family: str
    tier: str
    errors: dict[str, float]
    refused: dict[str, str]


def measure_model(name: str, folder: Path) -> ModelErrors:
    """Compare one model with the oracle."""
    configuration = ZOO[name]
    specimen = Specimen(configuration, write(configuration, folder))

    def escaped(reason: str) -> str:
        return reason.replace(str(folder), name)

    if specimen.refusal is not None:
        return ModelErrors(name, configuration.config, "refused", {}, {"load": escaped(specimen.refusal)})
    errors: dict[str, float] = {}
    refused: dict[str, str] = {}
    for quantity in QUANTITIES:
        for outcome in specimen.outcomes(quantity).values():
            if outcome.refusal is not None:
                refused[quantity] = escaped(outcome.refusal)
            else:  # the oracle has no such quantity, so that any number for it is wrong
                error = float("inf") if outcome.error is None else outcome.error
                errors[quantity] = max(errors.get(quantity, 0.0), error)
    return ModelErrors(name, configuration.config, list(specimen.engines)[-1], errors, refused)


def table_row(row: ModelErrors) -> str:
    """Return a row of the table in the README."""
    cells = [_table_cell(row, quantities) for quantities in COLUMNS.values()]
    return markdown_row([row.name, row.family, row.tier, *cells])


def _table_cell(row: ModelErrors, quantities: tuple[str, ...]) -> str:
    errors = [row.errors[quantity] for quantity in quantities if quantity in row.errors]
    missing = [quantity for quantity in quantities if quantity in row.refused]
    shown = f"{max(errors):.0e}" if errors else "–"
    return f"{shown} ({', '.join(missing)} refused)" if errors and missing else shown


def refusal_lines(rows: list[ModelErrors]) -> list[str]:
    """Return what is refused and why, as a line for each model and reason."""
    lines = []
    for row in rows:
        by_reason: dict[str, list[str]] = {}
        for quantity, reason in row.refused.items():
            by_reason.setdefault(reason, []).append(quantity)
        lines += [f"- {row.name}, {', '.join(quantities)}: {reason}" for reason, quantities in by_reason.items()]
    return lines


def main() -> None:
    """Compare all models, or those with the given names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"models of the zoo: {', '.join(ZOO)}")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    logging.disable_progress_bar()
    rows = []
    with tempfile.TemporaryDirectory() as root:
        for name in arguments.names or ZOO:
            rows.append(measure_model(name, Path(root) / name))
            print(table_row(rows[-1]), flush=True)
    print("\n".join(refusal_lines(rows)))
    if arguments.json:
        records = [asdict(row) for row in rows]
        arguments.json.write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")
    wrong = [f"{row.name} {quantity}" for row in rows for quantity, e in row.errors.items() if e > MAX_RELATIVE_ERROR]
    if wrong:
        sys.exit(f"errors above {MAX_RELATIVE_ERROR:.0e}: {', '.join(wrong)}")


if __name__ == "__main__":
    main()
