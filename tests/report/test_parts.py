"""The parts of the page, before they are drawn."""

from __future__ import annotations

import re
from dataclasses import replace
from importlib import resources

import numpy as np
import pytest

from mi_checks.output import numbers
from mi_checks.output.safe_text import escaped, token_chip
from mi_checks.report import heatmap
from mi_checks.report.axis import fit
from mi_checks.report.behaviour_results import model_names, results_by_behaviour
from mi_checks.report.behaviour_section import behaviour_section
from mi_checks.report.heatmap import heatmap_view
from mi_checks.report.interval_charts import IntervalChart, interval_chart
from mi_checks.report.neighbour_comparisons import neighbour_comparisons
from mi_checks.report.problem_list import problem_list
from mi_checks.report.prompt_pairs import prompt_pair_view
from mi_checks.report.report_header import report_header
from mi_checks.report.single_page import render
from mi_checks.report.verdict_matrix import verdict_matrix
from mi_checks.results.evidence import Heatmap, Rank
from mi_checks.results.run import NO_LINE, CheckResult, FileLine, Lint, Run
from mi_checks.stats.estimate import Estimate, Parts
from mi_checks.stats.intervals import mean_interval
from mi_checks.stats.sampling import independent


def find(run: Run, behaviour: str, model: str, check: str) -> CheckResult:
    return next(r for r in run.results if (r.behaviour, r.model, r.check) == (behaviour, model, check))


def test_the_matrix_says_each_verdict_in_words(run: Run) -> None:
    rows = {row.behaviour: dict(row.cells) for row in verdict_matrix(results_by_behaviour(run), model_names(run))}
    words = {b: [cell.verdict.word if cell else None for cell in cells.values()] for b, cells in rows.items()}
    assert words == {
        "induction": ["absent", "pass", "fail", "pass"],
        "ioi": ["absent", "inconclusive", "pass", "error"],
        "greater_than": ["absent", "pass", "pass", None],
    }
    cell = rows["induction"]["nano-gelu-2l"]
    assert cell is not None
    assert (cell.n_passed, cell.n_checks) == (5, 6)
    assert re.fullmatch(r"\d\.\d\d", cell.effect)


def test_a_cell_shows_what_the_first_logit_diff_measures(run: Run) -> None:
    """Against the corrupt prompts where the check says so: a ✓ above a clean logit difference below zero misleads."""
    row = next(
        row for row in verdict_matrix(results_by_behaviour(run), model_names(run)) if row.behaviour == "greater_than"
    )
    found = next(e for e in run.evidence if (e.behaviour, e.model) == ("greater_than", "nano-attn-2l"))
    cell = dict(row.cells)["nano-attn-2l"]
    assert cell is not None
    assert (cell.effect, cell.interval) == (
        numbers.value(found.effect.estimate),
        numbers.interval(found.effect.estimate),
    )
    assert cell.effect != numbers.value(found.logit_diff)
    assert row.measure == "clean − corrupt"
    assert [row.measure for row in verdict_matrix(results_by_behaviour(run), model_names(run))].count("") == 2


def test_neighbours_are_compared_on_what_was_run(run: Run) -> None:
    found = neighbour_comparisons(results_by_behaviour(run))
    assert found is not None
    assert {(row.before, row.after) for row in found.all} == {
        ("nano-attn-1l", "nano-attn-2l"),
        ("nano-attn-2l", "nano-gelu-2l"),
    }
    assert len(found.all) == 6
    assert [row.result for row in found.turns] == ["cannot → can"] * 3
    assert {row.behaviour for row in found.turns} == {"induction", "ioi", "greater_than"}
    assert all(row.p_value == "p < 0.001" and row.difference.startswith("+") for row in found.turns)
    others = [row.result for row in found.all if row not in found.turns]
    assert all(re.fullmatch(r"not significant(; about [\d,]+ prompts needed)?", reading) for reading in others)
    assert "Holm over the 6 comparisons" in found.method


def test_one_model_alone_has_no_neighbours(run: Run) -> None:
    alone = replace(run, evidence=tuple(e for e in run.evidence if e.model == "nano-gelu-4l"))
    assert neighbour_comparisons(results_by_behaviour(alone)) is None
    other = replace(run.evidence[1], effect=replace(run.evidence[1].effect, prompts_sha256="others"))
    assert neighbour_comparisons(results_by_behaviour(replace(run, evidence=(run.evidence[0], other)))) is None


