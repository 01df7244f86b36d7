"""`mi-checks calibrate`: how often every kind of check, and every test and interval, errs."""

from __future__ import annotations

import argparse
import shutil
import sys
from typing import TYPE_CHECKING

from mi_checks.cli.shared_options import add_format, at_least
from mi_checks.output.progress import progress_bar
from mi_checks.studies.calibration.calibrated_claims import CALIBRATED_KINDS
from mi_checks.suite.threads import limit_to_one_thread

if TYPE_CHECKING:
    from mi_checks.studies.calibration.run_calibration import Calibration


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `calibrate`."""
    parser = verbs.add_parser(
        "calibrate",
        help="measure how often every kind of check, and every test and interval, errs",
        description="Measure how often claims that are false pass. Every kind of check runs where its claim is false "
        "(untrained models, random answers, random circuits, bounds exactly at the true value), and the passes are "
        "counted. Samples whose true means are known are simulated (skewed values, values near a limit, prompts that "
        "share rows, values of the bundled models), and the errors of every test and interval are counted, with what "
        "they cost. Nominally, each side of a 95 % interval misses 2.5 %.",
    )
    parser.add_argument(
        "--runs",
        metavar="N",
        type=at_least(2),
        default=200,
        help="number of runs of each null; simulated samples have ten times as many draws (default: 200)",
    )
    parser.add_argument(
        "--seed", metavar="N", type=at_least(0), default=0, help="seed of all random draws (default: 0)"
    )
    parser.add_argument(
        "--kind",
        metavar="KIND",
        action="append",
        choices=CALIBRATED_KINDS,
        default=[],
        help=f"run only this kind of check, and no simulated samples (repeatable): {', '.join(CALIBRATED_KINDS)}",
    )
    add_format(parser, ("text", "md", "json"))
    parser.set_defaults(run=run_calibrate)


def run_calibrate(options: argparse.Namespace) -> None:
    """Run `calibrate`."""
    limit_to_one_thread()
    from mi_checks.studies.calibration.run_calibration import calibrate

    print(
        _calibration_text(calibrate(options.runs, options.seed, options.kind, progress_bar(sys.stderr)), options.format)
    )


def _calibration_text(calibration: Calibration, form: str) -> str:
    from mi_checks.studies.calibration import calibration_output
    from mi_checks.studies.calibration.calibration_output import calibration_tables

    if form == "json":
        return calibration_output.calibration_json(calibration)
    width = shutil.get_terminal_size((120, 24)).columns
    all_tables = calibration_tables(calibration)
    return "\n".join(
        calibration_output.markdown_lines(all_tables)
        if form == "md"
        else calibration_output.text_lines(all_tables, width)
    )
