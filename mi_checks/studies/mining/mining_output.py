"""Mined trigrams as rows of a data file and as a table, and the message when none meets the criteria."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np

from mi_checks.output.numbers import number
from mi_checks.output.tables import terminal_table
from mi_checks.prompts.visible import visible
from mi_checks.studies.mining.eligible_tokens import EligibleTokens, Triple
from mi_checks.studies.mining.trigrams import (
    SharedToken,
    Trigram,
    TrigramCounter,
    TrigramCriteria,
    TrigramRow,
    count_triples,
    crossed_triples,
    mine_trigrams,
)

RowGroup = tuple[TrigramRow, ...]  # one trigram, or two that share a token
DATA_FILE_SUFFIXES = (".csv", ".jsonl")
# The columns of a pair's other trigram, by the token that they share.
PARTNER_COLUMNS = {
    "a": ("b2", "c2"),
    "b": ("a2", "c2"),
}


def measure_rows(
    groups: Iterable[Sequence[Trigram]], held_out: TrigramCounter, counted: TrigramCounter, eligible: EligibleTokens
) -> list[RowGroup]:
    """Return every trigram with its texts and its statistics in the held-out and the other files."""
    listed = [tuple(group) for group in groups]
    triples = {one.triple for group in listed for one in group}
    pairs = [group for group in listed if len(group) == 2]
    crossings = count_triples(counted, (triple for one, other in pairs for triple in crossed_triples((one, other))))
    held_out_counts = count_triples(held_out, triples)
    rows: list[RowGroup] = []
    for group in listed:
        over: tuple[Triple | None, ...] = crossed_triples((group[0], group[1])) if len(group) == 2 else (None,)
        rows.append(
            tuple(
                _measure_row(one, held_out_counts[one.triple], None if cross is None else crossings[cross], eligible)
                for one, cross in zip(group, over, strict=True)
            )
        )
    return rows


def _measure_row(
    trigram: Trigram, apart: tuple[int, int], crossing: tuple[int, int] | None, eligible: EligibleTokens
) -> TrigramRow:
    from mi_checks.stats.intervals import proportion_interval  # imported late, so that no other verb waits for scipy

    a, b, c = (eligible.texts[token] for token in trigram.triple)
    count, both = apart
    return TrigramRow(
        trigram,
        (a, b, c),
        held_out=proportion_interval(count, both) if both else None,
        held_out_count=count,
        p_other_given_ab=None if crossing is None else crossing[0] / crossing[1],
    )


def row_fields(group: RowGroup, place: int, shared: SharedToken | None) -> dict[str, str]:
    """Return the data file's row for one trigram of a group: texts first, then counts and probabilities."""
    row = group[place]
    texts = dict(zip("abc", row.texts, strict=True))
    if shared is not None:
        other = dict(zip("abc", group[1 - place].texts, strict=True))
        texts |= {name: other[name[0]] for name in PARTNER_COLUMNS[shared]}
    held_out = row.held_out
    numbers = {
        "count": str(row.trigram.count),
        "given_ab": f"{row.trigram.p_given_ab:.3f}",
        "given_b": f"{row.trigram.p_given_b:.4f}",
        "held_out_count": str(row.held_out_count),
        "held_out_given_ab": "" if held_out is None else f"{held_out.value:.3f}",
        "held_out_low": "" if held_out is None else f"{held_out.low:.3f}",
        "held_out_high": "" if held_out is None else f"{held_out.high:.3f}",
    }
    if row.p_other_given_ab is not None:
        numbers["c2_given_ab"] = f"{row.p_other_given_ab:.4f}"
    return texts | numbers


def data_file_text(groups: Sequence[RowGroup], shared: SharedToken | None, suffix: str) -> str:
    """Return the whole file: a row for each group, so that no two rows are about the same pair.

    In every other pair, the rarer trigram comes first.
    """
    rows = [row_fields(group, number % len(group), shared) for number, group in enumerate(groups)]
    if suffix == ".jsonl":
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def trigram_table(groups: Sequence[RowGroup], *, gap: bool, shared: SharedToken | None) -> list[str]:
    """Return the lines for the terminal, with spaces in tokens shown as dots and a blank line between pairs."""
    head = ["a", "b", "c", "count", "P(c|a,b)", "held out", "95 % interval", "P(c|b)"]
    head += ["P(c2|a,b)"] if shared else []
    cells = [[_cells(row) for row in group] for group in groups]
    if gap:
        head.insert(1, "…")
        for line in (line for group in cells for line in group):
            line.insert(1, "…")
    n_tokens = 4 if gap else 3
    first, *lines = terminal_table(
        [head, *(line for group in cells for line in group)], right=range(n_tokens, len(head))
    )
    remaining = iter(lines)
    shown = [first]
    for place, group in enumerate(cells):
        shown += [""] if shared and place else []
        shown += [next(remaining) for _ in group]
    return shown


