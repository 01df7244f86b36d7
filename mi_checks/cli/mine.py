"""`mi-checks mine`: rows for behaviours, found in text."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from mi_checks.errors import MiChecksError, did_you_mean
from mi_checks.files import write_file
from mi_checks.models.tokenizer import load_tokenization
from mi_checks.studies.mining import data_rows
from mi_checks.studies.mining.corpus import find
from mi_checks.studies.mining.count import Counter, mine
from mi_checks.studies.mining.criteria import Criteria, Found
from mi_checks.studies.mining.encode import Encoded, encode
from mi_checks.studies.mining.nearest import nothing_found, shape
from mi_checks.studies.mining.trigram_pairs import Shared, pairs
from mi_checks.studies.mining.written_tokens import Written

DESCRIPTION = """\
Find trigrams a b → c, or skip trigrams a … b → c, that text really holds: c is likely after a and b, unlikely after b
alone. Rows are chosen by most of the files; the others are held out, and what they say of a row stands beside it.
Memory is about 40 bytes for a token of the text, and no more for a larger vocabulary or gap."""
PAIRS = """\
b: two trigrams that share b, as columns a b c a2 c2, so that b alone prefers neither (default);
a: two that share a, as a b c b2 c2;
none: each by itself, as a b c"""


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `mine trigrams`."""
    parser = verbs.add_parser("mine", help="find rows for behaviours in text", description=__doc__)
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    defaults = Criteria()
    trigrams = actions.add_parser(
        "trigrams",
        help="trigrams and skip trigrams",
        description=DESCRIPTION,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    add = trigrams.add_argument
    add("corpus", metavar="CORPUS", nargs="+", type=Path, help="text files, or folders of them; UTF-8")
    add("--take", metavar="GLOB", action="append", help="which files of a folder, such as '**/*.py' (default: '**/*')")
    add("--model", metavar="NAME", default="nano-attn-1l", help="whose tokens (default: %(default)s)")
    add(
        "--gap",
        metavar="N",
        type=_whole("0, or a number from 2 to 512", lambda n: n == 0 or 2 <= n <= 512),
        default=defaults.gap,
        help="skip trigrams: a stands 2 to N tokens before b (default: 0, a just before b)",
    )
    count = _whole("a number from 1", lambda n: n >= 1)
    add(
        "--least-count",
        metavar="N",
        type=count,
        default=defaults.least_count,
        help="occurrences at least (default: %(default)s)",
    )
    share = _share("a probability from 0 to 1", closed=True)
    add("--likely", metavar="P", type=share, default=defaults.likely, help="P(c|a,b) at least (default: %(default)s)")
    add("--unlikely", metavar="P", type=share, default=defaults.unlikely, help="P(c|b) at most (default: %(default)s)")
    add("--pair", choices=("b", "a", "none"), default="b", help=PAIRS)
    add(
        "--crossed",
        metavar="P",
        type=share,
        help="of a pair, the probability of each continuation after the other at most\n(default: what --unlikely says)",
    )
    add("--any-token", action="store_true", help="a, b and c may be any printable token, not letters alone")
    add(
        "--most", metavar="N", type=count, default=40, help="pairs, or trigrams with --pair none (default: %(default)s)"
    )
    add(
        "--held-out",
        metavar="SHARE",
        type=_share("a share from 0 to below 1", closed=False),
        default=0.1,
        help="of the files, by the hash of their names (default: %(default)s)",
    )
    add("--output", metavar="FILE", type=Path, help="write a .csv or .jsonl file that a behaviour's variable can read")
    trigrams.set_defaults(run=find_trigrams)


def find_trigrams(chosen: argparse.Namespace) -> None:
    """Run `mine trigrams CORPUS…`."""
    output: Path | None = chosen.output
    if output is not None:
        _check_output(output)
    shared: Shared | None = None if chosen.pair == "none" else chosen.pair
    criteria = Criteria(
        gap=chosen.gap,
        least_count=chosen.least_count,
        likely=chosen.likely,
        unlikely=chosen.unlikely,
        crossed=chosen.unlikely if chosen.crossed is None else chosen.crossed,
    )
    files = find(chosen.corpus, chosen.take or ["**/*"])
    tokenization = load_tokenization(chosen.model)
    encoded = encode(files, tokenization, held_out=chosen.held_out, reach=criteria.distances[-1])
    written = Written(tokenization, gap=criteria.gap > 0, letters=not chosen.any_token)
    counted = Counter(encoded.counted.tokens, written.size, criteria.distances)
    held_out = Counter(encoded.held_out.tokens, written.size, criteria.distances)
    groups = data_rows.measured(_groups(counted, criteria, written, shared)[: chosen.most], held_out, counted, written)
    print("\n".join(data_rows.table(groups, gap=criteria.gap > 0, shared=shared)))
    print("\n" + "\n".join(_summary(groups, encoded, criteria)))
    if output is not None:
        write_file(
            output, data_rows.data_file(groups, shared, output.suffix), "the rows", "name another file (--output)"
        )
        print(f"written to {output}")


def _groups(counted: Counter, criteria: Criteria, written: Written, shared: Shared | None) -> list[tuple[Found, ...]]:
    met = mine(counted, criteria, written.masks)
    if not met:
        raise MiChecksError(nothing_found(counted, criteria, written))
    valid = [one for one in met if written.holds(one.triple)]
    if not valid:
        raise MiChecksError(
            f"{len(met)} trigrams {shape(criteria)} meet the criteria, but of none are the texts of a, b and c these "
            "tokens again when they are written one after the other: relax --likely, --unlikely or --least-count"
        )
    if shared is None:
        return [(one,) for one in sorted(valid, key=lambda one: (-one.count, one.triple))]
    trigram_pairs = pairs(valid, counted, criteria, written, shared)
    if not trigram_pairs:
        raise MiChecksError(
            f"{len(valid)} trigrams {shape(criteria)} meet the criteria, but no two of them share {shared} without the "
            f"continuation of one being likelier than --crossed {criteria.crossed:g} after the other: relax --likely, "
            "--crossed or --least-count, or take them singly with --pair none"
        )
    return list(trigram_pairs)


def _summary(groups: list[data_rows.Group], encoded: Encoded, criteria: Criteria) -> list[str]:
    part, held_out = encoded.counted, encoded.held_out
    rows = [row for group in groups for row in group]
    lines = [
        f"{len(rows)} trigrams {shape(criteria)} in {part.size:,} tokens of {part.files:,} files; "
        f"{held_out.size:,} tokens of {held_out.files:,} files held out"
    ]
    there = [row for row in rows if row.held_out is not None]
    below = sum(row.held_out is not None and row.held_out.high < criteria.likely for row in rows)
    if held_out.size:
        short = f"of {below} the whole interval of P(c|a,b) is below {criteria.likely:g}"
        lines.append(f"held out: {len(there)} occur there; {short}")
    else:
        lines.append("nothing is held out, and so nothing tested: give more files, or raise --held-out")
    if encoded.skipped:
        files = "1 file is" if encoded.skipped == 1 else f"{encoded.skipped} files are"
        lines.append(f"{files} no UTF-8 text and passed over")
    return lines


def _check_output(output: Path) -> None:
    if output.suffix not in data_rows.FORMATS:
        raise MiChecksError(
            f"--output {str(output)!r}: its name must end with {' or '.join(data_rows.FORMATS)}"
            f"{did_you_mean(output.suffix, data_rows.FORMATS)}"
        )
    if not output.parent.is_dir():
        raise MiChecksError(f"--output {str(output)!r}: there is no folder {str(output.parent)!r}")


def _whole(wanted: str, fits: Callable[[int], bool]) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isdecimal() or not fits(int(text)):
            raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}")
        return int(text)

    return read


def _share(wanted: str, *, closed: bool) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            share = float(text)
        except ValueError:
            share = -1.0
        if not (0 <= share <= 1 if closed else 0 <= share < 1):
            raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}")
        return share

    return read
