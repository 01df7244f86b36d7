"""`mi-checks mine`: data for behaviours, found in text."""

from __future__ import annotations

import argparse
from pathlib import Path

from mi_checks.cli.shared_options import at_least, digits, number
from mi_checks.errors import MiChecksError, did_you_mean
from mi_checks.files import write_file
from mi_checks.models.model_tokenizer import load_tokenization
from mi_checks.studies.mining import mining_output
from mi_checks.studies.mining.corpus import TokenizedCorpus, find_files, tokenize_corpus
from mi_checks.studies.mining.eligible_tokens import EligibleTokens
from mi_checks.studies.mining.mining_output import no_trigram_message, trigram_form
from mi_checks.studies.mining.trigrams import (
    SharedToken,
    Trigram,
    TrigramCounter,
    TrigramCriteria,
    mine_trigrams,
    pair_trigrams,
)

DESCRIPTION = """\
Find trigrams a b → c, or skip trigrams a … b → c, in text: c is likely after a and b, and unlikely after b alone. Most
files are used to choose the trigrams; the others are held out, and P(c|a,b) in them is shown next to each trigram.
Needs about 40 bytes of memory per token of the text, whatever the vocabulary and the gap."""
PAIRS = """\
b: pairs of trigrams that share b, with columns a b c a2 c2, so that b alone favours neither c nor c2 (default);
a: pairs that share a, with columns a b c b2 c2;
none: single trigrams, with columns a b c"""


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `mine trigrams`."""
    parser = verbs.add_parser(
        "mine", help="find data for behaviours in text", description="Find data for behaviours in text."
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    defaults = TrigramCriteria()
    trigrams = actions.add_parser(
        "trigrams",
        help="find trigrams and skip trigrams",
        description=DESCRIPTION,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    add = trigrams.add_argument
    add("corpus", metavar="CORPUS", nargs="+", type=Path, help="UTF-8 text files, or folders of them")
    add(
        "--take",
        metavar="GLOB",
        action="append",
        help="which files of a folder to read, such as '**/*.py' (default: '**/*')",
    )
    add("--model", metavar="NAME", default="nano-attn-1l", help="model whose tokenizer is used (default: %(default)s)")
    add(
        "--gap",
        metavar="N",
        type=number(digits, "0, or a number from 2 to 512", lambda n: n == 0 or 2 <= n <= 512),
        default=defaults.gap,
        help="for skip trigrams, a is 2 to N tokens before b (default: 0, a directly before b)",
    )
    add(
        "--least-count",
        metavar="N",
        type=at_least(1),
        default=defaults.least_count,
        help="minimum number of occurrences of a b c (default: %(default)s)",
    )
    probability = number(float, "a probability from 0 to 1", lambda p: 0 <= p <= 1)
    add(
        "--likely",
        metavar="P",
        type=probability,
        default=defaults.likely,
        help="minimum of P(c|a,b) (default: %(default)s)",
    )
    add(
        "--unlikely",
        metavar="P",
        type=probability,
        default=defaults.unlikely,
        help="maximum of P(c|b) (default: %(default)s)",
    )
    add("--pair", choices=("b", "a", "none"), default="b", help=PAIRS)
    add(
        "--crossed",
        metavar="P",
        type=probability,
        help="for a pair, maximum probability of each continuation in the context of the other\n"
        "(default: that of --unlikely)",
    )
    add("--any-token", action="store_true", help="allow any printable tokens for a, b and c, not only letters")
    add(
        "--most",
        metavar="N",
        type=at_least(1),
        default=40,
        help="maximum number of pairs, or of trigrams with --pair none (default: %(default)s)",
    )
    add(
        "--held-out",
        metavar="FRACTION",
        type=number(float, "a fraction from 0 to below 1", lambda fraction: 0 <= fraction < 1),
        default=0.1,
        help="fraction of the files to hold out, chosen by the hash of their names (default: %(default)s)",
    )
    add(
        "--output",
        metavar="FILE",
        type=Path,
        help="write a row for each pair or trigram to a .csv or .jsonl file, which a behaviour can read",
    )
    trigrams.set_defaults(run=find_trigrams)


def find_trigrams(options: argparse.Namespace) -> None:
    """Run `mine trigrams CORPUS…`."""
    output: Path | None = options.output
    if output is not None:
        _check_output(output)
    shared: SharedToken | None = None if options.pair == "none" else options.pair
    criteria = TrigramCriteria(
        gap=options.gap,
        least_count=options.least_count,
        likely=options.likely,
        unlikely=options.unlikely,
        crossed=options.unlikely if options.crossed is None else options.crossed,
    )
    files = find_files(options.corpus, options.take or ["**/*"])
    tokenization = load_tokenization(options.model)
    encoded = tokenize_corpus(files, tokenization, held_out=options.held_out, reach=criteria.distances[-1])
    written = EligibleTokens(tokenization, gap=criteria.gap > 0, letters=not options.any_token)
    counted = TrigramCounter(encoded.counted.tokens, written.size, criteria.distances)
    held_out = TrigramCounter(encoded.held_out.tokens, written.size, criteria.distances)
    groups = mining_output.measure_rows(
        _groups(counted, criteria, written, shared)[: options.most], held_out, counted, written
    )
    print("\n".join(mining_output.trigram_table(groups, gap=criteria.gap > 0, shared=shared)))
    print("\n" + "\n".join(_summary(groups, encoded, criteria)))
    if output is not None:
        write_file(
            output,
            mining_output.data_file_text(groups, shared, output.suffix),
            "the rows",
            "name another file (--output)",
        )
        print(f"written to {output}")


def _groups(
    counted: TrigramCounter, criteria: TrigramCriteria, written: EligibleTokens, shared: SharedToken | None
) -> list[tuple[Trigram, ...]]:
    met = mine_trigrams(counted, criteria, written.masks)
    if not met:
        raise MiChecksError(no_trigram_message(counted, criteria, written))
    valid = [one for one in met if written.round_trips(one.triple)]
    if not valid:
        raise MiChecksError(
            f"{len(met)} trigrams {trigram_form(criteria)} meet the criteria, but the concatenated texts of a, b and c "
            "are never tokenized to the same tokens again; relax --likely, --unlikely or --least-count"
        )
    if shared is None:
        return [(one,) for one in sorted(valid, key=lambda one: (-one.count, one.triple))]
    trigram_pairs = pair_trigrams(valid, counted, criteria, written, shared)
    if not trigram_pairs:
        raise MiChecksError(
            f"{len(valid)} trigrams {trigram_form(criteria)} meet the criteria, but no two of them form a pair: none "
            f"share {shared}, or the continuation of one has a probability above --crossed {criteria.crossed:g} after "
            "the other; relax --likely, --crossed or --least-count, or use --pair none"
        )
    return list(trigram_pairs)


def _summary(groups: list[mining_output.RowGroup], encoded: TokenizedCorpus, criteria: TrigramCriteria) -> list[str]:
    part, held_out = encoded.counted, encoded.held_out
    rows = [row for group in groups for row in group]
    lines = [
        f"{len(rows)} trigrams {trigram_form(criteria)} in {part.size:,} tokens of {part.files:,} files; "
        f"{held_out.size:,} tokens of {held_out.files:,} files held out"
    ]
    present = [row for row in rows if row.held_out is not None]
    below = sum(row.held_out is not None and row.held_out.high < criteria.likely for row in rows)
    if held_out.size:
        short = f"for {below}, the whole interval of P(c|a,b) is below {criteria.likely:g}"
        lines.append(f"held out: {len(present)} of them occur there; {short}")
    else:
        lines.append("no file is held out, so nothing was verified; give more files, or raise --held-out")
    if encoded.skipped:
        files = "1 file is" if encoded.skipped == 1 else f"{encoded.skipped} files are"
        lines.append(f"{files} not UTF-8 text and skipped")
    return lines


def _check_output(output: Path) -> None:
    if output.suffix not in mining_output.DATA_FILE_SUFFIXES:
        raise MiChecksError(
            f"--output {str(output)!r}: its name must end with {' or '.join(mining_output.DATA_FILE_SUFFIXES)}"
            f"{did_you_mean(output.suffix, mining_output.DATA_FILE_SUFFIXES)}"
        )
    if not output.parent.is_dir():
        raise MiChecksError(
            f"--output {str(output)!r}: the folder {str(output.parent)!r} does not exist; create it or name another"
        )
