"""Measure the behaviours and write `reports/gallery/findings.md`: `make findings`, or `--check` compares."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from gallery.answers import answer
from gallery.facts import BRIEF, Facts
from gallery.inconclusive import InconclusiveClaim, inconclusive_claims, inconclusive_section
from gallery.questions import KINDS, QUESTIONS
from mi_checks.compare.neighbouring_models import neighbour_method
from mi_checks.errors import MiChecksError
from mi_checks.models.model_names import bundled_models
from mi_checks.output import numbers
from mi_checks.output.progress import progress_bar
from mi_checks.output.tables import markdown_table
from mi_checks.studies.matrix.matrix_output import EFFECT_NOTE, MARK_LEGEND
from mi_checks.studies.matrix.survey import survey
from mi_checks.suite.selection import behaviours_in

ROOT = Path(__file__).parent.parent
CACHE = ROOT / ".pytest_cache" / "d" / "mi_checks"  # the cache of a pytest run on the behaviours
PAGE = ROOT / "reports" / "gallery" / "findings.md"
PAGE_TEMPLATE = """\
# Findings

These are the measurements of the behaviours in `behaviours/` on the bundled models, arranged by question. The page is
written by `make findings`; do not edit it by hand. {what} Marks: {legend}.

A model *can* do a behaviour if every `logit_diff` and `accuracy` check passes, and *cannot* if every one fails. A
behaviour is *gained* if the verdict changes from cannot to can, judged by the bounds of the model that can, and the
difference is significant; *lost* is the reverse. The bounds are those of the behaviour files. Each model was trained
once, with one seed, so a difference between two models need not be a difference between their kinds; and a model with
sharper predictions has larger effects in logits.

Method: {method}. The correction covers all comparisons on this page, whichever question they answer.

## Which depths suffice

The numbers of layers of the models that can; in brackets those that are inconclusive or can in part.

{summary}

{sections}

## Claims that are inconclusive

{inconclusive}

## All comparisons

{appendix}
"""


def measured_page() -> str:
    """Measure the behaviours and compose the page.

    Raises:
        MiChecksError: a behaviour is wrong or cannot be measured.
    """
    behaviours = behaviours_in([ROOT / "behaviours"], ROOT)
    matrix = survey(behaviours, progress=progress_bar(sys.stderr), only=bundled_models(), cache_folder=CACHE)
    if matrix.unmeasured:
        first = matrix.unmeasured[0]
        raise MiChecksError(f"{first.behaviour} could not be measured on {first.model}: {first.reason}")
    inconclusive = inconclusive_claims(behaviours, CACHE, progress_bar(sys.stderr))
    facts = Facts(matrix, behaviours, [pair for question in QUESTIONS for pair in question.pairs])
    return compose_page(facts, inconclusive)


def compose_page(facts: Facts, inconclusive: Sequence[InconclusiveClaim] = ()) -> str:
    """Return the page for these facts, and for the claims that are inconclusive as declared."""
    sections: list[str] = []
    for question in QUESTIONS:
        sections += [f"## {question.number}: {question.text}", "", *answer(question, facts)]
    return PAGE_TEMPLATE.format(
        what=EFFECT_NOTE,
        legend="; ".join(MARK_LEGEND[:4]),
        method=neighbour_method(facts.tests),
        summary="\n".join(_depth_table(facts)),
        sections=_join_lines(sections),
        inconclusive=_join_lines(inconclusive_section(inconclusive)),
        appendix=_join_lines(_appendix(facts)),
    )


def differing_lines(old: str, new: str) -> list[str]:
    """Return the lines that differ by more than the rounding of another machine can explain."""
    a, b = old.splitlines(), new.splitlines()
    return (
        [line for line, other in zip(a, b, strict=False) if not equal_up_to_rounding(line, other)]
        + a[len(b) :]
        + b[len(a) :]
    )


DECIMAL = re.compile(r"(?<![\w.])[+−]?\d+\.\d+")
OBSERVATION_COUNT = re.compile(r"(?<=about )[\d,]+(?= (?:prompts|values of))")


def equal_up_to_rounding(line: str, other: str) -> bool:
    """Return whether lines are equal up to the last place of decimals, and to a tenth of a number of observations."""
    for pattern in (DECIMAL, OBSERVATION_COUNT):
        pairs = zip(pattern.findall(line), pattern.findall(other), strict=False)
        if not all(_equal_numbers(*pair) for pair in pairs):
            return False
        line, other = pattern.sub("#", line), pattern.sub("#", other)
    return line == other


def _equal_numbers(first: str, second: str) -> bool:
    a, b = (float(text.replace("−", "-").replace(",", "")) for text in (first, second))
    places = len(first.partition(".")[2])
    return abs(a - b) <= (1.01 * 10**-places if places else 0.11 * max(a, b))


def _depth_table(facts: Facts) -> list[str]:
    rows = []
    for behaviour in facts.matrix.behaviours:
        row = [facts.behaviour_link(behaviour)]
        for kind in KINDS:
            layers = []
            for (other, n), model in sorted(facts.models.items()):
                effect = facts.matrix.cells.get((behaviour, model)) if other == kind else None
                if effect is not None and effect.ability != "cannot":
                    layers.append(str(n) if effect.ability == "can" else f"({n})")
            row.append(", ".join(layers) or "–")
        rows.append(row)
    return markdown_table(["behaviour", *KINDS], rows)


def _appendix(facts: Facts) -> list[str]:
    lines: list[str] = []
    for pair, step in facts.steps.items():
        tests = facts.between(pair)
        significant = sum(test.significant for test in tests)
        lines += ["<details>", f"<summary>{step.before} → {step.after}: {step.change}; "]
        lines[-1] += f"{significant} of {numbers.count(len(tests), 'comparison')} significant</summary>"
        lines += ["", *markdown_table(BRIEF, [facts.brief_row(test) for test in tests]), "", "</details>", ""]
    return lines


def _join_lines(lines: list[str]) -> str:
    return "\n".join(lines).strip()


def main() -> int:
    """Write the page, or compare it with the committed one."""
    parser = argparse.ArgumentParser(prog="python -m gallery.findings", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if the page is out of date")
    options = parser.parse_args()
    try:
        new = measured_page()
    except MiChecksError as error:
        print(f"findings: {error}", file=sys.stderr)
        return 2
    if options.check:
        changed = differing_lines(PAGE.read_text(encoding="utf-8") if PAGE.exists() else "", new)
        if changed:
            print(f"{PAGE.relative_to(ROOT)} is out of date (make findings):", *changed[:10], sep="\n  ")
        return 1 if changed else 0
    unfinished = PAGE.with_name(f".{PAGE.name}.{os.getpid()}.tmp")
    unfinished.write_text(new, encoding="utf-8")
    os.replace(unfinished, PAGE)
    print(PAGE.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
