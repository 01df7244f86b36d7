"""`mi-checks matrix`: the effect of each behaviour on each model, with intervals and tests between models."""

from __future__ import annotations

import argparse
import shutil
import sys
from typing import TYPE_CHECKING

from mi_checks.cli.shared_options import add_format, add_paths, add_prompts, behaviours_of
from mi_checks.errors import MiChecksError
from mi_checks.output.progress import progress_bar

if TYPE_CHECKING:
    from mi_checks.compare.neighbouring_models import EffectMatrix


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `matrix`."""
    parser = verbs.add_parser(
        "matrix",
        help="measure the effect of every behaviour on every model, and test which models differ",
        description="Measure the logit difference of every behaviour on every model that its file lists, without "
        "interventions, and test the differences between neighbouring models (one layer more of the same kind, or "
        "another kind of the same depth), paired on the same prompts.",
    )
    add_paths(parser)
    parser.add_argument(
        "--model", metavar="NAME", action="append", default=[],
        help="measure on this model instead of those listed in each file: a name from `mi-checks models list`, a "
        "folder, gguf:FILE, org/name, or NAME=MODEL to use MODEL under the claims made for NAME (repeatable)",
    )  # fmt: skip
    add_prompts(parser)
    add_format(parser, ("text", "md", "json"))
    parser.set_defaults(run=run_matrix)


def run_matrix(options: argparse.Namespace) -> None:
    """Run `matrix`.

    Raises:
        MiChecksError: nothing was measured because of a mistake; or, after everything else is printed, a cell failed.
    """
    # Imported late, so that `mi-checks models list` does not wait for scipy.
    from mi_checks.studies.matrix.survey import survey
    from mi_checks.suite.selection import choose_models

    models = choose_models(options.model)
    behaviours = behaviours_of(options.paths)
    matrix = survey(behaviours, models, count=options.count, seed=options.seed, progress=progress_bar(sys.stderr))
    print(_matrix_text(matrix, options.format))
    failed = [cell for cell in matrix.unmeasured if not cell.skipped]
    if failed:
        sys.stdout.flush()  # the table precedes the error, which goes to stderr
        first = failed[0]
        more = f", and {len(failed) - 1} more" if len(failed) > 1 else ""
        raise MiChecksError(f"{first.behaviour} could not be measured on {first.model}{more}: {first.reason}")


def _matrix_text(matrix: EffectMatrix, form: str) -> str:
    from mi_checks.studies.matrix import matrix_output

    if form == "json":
        return matrix_output.matrix_json(matrix)
    width = shutil.get_terminal_size((120, 24)).columns
    return "\n".join(matrix_output.markdown_lines(matrix) if form == "md" else matrix_output.text_lines(matrix, width))
