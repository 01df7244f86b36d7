"""Whatever a name holds, it stays one code span."""

import re

import pytest

from mi_checks.output.safe_text import MAX_CODE_SPAN_CHARS, code_span


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("L1H6", "`L1H6`"),
        ("a`b", "``a`b``"),
        ("`a``b`", "``` `a``b` ```"),
        ("a|b <script> [x](y) *c* \\", "`a|b <script> [x](y) *c* \\`"),
        ("a\n\n# b\r\nc\td", "`a # b c d`"),
        ("a\u202eb\x1b[0m", "`a\\u202eb\\x1b[0m`"),
        (" ", "—"),
        ("", "—"),
    ],
)
def test_it_is_written_so(text, written):
    assert code_span(text) == written


def test_long_text_is_cut():
    assert code_span("x" * 300) == f"`{'x' * MAX_CODE_SPAN_CHARS}…`"


@pytest.mark.parametrize("ticks", range(1, 6))
def test_no_run_of_backticks_closes_it_early(ticks):
    written = code_span(f"a{'`' * ticks}b")
    fence = re.match("`+", written)[0]
    assert written.endswith(fence)
    assert fence not in re.findall("`+", written[len(fence) : -len(fence)])
