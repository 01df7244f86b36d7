"""Files that extend others: a base's data with what the file itself says laid over it."""

from __future__ import annotations

import os
from pathlib import Path

from mi_checks.spec.beside import beside, missing
from mi_checks.spec.overlay import overlaid
from mi_checks.spec.problems import SpecError
from mi_checks.spec.words import describe
from mi_checks.spec.yaml_source import YamlSource, parse_yaml, read_text

SUFFIXES = (".yaml", ".yml")
_EXTENDS = ("extends",)
_OWN = ("name", "extends")


def with_bases(source: YamlSource, path: Path, text: str) -> tuple[YamlSource, str]:
    """A file's data over those of the files that it extends, and the texts of all, its own first.

    Raises:
        SpecError: a base is not there, is no YAML mapping, or extends what extends it.
        MiChecksError: a base cannot be read.
    """
    chain = [(source, path)]
    texts = [text]
    while "extends" in chain[-1][0].data:
        below, owner = chain[-1]
        base = _base(below, owner)
        shown = (Path(below.shown).parent / below.data["extends"]).as_posix()
        if any(base.resolve() == known.resolve() for _, known in chain):
            way = ", which extends ".join([repr(known.name) for _, known in chain] + [repr(base.name)])
            raise SpecError([below.problem(_EXTENDS, f"a file cannot extend itself: {way}")])
        texts.append(read_text(base, shown))
        chain.append((parse_yaml(texts[-1], shown, base), base))
    merged = _inherited(chain[-1][0]) if len(chain) > 1 else source
    for over, _ in reversed(chain[:-1]):
        merged = overlaid(merged, over if over is source else _inherited(over))
    names = [f"# {base.shown}, which it extends:\n" for base, _ in chain[1:]]
    whole = texts[0] + "".join(f"\n{name}{base}" for name, base in zip(names, texts[1:], strict=True))
    return merged, whole


def _base(source: YamlSource, path: Path) -> Path:
    name = source.data["extends"]
    if not isinstance(name, str) or not name:
        message = f"'extends' must be the name of a file, not {describe(name) if name != '' else 'an empty text'}"
        raise SpecError([source.problem(_EXTENDS, message)])
    found = beside(path, name)
    if isinstance(found, Path) and found.suffix not in SUFFIXES:
        found = f"{name!r} is no behaviour file; its name ends with {' or '.join(SUFFIXES)}"
    elif isinstance(found, Path) and not os.path.isfile(found):
        found = missing(found, name)
    if isinstance(found, str):
        raise SpecError([source.problem(_EXTENDS, found)])
    return found


def _inherited(base: YamlSource) -> YamlSource:
    """What others take from a base: all but its name, for each behaviour has its own, and its own base."""
    data = {key: value for key, value in base.data.items() if key not in _OWN}
    keys, values = (
        {path: position for path, position in positions.items() if path[:1] not in {(own,) for own in _OWN}}
        for positions in (base.keys, base.values)
    )
    return YamlSource(base.shown, data, keys, values, base.files)
