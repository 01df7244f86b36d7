"""One broken part of a model fails many checks: they stand under it, each told briefly."""

import re

import pytest

from tests.plugin.test_baselines import recorded  # noqa: F401  # a fixture

SECTION = "failures by behaviour and model"


@pytest.fixture
def broken(recorded, folder):  # noqa: F811
    """A run on a model with one head zeroed, of whose behaviour a baseline is recorded."""
    model = f"nano-attn-2l={folder(zero_heads=[(1, 2)])}"
    return lambda *options: recorded.run("--mi-model", model, *options)


def messages(output):
    """What pytest printed of each failed item."""
    part = output[output.index("= FAILURES =") : output.index(SECTION)]
    return re.split(r"\n_+ \S+ _+\n", part)[1:]


def test_case_29_failures_of_one_cause_are_gathered_under_it(broken):
    result = broken()
    failed = result.parseoutcomes()["failed"]
    assert failed >= 4
    output = result.stdout.str()
    found = messages(output)
    assert len(found) == failed
    assert max(len(message.rstrip("=\n").splitlines()) for message in found) <= 12
    section = output[output.index(SECTION) : output.index("Full messages are in reports/report.html")]
    lines = section.splitlines()
    assert lines[1] == f"ab on nano-attn-2l: {failed} of 6 checks did not pass"
    assert lines[2] == "  likely cause  L1H2 no longer mediates (baseline)"
    assert lines[3].startswith("  may follow    logit_diff, ")
    assert len(lines) <= 15
    assert re.search(
        r"\n    clean       \S*(·\w+)+\n    corrupt     \S*(·\w+)+\n    answer      ·\w+, foil ·\w+; ", section
    )
    assert output.count("worst prompt") == 1
    assert "worst of" not in output
    assert "mediators found" not in output


def test_case_29_with_vv_every_message_is_there_in_full(broken):
    output = broken("-vv").stdout.str()
    assert output.count("  worst of 64 prompts: ") >= 3
    assert output.count("  measured  ") >= 3


def test_case_29_the_report_has_them_under_the_cause_in_full(broken, recorded):  # noqa: F811
    failed = broken().parseoutcomes()["failed"]
    page = (recorded.path / "reports/report.html").read_text(encoding="utf-8")
    problems = page[page.index('id="problems"') : page.index('class="matrix')]
    assert problems.count('class="cause"') == 1
    assert f"{failed} failures, likely cause: L1H2 no longer mediates (baseline)" in problems
    first = problems.index('<p class="what">')
    assert problems.index('class="cause"') < first < problems.index(">baseline<") < problems.index(">logit_diff<")
    assert problems.count("worst of 64 prompts: ") >= 3


def test_case_29_no_section_where_all_pass_or_without_tracebacks(broken, recorded):  # noqa: F811
    assert SECTION not in recorded.run("-k", "nano-attn-2l").stdout.str()
    assert SECTION not in broken("--tb=no").stdout.str()


def test_case_29_workers_tell_the_same(broken):
    pytest.importorskip("xdist")
    output = broken("-n", "1").stdout.str()
    assert output.count(SECTION) == 1
    assert "  likely cause  L1H2 no longer mediates (baseline)" in output
    assert output.count("worst prompt") == 1
