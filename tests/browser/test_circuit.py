"""The drawing of a circuit: pointed at or focused, a node traces its paths; pressed, it shows its card."""

from dataclasses import replace

import pytest

from mi_checks.report.single_page import write_page
from tests.browser.axe import grave
from tests.report.circuits import CIRCUIT, CURVE, EXAMPLE, MAP
from tests.report.conftest import make_run

FAINT = "(all => all.map(each => Number(getComputedStyle(each).opacity) < 0.5))"


@pytest.fixture(scope="session")
def page(tmp_path_factory):
    run = make_run()
    maps = (*run.evidence[0].heatmaps, MAP)
    first = replace(run.evidence[0], circuit=CIRCUIT, curves=(CURVE,), examples=(EXAMPLE,), heatmaps=maps)
    path = tmp_path_factory.mktemp("circuit") / "page.html"
    write_page(replace(run, evidence=(first, *run.evidence[1:])), path)
    return path


def node(found, name):
    return found.page.locator("svg.cg a.n", has_text=name)


def faint(found, what):
    """Of each path or node, in the drawing's order: whether it stands back."""
    return found.page.locator(f"svg.cg .{what}").evaluate_all(FAINT)


def traced(found):
    """The paths that do not stand back."""
    titles = found.page.locator("svg.cg .e title").evaluate_all("all => all.map(each => each.textContent)")
    return {title.partition(":")[0] for title, back in zip(titles, faint(found, "e"), strict=True) if not back}


# Up to a node from the prompt, and on from it to the logits: what can go through it.
THROUGH = {
    "L0H2": {"L0H2 → L1H5.v"},
    "L1H4": {"L0H1 → L0.mlp", "L0.mlp → L1H4.k", "L1H4 → logits"},
}


def test_nothing_stands_back_before_one_points(opened, page):
    found = opened(page)
    assert len(faint(found, "e")) == len(CIRCUIT.edges)
    assert not any(faint(found, "e") + faint(found, "n"))


@pytest.mark.parametrize("how", ["hover", "focus"])
@pytest.mark.parametrize("script", [True, False])
@pytest.mark.parametrize("name", THROUGH)
def test_a_node_traces_its_paths(opened, page, name, script, how):
    found = opened(page, java_script_enabled=script)
    if how == "hover":
        node(found, name).locator("circle").hover()
    else:
        found.page.keyboard.press("Tab")  # from here on the keyboard is in use, and focus shows
        node(found, name).focus()
    assert traced(found) == THROUGH[name]
    assert any(faint(found, "n"))


def test_the_tab_key_reaches_every_node(opened, page):
    found = opened(page)
    names = found.page.locator("svg.cg a.n title").evaluate_all("all => all.map(each => each.textContent)")
    assert len(set(names)) == len(CIRCUIT.nodes)
    found.page.locator("svg.cg a.n").first.focus()
    reached = []
    for _ in names:
        reached.append(found.page.evaluate("document.activeElement.querySelector('title').textContent"))
        found.page.keyboard.press("Tab")
    assert reached == names


@pytest.mark.parametrize("how", ["click", "Enter"])
def test_pressing_a_node_shows_its_card(opened, page, how):
    found = opened(page)
    name = CIRCUIT.nodes[0].node
    card = found.page.locator(".card", has=found.page.locator(f"b:text-is('{name}')")).first
    assert not card.is_visible()
    if how == "click":
        node(found, name).locator("circle, path").click()
    else:
        node(found, name).focus()
        found.page.keyboard.press("Enter")
    assert card.is_visible()
    assert card.evaluate("each => each.matches(':target')")
    assert name in card.inner_text()


def test_claimed_and_found_are_told_apart_without_colour(opened, page):
    """By the outline's dashes and the fill."""
    found = opened(page)
    looks = """all => all.map(each => [each.querySelector("title").textContent,
      ...["strokeDasharray", "fill"].map(name => getComputedStyle(each.querySelector("circle, path"))[name])])"""
    nodes = found.page.locator("svg.cg a.n").evaluate_all(looks)
    drawn = {
        state: {(dash, fill) for title, dash, fill in nodes if f": {state}" in title}
        for state in ("claimed and mediating", "claimed, not mediating alone", "mediating, not claimed")
    }
    assert [len(each) for each in drawn.values()] == [1, 1, 1]
    assert len(set.union(*drawn.values())) == 3


