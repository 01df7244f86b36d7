"""Variables whose rows stand in a data file: what they give, and every mistake in the file or in its naming."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mi_checks.spec.load_file import LoadedBehaviour, load_behaviour
from mi_checks.spec.problems import SpecError
from mi_checks.spec.variables import SuppliedValues

NOUNS = """\
    noun:
      values:
        - {one: " cat", many: " cats"}
        - {one: " dog", many: " dogs"}
"""
ROWS = ({"one": " cat", "many": " cats"}, {"one": " dog", "many": " dogs"})
CSV = "one,many\n cat, cats\n dog, dogs\n"


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / "behaviours" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.fixture
def load(write: Callable[[str, str | bytes], Path], valid: str, tmp_path: Path) -> Callable[..., LoadedBehaviour]:
    """Loads the valid file with its nouns from the file of that name and content."""

    def load(
        content: str | bytes | None, name: str = "nouns.csv", *, said: str = "", more: str = ""
    ) -> LoadedBehaviour:
        if content is not None:
            write(name, content)
        text = valid.replace(NOUNS, f"    noun: {{file: {said or name}{more}}}\n")
        return load_behaviour(write("x.yaml", text), tmp_path)

    return load


@pytest.fixture
def errors(load: Callable[..., LoadedBehaviour]) -> Callable[..., str]:
    def errors(*args: object, **kwargs: object) -> str:
        with pytest.raises(SpecError) as caught:
            load(*args, **kwargs)
        return str(caught.value).replace("behaviours/", "")

    return errors


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("nouns.csv", CSV),
        ("sub/nouns.csv", CSV),
        ("nouns.csv", "\ufeff" + CSV.replace("\n", "\r\n")),
        ("nouns.csv", '"one", many\n" cat"," cats"\n\n dog, dogs'),
        ("nouns.jsonl", '{"one": " cat", "many": " cats"}\n\n{"many": " dogs", "one": " dog"}\n'),
        ("nouns.jsonl", '\ufeff{"one": " cat", "many": " cats"}\r\n{"one": " dog", "many": " dogs"}'),
    ],
)
def test_rows_are_as_if_written_as_values(load: Callable[..., LoadedBehaviour], name: str, content: str) -> None:
    variable = load(content, name, more=", where: [leading_space], differs_from: pre").behaviour.prompts.variables[
        "noun"
    ]
    assert isinstance(variable, SuppliedValues)
    assert variable.values == ROWS
    assert (variable.where, variable.others) == (("leading_space",), ("pre",))
    assert variable.origin == f"the file {name!r}"


def test_a_quoted_field_may_have_a_comma_quotes_and_lines(load: Callable[..., LoadedBehaviour]) -> None:
    variable = load('one,many\n"a, ""b""\nc",d\n').behaviour.prompts.variables["noun"]
    assert isinstance(variable, SuppliedValues)
    assert variable.values == ({"one": 'a, "b"\nc', "many": "d"},)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("nuons.csv", "the file 'nuons.csv' does not exist; .csv files there: nouns.csv; did you mean 'nouns.csv'?"),
        ("nouns.jsonl", "the file 'nouns.jsonl' does not exist; its folder has no .jsonl file"),
        ("sub/nouns.csv", "the file 'sub/nouns.csv' does not exist: there is no folder 'sub'"),
        ("n" * 300 + ".csv", f"the file {'n' * 300 + '.csv'!r} does not exist; .csv files there: nouns.csv"),
        ("folder.csv", "'folder.csv' is a folder; name a file"),
        ("nouns.tsv", "'nouns.tsv' is not a data file; its name must end with .csv or .jsonl; did you mean '.csv'?"),
        ("nouns", "'nouns' is not a data file; its name must end with .csv or .jsonl"),
        ("/etc/nouns.csv", "'/etc/nouns.csv' is an absolute path; write it relative to the folder of this file"),
        ("C:/nouns.csv", "'C:/nouns.csv' is an absolute path; write it relative to the folder of this file"),
        (
            "../nouns.csv",
            "'../nouns.csv' is outside the folder of this file; move the file into it or into a folder inside it",
        ),
        (
            "a/../../nouns.csv",
            "'a/../../nouns.csv' is outside the folder of this file; move the file into it or into a folder inside it",
        ),
        ("a\\nouns.csv", "'a\\\\nouns.csv' contains a backslash; write the path with '/'"),
    ],
)
def test_wrong_names(errors: Callable[..., str], write: Callable[[str, str], Path], said: str, expected: str) -> None:
    write("folder.csv/x", "")
    assert errors(CSV, said=said) == f"x.yaml:11:18: {expected}"


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("n.csv", "", "n.csv:1:1: the file has no rows; add at least one"),
        ("n.csv", "one,many\n", "n.csv:1:1: the file has no rows; add at least one"),
        ("n.csv", "one,many\n a,b\n a\n", "n.csv:3:1: this row has 1 field, but the header has 2: one, many"),
        (
            "n.csv",
            'one,many\n"a\nb",c\n\na,b,c\n',
            "n.csv:5:1: this row has 3 fields, but the header has 2: one, many",
        ),
        (
            "n.csv",
            "one,,many\na,b,c\n",
            "n.csv:1:1: the header has no name for column 2; the first line names the columns",
        ),
        ("n.csv", "one,many, one\na,b,c\n", "n.csv:1:1: the header has the column 'one' twice"),
        ("n.csv", 'one,many\na,"b\nc,d\n', "n.csv:2:1: not valid CSV: unexpected end of data"),
        ("n.csv", 'one,many\na,"b"c\n', "n.csv:2:1: not valid CSV: ',' expected after '\"'"),
        (
            "n.csv",
            "one,many\na,b\nc,\ue001\n",
            ("n.csv:3:1: 'many' contains a character that is reserved for labels (U+E000 to U+E002); remove it"),
        ),
        ("n.csv", "one,many\na,\0\n", "n.csv:2:1: 'many' contains the character U+0000, which is not allowed in text"),
        ("n.csv", b"one,many\na,b\nc,\xff\n", "n.csv:3:3: not UTF-8: byte 0xff; save the file as UTF-8"),
        ("n.jsonl", "\n\n", "n.jsonl:1:1: the file has no rows; add at least one"),
        (
            "n.jsonl",
            '{"one": "a", "many": "b"}\n{"one": "a"}\n',
            ("n.jsonl:2:1: this row has the fields one, but the first has one, many; give every row the same fields"),
        ),
        (
            "n.jsonl",
            '{"one": "a",\n',
            "n.jsonl:1:1: not valid JSON: Expecting property name enclosed in double quotes (column 13)",
        ),
        ("n.jsonl", "[" * 100000, "n.jsonl:1:1: not valid JSON: it is nested too deeply, or a number is too large"),
        ("n.jsonl", "1" * 5000, "n.jsonl:1:1: not valid JSON: it is nested too deeply, or a number is too large"),
        (
            "n.jsonl",
            '["a"]\n',
            'n.jsonl:1:1: a row must be an object with fields, such as {"noun": "key", "verb": "is"}; it is a list',
        ),
        (
            "n.jsonl",
            "{}\n",
            'n.jsonl:1:1: a row must be an object with fields, such as {"noun": "key", "verb": "is"}; it is empty',
        ),
        ("n.jsonl", '{"one": "a", "one": "b"}\n', "n.jsonl:1:1: the field 'one' appears twice"),
        ("n.jsonl", '{"": "a"}\n', "n.jsonl:1:1: a field has no name; name it or remove it"),
        ("n.jsonl", '{"one": 1}\n', "n.jsonl:1:1: 'one' must be text, not 1; put quotes around it"),
        ("n.jsonl", '{"one": null}\n', "n.jsonl:1:1: 'one' must be text, not nothing"),
        (
            "n.jsonl",
            '{"one": "\\ud800"}\n',
            "n.jsonl:1:1: 'one' contains the character U+D800, which is not allowed in text",
        ),
    ],
)
def test_wrong_files(errors: Callable[..., str], name: str, content: str | bytes, expected: str) -> None:
    assert errors(content, name) == expected


def test_a_column_that_the_file_lacks(errors: Callable[..., str]) -> None:
    assert errors("oen,many\na,b\n") == (
        "x.yaml:13:13: 'noun' has no field 'one'; fields: oen, many; did you mean 'oen'?"
    )


def test_a_mistake_in_every_row_is_told_ten_times(errors: Callable[..., str]) -> None:
    lines = errors("one,many\n" + "a\n" * 5000).splitlines()
    assert len(lines) == 11
    assert lines[9] == "nouns.csv:11:1: this row has 1 field, but the header has 2: one, many"
    assert lines[10] == "nouns.csv:12:1: … and 4990 more mistakes in this file"


def test_a_changed_file_is_read_again(load: Callable[..., LoadedBehaviour]) -> None:
    load(CSV)
    variable = load("one,many\na,b\n").behaviour.prompts.variables["noun"]
    assert isinstance(variable, SuppliedValues)
    assert len(variable.values) == 1


@pytest.mark.parametrize("name", ["nouns.csv", "nouns.jsonl"])
def test_ten_times_the_rows_are_ten_times_the_work(load: Callable[..., LoadedBehaviour], name: str) -> None:
    """In calls of functions: how long they take is the machine's doing."""

    def calls(rows: int) -> int:
        csv = "one,many\n" + "".join(f"a{n},b{n}\n" for n in range(rows))
        jsonl = "".join(f'{{"one": "a{n}", "many": "b{n}"}}\n' for n in range(rows))
        count = 0

        def profile(frame: object, event: str, argument: object) -> None:
            nonlocal count
            count += event in ("call", "c_call")

        sys.setprofile(profile)
        try:
            load(csv if name.endswith("csv") else jsonl, name)
        finally:
            sys.setprofile(None)
        return count

    assert calls(5_000) < 11 * calls(500)
