"""Discovery on compiled programs, whose nodes all have a known function: `python benchmarks/compiled.py [--json FILE]`.

RASP programs (`tracr_programs/programs.py`) are compiled to transformers by Tracr, which lives in an environment of its
own, made here at the first run: it needs an older jax, and is no dependency of mi-checks. They are put side by side in
one model (`side_by_side.py`), and discovery and checks are run on the behaviour of each (`judged.py`).
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
from judged import ABOVE, Claims, Counted, Judged, Missed, judge, load_model, read_truth
from side_by_side import Model, read_programs

from mi_checks.models.cache import cache_folder

HERE = Path(__file__).parent
PACKAGES = ("tracr-pypi==1.0.0", "jax==0.4.35", "jaxlib==0.4.35", "dm-haiku==0.0.12")
FIXTURE = HERE.parent / "tests" / "compiled" / "programs"
FIXTURE_PROGRAMS = ("both", "either", "induction", "kinds")
FIXTURE_ROWS = 144
ROWS = 512  # prompt pairs of each program, three times as many as its checks use and more
HEADER = (
    "| program | true nodes | right | false | true paths | right | false | larger effect | recovers | removes |\n"
    "|---|---|---|---|---|---|---|---|---|---|"
)


def environment(folder: Path) -> Path:
    """Return the Python of an environment with Tracr, which is made if it is not there."""
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not python.exists() or subprocess.run([python, "-c", "import tracr"], capture_output=True).returncode:
        print(f"making an environment for Tracr in {folder}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
    return python


def export(python: Path, folder: Path, rows: int, names: Sequence[str] = ()) -> None:
    """Compile programs into a folder, those named or all, each with so many prompt pairs."""
    script = HERE / "tracr_programs" / "export.py"
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run([python, script, folder, str(rows), *names], check=True, stdout=sys.stderr)


def line(judged: Judged) -> str:
    """A row of the Markdown table."""
    counts = [(each.true, each.right, each.false) for each in (judged.nodes, judged.paths)]
    figures = [*map(str, sum(counts, ())), *(f"{area:.3f}" for area in judged.auroc)]
    return f"| {judged.name}: {judged.summary} | {' | '.join(figures)} |"


def totals(rows: Sequence[Judged]) -> tuple[str, ...]:
    """Sentences about all programs together."""
    nodes, paths, neurons = (reduce(add, (getattr(row, of) for row in rows)) for of in ("nodes", "paths", "neurons"))
    drafted, right, wrong = (
        reduce(add, (getattr(row, of) for row in rows)) for of in ("drafted", "right_claims", "wrong_claims")
    )
    larger, recovers, removes = (min(row.auroc[i] for row in rows) for i in range(3))
    return (
        f"nodes: {nodes.right} of {nodes.true} that are true are named, and {nodes.false} that are not",
        f"paths: {paths.right} of {paths.true} that are true are named, and {paths.false} that are not",
        f"neurons: {neurons.right} that are true are named, and {neurons.false} that are not",
        f"lowest AUROC of any program: by the larger of a node's two effects {larger:.3f}, by what it recovers "
        f"{recovers:.3f}, by what it removes {removes:.3f}",
        f"checks of the drafts, on the prompts of the behaviours' own checks: {drafted.passed} of {drafted.made} pass",
        f"true nodes, claimed to recover or else to remove at least {ABOVE:g}: {right.passed} of {right.made} pass",
        f"the same claims about nodes and paths that are not true: {wrong.passed} of {wrong.made} pass",
    )


def misses(rows: Sequence[Judged]) -> tuple[str, ...]:
    """Sentences about what was missed, and what was named and is not true."""
    return (
        *(
            f"`{row.name}` misses {each.node}, which computes {each.computes}, and carries {each.carries:.0%} of the "
            f"pairs: recovers {each.recovers:.3f}, removes {each.removes:.3f}"
            for row in rows
            for each in row.missed
        ),
        *(f"`{row.name}` misses the paths {', '.join(row.missed_paths)}" for row in rows if row.missed_paths),
        *(f"`{row.name}` names {name}, which is not true" for row in rows for name in (*row.false, *row.false_paths)),
    )


def read_results(path: Path) -> tuple[str, list[Judged]]:
    """Read what `--json` wrote: a sentence about the model, and the programs."""
    read = json.loads(path.read_text(encoding="utf-8"))
    rows = []
    for row in read["programs"]:
        for key in ("nodes", "neurons", "paths"):
            row[key] = Counted(**row[key])
        for key in ("drafted", "right_claims", "wrong_claims"):
            row[key] = Claims(**row[key])
        row["missed"] = tuple(Missed(**each) for each in row["missed"])
        lists = {key: tuple(value) for key, value in row.items() if isinstance(value, list)}
        rows.append(Judged(**{**row, **lists}))
    return read["model"], rows


def main() -> None:
    """Print the table, row by row, and the totals."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    own = cache_folder() / "tracr"
    parser.add_argument("names", nargs="*", metavar="NAME", help="programs (default: all)")
    parser.add_argument("--environment", type=Path, default=own, help="where Tracr is, or will be (%(default)s)")
    parser.add_argument("--json", type=Path, help="also write the results there")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave model, behaviours and truth there")
    parser.add_argument("--fixture", action="store_true", help="only write the programs that the tests have")
    options = parser.parse_args()
    torch.set_num_threads(1)
    python = environment(options.environment)
    if options.fixture:
        export(python, FIXTURE, FIXTURE_ROWS, FIXTURE_PROGRAMS)
        return
    with tempfile.TemporaryDirectory() as place:
        exports, folder = Path(place) / "exports", options.keep or Path(place) / "side-by-side"
        export(python, exports, ROWS, options.names)
        model = Model(read_programs(exports))
        model.write(folder)
        print(model.described, HEADER, sep="\n", flush=True)
        subject, rows = load_model(folder), list[Judged]()
        for name, truth in read_truth(folder).items():
            rows.append(judge(folder, name, subject, truth))
            print(line(rows[-1]), flush=True)
    print(*totals(rows), *misses(rows), sep="\n")
    if options.json:
        written = {"model": model.described, "programs": [asdict(row) for row in rows]}
        options.json.write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
