"""Names are read from the syntax trees of the corpus, not from its text."""

from training.code_names import argument_names, file_names

CODE = '''\
def load(path, mode, maxSize, n):
    """Not a name: docstring."""
    self.total = mode
    with open(path) as handle, codecs.open(path) as fh, lock as held, Path(path).open() as F:
        return handle.read(fh)
'''


def test_names_of_arguments_and_attributes_in_five_files(tmp_path):
    for number in range(5):
        (tmp_path / f"{number}.txt").write_text(CODE if number else CODE.replace("mode", "kind"))
    (tmp_path / "broken.txt").write_text("def (")
    assert argument_names(tmp_path) == ["path", "total"]


def test_names_of_files(tmp_path):
    (tmp_path / "a.txt").write_text(CODE)
    assert file_names(tmp_path) == ["fh", "handle"]
