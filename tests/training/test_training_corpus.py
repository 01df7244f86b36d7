import pytest

from training.corpus import Document, write_text


def document(name, text, held_out=False):
    return Document("code", "pkg", f"pkg/{name}", text, held_out)


def test_what_no_model_was_trained_on_is_apart(tmp_path):
    documents = [document("a.py", "a = 1\n"), document("sub/b.py", "b\n"), document("c.gz#32768", "c\n", held_out=True)]
    assert write_text(documents, tmp_path / "text") == f"{tmp_path / 'text'}: 2 documents, and 1 held out"
    found = {path.relative_to(tmp_path).as_posix(): path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {
        "text/train/code/pkg/a.py.txt": "a = 1\n",
        "text/train/code/pkg/sub-b.py.txt": "b\n",
        "text/held_out/code/pkg/c.gz-32768.txt": "c\n",
    }


def test_no_document_is_written_over_another(tmp_path):
    with pytest.raises(AssertionError, match=r"two documents are called .*a-b.txt"):
        write_text([document("a/b", "one"), document("a b", "other")], tmp_path / "text")
    assert not (tmp_path / "text").exists()
