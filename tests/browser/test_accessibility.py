"""axe-core over every page, by day and by night: nothing serious, nothing critical."""

import pytest

from tests.browser.axe import grave
from tests.browser.conftest import PAGES

# The same templates in more rows than the others: its colours by night are theirs.
TWICE = [(name, scheme) for name in PAGES for scheme in ("light", "dark") if (name, scheme) != ("wide", "dark")]


@pytest.mark.parametrize(("name", "scheme"), TWICE)
def test_a_page_with_all_unfolded_has_no_grave_fault(opened, written, axe, name, scheme):
    found = opened(written(name), color_scheme=scheme)
    found.unfold()
    assert grave(found, axe) == []


def test_on_a_telephone_the_first_page_has_no_grave_fault(opened, written, axe):
    assert grave(opened(written("report"), width=360), axe) == []


def test_a_grave_fault_is_found(browser, axe, tmp_path):
    from tests.browser.opened import Opened

    page = browser.new_page()
    page.set_content("<html lang=en><title>t</title><p style='color:#bbb;background:#fff'>pale</p><img src=data:,>")
    found = grave(Opened(page, ""), axe)
    page.context.close()
    assert {each[1] for each in found} == {"color-contrast", "image-alt"}