def test_case_27_a_fraction_is_shown_with_both_parts(run: Run) -> None:
    of = mean_interval(np.linspace(1.0, 3.0, 16), "logits", independent(16))
    told = replace(
        run.results[0], parts=Parts(replace(of, value=0.5), of, "clean − corrupt"), deciding="L1H2", detail="Holm"
    )
    page = render(replace(run, results=(told, *run.results[1:])))
    assert page.count(": 0.50 of 2.00 logits</small>") == 1
    assert page.count("<small>decided by L1H2; Holm</small>") == 1


def test_case_31_lints_are_listed_with_what_they_are_about(run: Run) -> None:
    first = run.results[0]
    lint = Lint(first.behaviour, first.model, "answer", "the answer <is> not likely", FileLine("a.yaml", 3))
    assert 'id="lints"' not in render(run)
    page = render(replace(run, lints=(lint,)))
    assert page.count("the answer &lt;is&gt; not likely") == 1
    assert f'<li data-of="b0m{model_names(run).index(first.model)}">' in page


def test_an_absent_pass_does_not_look_like_a_present_one(run: Run) -> None:
    absent, present = (results_by_behaviour(run)[0].models[column].verdict for column in (0, 1))
    assert (absent.symbol, absent.word, absent.css) == ("✓", "absent", "absent")
    assert (present.symbol, present.word, present.css) == ("✓", "pass", "pass")


def test_an_absent_behaviour_that_shows_is_a_failure_and_says_what_was_declared(run: Run) -> None:
    shown = replace(run.results[0], outcome="fail")
    verdict = results_by_behaviour(replace(run, results=(shown,)))[0].models[0].verdict
    assert (verdict.word, verdict.note) == ("fail", "declared absent")


def test_problems_come_gravest_first_and_lead_to_their_checks(run: Run) -> None:
    found = problem_list(results_by_behaviour(run))
    assert [problem.result.outcome for problem in found] == ["fail", "error", "inconclusive"]
    rows = {
        row.anchor: row.result
        for group in results_by_behaviour(run)
        for m in behaviour_section(group).models
        for row in m.checks
    }
    assert all(rows[problem.check_anchor] is problem.result for problem in found)


def test_a_check_points_at_its_line_of_the_yaml(run: Run) -> None:
    behaviour = behaviour_section(results_by_behaviour(run)[0])
    row = next(row for row in behaviour.models[1].checks if row.result.kind == "attention")
    assert "attention:" in behaviour.yaml[row.line - 1]


@pytest.mark.parametrize(
    "place",
    [FileLine("elsewhere.yaml", 3), FileLine("behaviours/induction.yaml", 999), FileLine("induction.yaml", 0), NO_LINE],
)
def test_a_place_that_is_not_in_the_shown_file_is_no_link(run: Run, place: FileLine) -> None:
    changed = replace(run, results=(replace(run.results[0], place=place),))
    assert behaviour_section(results_by_behaviour(changed)[0]).models[0].checks[0].line == 0


def test_the_chart_puts_the_interval_where_the_verdict_says(run: Run) -> None:
    passed = interval_chart(find(run, "induction", "nano-attn-2l", "logit_diff"))
    failed = interval_chart(find(run, "induction", "nano-gelu-2l", "patching[induction@A2]"))
    unsure = interval_chart(find(run, "ioi", "nano-attn-2l", "attention[induction,A2->B1]"))
    assert passed is not None
    assert failed is not None
    assert unsure is not None
    assert passed.bounds[0].x < passed.low < passed.dot < passed.high
    assert failed.low < failed.dot < failed.high < failed.bounds[0].x
    assert unsure.low < unsure.bounds[0].x < unsure.high
    assert failed.permitted is not None
    assert failed.permitted[0] == failed.bounds[0].x
    assert failed.description.startswith("Over 61 prompts: minimum ")


def test_both_bounds_enclose_the_permitted_ground(run: Run) -> None:
    chart = interval_chart(find(run, "induction", "nano-attn-2l", "ablation[induction,mean]"))
    assert chart is not None
    assert chart.permitted is not None
    assert [bound.label for bound in chart.bounds] == ["≥ 0.5", "≤ 1.1"]
    start, width = chart.permitted
    assert (start, start + width) == pytest.approx((chart.bounds[0].x, chart.bounds[1].x))


