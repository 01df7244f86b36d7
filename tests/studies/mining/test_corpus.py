"""Files and folders become the texts to count in and those held out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mi_checks.errors import MiChecksError
from mi_checks.studies.mining.corpus import (
    BLOCK_CHARACTERS,
    NO_TOKEN,
    CorpusFile,
    find_files,
    read_text,
    text_blocks,
    tokenize_corpus,
)


@pytest.fixture
def corpus(tmp_path):
    folder = tmp_path / "corpus"
    (folder / "deep").mkdir(parents=True)
    for number in range(40):
        (folder / "deep" / f"{number}.txt").write_text(f" word{number}\n" * 3)
    return folder


def tokens(part):
    return part.tokens[part.tokens != NO_TOKEN].tolist()


def test_what_is_held_out_is_counted_nowhere(corpus, tokenization):
    files = find_files([corpus], ["**/*.txt"])
    encoded = tokenize_corpus(files, tokenization, held_out=0.3, reach=2)
    apart = [file for file in files if file.held_out(0.3)]
    assert 0 < len(apart) < len(files) == 40
    assert (encoded.counted.files, encoded.held_out.files) == (40 - len(apart), len(apart))
    for part, own in ((encoded.held_out, apart), (encoded.counted, [f for f in files if f not in apart])):
        assert tokens(part) == [t for f in own for t in tokenization.encode(f.path.read_text())[0]]


def test_the_split_does_not_depend_on_where_the_folder_is(corpus, tmp_path):
    before = [(file.name, file.held_out(0.3)) for file in find_files([corpus], ["**/*"])]
    moved = corpus.rename(tmp_path / "elsewhere")
    assert [(file.name, file.held_out(0.3)) for file in find_files([moved], ["**/*"])] == before


def test_a_file_found_twice_is_read_once(corpus):
    found = find_files([corpus, corpus / "deep" / "1.txt"], ["**/*.txt", "deep/*"])
    assert len(found) == len({file.path.resolve() for file in found}) == 40


def test_nothing_is_counted_across_files(tokenization, corpus):
    encoded = tokenize_corpus(find_files([corpus], ["**/*"]), tokenization, held_out=0.0, reach=3)
    starts = np.flatnonzero((encoded.counted.tokens[:-1] == NO_TOKEN) & (encoded.counted.tokens[1:] != NO_TOKEN))
    assert len(starts) == 40
    assert all((encoded.counted.tokens[start - 2 : start + 1] == NO_TOKEN).all() for start in starts)


def test_files_in_a_folder_that_are_no_text_are_passed_over(corpus, tokenization):
    (corpus / "picture").write_bytes(b"\xff\xfe\x00")
    (corpus / "nul.txt").write_bytes(b"a\0b")
    encoded = tokenize_corpus(find_files([corpus], ["**/*"]), tokenization, held_out=0.0, reach=1)
    assert (encoded.skipped, encoded.counted.files) == (2, 40)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"caf\xe9", "byte 3 is invalid; convert the file"),
        (b"a\0b", "it contains the character U+0000; convert the file"),
    ],
)
def test_a_file_that_was_named_must_be_text(tmp_path, raw, why):
    path = tmp_path / "a.txt"
    path.write_bytes(raw)
    with pytest.raises(MiChecksError) as caught:
        read_text(CorpusFile(path, "a.txt", is_explicit=True))
    assert str(caught.value) == f"{path} is not UTF-8 text: {why}"


def test_line_ends_and_a_byte_order_mark_are_not_text(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfone\r\ntwo")
    assert read_text(CorpusFile(path, "a.txt", is_explicit=True)) == "one\ntwo"


@given(st.text(alphabet="a\n", max_size=50), st.integers(1, 9))
def test_blocks_are_the_text_cut_after_lines(text, size):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mi_checks.studies.mining.corpus.BLOCK_CHARACTERS", size)
        parts = list(text_blocks(text))
    assert "".join(parts) == text
    assert all(0 < len(part) <= size for part in parts)
    assert all(part.endswith("\n") or "\n" not in part for part in parts[:-1])


def test_a_long_file_is_one_file(tmp_path, tokenization):
    path = tmp_path / "long.txt"
    path.write_text("a line\n" * (BLOCK_CHARACTERS // 5))
    encoded = tokenize_corpus(find_files([path], []), tokenization, held_out=0.0, reach=1)
    assert encoded.counted.files == 1
    assert tokens(encoded.counted)[:40] == list(tokenization.encode("a line\n" * 20)[0])[:40]
    assert int((encoded.counted.tokens == NO_TOKEN).sum()) == 2
