"""Rows of a data file, and the table on the terminal, for trigrams or pairs of them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence

from mi_checks.output.numbers import number
from mi_checks.output.tables import terminal_table
from mi_checks.prompts.visible import visible
from mi_checks.studies.mining.count import Counter, look_up
from mi_checks.studies.mining.criteria import Found, Row, Triple
from mi_checks.studies.mining.trigram_pairs import Shared, crossed
from mi_checks.studies.mining.written_tokens import Written

Group = tuple[Row, ...]  # one trigram, or two that share a token
FORMATS = (".csv", ".jsonl")
PARTNER = {"a": ("b2", "c2"), "b": ("a2", "c2")}  # the columns of a pair's other trigram, by the token that they share


def measured(groups: Iterable[Sequence[Found]], held_out: Counter, counted: Counter, written: Written) -> list[Group]:
    """Return every trigram with its texts and its statistics in the held-out and the other files."""
    listed = [tuple(group) for group in groups]
    triples = {one.triple for group in listed for one in group}
    pairs = [group for group in listed if len(group) == 2]
    crossings = look_up(counted, (triple for one, other in pairs for triple in crossed((one, other))))
    held_out_counts = look_up(held_out, triples)
    rows: list[Group] = []
    for group in listed:
        over: tuple[Triple | None, ...] = crossed((group[0], group[1])) if len(group) == 2 else (None,)
        rows.append(
            tuple(
                _row(one, held_out_counts[one.triple], None if cross is None else crossings[cross], written)
                for one, cross in zip(group, over, strict=True)
            )
        )
    return rows


def _row(found: Found, apart: tuple[int, int], crossing: tuple[int, int] | None, written: Written) -> Row:
    from mi_checks.stats.intervals import proportion_interval  # imported late, so that no other verb waits for scipy

    a, b, c = (written.texts[token] for token in found.triple)
    count, both = apart
    return Row(
        found,
        (a, b, c),
        held_out=proportion_interval(count, both) if both else None,
        held_out_count=count,
        given_other=None if crossing is None else crossing[0] / crossing[1],
    )


def fields(group: Group, place: int, shared: Shared | None) -> dict[str, str]:
    """Return the data file's row for one trigram of a group: texts first, then counts and probabilities."""
    row = group[place]
    texts = dict(zip("abc", row.texts, strict=True))
    if shared is not None:
        other = dict(zip("abc", group[1 - place].texts, strict=True))
        texts |= {name: other[name[0]] for name in PARTNER[shared]}
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


def data_file(groups: Sequence[Group], shared: Shared | None, suffix: str) -> str:
    """Return the whole file; each trigram of a pair is the first one of a row."""
    rows = [fields(group, place, shared) for group in groups for place in range(len(group))]
    if suffix == ".jsonl":
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def table(groups: Sequence[Group], *, gap: bool, shared: Shared | None) -> list[str]:
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


def _cells(row: Row) -> list[str]:
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
