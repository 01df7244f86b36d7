"""A page as a reader has it open, and all that it did beside being looked at."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import ConsoleMessage, Dialog, Page, Request, Route


@dataclass
class Opened:
    """A page in a browser that lets nothing out."""

    page: Page
    url: str
    heard: list[str] = field(default_factory=list)  # messages of the console, errors and dialogs
    asked: list[str] = field(default_factory=list)  # what else than itself it asked for

    def listen(self) -> None:
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.heard.append(f"error: {error}"))
        self.page.on("dialog", self._dialog)
        self.page.on("request", self._request)
        self.page.context.route("**/*", self._route)

    def _console(self, message: ConsoleMessage) -> None:
        self.heard.append(f"{message.type}: {message.text}")

    def _dialog(self, dialog: Dialog) -> None:
        self.heard.append(f"{dialog.type}: {dialog.message}")
        dialog.dismiss()

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self.url, "data:")):
            self.asked.append(request.url)

    def _route(self, route: Route) -> None:
        if route.request.url.startswith(self.url):
            route.continue_()
        else:
            self.asked.append(route.request.url)
            route.abort()

    def unfold(self) -> None:
        """Open everything that can be opened."""
        self.page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")

    def width(self) -> int:
        """CSS pixels that the page takes, whatever its window has."""
        return int(self.page.evaluate("Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)"))

    def all(self, selector: str, script: str) -> list[Any]:
        """What `script`, a function of an element, says of each element that `selector` finds."""
        return list(self.page.eval_on_selector_all(selector, f"found => found.map({script})"))


def address(path: Path) -> str:
    return path.resolve().as_uri()
