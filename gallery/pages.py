"""Run behaviours and write the pages of `reports/gallery/`: `make gallery`, or `--check` compares."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from gallery.page_parts import page_parts, part_changes
from mi_checks.errors import MiChecksError
from mi_checks.files import replace_text
from mi_checks.report.single_page import MAX_PAGE_BYTES, render
from mi_checks.results.read_run import read_run
from mi_checks.results.run import Run

ROOT = Path(__file__).parent.parent
GALLERY = ROOT / "reports" / "gallery"
SUITE = "suite.html"
# The arguments of pytest for each page; every check has to pass.
PAGES = {
    # Checks of one behaviour and model stay on one worker, so that their evidence is that of a single process.
    SUITE: ("behaviours/", "-n", "2", "--dist", "loadgroup"),
    "induction.html": (
        *("behaviours/induction.yaml", "behaviours/induction_circuit.yaml"),
        *("--mi-model", "nano-attn-1l", "--mi-model", "nano-attn-2l", "--mi-model", "nano-gelu-2l"),
    ),
}
MAX_PRINTED_CHANGES = 20  # changes printed for a page


class PageRefused(Exception):
    """The reason why a page is not written."""


def measure_page(name: str) -> str:
    """Run the behaviours of a page in a separate process and return the page; it and its run stay in `reports/`.

    Raises:
        PageRefused: a check did not pass or was skipped, or the page is too large.
    """
    page = Path("reports") / name
    command = [sys.executable, "-m", "pytest", *PAGES[name], "--mi-report", str(page)]
    status = subprocess.run(command, cwd=ROOT, check=False).returncode  # noqa: S603 — our own words
    if status:
        raise PageRefused(f"not every check passes (pytest's exit code is {status})")
    _require_all_passed(read_run((ROOT / page).with_suffix(".json")))
    return _require_small((ROOT / page).read_text(encoding="utf-8"))


def render_page(name: str, run: Path) -> str:
    """Return the page of an existing run, such as that of `make behaviours`.

    Raises:
        PageRefused: there is no such run, a check in it did not pass or was skipped, or the page is too large.
    """
    try:
        parsed_run = read_run(run)
    except MiChecksError as error:
        raise PageRefused(str(error)) from None
    _require_all_passed(parsed_run)
    return _require_small(render(parsed_run, str(Path("reports") / Path(name).with_suffix(".json"))))


def page_changes(name: str, new: str) -> list[str]:
    """Return the differences from the committed page."""
    committed = GALLERY / name
    if not committed.exists():
        return ["there is no committed page"]
    return part_changes(page_parts(committed.read_text(encoding="utf-8")), page_parts(new))


def _require_all_passed(run: Run) -> None:
    if run.cut_short is not None:
        raise PageRefused("only {:,} of {:,} checks ran".format(*run.cut_short))
    other = [each for each in run.results if each.outcome != "pass" and not each.is_as_declared]
    if other:
        count, first = f"{len(other):,} of {len(run.results):,} checks", other[0]
        raise PageRefused(f"{count} did not pass: {first.node_id}: {(first.message.splitlines() or [''])[0]}")


def _require_small(page: str) -> str:
    size = len(page.encode())
    if size > MAX_PAGE_BYTES:
        raise PageRefused(f"it has {size:,} bytes; the maximum is {MAX_PAGE_BYTES:,}")
    return page


def main() -> int:
    """Write the pages, or compare them with the committed ones."""
    parser = argparse.ArgumentParser(prog="python -m gallery.pages", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if a page is out of date")
    parser.add_argument("--suite", type=Path, metavar="RUN", help=f"draw {SUITE} of this run of behaviours/")
    options = parser.parse_args()
    out_of_date = False
    for name in PAGES:
        page = (GALLERY / name).relative_to(ROOT)
        try:
            new = render_page(name, options.suite) if name == SUITE and options.suite else measure_page(name)
        except PageRefused as error:
            print(f"{page}: {error}", file=sys.stderr)
            return 2
        if not options.check:
            replace_text(GALLERY / name, new)
            print(page)
        elif lines := page_changes(name, new):
            out_of_date = True
            print(f"{page} is out of date (make gallery):", *lines[:MAX_PRINTED_CHANGES], sep="\n  ")
            if len(lines) > MAX_PRINTED_CHANGES:
                print(f"  and {len(lines) - MAX_PRINTED_CHANGES:,} more changes")
    return int(out_of_date)


if __name__ == "__main__":
    sys.exit(main())
