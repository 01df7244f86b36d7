import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mi_checks.prompts.visible import visible, visible_tokens


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (" name", "·name"),
        ("a\n b", "a⏎·b"),
        ("\t\r", "\\t\\r"),
        ("\0\x1b[31m", "\\x00\\x1b[31m"),
        ("\u202eabc", "\\u202eabc"),
        ("\ud800", "\\ud800"),
        ("\ue000", "\\ue000"),
        ("\u00a0", "\\xa0"),
        ("\U000e0041", "\\U000e0041"),
        ("日本 é", "日本·é"),
    ],
)
def test_what_does_not_show_is_shown(text: str, seen: str) -> None:
    assert visible(text) == seen


def test_tokens_are_told_apart_by_plain_spaces() -> None:
    assert visible_tokens([" a", "b", "\n"]) == "·a b ⏎"


@given(st.text(st.characters(categories=None)))
def test_no_control_character_and_no_space_is_ever_emitted(text: str) -> None:
    seen = visible(text)
    assert not [c for c in seen if unicodedata.category(c)[0] in "CZ"]
    seen.encode()
