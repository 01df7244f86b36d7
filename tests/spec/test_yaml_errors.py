"""Files that are not the YAML a behaviour is written in."""

from __future__ import annotations

from pathlib import Path

import pytest

from mi_checks.errors import MiChecksError
from mi_checks.spec.problems import SpecError
from mi_checks.spec.yaml_source import parse_yaml, read_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "x:1:1: the file is empty; it must contain a mapping such as 'name: induction'"),
        ("# nothing\n", "x:1:1: the file is empty; it must contain a mapping such as 'name: induction'"),
        ("- a\n", "x:1:1: the file must contain a mapping such as 'name: induction', not a list"),
        ("3\n", "x:1:1: the file must contain a mapping such as 'name: induction', not a single value"),
        ("a: 1\na: 2\n", "x:2:1: the key 'a' appears twice; the first is on line 1"),
        (
            "a: [1\n",
            ("x:2:1: not valid YAML: expected ',' or ']', but got '<stream end>' (while parsing a flow sequence)"),
        ),
        ("a:\n\t- b\n", ("x:2:1: not valid YAML: there is a tab where only spaces are allowed; indent with spaces")),
        ("\ta: 1\n", ("x:1:1: not valid YAML: there is a tab where only spaces are allowed; indent with spaces")),
        (
            "a: 1\n---\nb: 2\n",
            ("x:2:1: the file has more than one YAML document; a behaviour file has one, so remove the '---' here"),
        ),
        ("1: a\n", "x:1:1: the key '1' must be text, but YAML reads it as a number; put quotes around it"),
        ("true: a\n", ("x:1:1: the key 'true' must be text, but YAML reads it as true or false; put quotes around it")),
        ("? [a]\n: b\n", "x:1:3: a key must be text, not a list; a template such as {{ x }} needs quotes around it"),
        (
            "answer: {{ B }}\n",
            "x:1:10: a key must be text, not a mapping; a template such as {{ x }} needs quotes around it",
        ),
        (
            "a: !!python/object:os.system x\n",
            (
                "x:1:4: the tag '!!python/object:os.system' is not supported; write plain text, numbers, lists "
                "and mappings"
            ),
        ),
        ("a: !x y\n", "x:1:4: the tag '!x' is not supported; write plain text, numbers, lists and mappings"),
        ("a: !!set {b}\n", "x:1:4: the tag '!!set' is not supported; write plain text, numbers, lists and mappings"),
        ("a: &x 1\n<<: *x\n", "x:2:1: merge keys ('<<') are not supported; write the keys out"),
        ("a: *x\n", "x:1:4: not valid YAML: found undefined alias 'x'"),
        (
            'a: "\\ud800"\n',
            "x:1:4: the character U+D800 is not allowed in text; remove it",
        ),
        ('a: "\\UFFFFFFFF"\n', "x:1:7: not valid YAML: a number or a character code is too large"),
        ("a: \x07\n", "x:1:4: not valid YAML: the character U+0007 is not allowed in it"),
        ('"\\0": b\n', "x:1:1: the character U+0000 is not allowed in text; remove it"),
        ("a: !!int x\n", "x:1:4: 'x' cannot be read as a number; put quotes around it if it is text"),
        ("a: &a [*a]\n", ("x:1:4: the file is nested more than 50 levels deep once its aliases (*name) are replaced")),
        (
            "a: @b\n",
            (
                "x:1:4: not valid YAML: found character '@' that cannot start any token (while scanning for the "
                "next token)"
            ),
        ),
        ("a: 'b\n", "x:2:1: not valid YAML: found unexpected end of stream (while scanning a quoted scalar)"),
        ("a: b: c\n", "x:1:5: not valid YAML: mapping values are not allowed here"),
        (
            "a: = \n%",
            (
                "x:2:2: not valid YAML: expected alphabetic or numeric character, but found '\\x00' (while "
                "scanning a directive)"
            ),
        ),
    ],
)
def test_error_text(text: str, expected: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_yaml(text, "x")
    assert str(caught.value) == expected


def test_deep_nesting() -> None:
    with pytest.raises(SpecError) as caught:
        parse_yaml("a: " + "[" * 5000, "x")
    assert str(caught.value) == "x:1:53: not valid YAML: nested more than 50 levels deep"


def test_number_too_long_to_read() -> None:
    with pytest.raises(SpecError) as caught:
        parse_yaml("a: " + "9" * 5000, "x")
    expected = f"x:1:4: '{'9' * 40}' cannot be read as a number; put quotes around it if it is text"
    assert str(caught.value) == expected


def test_aliases_that_multiply() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(SpecError, match=r"x:1:\d+: the file is more than 100000 values once its aliases"):
        parse_yaml("\n".join(lines), "x")


def test_not_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"name: a\nsummary: caf\xe9\n")
    with pytest.raises(SpecError) as caught:
        read_text(path, "x")
    assert str(caught.value) == "x:2:13: not UTF-8: byte 0xe9; save the file as UTF-8"


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(MiChecksError) as caught:
        read_text(tmp_path / "x.yaml", "behaviours/x.yaml")
    assert str(caught.value) == "behaviours/x.yaml: cannot be read: No such file or directory"
