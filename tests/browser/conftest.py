"""A browser for all tests of this folder, and the pages that they open: written once, each from a whole `Run`."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gallery.screenshot import CHROMIUM_NAMES, INSTALL_COMMAND, chromium_path
from mi_checks.report import series_page as series_page
from mi_checks.report.report_folder import pages as folder_pages
from mi_checks.report.single_page import render
from mi_checks.studies.emergence import emergence_page
from tests.browser import real
from tests.browser.wide import wide
from tests.report import test_comparison_page as compare_page
from tests.report.conftest import make_run
from tests.studies.emergence.curves import small

REQUIRED = "MI_BROWSER_REQUIRED"
PAGES = ("report", "brief", "behaviour", "real", "wide", "compare", "series", "emergence")


def missing(reason: str) -> None:
    """Skip what needs a browser; where one has to be, fail."""
    if os.environ.get(REQUIRED):
        pytest.fail(f"{REQUIRED} is set, and {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright is not installed: pip install -c constraints.txt -e '.[dev]'")
    found = chromium_path()
    if found is None:
        missing(f"none of {', '.join(CHROMIUM_NAMES)} is on the PATH: {INSTALL_COMMAND}")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=found)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """axe-core's script, from the package that carries it."""
    try:
        from axe_playwright_python.base import AXE_SCRIPT
    except ImportError:
        missing("axe-playwright-python is not installed: pip install -c constraints.txt -e '.[dev]'")
    return AXE_SCRIPT


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The file of a page in `PAGES`, written when it is first asked for, by whichever of xdist's workers asks first."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "pages"
    folder.mkdir(exist_ok=True)
    texts: dict[str, Callable[[], str]] = {
        "report": lambda: render(make_run()),
        "brief": lambda: render(make_run(), max_bytes=0),
        "behaviour": lambda: dict(folder_pages(make_run()))["induction.html"],
        "real": lambda: real.report(folder / "project"),
        "wide": lambda: render(wide()),
        "compare": lambda: compare_page.rendered(compare_page.BEFORE, compare_page.AFTER),
        "series": lambda: series_page.render_series([("first.json", make_run()), ("second.json", make_run())]),
        "emergence": lambda: emergence_page.render_page(small()),
    }

    def file(name: str) -> Path:
        path = folder / f"{name}.html"
        with (folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.exists():
                path.write_text(texts[name](), encoding="utf-8")
        return path

    return file


@pytest.fixture
def opened(browser: object) -> Iterator[Callable[..., object]]:
    """Opens a file. After the test, no page may have said anything, or asked for anything but itself."""
    from tests.browser.opened import Opened, address

    contexts, pages = [], []

    def open_file(path: Path, *, width: int = 1280, height: int = 800, fragment: str = "", **context: object) -> Opened:
        contexts.append(browser.new_context(viewport={"width": width, "height": height}, **context))
        pages.append(Opened(contexts[-1].new_page(), address(path)))
        pages[-1].listen()
        pages[-1].page.goto(pages[-1].url + fragment)
        return pages[-1]

    yield open_file
    for context in contexts:
        context.close()
    for each in pages:
        assert (each.heard, each.asked) == ([], [])
