"""Draw the first screen of a report as `reports/gallery/first-page.png`: `make screenshot`."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PICTURE = ROOT / "reports" / "gallery" / "first-page.png"
WIDTH, HEIGHT = 1280, 900
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
INSTALL_COMMAND = "apt-get install chromium"


def chromium_path() -> str | None:
    """Return the path of the system's Chromium, or None if there is none."""
    return next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)


def draw(page: Path, picture: Path, executable: str) -> None:
    """Write a screenshot of the page in a window of `WIDTH` × `HEIGHT` CSS pixels, in light mode."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable)
        window = chromium.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        window.goto(page.resolve().as_uri())
        window.screenshot(path=picture)
        chromium.close()


def main() -> int:
    """Write the screenshot, or print what is missing."""
    parser = argparse.ArgumentParser(prog="python -m gallery.screenshot", description=__doc__)
    parser.add_argument("page", type=Path, nargs="?", default=ROOT / "reports" / "report.html")
    parser.add_argument("--output", type=Path, default=PICTURE)
    options = parser.parse_args()
    page, picture = options.page, options.output
    if not page.exists():
        print(f"screenshot: there is no {page}; run make behaviours, or name another page", file=sys.stderr)
        return 2
    executable = chromium_path()
    if executable is None:
        print(f"screenshot: there is no Chromium: {INSTALL_COMMAND}", file=sys.stderr)
        return 2
    draw(page, picture, executable)
    print(picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
