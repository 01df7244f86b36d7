"""What is found, as text to the letter, as Markdown, JSON and a page."""

import json
import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from mi_checks.errors import MiChecksError
from mi_checks.studies.emergence import emergence_formats, emergence_page, emergence_text
from mi_checks.studies.emergence.appearance import method_text
from mi_checks.studies.emergence.emergence_formats import format_of, write_emergence
from mi_checks.studies.emergence.emergence_results import Emergence
from tests.studies.emergence.curves import curve, small


def test_the_whole_answer():
    assert emergence_text.text_lines(small(), 100) == [
        "nano-attn-2l at 5 checkpoints of its training: steps 200, 400, 500, 650, 1200",
        "",
        "behaviour          appears                                                 200    400   500   650  1200",
        "Δ bracket          between 200 and 400, gone between 500 and 650  ▁██▁▁   0.10   4.00  3.80  0.20  0.10",
        "induction_circuit  between 400 and 650                            ▁▁▄▇█  −0.10   0.10  3.00  5.50  6.00",
        "quote (nats)       from the start                                 ▇▇▇██   5.00   5.50  5.20  6.00  5.80",
        "docstring          does not appear                                ▁▁▁▁▁   0.02  −0.01  0.00  0.01  0.02",
        "docstring: does not appear, not significantly above zero at any checkpoint",
        "",
        "role                  forms                       200          400          500          650          1200",
        "previous_token ≥ 0.4  between 200 and 400  ▂▅▇▇█  "
        "≠ L1H4 0.10  ✓ L0H3 0.50  ✓ L0H3 0.90  ✓ L0H3 0.90  ✓ L0H3 1.00",
        "induction ≥ 0.4       between 400 and 500  ▂▃▇██  "
        "≠ L1H4 0.10  L0H3 0.20    ✓ L0H3 0.80  ✓ L0H3 0.90  ✓ L0H3 0.90",
        "",
        "previous_token forms before induction_circuit (between 200 and 400; between 400 and 650)",
        "induction forms before or with induction_circuit (between 400 and 500; between 400 and 650)",
        "",
        "long at 200",
        "  only 3 prompts are left",
        "",
        "Not measured, because they claim nothing about nano-attn-2l: capital.",
        "",
        *emergence_text._wrapped(emergence_text.EFFECT_NOTE, 100),
        *emergence_text._wrapped(emergence_text.ROLE_NOTE, 100),
        *emergence_text._wrapped(method_text(48), 100),
    ]


def test_intervals_stand_where_they_fit():
    (line,) = [line for line in emergence_text.text_lines(small(), 200) if line.startswith("induction_circuit ")]
    assert re.search(r"  ▁▁▄▇█  −0\.10 \[−0\.\d\d, −?0\.\d\d\]  0\.10 \[", line)


def test_what_may_have_been_there_from_the_start_is_told_so():
    found = small().series_results[0].appearances[0]
    unsure = replace(found, appears=replace(found.appears, after=None))
    assert emergence_text.appearance_text(unsure, small().series_results[0].series) == "by 650, or from the start"


def test_markdown_has_every_effect_with_its_interval():
    lines = emergence_text.markdown_lines(small())
    assert "| behaviour | appears |  | 200 | 400 | 500 | 650 | 1200 |" in lines
    (row,) = [line for line in lines if line.startswith("| induction_circuit ")]
    assert row.count("[") == 5
    assert "- previous_token forms before induction_circuit (between 200 and 400; between 400 and 650)" in lines
    assert "- docstring: does not appear, not significantly above zero at any checkpoint" in lines
    assert "- long at 200: only 3 prompts are left" in lines


def test_json_is_complete_and_the_same_again():
    told = emergence_formats.emergence_json(small())
    assert told == emergence_formats.emergence_json(small())
    data = json.loads(told)
    assert (data["tests"], len(data["series"])) == (48, 1)
    (series,) = data["series"]
    assert series["checkpoints"][0] == {"model": "nano-attn-2l@200", "label": "200", "step": 200}
    assert {each["behaviour"]: (each["verdict"], each["appears"], each["goes"]) for each in series["behaviours"]} == {
        "bracket": ("appears", {"after": "200", "by": "400"}, {"after": "500", "by": "650"}),
        "induction_circuit": ("appears", {"after": "400", "by": "650"}, None),
        "quote": ("from the start", {"after": None, "by": "200"}, None),
        "docstring": ("does not appear", None, None),
    }
    point = series["behaviours"][0]["checkpoints"][1]
    assert point["label"] == "400"
    assert point["estimate"]["value"] == pytest.approx(4.0)
    assert point["p_holm"]["first"] < 0.001
    (before, _) = series["roles"]
    assert before["forms"] == {"after": "200", "by": "400"}
    assert before["checkpoints"][0] == {
        "label": "200", "node": "L1H4", "score": 0.1, "bound": {}, "carries_at_end": False,
    }  # fmt: skip
    assert series["order"][0] == {"behaviour": "induction_circuit", "role": "previous_token", "forms": "before"}
    assert series["left_out"] == ["capital"]
    assert series["unmeasured"] == [
        {"what": "long", "checkpoint": "200", "reason": "only 3 prompts are left", "skipped": True}
    ]


