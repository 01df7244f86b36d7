"""A field-by-field comparison of two runs of the same suite, for code changes that must not change a number.

`python benchmarks/same_run.py before.json after.json` prints each field in which they differ, with an example, and
exits with 1 if there is one. Times, versions and the command are ignored, and so is the order of results, which depends
on workers. A run of an older schema is upgraded first. Numbers are compared within a tolerance, because matrix products
round differently with another number of threads. `--ignore-words` leaves out fields that hold sentences, for changes
that only reword them.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mi_checks.results.read_run import read_run
from mi_checks.results.write_run import run_text

IGNORED_FIELDS = frozenset({"seconds", "started", "command", "versions", "schema_version"})
WORDS = frozenset({"message", "detail", "reason", "claim", "title", "about", "omitted", "yaml", "mutation", "name"})
KEYS = {
    "results": ("node_id",),
    "evidence": ("behaviour", "model"),
    "mutants": ("node_id",),
    "lints": ("behaviour", "model", "kind", "check"),
}
RELATIVE_TOLERANCE, ABSOLUTE_TOLERANCE = 1e-4, 1e-5


def differences(
    before: Any, after: Any, ignored: frozenset[str] = IGNORED_FIELDS, path: str = ""
) -> Iterator[tuple[str, Any, Any]]:
    """Yield the path and both values wherever two pieces of JSON differ, except in ignored fields."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            if key in ignored:
                continue
            if key not in before or key not in after:
                yield f"{path}.{key}", before.get(key, "absent"), after.get(key, "absent")
            else:
                one, other = (
                    (before[key], after[key]) if path else (with_keys(key, before[key]), with_keys(key, after[key]))
                )
                yield from differences(one, other, ignored, f"{path}.{key}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for one, other in zip(before, after, strict=True):
            yield from differences(one, other, ignored, f"{path}[]")
    elif not are_equal(before, after):
        yield path, before, after


def with_keys(name: str, value: Any) -> Any:
    """Return a list of records as a map from their identifying fields, which ignores their order."""
    if name not in KEYS or not isinstance(value, list):
        return value
    return {" ".join(str(each[part]) for part in KEYS[name]): each for each in value}


def are_equal(before: Any, after: Any) -> bool:
    """Return whether two leaves are equal, with numbers compared within the tolerance."""
    numbers = (int, float)
    if isinstance(before, numbers) and isinstance(after, numbers) and not isinstance(before, bool):
        return math.isclose(before, after, rel_tol=RELATIVE_TOLERANCE, abs_tol=ABSOLUTE_TOLERANCE)
    return bool(before == after)


def main() -> int:
    """Compare the runs on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--ignore-words", action="store_true", help="leave out fields that hold sentences")
    options = parser.parse_args()
    before, after = (json.loads(run_text(read_run(path))) for path in (options.before, options.after))
    ignored = IGNORED_FIELDS | WORDS if options.ignore_words else IGNORED_FIELDS
    changes = list(differences(before, after, ignored))
    fields = Counter(path.rpartition(".")[2] for path, _, _ in changes)
    for field, count in fields.most_common():
        path, one, other = next(each for each in changes if each[0].rpartition(".")[2] == field)
        print(f"{count:6} × {field}, such as {path}: {str(one)[:300]} → {str(other)[:300]}")
    results = len(before.get("results", ()))
    print(f"{results} results and {len(before.get('evidence', ()))} pieces of evidence: {len(changes)} fields differ")
    return 1 if changes else 0


if __name__ == "__main__":
    sys.exit(main())
