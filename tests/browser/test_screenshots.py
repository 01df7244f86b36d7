"""Pictures of the pages, left in `reports/screenshots/` for whoever looks at a build."""

import struct
import subprocess
import sys
from pathlib import Path

import pytest

from gallery import screenshot
from gallery.screenshot import HEIGHT, WIDTH, main
from mi_checks.report.single_page import write_page
from tests.report.conftest import make_run

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "reports" / "screenshots"
SIZES = {"wide": (1280, 900), "narrow": (360, 740)}


def size(picture):
    """Pixels across and down, from the file's own header."""
    data = picture.read_bytes()
    assert data.startswith(b"\x89PNG\r\n")
    return struct.unpack(">II", data[16:24])


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("window", SIZES)
def test_the_first_page_and_a_behaviour_are_drawn(opened, written, window, scheme):
    width, height = SIZES[window]
    found = opened(written("real"), width=width, height=height, color_scheme=scheme)
    first = FOLDER / f"first-page-{window}-{scheme}.png"
    found.page.screenshot(path=first)
    assert size(first) == (width, height)
    behaviour = FOLDER / f"behaviour-{window}-{scheme}.png"
    part = found.page.locator(".behaviour").first
    part.screenshot(path=behaviour)
    across, down = size(behaviour)
    assert across == pytest.approx(part.bounding_box()["width"], abs=2)
    assert across <= width
    assert down > height


@pytest.mark.parametrize("name", ["compare", "emergence"])
def test_the_other_pages_are_drawn_whole(opened, written, name):
    picture = FOLDER / f"{name}.png"
    opened(written(name)).page.screenshot(path=picture, full_page=True)
    assert size(picture)[0] == 1280


@pytest.mark.usefixtures("browser")
def test_the_readmes_picture_is_the_first_screen(tmp_path):
    write_page(make_run(), tmp_path / "page.html")
    command = [sys.executable, "-m", "gallery.screenshot", tmp_path / "page.html", "--output", tmp_path / "a.png"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    assert size(tmp_path / "a.png") == (WIDTH, HEIGHT)


@pytest.mark.parametrize(
    ("page", "found", "told"),
    [
        ("absent.html", "chromium", "screenshot: there is no absent.html; run make behaviours, or name another page"),
        (__file__, None, "screenshot: there is no Chromium: apt-get install chromium"),
    ],
)
def test_without_a_page_or_a_browser_there_is_no_picture(monkeypatch, capsys, page, found, told):
    monkeypatch.setattr(sys, "argv", ["screenshot", page])
    monkeypatch.setattr(screenshot, "chromium_path", lambda: found)
    assert main() == 2
    assert capsys.readouterr().err.strip() == told
