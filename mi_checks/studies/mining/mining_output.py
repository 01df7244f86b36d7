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
PARTNER_COLUMNS = {
    "a": ("b2", "c2"),
    "b": ("a2", "c2"),
}  # the columns of a pair's other trigram, by the token that they share


def measure_rows(
    groups: Iterable[Sequence[Trigram]], held_out: TrigramCounter, counted: TrigramCounter, written: EligibleTokens
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
                _measure_row(one, held_out_counts[one.triple], None if cross is None else crossings[cross], written)
                for one, cross in zip(group, over, strict=True)
            )
        )
    return rows


def _measure_row(
    found: Trigram, apart: tuple[int, int], crossing: tuple[int, int] | None, written: EligibleTokens
) -> TrigramRow:
    from mi_checks.stats.intervals import proportion_interval  # imported late, so that no other verb waits for scipy

    a, b, c = (written.texts[token] for token in found.triple)
    count, both = apart
    return TrigramRow(
        found,
        (a, b, c),
        held_out=proportion_interval(count, both) if both else None,
        held_out_count=count,
        given_other=None if crossing is None else crossing[0] / crossing[1],
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
        "count": str(row.found.count),
        "given_ab": f"{row.found.given_both:.3f}",
        "given_b": f"{row.found.given_last:.4f}",
        "held_out_count": str(row.held_out_count),
        "held_out_given_ab": "" if held_out is None else f"{held_out.value:.3f}",
        "held_out_low": "" if held_out is None else f"{held_out.low:.3f}",
        "held_out_high": "" if held_out is None else f"{held_out.high:.3f}",
    }
    if row.given_other is not None:
        numbers["c2_given_ab"] = f"{row.given_other:.4f}"
    return texts | numbers


def data_file_text(groups: Sequence[RowGroup], shared: SharedToken | None, suffix: str) -> str:
    """Return the whole file; each trigram of a pair is the first one of a row."""
    rows = [row_fields(group, place, shared) for group in groups for place in range(len(group))]
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
    found, held_out = row.found, row.held_out
    held_out_cells = ("–", "") if held_out is None else (
        f"{number(held_out.value)} of {held_out.n}", f"{number(held_out.low)} to {number(held_out.high)}"
    )  # fmt: skip
    cells = [
        *map(visible, row.texts),
        str(found.count),
        number(found.given_both),
        *held_out_cells,
        number(found.given_last, 3),
    ]
    return cells if row.given_other is None else [*cells, number(row.given_other, 3)]


def no_trigram_message(counter: TrigramCounter, criteria: TrigramCriteria, written: EligibleTokens) -> str:
    """Return the message for criteria that no trigram meets."""
    lines = [
        f"no trigram {trigram_form(criteria)} is seen {criteria.least_count} times or more with "
        f"P(c|a,b) of at least {criteria.likely:g} and P(c|b) of at most {criteria.unlikely:g}"
    ]
    if near := _best_trigram(counter, replace(criteria, likely=0.0), written, lambda one: one.given_both):
        lines.append(
            f"  the likeliest of the others: {_trigram_text(near, written)}; "
            f"--likely {_floor_hundredth(near.given_both)}"
        )
    if near := _best_trigram(counter, replace(criteria, unlikely=1.0), written, lambda one: -one.given_last):
        lines.append(
            f"  the one that b predicts least: {_trigram_text(near, written)}; "
            f"--unlikely {_ceil_thousandth(near.given_last)}"
        )
    if near := _best_trigram(counter, replace(criteria, least_count=2), written, lambda one: one.count):
        lines.append(f"  the most frequent of the others: {_trigram_text(near, written)}; --least-count {near.count}")
    if len(lines) == 1:
        loose = replace(criteria, likely=0.0, unlikely=1.0)
        near = _best_trigram(counter, loose, written, lambda one: one.given_both - one.given_last)
        lines.append(
            f"  nor with one of these dropped; the nearest is {_trigram_text(near, written)}; "
            f"--likely {_floor_hundredth(near.given_both)} --unlikely {_ceil_thousandth(near.given_last)}"
            if near
            else f"  nor is any trigram of such tokens seen {criteria.least_count} times: give more text, or lower "
            "--least-count and relax --likely or --unlikely"
        )
    return "\n".join(lines)


def trigram_form(criteria: TrigramCriteria) -> str:
    """Return the form of a trigram, such as `a b → c`, or with the distance."""
    return f"a … b → c, a 2 to {criteria.gap} tokens before b," if criteria.gap else "a b → c"


def _best_trigram(
    counter: TrigramCounter,
    criteria: TrigramCriteria,
    written: EligibleTokens,
    merit: Callable[[Trigram], float],
) -> Trigram | None:
    return max(mine_trigrams(counter, criteria, written.masks), key=merit, default=None)


def _trigram_text(found: Trigram, written: EligibleTokens) -> str:
    a, b, c = (visible(written.texts[token]) for token in found.triple)
    probabilities = f"P(c|a,b) {number(found.given_both)}, P(c|b) {number(found.given_last, 3)}"
    return f"'{a}' '{b}' → '{c}', {found.count} times, {probabilities}"


def _floor_hundredth(share: float) -> str:
    return f"{np.floor(share * 100) / 100:g}"


def _ceil_thousandth(share: float) -> str:
    return f"{np.ceil(share * 1000) / 1000:g}"
