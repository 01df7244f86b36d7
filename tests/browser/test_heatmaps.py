"""Heat maps: one stop of the tab key each, arrows inside, and in words what is pointed at."""


def first(found):
    return found.page.locator("figure", has=found.page.locator("table.hm")).first


def test_what_is_pointed_at_is_said(opened, written):
    figure = first(opened(written("report")))
    cell = figure.locator("tbody td").nth(5)
    cell.hover()
    said = figure.locator("output").inner_text()
    assert said == f"L0H5: {cell.inner_text()}"


def test_arrows_walk_through_it_and_tab_leaves_it(opened, written):
    found = opened(written("report"))
    figure = found.page.locator("figure", has=found.page.locator("table.hm tbody tr:nth-child(2)")).first
    cells = figure.locator("tbody td")
    assert [
        each for each in figure.locator("td[tabindex]").evaluate_all("all => all.map(e => e.tabIndex)") if each == 0
    ] == [0]
    cells.first.focus()
    for key, node in (("ArrowRight", "L0H1"), ("ArrowDown", "L1H1"), ("ArrowLeft", "L1H0"), ("ArrowUp", "L0H0")):
        found.page.keyboard.press(key)
        assert figure.locator("output").inner_text().startswith(f"{node}: ")
    found.page.keyboard.press("ArrowUp")
    assert cells.first.evaluate("each => each === document.activeElement")
    found.page.keyboard.press("Tab")
    assert not figure.evaluate("each => each.querySelector('table').contains(document.activeElement)")


def test_what_was_not_measured_is_said_so(opened, written):
    found = opened(written("report"))
    cell = found.page.locator("table.hm td", has_text="–").filter(has_not_text=".").first
    cell.hover()
    assert cell.locator("xpath=ancestor::figure").locator("output").inner_text() == "L0H0: not measured"
