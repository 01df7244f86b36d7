"""Every page from the disk: silent, alone, with and without script, at night, on a telephone and on paper."""

import re
from itertools import pairwise

import pytest

from mi_checks.report.heatmap import contrast
from tests.browser.conftest import PAGES

TELEPHONE = 360
COLOUR = "(each => getComputedStyle(each).backgroundColor + ' on ' + getComputedStyle(each).color)"
VISIBLE = "(each => each.checkVisibility() && each.getBoundingClientRect().height > 1)"
SQUEEZED = """(each => each.checkVisibility() && !each.closest('.hear') && each.textContent.trim().length > 8
  && getComputedStyle(each).writingMode === 'horizontal-tb'
  && each.clientWidth < 50 && each.clientHeight > 3 * parseFloat(getComputedStyle(each).lineHeight))"""
CONTROLS = "button, input, select, textarea, .skip, .up"

every_page = pytest.mark.parametrize("name", PAGES)


def ground_and_ink(found) -> tuple[str, ...]:
    numbers = [int(number) for number in re.findall(r"\d+", found.all("body", COLOUR)[0])]
    assert len(numbers) == 6
    return tuple("#" + "".join(f"{value:02x}" for value in part) for part in (numbers[:3], numbers[3:]))


def light(colour) -> bool:
    return contrast(colour, "#000000") > contrast(colour, "#ffffff")


@every_page
def test_it_opens_in_silence_and_asks_for_nothing(opened, written, name):
    found = opened(written(name))
    found.unfold()
    found.page.wait_for_load_state("networkidle")
    assert found.page.title().startswith("mi-checks")
    assert found.page.locator("h1").count() == 1
    assert (found.heard, found.asked) == ([], [])


def test_what_is_said_and_asked_for_is_noticed(browser, tmp_path):
    from tests.browser.opened import Opened, address

    path = tmp_path / "talkative.html"
    path.write_text("<img src=other.png><script>console.warn('psst'); alert('hey'); missing()</script>")
    found = Opened(browser.new_page(), address(path))
    found.listen()
    found.page.goto(found.url)
    found.page.wait_for_load_state("networkidle")
    found.page.context.close()
    assert set(found.asked) == {address(tmp_path / "other.png")}
    assert {"warning: psst", "alert: hey", "error: missing is not defined"} <= set(found.heard)


@every_page
def test_it_is_as_narrow_as_a_telephone(opened, written, name):
    found = opened(written(name), width=TELEPHONE, height=740)
    assert found.width() <= TELEPHONE
    found.unfold()
    assert found.width() <= TELEPHONE


@every_page
def test_no_text_is_squeezed_on_a_telephone(opened, written, name):
    found = opened(written(name), width=TELEPHONE, height=740)
    found.unfold()
    assert found.all("p, dd, dt, th, td, figcaption", SQUEEZED).count(True) == 0


@every_page
def test_it_is_dark_where_the_reader_wants_it_dark(opened, written, name):
    day, night = (ground_and_ink(opened(written(name), color_scheme=scheme)) for scheme in ("light", "dark"))
    assert [light(colour) for colour in (*day, *night)] == [True, False, False, True]
    assert contrast(*day) > 7
    assert contrast(*night) > 7


@every_page
def test_on_paper_there_is_nothing_to_press(opened, written, name):
    found = opened(written(name), color_scheme="dark")
    found.page.emulate_media(media="print")
    assert not any(found.all(CONTROLS, VISIBLE))
    ground, ink = ground_and_ink(found)
    assert ground == "#ffffff"
    assert not light(ink)
    hidden = found.all("details:not(.twin) > :not(summary)", "(each => !each.checkVisibility())")
    assert not any(hidden), "what is folded cannot be unfolded on paper"


@every_page
def test_without_script_all_is_there(opened, written, name):
    without, scripted = opened(written(name), java_script_enabled=False), opened(written(name))
    for found in (without, scripted):
        found.unfold()
    for selector in ("table", "svg[role=img]", "section", "h2", "h3"):
        alone, helped = (sum(each.all(selector, VISIBLE)) for each in (without, scripted))
        assert alone == helped, selector
        assert alone or selector != "table"


