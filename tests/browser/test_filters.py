"""The first page's filter: by verdict, model, mark and text; kept in the address, and absent without script."""

from dataclasses import replace

import pytest

from mi_checks.report.single_page import write_page
from tests.report.conftest import make_run

MARKS = {"induction": ("in_context", "quick"), "ioi": ("in_context",), "greater_than": ()}


@pytest.fixture(scope="session")
def page(tmp_path_factory):
    run = make_run()
    marked = tuple(replace(each, marks=MARKS[each.behaviour]) for each in run.evidence)
    path = tmp_path_factory.mktemp("filters") / "page.html"
    write_page(replace(run, evidence=marked), path)
    return path


def rows(found):
    """Of each behaviour that is shown: the models whose cells are not faded or hidden."""
    shown = {}
    for row in found.page.locator(".matrix tbody tr:visible").all():
        cells = row.locator("td[data-p]:not(.off):visible").all()
        shown[row.locator("th a").inner_text()] = [cell.get_attribute("data-m") for cell in cells]
    return shown


def sections(found):
    return found.page.locator(".behaviour:visible h2").all_inner_texts()


def control(found, name):
    return found.page.get_by_role("combobox", name=name)


def told(found):
    """How many of how many results are said to be shown."""
    return found.page.locator("#found").inner_text().partition(" results shown")[0]


def wait_for(found, number):
    found.page.locator("#found", has_text=f"{number} of 11").wait_for()


def asked(found):
    return found.page.url.removeprefix(found.url)


def test_nothing_is_filtered_before_one_asks(opened, page):
    found = opened(page)
    assert list(rows(found)) == sections(found) == ["induction", "ioi", "greater_than"]
    assert told(found) == "11 of 11"
    assert asked(found) == ""


def test_by_verdict(opened, page):
    found = opened(page)
    control(found, "Verdict").select_option("fail")
    assert rows(found) == {"induction": ["nano-gelu-2l"]}
    assert sections(found) == ["induction"]
    assert found.page.locator(".problems li:visible").count() == 1
    assert (told(found), asked(found)) == ("1 of 11", "?verdict=fail")
    control(found, "Verdict").select_option("not-passed")
    assert rows(found) == {"induction": ["nano-gelu-2l"], "ioi": ["nano-attn-2l", "nano-gelu-4l"]}
    assert found.page.locator(".problems li:visible").count() == 3


def test_by_model(opened, page):
    found = opened(page)
    control(found, "Model").select_option("nano-gelu-4l")
    assert rows(found) == {"induction": ["nano-gelu-4l"], "ioi": ["nano-gelu-4l"]}
    assert found.page.locator(".matrix thead th:visible").all_inner_texts() == ["behaviour", "nano-gelu-4l"]
    assert asked(found) == "?model=nano-gelu-4l"


def test_by_mark(opened, page):
    found = opened(page)
    control(found, "Mark").select_option("quick")
    assert list(rows(found)) == ["induction"]
    assert (told(found), asked(found)) == ("4 of 11", "?mark=quick")


def test_by_text_as_it_is_typed(opened, page):
    found = opened(page)
    field = found.page.get_by_role("searchbox")
    field.press_sequentially("Mary and")  # of the summary
    assert list(rows(found)) == sections(found) == ["ioi"]
    assert asked(found) == "?text=Mary+and"
    field.press_sequentially("roid")
    assert rows(found) == {}
    assert told(found) == "0 of 11"


def test_together_and_undone(opened, page):
    found = opened(page)
    control(found, "Verdict").select_option("pass")
    control(found, "Mark").select_option("in_context")
    found.page.get_by_role("searchbox").fill("mary")
    assert rows(found) == {"ioi": ["nano-gelu-2l"]}
    found.page.get_by_role("button", name="Reset").click()
    wait_for(found, 11)
    assert list(rows(found)) == ["induction", "ioi", "greater_than"]
    assert asked(found) == ""


def test_the_address_keeps_it(opened, page):
    found = opened(page)
    control(found, "Verdict").select_option("not-passed")
    found.page.get_by_role("searchbox").fill("ioi")
    before = rows(found)
    assert list(before) == ["ioi"]
    found.page.reload()
    assert rows(found) == before
    assert found.page.get_by_role("searchbox").input_value() == "ioi"
    again = opened(page, fragment=asked(found))
    assert rows(again) == before


@pytest.mark.parametrize(
    "address", ["?verdict=splendid&model=gpt-9&x=1", "?text=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E"]
)
def test_an_address_that_asks_for_what_is_not_there_does_no_harm(opened, page, address):
    found = opened(page, fragment=address)
    assert told(found) == ("0 of 11" if "text" in address else "11 of 11")
    assert found.page.locator("img").count() == 0


def test_by_keyboard_alone(opened, page):
    found = opened(page)
    control(found, "Verdict").focus()
    found.page.keyboard.type("not")
    assert asked(found) == "?verdict=not-passed"
    for _ in range(3):
        found.page.keyboard.press("Tab")
    found.page.keyboard.type("ioi")
    assert list(rows(found)) == ["ioi"]
    found.page.keyboard.press("Tab")
    found.page.keyboard.press("Enter")
    wait_for(found, 11)


def test_it_is_said_to_those_who_listen(opened, page):
    found = opened(page)
    assert found.page.locator("#found").get_attribute("aria-live") == "polite"
    assert found.page.get_by_role("search").is_visible()


def test_without_script_there_is_no_filter_and_all_is_shown(opened, page):
    found = opened(page, fragment="?verdict=fail", java_script_enabled=False)
    assert found.page.locator("#filter").count() == 1
    assert not found.page.locator("#filter").is_visible()
    assert list(rows(found)) == sections(found) == ["induction", "ioi", "greater_than"]
