"""`mi-checks`: the verbs that are not a pytest run."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence

from mi_checks import __version__
from mi_checks.errors import MiChecksError
from mi_checks.verbs import calibrate, compare, discover, emergence, history, matrix, mine, models, report

VERBS = (discover, matrix, emergence, report, compare, history, mine, calibrate, models)  # in the order of the help


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb, which may have an exit code; a mistake is one line on standard error and exit code 2."""
    parser = argparse.ArgumentParser(
        prog="mi-checks",
        description="pytest for circuits: what goes with the pytest plugin.",
        epilog="Behaviours are run by pytest: pytest behaviours/ --mi-model NAME",
    )
    parser.add_argument("--version", action="version", version=f"mi-checks {__version__}")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for verb in VERBS:
        verb.register(verbs)
    chosen = parser.parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a token may hold what cannot be written, such as a lone surrogate
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code: int | None = chosen.run(chosen)
        sys.stdout.flush()
    except MiChecksError as error:
        print(f"mi-checks: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # whoever reads it, such as `| head`, has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        return 130
    return code or 0
