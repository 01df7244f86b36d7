import pytest

from mi_checks.errors import MiChecksError
from mi_checks.prompts.render import LabelledText, parse_labels
from mi_checks.spec.template import MARK_CLOSE, MARK_OPEN, mark


def test_marks_become_spans_of_the_text_without_them() -> None:
    assert parse_labels(f"a{mark(' bc', 'X')}d{mark('é', 'Y')}") == LabelledText("a bcdé", {"X": (1, 4), "Y": (5, 6)})


def test_one_label_may_enclose_another() -> None:
    assert parse_labels(mark(f"a{mark('b', 'in')}c", "out")) == LabelledText("abc", {"in": (1, 2), "out": (0, 3)})


@pytest.mark.parametrize(
    ("rendered", "message"),
    [
        (mark("", "X"), "label 'X' covers no text: its expression is empty in this prompt"),
        (mark("a", "X") + mark("b", "X"), "label 'X' is used twice in one prompt; give each place its own label"),
        (mark("a", "END"), "label 'END' is reserved for the last token of every prompt; choose another name"),
        *(
            (broken, "a label's marks are broken: in `{{ x | at('label') }}`, `at` must be the last filter")
            for broken in (mark("a", "X")[:-1], mark("a", "X")[1:], f"{MARK_OPEN}X", MARK_CLOSE, mark("a", "X Y"))
        ),
    ],
)
def test_labels_that_do_not_work_out(rendered: str, message: str) -> None:
    with pytest.raises(MiChecksError) as caught:
        parse_labels(rendered)
    assert str(caught.value) == message
