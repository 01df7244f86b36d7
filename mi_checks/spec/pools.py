"""The lists of values shipped with the package: one text file each, one value per line, `#` for comments."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from mi_checks.errors import MiChecksError, did_you_mean

_SUFFIX = ".txt"


@cache
def pool_names() -> tuple[str, ...]:
    """Return the names of all pools, sorted."""
    entries = (files(__package__) / "pools").iterdir()
    return tuple(sorted(entry.name.removesuffix(_SUFFIX) for entry in entries if entry.name.endswith(_SUFFIX)))


@cache
def pool(name: str) -> tuple[str, ...]:
    """Return a pool's values, in the file's order.

    Raises:
        MiChecksError: there is no pool with that name.
    """
    known = pool_names()
    if name not in known:
        raise MiChecksError(f"no pool named {name!r}{did_you_mean(name, known)} (pools: {', '.join(known)})")
    text = (files(__package__) / "pools" / f"{name}{_SUFFIX}").read_text("utf-8")
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return tuple(line for line in lines if line)
