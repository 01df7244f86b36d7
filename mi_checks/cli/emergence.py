"""`mi-checks emergence`: the checkpoints of a training run between which each behaviour and each role appears."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from mi_checks.cli.shared_options import add_format, add_paths, add_prompts, behaviours_of
from mi_checks.errors import MiChecksError
from mi_checks.output.progress import progress_bar


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `emergence`."""
    parser = verbs.add_parser(
        "emergence",
        help="find between which training checkpoints each behaviour and each role appears",
        description="Measure every behaviour and every role at each checkpoint of a training run (logit differences "
        "and role scores only, without interventions), and find between which checkpoints each appears, whether it "
        "disappears again, and whether roles form before the behaviour that depends on them.",
    )
    add_paths(parser)
    parser.add_argument(
        "--model", metavar="NAME@*", action="append", default=[],
        help="a model with all its checkpoints, or one of at least two checkpoints NAME@STEP (repeatable; "
        "default: every bundled model that has checkpoints, with the behaviours whose files list it)",
    )  # fmt: skip
    add_prompts(parser)
    add_format(parser, ("text", "md", "json", "html"))
    parser.add_argument(
        "--output", metavar="FILE", type=Path,
        help="also write the result to this file; the suffix decides the format: .html (a page with curves), .md, "
        ".json or .txt",
    )  # fmt: skip
    parser.set_defaults(run=run_emergence)


def run_emergence(options: argparse.Namespace) -> None:
    """Run `emergence`.

    Raises:
        MiChecksError: nothing was measured because of a mistake; or, after everything else is printed, a measurement
            failed.
    """
    # Imported late, so that `mi-checks models list` does not wait for scipy.
    from mi_checks.report.report_destination import require_writable
    from mi_checks.studies.emergence.checkpoint_series import chosen_series
    from mi_checks.studies.emergence.emergence_formats import format_of, formatted, write_emergence
    from mi_checks.studies.emergence.emergence_measurement import measure_emergence

    if options.output is not None:
        format_of(options.output)
        require_writable("--output", options.output)  # checked before the measurements, which take long
    series = chosen_series(options.model)
    result = measure_emergence(
        behaviours_of(options.paths),
        series,
        named_only=not options.model,
        count=options.count,
        seed=options.seed,
        progress=progress_bar(sys.stderr),
    )
    width = shutil.get_terminal_size((120, 24)).columns
    print(formatted(result, options.format, width))
    if options.output is not None:
        write_emergence(result, options.output, width)
    if result.failed:
        sys.stdout.flush()
        first = result.failed[0]
        more = f", and {len(result.failed) - 1} more" if len(result.failed) > 1 else ""
        raise MiChecksError(f"{first.what} could not be measured at {first.checkpoint}{more}: {first.reason}")