def test_without_script_the_matrix_leads_to_its_behaviours(opened, written):
    found = opened(written("report"), java_script_enabled=False)
    found.page.locator(".matrix td a").nth(2).click()
    assert re.fullmatch(r"#[\w-]+", found.page.url.removeprefix(found.url))
    target = found.page.locator(":target")
    assert target.locator("h3").inner_text() == "nano-gelu-2l"
    assert target.bounding_box()["y"] < 100
    assert [row.split()[0] for row in found.page.locator(".matrix tbody tr").all_inner_texts()] == [
        "induction",
        "ioi",
        "greater_than",
    ]


def test_what_is_folded_opens_at_a_press_without_script(opened, written):
    found = opened(written("report"), java_script_enabled=False)
    for summary in found.page.locator("summary").all()[:3]:
        inside = summary.locator("xpath=following-sibling::*[1]")
        assert not inside.is_visible()
        summary.click()
        assert inside.is_visible()


@pytest.mark.parametrize("size", [(718, 1000), (1047, 700)], ids=["upright", "across"])
@every_page
def test_on_a_sheet_of_a4_nothing_is_cut_off(opened, written, name, size):
    """Paper does not scroll: within margins of 1 cm there are 718 pixels, or 1047 across."""
    width, height = size
    found = opened(written(name), width=width, height=height)
    found.page.emulate_media(media="print")
    found.unfold()
    assert found.width() == width
    beyond = "(e => [e.textContent.trim().slice(0, 40), Math.round(e.getBoundingClientRect().right)])"
    cells = found.all("main th, main td, main svg", beyond)
    assert cells
    assert [each for each in cells if each[1] > width + 1] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_table_with_more_columns_than_fit_says_so(opened, written, scheme):
    found = opened(written("wide"), color_scheme=scheme)
    hint, table = found.page.locator(".sideways"), found.page.locator(".verdicts > .scroll")
    assert hint.inner_text() == "1 behaviour × 14 models: scroll right for more →"
    assert table.evaluate("each => each.scrollWidth > each.clientWidth")
    table.scroll_into_view_if_needed()
    edge = table.bounding_box()
    clip = {"x": edge["x"] + edge["width"] - 4, "y": edge["y"] + edge["height"] / 2, "width": 4, "height": 1}
    more = found.page.screenshot(clip=clip)
    table.evaluate("each => each.scrollTo(each.scrollWidth, 0)")
    assert found.page.screenshot(clip=clip) != more  # the shade is gone, there is no more
    first = found.page.locator(".matrix tbody th").first
    assert first.bounding_box()["x"] == edge["x"]
    found.page.locator("#f-model").select_option("nano-attn-2l@350")
    assert not hint.is_visible()


def test_the_names_of_models_stay_above_a_table_that_is_higher_than_the_window(opened, written):
    found = opened(written("report"), height=300)
    table, names = found.page.locator(".verdicts > .scroll"), found.page.locator(".matrix thead th")
    table.evaluate("each => { each.style.maxHeight = '150px'; each.scrollTo(0, 80); }")
    assert names.nth(1).bounding_box()["y"] == table.bounding_box()["y"]


def test_a_telephone_shows_the_table_as_a_list_that_does_not_scroll(opened, written):
    found = opened(written("wide"), width=TELEPHONE, height=740)
    assert not found.page.locator(".sideways").is_visible()
    lines = found.all(".matrix td", "(each => [each.getBoundingClientRect().top, each.getBoundingClientRect().bottom])")
    assert len(lines) == 14
    assert all(bottom <= top + 1 for (_, bottom), (top, _) in pairwise(lines))


def test_the_symbols_of_a_key_are_no_larger_than_its_words(opened, written):
    sizes = opened(written("compare")).all(".key svg", "(each => each.getBoundingClientRect().height)")
    assert len(sizes) == 2
    assert max(sizes) <= 16
