"""By keyboard alone: everything that can be pressed is reached, in order, and it shows where one is."""

import pytest

from tests.browser.conftest import PAGES

FOCUSABLE = "a[href], summary, button, input, select, textarea, [tabindex='0']"
# Numbers what is to be reached, in the page's order, and notes each that gets the focus with how that shows.
NOTE = """(selector) => {
  const wanted = [...document.querySelectorAll(selector)].filter(each =>
    each.checkVisibility({visibilityProperty: true}) && !each.disabled && each.getAttribute("tabindex") !== "-1");
  const stroke = each => each.ownerSVGElement && getComputedStyle(each.querySelector("circle, path")).strokeWidth;
  const strokes = wanted.map(stroke);
  window.focused = [];
  document.addEventListener("focusin", event => {
    const style = getComputedStyle(event.target);
    const place = wanted.indexOf(event.target);
    const shown = (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1) || style.boxShadow !== "none"
      || stroke(event.target) !== strokes[place];  // in a drawing, a bolder line
    window.focused.push([place, shown, event.target.outerHTML.slice(0, 120)]);
  });
  return wanted.length;
}"""


@pytest.mark.parametrize("name", PAGES)
def test_the_tab_key_reaches_everything_in_order_and_shows_where_it_is(opened, written, name):
    found = opened(written(name))
    found.unfold()
    wanted = found.page.evaluate(NOTE, FOCUSABLE)
    assert wanted > 4
    for _ in range(wanted):
        found.page.keyboard.press("Tab")
    focused = found.page.evaluate("window.focused")
    assert [number for number, _, _ in focused] == list(range(wanted))
    assert [where for _, shown, where in focused if not shown] == []


@pytest.mark.parametrize("name", PAGES)
def test_the_first_key_offers_to_skip_what_repeats(opened, written, name):
    found = opened(written(name))
    link = found.page.locator(".skip")
    assert link.bounding_box()["width"] <= 1
    found.page.keyboard.press("Tab")
    assert link.bounding_box()["width"] > 50
    found.page.keyboard.press("Enter")
    target = found.page.locator(":target")
    assert target.count() == 1
    found.page.keyboard.press("Tab")
    assert target.evaluate("target => target.contains(document.activeElement)")


def test_what_is_folded_opens_and_closes_with_the_enter_key(opened, written):
    found = opened(written("report"))
    folded = found.page.locator("details").first
    folded.locator("summary").focus()
    found.page.keyboard.press("Enter")
    assert folded.evaluate("each => each.open")
    found.page.keyboard.press("Enter")
    assert not folded.evaluate("each => each.open")
