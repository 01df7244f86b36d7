"""Inheritance from a parent file (`extends`): the parent's data, overridden by the file's own."""

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
_NOT_INHERITED = ("name", "extends")


def with_bases(source: YamlSource, path: Path, text: str) -> tuple[YamlSource, str]:
    """Return a file's data merged over those of its parent files, and the texts of all files, the file's own first.

    Raises:
        SpecError: a parent file does not exist, is not a YAML mapping, or extends a file that extends it.
        MiChecksError: a parent file cannot be read.
    """
    chain = [(source, path)]
    texts = [text]
    while "extends" in chain[-1][0].data:
        below, owner = chain[-1]
        parent = _parent(below, owner)
        shown = (Path(below.shown).parent / below.data["extends"]).as_posix()
        if any(parent.resolve() == known.resolve() for _, known in chain):
            way = ", which extends ".join([repr(known.name) for _, known in chain] + [repr(parent.name)])
            raise SpecError([below.problem(_EXTENDS, f"a file cannot extend itself: {way}")])
        texts.append(read_text(parent, shown))
        chain.append((parse_yaml(texts[-1], shown, parent), parent))
    merged = _inherited(chain[-1][0]) if len(chain) > 1 else source
    for over, _ in reversed(chain[:-1]):
        merged = overlaid(merged, over if over is source else _inherited(over))
    names = [f"# {parent.shown}, which it extends:\n" for parent, _ in chain[1:]]
    whole = texts[0] + "".join(f"\n{name}{parent_text}" for name, parent_text in zip(names, texts[1:], strict=True))
    return merged, whole


def _parent(source: YamlSource, path: Path) -> Path:
    name = source.data["extends"]
    if not isinstance(name, str) or not name:
        message = f"'extends' must be the name of a file, not {describe(name) if name != '' else 'an empty text'}"
        raise SpecError([source.problem(_EXTENDS, message)])
    parent = beside(path, name)
    if isinstance(parent, Path) and parent.suffix not in SUFFIXES:
        parent = f"{name!r} is no behaviour file; its name ends with {' or '.join(SUFFIXES)}"
    elif isinstance(parent, Path) and not os.path.isfile(parent):
        parent = missing(parent, name)
    if isinstance(parent, str):
        raise SpecError([source.problem(_EXTENDS, parent)])
    return parent


def _inherited(parent: YamlSource) -> YamlSource:
    """Return what other files inherit from a parent file: everything except its name and its own `extends`."""
    data = {key: value for key, value in parent.data.items() if key not in _NOT_INHERITED}
    keys, values = (
        {path: position for path, position in positions.items() if path[:1] not in {(own,) for own in _NOT_INHERITED}}
        for positions in (parent.keys, parent.values)
    )
    return YamlSource(parent.shown, data, keys, values, parent.files)