def test_every_value_of_the_drawing_stands_in_its_table(opened, page):
    found = opened(page)
    found.unfold()
    rows = found.page.locator("figure.circuit table tbody tr th").all_inner_texts()
    assert len([row for row in rows if row in {each.node for each in CIRCUIT.nodes}]) >= len(CIRCUIT.nodes)
    assert len([row for row in rows if "→" in row]) == len(CIRCUIT.edges)


def test_on_a_telephone_it_fits(opened, page):
    found = opened(page, width=360, height=740)
    found.unfold()
    assert found.width() <= 360
    box = found.page.locator("svg.cg").first.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 360


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_has_no_grave_fault(opened, page, axe, scheme):
    found = opened(page, color_scheme=scheme)
    found.unfold()
    assert grave(found, axe, "#b0m0") == []


def looked_at(looks):
    """Percent of each token that one is said to look at."""
    chips = "all => all.map(each => each.querySelector('small')?.textContent ?? '')"
    return looks.locator("b").evaluate_all(chips)


@pytest.mark.parametrize("how", ["pointer", "keyboard"])
def test_attention_of_any_token_is_shown_by_pointer_and_by_arrow_keys(opened, page, how):
    found = opened(page)
    found.unfold()
    looks = found.page.locator(".card", has_text="L1H4").locator(".looks").first
    last = looked_at(looks)
    assert last == ["", "95", "5"]
    if how == "pointer":
        looks.locator("b").nth(1).hover()
    else:
        looks.focus()
        found.page.keyboard.press("ArrowLeft")
    assert looked_at(looks) == ["30", "70", ""]
    assert looks.locator("span").inner_text() == "attention from ·a"
    if how == "pointer":
        found.page.mouse.move(0, 0)
    else:
        found.page.keyboard.press("Tab")
    assert looked_at(looks) == last


def card(found, name):
    return found.page.locator(".card", has=found.page.locator(f"b:text-is('{name}')")).first


@pytest.mark.parametrize("script", [True, False])
def test_a_neurons_card_names_its_tokens(opened, page, script):
    found = opened(page, java_script_enabled=script)
    node(found, "L1N7").locator("path").click()
    shown = card(found, "L1N7")
    assert shown.is_visible()  # Chromium opens what holds the target, also without script
    rows = shown.locator("table.acts tbody tr")
    cells = rows.evaluate_all("all => all.map(row => [...row.cells].map(cell => cell.textContent))")
    assert cells == [["<|bos|>·a", "·b", "B END", "1.25"], ["", "·b", "", "−0.50"]]
    words = " ".join(shown.inner_text().split())
    assert "output weights promote ·b0.75 ·e0.25" in words
    assert "output weights suppress ·f−0.50" in words


def test_a_heads_card_says_what_it_reads_and_what_it_writes_from_each_token(opened, page):
    found = opened(page)
    found.unfold()
    shown = card(found, "L1H4")
    words = " ".join(shown.inner_text().split())
    assert "inputs L0.mlp via k 0.50 · outputs logits 0.50" in words
    assert "direct logit attribution on this prompt 1.25 logits, largest sources ·a1.50 ·b−0.25" in words
    assert shown.locator(".pattern tfoot tr > *").all_inner_texts() == ["attribution", "", "1.50", "−0.25"]


def test_the_map_of_labels_is_walked_through_like_the_others(opened, page):
    found = opened(page)
    figure = found.page.locator("figure", has_text=MAP.title).first
    said = figure.locator("output")
    figure.locator("tbody td").first.focus()
    assert said.inner_text() == "L0 A1: 0.420"
    for key, words in (
        ("ArrowRight", "L0 H1: 0.000"),
        ("ArrowDown", "L1 H1: 0.510"),
        ("ArrowRight", "L1 A2 END: not measured"),
    ):
        found.page.keyboard.press(key)
        assert said.inner_text() == words