def _cells(row: TrigramRow) -> list[str]:
    trigram, held_out = row.trigram, row.held_out
    held_out_cells = ("–", "") if held_out is None else (
        f"{number(held_out.value)} of {held_out.n}", f"{number(held_out.low)} to {number(held_out.high)}"
    )  # fmt: skip
    cells = [
        *map(visible, row.texts),
        str(trigram.count),
        number(trigram.p_given_ab),
        *held_out_cells,
        number(trigram.p_given_b, 3),
    ]
    return cells if row.p_other_given_ab is None else [*cells, number(row.p_other_given_ab, 3)]


def no_trigram_message(counter: TrigramCounter, criteria: TrigramCriteria, eligible: EligibleTokens) -> str:
    """Return the message for criteria that no trigram meets."""
    lines = [
        f"no trigram {trigram_form(criteria)} occurs {criteria.least_count} times or more with "
        f"P(c|a,b) ≥ {criteria.likely:g} and P(c|b) ≤ {criteria.unlikely:g}"
    ]
    if closest := _best_trigram(counter, replace(criteria, likely=0.0), eligible, lambda one: one.p_given_ab):
        lines.append(
            f"  highest P(c|a,b) among the others: {_trigram_text(closest, eligible)}; "
            f"use --likely {_floor_hundredth(closest.p_given_ab)}"
        )
    if closest := _best_trigram(counter, replace(criteria, unlikely=1.0), eligible, lambda one: -one.p_given_b):
        lines.append(
            f"  lowest P(c|b) among the others: {_trigram_text(closest, eligible)}; "
            f"use --unlikely {_ceil_thousandth(closest.p_given_b)}"
        )
    if closest := _best_trigram(counter, replace(criteria, least_count=2), eligible, lambda one: one.count):
        lines.append(
            f"  most frequent of the others: {_trigram_text(closest, eligible)}; use --least-count {closest.count}"
        )
    if len(lines) == 1:
        loose = replace(criteria, likely=0.0, unlikely=1.0)
        closest = _best_trigram(counter, loose, eligible, lambda one: one.p_given_ab - one.p_given_b)
        lines.append(
            f"  relaxing one criterion is not enough; the closest is {_trigram_text(closest, eligible)}; "
            f"use --likely {_floor_hundredth(closest.p_given_ab)} --unlikely {_ceil_thousandth(closest.p_given_b)}"
            if closest
            else f"  no trigram of eligible tokens occurs {criteria.least_count} times at all: add text, or lower "
            "--least-count and relax --likely or --unlikely"
        )
    return "\n".join(lines)


def trigram_form(criteria: TrigramCriteria) -> str:
    """Return the form of a trigram, such as `a b → c`, or with the distance."""
    return f"a … b → c, a 2 to {criteria.gap} tokens before b," if criteria.gap else "a b → c"


def _best_trigram(
    counter: TrigramCounter,
    criteria: TrigramCriteria,
    eligible: EligibleTokens,
    merit: Callable[[Trigram], float],
) -> Trigram | None:
    return max(mine_trigrams(counter, criteria, eligible.masks), key=merit, default=None)


def _trigram_text(trigram: Trigram, eligible: EligibleTokens) -> str:
    a, b, c = (visible(eligible.texts[token]) for token in trigram.triple)
    probabilities = f"P(c|a,b) {number(trigram.p_given_ab)}, P(c|b) {number(trigram.p_given_b, 3)}"
    return f"'{a}' '{b}' → '{c}', {trigram.count} times, {probabilities}"


def _floor_hundredth(probability: float) -> str:
    return f"{np.floor(probability * 100) / 100:g}"


def _ceil_thousandth(probability: float) -> str:
    return f"{np.ceil(probability * 1000) / 1000:g}"
