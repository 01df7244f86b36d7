"""Digests of source files, library versions and plain data, which cache keys are made of. Light to import."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[1]


@cache
def code_digest(sources: tuple[str, ...], libraries: tuple[str, ...]) -> str:
    """Return the sha256 of some source files of this package, including word lists, and of library versions.

    Args:
        sources: folders or files, relative to the package.
        libraries: names of distributions.

    Raises:
        LookupError: a source does not exist. After a rename nothing would be hashed, and results of other code would
            be taken for results of the current code.
    """
    missing = [source for source in sources if not (PACKAGE / source).exists()]
    if missing:
        raise LookupError(f"a cache key names source files that do not exist in mi_checks: {', '.join(missing)}")
    paths = [path for source in sources for path in (PACKAGE / source, *(PACKAGE / source).rglob("*"))]
    files = sorted(path for path in paths if path.is_file() and "__pycache__" not in path.parts)
    digests = [(path.relative_to(PACKAGE).as_posix(), hashlib.sha256(path.read_bytes()).hexdigest()) for path in files]
    return data_sha256([digests, {name: importlib.metadata.version(name) for name in libraries}])


def data_sha256(data: object) -> str:
    """Return the sha256 of data that JSON can represent; the order of keys does not matter."""
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()
