"""A behaviour file → a validated `Behaviour` that still knows its lines."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from mi_checks.spec.behaviour import Behaviour
from mi_checks.spec.crossrefs import crossref_problems
from mi_checks.spec.problems import SpecError
from mi_checks.spec.shape_errors import shape_problems
from mi_checks.spec.yaml_source import Keys, YamlSource, parse_yaml, read_text


@dataclass(frozen=True)
class LoadedBehaviour:
    """A valid behaviour and where it was read.

    Attributes:
        path: the file.
        text: the file as written.
        source: its data and positions; `source.shown` is the path as messages give it.
    """

    behaviour: Behaviour
    path: Path
    text: str
    source: YamlSource = field(repr=False)

    def line_of(self, path: Keys) -> int:
        """The line of a key, or of an item of a list; for what is not written down, of its nearest parent."""
        return self.source.position(path, of_key=True).line

    def check_line(self, index: int) -> int:
        """The line of an entry of `checks`."""
        return self.line_of(("checks", index))


def load_behaviour(path: Path, root: Path | None = None) -> LoadedBehaviour:
    """Read and validate a file; SpecError tells all that is wrong with it, with paths relative to `root`."""
    shown = shown_path(path, root)
    text = read_text(path, shown)
    source = parse_yaml(text, shown)
    return LoadedBehaviour(validate(source), path, text, source)


def validate(source: YamlSource) -> Behaviour:
    """The behaviour in a parsed file. References are looked at once the shape is right: before, they mean nothing."""
    try:
        # The file says `with` and `from`; `with_` and `from_` are for Python only.
        behaviour = Behaviour.model_validate(source.data, by_alias=True, by_name=False)
        errors = []
    except ValidationError as error:
        errors = error.errors(include_url=False)
    problems = shape_problems(source, errors) or crossref_problems(source, behaviour)
    if problems:
        raise SpecError(problems)
    return behaviour


def shown_path(path: Path, root: Path | None) -> str:
    """The path as messages give it: relative to `root` where it lies below it, with forward slashes."""
    if root is not None and path.absolute().is_relative_to(root.absolute()):
        path = path.absolute().relative_to(root.absolute())
    return path.as_posix()