def outline(strip: str) -> list[float]:
    """Heights of a histogram's bins above its ground, read back from the path."""
    heights, height = [], 0.0
    for step, size in re.findall(r"([vh])(-?\d+)", strip):
        height -= int(size) if step == "v" else 0
        heights += [height] * (int(size) // IntervalChart.BIN_WIDTH) if step == "h" else []
    assert height == 0
    return heights


def test_every_prompt_is_in_the_outline_or_counted_beyond_the_axis(run: Run) -> None:
    result = find(run, "induction", "nano-attn-2l", "patching[induction@A2]")
    chart = interval_chart(result)
    assert chart is not None
    assert (chart.below, chart.above) == (1, 2)
    assert "3 prompts outside the axis" in chart.description
    heights = outline(chart.strip)
    assert len(heights) == IntervalChart.BINS
    assert max(heights) == IntervalChart.STRIP_HEIGHT
    assert heights[0] == heights[-1] == 0


def test_the_outline_is_as_high_as_prompts_are_many(run: Run) -> None:
    many = (*([0.1] * 100), *([0.9] * 50), 0.5)
    share = replace(find(run, "induction", "nano-attn-2l", "accuracy"), per_prompt=many)
    chart = interval_chart(share)
    assert chart is not None
    assert sorted(height for height in outline(chart.strip) if height) == [
        1,
        IntervalChart.STRIP_HEIGHT // 2,
        IntervalChart.STRIP_HEIGHT,
    ]
    assert chart.description == "Over 151 prompts: minimum 0.10, quartiles 0.10, 0.10 and 0.90, maximum 0.90."


def test_however_many_prompts_the_outline_stays_short(run: Run) -> None:
    many = tuple(index / 10_000 for index in range(10_000))
    chart = interval_chart(replace(find(run, "induction", "nano-attn-2l", "logit_diff"), per_prompt=many))
    assert chart is not None
    assert len(chart.strip) < 600


@pytest.mark.parametrize(
    ("value", "low", "high", "bound"),
    [(0, 0, 0, None), (1e6, 1e6, 1e6, 1e6), (-1e-9, -1e-9, 1e-9, 0), (-5, -7, -3, -6), (float("nan"), 0, 0, 1)],
)
def test_odd_values_still_draw(run: Run, value: float, low: float, high: float, bound: float | None) -> None:
    odd = replace(run.results[0], estimate=Estimate(value, low, high, 2, "logits", ""), per_prompt=(), at_most=bound)
    chart = interval_chart(odd)
    assert (chart is None) == (value != value)
    if chart is not None:
        assert 0 <= chart.low <= chart.dot <= chart.high <= 300
        assert 1 <= len(chart.ticks) <= 12


def test_ticks_are_round_and_outliers_do_not_squeeze_the_rest() -> None:
    axis = fit([0.0, 1.0], [0.5] * 98 + [1000.0, -1000.0], 0, 100)
    assert [label for _, label in axis.ticks()] == ["0.0", "0.5", "1.0"]
    assert axis.x(5000) == 100


def test_heat_map_cells_are_clamped_in_colour_but_not_in_number() -> None:
    view = heatmap_view(Heatmap("t", ("L0",), ("H0", "H1", "H2", "H3"), ((1.18, None, -0.004, -3.0),)))
    cells = [(cell.css, cell.text) for cell in view.rows[0].cells]
    assert cells == [("p20", "1.180"), ("nm", "–"), ("z0", "−0.004"), ("n20", "−3.000")]
    assert view.unmeasured


def test_wide_heat_maps_keep_every_number_and_name() -> None:
    columns = tuple(f"L0N{i}" for i in range(100))
    view = heatmap_view(Heatmap("t", ("L0",), columns, ((0.5,) * 100,)))
    assert {cell.text for cell in view.rows[0].cells} == {"0.500"}
    assert view.columns == columns


def test_a_heat_map_of_nothing_draws() -> None:
    assert heatmap_view(Heatmap("t", (), (), ())).rows == ()


@pytest.mark.parametrize("anchors", [heatmap.LIGHT_COLOURS, heatmap.DARK_COLOURS])
def test_values_can_be_read_on_every_colour_of_the_scale(anchors: tuple[str, str, str]) -> None:
    for step in range(-heatmap.STEPS_PER_SIDE, heatmap.STEPS_PER_SIDE + 1):
        fill = heatmap.colour(step, anchors)
        ink = heatmap.text_colour(fill)
        assert heatmap.contrast(fill, {"#000": "#000000", "#fff": "#ffffff"}[ink]) >= 4.5


def test_the_scale_is_centred_and_reaches_its_ends() -> None:
    assert [heatmap.colour_step(v) for v in (-2, -1, 0, 0.5, 1, 9)] == [-20, -20, 0, 10, 20, 20]
    assert (heatmap.COLOUR_CLASSES[0], heatmap.COLOUR_CLASSES[20], heatmap.COLOUR_CLASSES[-1]) == ("n20", "z0", "p20")
    assert [heatmap.colour(step, heatmap.LIGHT_COLOURS) for step in (-20, 0, 20)] == list(heatmap.LIGHT_COLOURS)


def test_text_colours_meet_wcag_aa_on_both_grounds() -> None:
    css = resources.files("mi_checks.report").joinpath("templates/style.css.j2").read_text(encoding="utf-8")
    for block in re.findall(r":root\{([^}]*)", css)[:2]:
        names = dict(re.findall(r"--(\w+):(#[0-9a-f]{6})", block))
        assert len(names) == 14
        for text in ("ink", "quiet", "link", "pass", "fail", "inconclusive", "error", "drift", "absent"):
            for ground in ("paper", "wash"):
                assert heatmap.contrast(names[text], names[ground]) >= 4.5, (text, ground)
        assert heatmap.contrast(names["pts"], names["ok"]) >= 2.5


def test_tokens_stand_under_each_other_with_what_differs_marked(run: Run) -> None:
    pair = run.evidence[0].examples[0]
    view = prompt_pair_view(pair, run.evidence[0])
    assert view.title == f"Prompt pair 1 of {run.evidence[0].n}"  # of a run that does not say which it is
    assert [column.differs for column in view.columns].count(True) == 1
    column = view.columns[8]
    assert (column.label, column.differs) == ("B1", True)
    assert column.clean is not None
    assert column.corrupt is not None
    assert column.clean.text == "·" + pair.answers[0].strip()
    assert column.corrupt.text == "·" + pair.foils[0].strip()
    assert [c.label for c in view.columns if c.label] == ["pre", "A1", "B1", "mid", "A2"]
    assert [prediction.role for prediction in view.prompts[0].predictions[:3]] == ["answer", "foil", ""]


@pytest.mark.parametrize(
    ("rank", "title"),
    [
        ("median", "Median prompt pair by effect size (8 of {n}): clean − corrupt = 2.50 logits"),
        ("best", "Prompt pair with the largest effect size (8 of {n}): clean − corrupt = 2.50 logits"),
        ("worst", "Prompt pair with the smallest effect size (8 of {n}): clean − corrupt = 2.50 logits"),
    ],
)
def test_case_30_an_example_says_which_it_is(run: Run, rank: Rank, title: str) -> None:
    found = run.evidence[0]
    pair = replace(found.examples[0], prompt=7, rank=rank, clean_logit_diff=3.0, corrupt_logit_diff=0.5)
    assert prompt_pair_view(pair, found).title == title.format(n=found.n)


def test_prompts_of_unequal_length_are_still_shown_whole(run: Run) -> None:
    pair = run.evidence[0].examples[0]
    view = prompt_pair_view(replace(pair, corrupt=pair.corrupt[:-2]), run.evidence[0])
    assert len(view.columns) == len(pair.clean)
    assert view.columns[-1].corrupt is None
    assert view.columns[-1].differs


def test_text_keeps_its_spaces_and_tokens_show_theirs() -> None:
    assert escaped("a  b\n\tc\u202e\0") == "a  b\n\tc\\u202e\\x00"
    assert token_chip(" a\n").text == "·a⏎"
    assert escaped(token_chip(" a b").text) == "·a·b"


def test_headlines(run: Run) -> None:
    passed = [result for result in run.results if result.outcome == "pass"]
    assert report_header(replace(run, results=tuple(passed))).headline == "All 45 checks passed."
    assert report_header(replace(run, results=tuple(passed[:1]))).headline == "The one check passed."
