"""YAML text → plain data with the position of every key and value.

Plain scalars are read by YAML 1.2's core schema (`core_scalars.py`), which PyYAML does not implement.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, NamedTuple

import yaml

from mi_checks.errors import MiChecksError, did_you_mean
from mi_checks.spec.core_scalars import RESOLVERS, SCALAR_READERS, kind_of
from mi_checks.spec.problems import Keys, SpecError, SpecProblem

# Values; aliases are copied wherever they are used, so a few lines of aliases could mean billions.
MAX_YAML_NODES = 100_000
MAX_YAML_DEPTH = 50  # far beyond what a behaviour needs, far below Python's recursion limit

_CORE = "tag:yaml.org,2002:"
_LINE_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")  # the line breaks of YAML
NON_TEXT_CHARACTER = re.compile("[\0\ud800-\udfff]")  # can only come from an escape such as "\ud800"


class Position(NamedTuple):
    """A line and a column, both from 1, and the file as messages give it if it is not the source's own."""

    line: int
    column: int
    file: str = ""


@dataclass(frozen=True)
class YamlSource:
    """A file's data with its positions.

    Attributes:
        display_path: the file's path as error messages give it.
        data: mappings, lists, texts, numbers, booleans and None.
        keys: the position of the key of each mapping entry.
        values: the position of each value; for an alias, the position of the anchored value.
        files: each file from which the data were read, by the path that messages give; the first is the source's own.
    """

    display_path: str
    data: dict[str, Any]
    keys: Mapping[Keys, Position] = field(repr=False)
    values: Mapping[Keys, Position] = field(repr=False)
    files: Mapping[str, Path] = field(default_factory=dict, repr=False)

    def position(self, path: Keys, *, of_key: bool = False) -> Position:
        """Return the position of a value (or of its key), or of its nearest parent if it is not in the file."""
        for length in range(len(path), -1, -1):
            for positions in (self.keys, self.values) if of_key or length < len(path) else (self.values,):
                if path[:length] in positions:
                    return positions[path[:length]]
        return Position(1, 1)

    def problem(self, path: Keys, message: str, *, of_key: bool = False) -> SpecProblem:
        """Return a mistake at a value, or at its key."""
        line, column, file = self.position(path, of_key=of_key)
        return SpecProblem(file or self.display_path, line, column, message)

    def file_of(self, path: Keys) -> Path:
        """Return the file that contains a value."""
        shown = self.position(path).file or self.display_path
        return self.files.get(shown, Path(shown))


def read_text(path: Path, shown: str) -> str:
    """Return a file's text without a byte-order mark.

    Raises:
        SpecError: the file is not UTF-8.
        MiChecksError: the file cannot be read.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise MiChecksError(f"{shown}: cannot be read: {error.strerror or error}") from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode("utf-8", errors="replace")
        message = f"not UTF-8: byte 0x{error.object[error.start]:02x}; save the file as UTF-8"
        raise SpecError([SpecProblem(shown, *_position_after(before)[:2], message)]) from None


def parse_yaml(text: str, shown: str, path: Path | None = None) -> YamlSource:
    """Return the data and positions of a YAML mapping that was read from `path`.

    Raises:
        SpecError: the text is not a valid YAML mapping; every mistake is listed.
    """
    root = _compose(text.removeprefix("\ufeff"), shown)
    if root is None:
        raise SpecError(
            [SpecProblem(shown, 1, 1, "the file is empty; it must contain a mapping such as 'name: induction'")]
        )
    builder = _Builder(shown)
    data = builder.build(root, ())
    if not isinstance(root, yaml.MappingNode):
        kind = "a list" if isinstance(root, yaml.SequenceNode) else "a single value"
        builder.wrong(root, f"the file must contain a mapping such as 'name: induction', not {kind}")
    if builder.problems:
        raise SpecError(builder.problems)
    return YamlSource(shown, data, builder.keys, builder.values, {shown: path or Path(shown)})


class _ShallowLoader(yaml.SafeLoader):
    """A loader that refuses deep nesting while composing, before PyYAML reaches the recursion limit."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # replaces those of YAML 1.1  # noqa: RUF012
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self.depth += 1
        if self.depth > MAX_YAML_DEPTH:
            # The scanner's own position is far ahead, because it looks for the colon after a key.
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem=f"nested more than {MAX_YAML_DEPTH} levels deep", problem_mark=mark)
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node


for _tag, _pattern, _first in RESOLVERS:
    _ShallowLoader.add_implicit_resolver(_tag, _pattern, _first)


def _compose(text: str, shown: str) -> yaml.Node | None:
    try:
        loader = _ShallowLoader(text)
    except yaml.reader.ReaderError as error:
        message = f"not valid YAML: the character U+{error.character:04X} is not allowed in it"
        raise SpecError([SpecProblem(shown, *_position_after(text[: error.position])[:2], message)]) from None
    try:
        node: yaml.Node | None = loader.get_single_node()
        return node
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark or loader.get_mark()
        raise SpecError([SpecProblem(shown, *_position(mark)[:2], _syntax_message(error))]) from None
    except (ValueError, OverflowError):  # PyYAML converts "\UFFFFFFFF" and %YAML 1.999… unguarded
        message = "not valid YAML: a number or a character code is too large"
        raise SpecError([SpecProblem(shown, *_position(loader.get_mark())[:2], message)]) from None
    finally:
        loader.dispose()


