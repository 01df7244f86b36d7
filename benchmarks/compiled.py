"""Discovery on compiled programs, all of whose nodes have a known function: `python benchmarks/compiled.py`.

RASP programs (`tracr_programs/programs.py`) are compiled to transformers by Tracr. Tracr has a separate environment,
created here in the first run, because it needs an older jax; it is not a dependency of mi-checks. The programs are put
side by side in one model (`side_by_side.py`), and discovery and checks run on each behaviour (`judge_discovery.py`).
`--json FILE` also writes the results.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from functools import reduce
from operator import add
from pathlib import Path

import torch
from judge_discovery import (
    MIN_FRACTION,
    ClaimCounts,
    FoundCounts,
    MissedNode,
    ProgramJudgement,
    judge,
    load_model,
    read_truth,
)
from side_by_side import CombinedModel, read_programs

from mi_checks.models.sources.packaged_model import cache_folder
from mi_checks.output.tables import markdown_row

HERE = Path(__file__).parent
PACKAGES = ("tracr-pypi==1.0.0", "jax==0.4.35", "jaxlib==0.4.35", "dm-haiku==0.0.12")
FIXTURE = HERE.parent / "tests" / "compiled" / "programs"
FIXTURE_PROGRAMS = ("both", "either", "induction", "kinds")
FIXTURE_ROWS = 144
ROWS = 512  # prompt pairs of each program, more than three times as many as its checks use
HEADER = (
    "| program | nodes to find | found | missed | false | paths to find | found | missed | false | AUROC | recovers | "
    "removes |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|---|"
)


def create_environment(folder: Path) -> Path:
    """Return the Python of an environment with Tracr, which is created if necessary."""
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not python.exists() or subprocess.run([python, "-c", "import tracr"], capture_output=True).returncode:
        print(f"creating an environment for Tracr in {folder}", file=sys.stderr)
        for command in (sys.executable, "-m", "venv", folder), (python, "-m", "pip", "install", "--quiet", *PACKAGES):
            if subprocess.run(command).returncode:
                sys.exit(f"Tracr could not be installed into {folder}; name another folder with --environment")
    return python


def export(python: Path, folder: Path, rows: int, names: Sequence[str] = ()) -> None:
    """Compile all programs, or those with the given names, into a folder, each with a number of prompt pairs."""
    script = HERE / "tracr_programs" / "export.py"
    folder.mkdir(parents=True, exist_ok=True)
    if subprocess.run([python, script, folder, str(rows), *names], stdout=sys.stderr).returncode:
        sys.exit(1)


def table_row(judged: ProgramJudgement) -> str:
    """Return a row of the Markdown table."""
    return _table_row(f"{judged.name}: {judged.summary}", judged.nodes, judged.paths, judged.auroc)


def totals_row(rows: Sequence[ProgramJudgement]) -> str:
    """Return the row of the Markdown table for all programs: sums, and the minima of the areas."""
    nodes, paths = (reduce(add, (getattr(row, kind) for row in rows)) for kind in ("nodes", "paths"))
    return _table_row(f"all {len(rows)}", nodes, paths, [min(row.auroc[i] for row in rows) for i in range(3)])


def _table_row(what: str, nodes: FoundCounts, paths: FoundCounts, areas: Sequence[float]) -> str:
    counts = (
        figure for each in (nodes, paths) for figure in (each.true, each.right, each.true - each.right, each.false)
    )
    return markdown_row([what, *map(str, counts), *(f"{area:.3f}" for area in areas)])


def total_lines(rows: Sequence[ProgramJudgement]) -> tuple[str, ...]:
    """Return sentences about all programs together."""
    kinds = ("nodes", "paths", "neurons", "strong_neurons", "drafted", "right_claims", "wrong_claims")
    nodes, paths, neurons, strong, drafted, right, wrong = (
        reduce(add, (getattr(row, kind) for row in rows)) for kind in kinds
    )
    return (
        f"nodes: {nodes.right} of {nodes.true} are found, and {nodes.false} others are named",
        f"paths: {paths.right} of {paths.true} are found, and {paths.false} others are named",
        f"neurons: of those with an effect four standard errors beyond {MIN_FRACTION:g}, {strong.right} of "
        f"{strong.true} are found; of the others, {neurons.right - strong.right} are found, and "
        f"{neurons.false} other neurons are named",
        f"drafted checks that pass on the prompts of the behaviours' own checks: {drafted.passed} of {drafted.made}",
        f"nodes to be found for which a claim passes that they recover or remove at least {MIN_FRACTION:g}, or at most "
        f"−{MIN_FRACTION:g}: {right.passed} of {right.made}",
        f"the same claims about nodes and paths that do not carry the difference: {wrong.passed} of {wrong.made} pass",
    )


def miss_lines(rows: Sequence[ProgramJudgement]) -> tuple[str, ...]:
    """Return sentences about missed nodes and paths, and about named ones that do not carry the difference."""
    return (
        *(
            f"`{row.name}`: {each.node} is missed; it computes {each.computes}, carries {each.carries:.0%} of pairs, "
            f"recovers {each.recovers:.3f} and removes {each.removes:.3f}"
            for row in rows
            for each in row.missed
        ),
        *(f"`{row.name}`: the path {path} is missed" for row in rows for path in row.missed_paths),
        *(
            f"`{row.name}`: {name} is named, but does not carry the difference"
            for row in rows
            for name in (*row.false, *row.false_paths)
        ),
    )


def read_results(path: Path) -> tuple[str, list[ProgramJudgement]]:
    """Read the file of `--json`: a sentence about the model, and the results for each program."""
    read = json.loads(path.read_text(encoding="utf-8"))
    rows = []
    for row in read["programs"]:
        for key in ("nodes", "neurons", "strong_neurons", "paths"):
            row[key] = FoundCounts(**row[key])
        for key in ("drafted", "right_claims", "wrong_claims"):
            row[key] = ClaimCounts(**row[key])
        row["missed"] = tuple(MissedNode(**each) for each in row["missed"])
        lists = {key: tuple(value) for key, value in row.items() if isinstance(value, list)}
        rows.append(ProgramJudgement(**{**row, **lists}))
    return read["model"], rows


def main() -> None:
    """Print the table, row by row, and the totals."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    tracr_folder = cache_folder() / "tracr"
    parser.add_argument("names", nargs="*", metavar="NAME", help="programs (default: all)")
    parser.add_argument(
        "--environment",
        type=Path,
        default=tracr_folder,
        help="the virtual environment of Tracr, created if necessary (%(default)s)",
    )
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="keep the model, the behaviours and the truth in this folder"
    )
    parser.add_argument("--fixture", action="store_true", help="only write the programs that the tests use")
    options = parser.parse_args()
    torch.set_num_threads(1)
    python = create_environment(options.environment)
    if options.fixture:
        export(python, FIXTURE, FIXTURE_ROWS, FIXTURE_PROGRAMS)
        return
    with tempfile.TemporaryDirectory() as place:
        exports, folder = Path(place) / "exports", options.keep or Path(place) / "side-by-side"
        export(python, exports, ROWS, options.names)
        model = CombinedModel(read_programs(exports))
        model.write(folder)
        print(model.described, HEADER, sep="\n", flush=True)
        loaded_model, rows = load_model(folder), list[ProgramJudgement]()
        for name, truth in read_truth(folder).items():
            rows.append(judge(folder, name, loaded_model, truth))
            print(table_row(rows[-1]), flush=True)
    print(totals_row(rows), *total_lines(rows), *miss_lines(rows), sep="\n")
    if options.json:
        written = {"model": model.described, "programs": [asdict(row) for row in rows]}
        options.json.write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