def charts(document):
    return [ElementTree.fromstring(svg) for svg in re.findall(r'<svg class="cv".*?</svg>', document, re.DOTALL)]  # noqa: S314


def test_the_page_draws_every_curve_with_its_words():
    drawn = charts(emergence_page.render_page(small()))
    assert len(drawn) == 6
    assert [svg.find("title").text for svg in drawn][:3] == [
        "role previous_token on nano-attn-2l: between 200 and 400",
        "role induction on nano-attn-2l: between 400 and 500",
        "Δ bracket on nano-attn-2l: between 200 and 400, gone between 500 and 650",
    ]
    for svg in drawn:
        assert svg.find("desc").text
        for circle in svg.iter("circle"):
            assert 40 <= float(circle.get("cx")) <= 284
            assert 10 <= float(circle.get("cy")) <= 112
    bracket = drawn[2]
    heights = [float(circle.get("cy")) for circle in bracket.iter("circle")]
    assert heights[1] < heights[2] < heights[3]  # higher values are drawn higher
    assert [len(circle.attrib.get("class", "")) > 0 for circle in bracket.iter("circle")] == [
        False, True, True, False, False,
    ]  # fmt: skip
    first, second = bracket.findall("rect")
    assert float(first.get("x")) < float(second.get("x"))  # where it appears, and where it disappears
    assert [svg.find("rect") is None for svg in drawn] == [False] * 5 + [True]


def test_every_value_of_the_page_stands_in_a_table():
    document = emergence_page.render_page(small())
    assert document.count('<details class="twin">') == 6
    for each in small().series_results[0].appearances:
        for place in range(5):
            assert f"<td>{emergence_text.effect_text(each, place, interval=True)}</td>" in document


def test_the_page_loads_and_runs_nothing():
    document = emergence_page.render_page(small())
    assert "default-src 'none'" in document
    assert "<script" not in document
    assert "prefers-color-scheme:dark" in document
    assert set(re.findall(r'(?:href|src)="([^#"][^"]*)"', document)) == {"data:,"}
    anchors = set(re.findall(r'id="([^"]+)"', document))
    assert set(re.findall(r'href="#([^"]+)"', document)) <= anchors


def test_what_names_hold_is_shown_and_not_obeyed():
    emergence = small()
    (result,) = emergence.series_results
    curves = replace(result.appearances[0], curve=curve([0, 0, 1, 2, 3], "<script>alert(1)</script>"))
    document = emergence_page.render_page(Emergence((replace(result, appearances=(curves,)),), 1))
    assert "<script" not in document
    assert "&lt;script&gt;alert(1)" in document


def test_labels_that_would_run_into_each_other_are_left_out():
    series = replace(small().series_results[0].series, steps=(200, 201, 202, 203, 1200))
    emergence = Emergence((replace(small().series_results[0], series=series),), 1)
    assert [tick.text for tick in charts(emergence_page.render_page(emergence))[0].iter("text")][:2] == ["200", "1200"]


@pytest.mark.parametrize("name", ["page.html", "page.md", "page.json", "page.txt"])
def test_a_file_is_written_as_its_name_says(tmp_path, name):
    write_emergence(small(), tmp_path / "deep" / name, 100)
    begun = {"html": "<!doctype html>", "md": "nano-attn-2l at", "json": "{\n", "txt": "nano-attn-2l at"}
    assert (tmp_path / "deep" / name).read_text().lstrip().startswith(begun[name.partition(".")[2]])


def test_a_file_of_another_kind(tmp_path):
    with pytest.raises(MiChecksError) as caught:
        format_of(tmp_path / "page.htm")
    assert str(caught.value).endswith(
        "page.htm': its name must end with .html, .md, .json, .txt; did you mean '.html'?"
    )


def test_a_file_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(
        MiChecksError, match=r"cannot write the emergence to .*page\.md: .*; name another file \(--output\)$"
    ):
        write_emergence(small(), tmp_path / "file" / "page.md", 100)