def _syntax_message(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or "it cannot be read"
    if "'\\t'" in problem:
        return "not valid YAML: there is a tab where only spaces are allowed; indent with spaces"
    if "but found another document" in problem:
        return "the file has more than one YAML document; a behaviour file has one, so remove the '---' here"
    return f"not valid YAML: {problem}" + (f" ({error.context})" if error.context else "")


class _Builder:
    """A constructor of data from composed nodes, like SafeConstructor, that records positions and mistakes."""

    def __init__(self, shown: str) -> None:
        self.display_path = shown
        self.keys: dict[Keys, Position] = {}
        self.values: dict[Keys, Position] = {}
        self.problems: list[SpecProblem] = []
        self._count = 0

    def wrong(self, node: yaml.Node, message: str) -> None:
        self.problems.append(SpecProblem(self.display_path, *_position(node.start_mark)[:2], message))

    def build(self, node: yaml.Node, path: Keys) -> Any:
        self._count += 1
        if self._count > MAX_YAML_NODES or len(path) > MAX_YAML_DEPTH:
            # Continuing could take for ever, so no further mistakes are reported.
            size = (
                f"more than {MAX_YAML_NODES} values"
                if self._count > MAX_YAML_NODES
                else f"nested more than {MAX_YAML_DEPTH} levels deep"
            )
            self.wrong(node, f"the file is {size} once its aliases (*name) are replaced")
            raise SpecError(self.problems)
        self.values[path] = _position(node.start_mark)
        if isinstance(node, yaml.MappingNode) and node.tag == _CORE + "map":
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == _CORE + "seq":
            return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and node.tag in SCALAR_READERS:
            return self._scalar(node)
        tag = node.tag.replace(_CORE, "!!")
        self.wrong(node, f"the tag {tag!r} is not supported; write plain text, numbers, lists and mappings")
        return None

    def _mapping(self, node: yaml.MappingNode, path: Keys) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _CORE + "merge":
                self.wrong(key_node, "merge keys ('<<') are not supported; write the keys out")
                continue
            if key_node.tag != _CORE + "str" or not isinstance(key_node, yaml.ScalarNode):
                self.wrong(key_node, _invalid_key_message(key_node))
                continue
            key = self._scalar(key_node)
            place = (*path, key)
            if key in data:
                first = self.keys[place].line
                self.wrong(key_node, f"the key {key!r} appears twice; the first is on line {first}")
                continue
            self.keys[place] = _position(key_node.start_mark)
            data[key] = self.build(value_node, place)
        return data

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        if character := NON_TEXT_CHARACTER.search(node.value):
            self.wrong(node, f"the character U+{ord(character[0]):04X} is not allowed in text; remove it")
            return ""
        try:
            return SCALAR_READERS[node.tag](node.value)
        except ValueError as error:
            self.wrong(node, str(error))
            return None


def _invalid_key_message(node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode):
        return f"the key {node.value!r} must be text, but YAML reads it as {kind_of(node.tag)}; put quotes around it"
    kind = "a list" if isinstance(node, yaml.SequenceNode) else "a mapping"
    return f"a key must be text, not {kind}; a template such as {{{{ x }}}} needs quotes around it"


def _position(mark: Any) -> Position:
    return Position(mark.line + 1, mark.column + 1)


def _position_after(before: str) -> Position:
    lines = _LINE_BREAK.split(before)
    return Position(len(lines), len(lines[-1]) + 1)


def resolve_beside(owner: Path, name: str) -> Path | str:
    """Return the path of the file `name` in the folder of `owner`, or a message that says why it is not allowed."""
    if PurePosixPath(name).is_absolute() or PureWindowsPath(name).anchor:
        return f"{name!r} is an absolute path; write it relative to the folder of this file"
    if "\\" in name:
        return f"{name!r} contains a backslash; write the path with '/'"
    depth = 0
    for part in PurePosixPath(name).parts:
        depth += -1 if part == ".." else 1
        if depth < 0:
            return f"{name!r} is outside the folder of this file; move the file into it or into a folder inside it"
    return owner.parent / name


def missing_file_message(path: Path, name: str) -> str:
    """Return the message for a file that does not exist, with the files of the same suffix in its folder."""
    if os.path.isdir(path):
        return f"{name!r} is a folder; name a file"
    if not os.path.isdir(path.parent):
        return f"the file {name!r} does not exist: there is no folder {PurePosixPath(name).parent.as_posix()!r}"
    others = sorted(file.name for file in path.parent.iterdir() if file.suffix == path.suffix and file.is_file())
    known = f"; {path.suffix} files there: {', '.join(others)}" if others else f"; its folder has no {path.suffix} file"
    return f"the file {name!r} does not exist{known}{did_you_mean(path.name, others)}"
