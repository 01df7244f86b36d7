"""An HTML page as elements and lines of text, without its design and without the time and place of the run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

IGNORED_TAGS = {"style", "script"}
# classes with the time, duration, command and machine, which differ from run to run
IGNORED_CLASSES = {"when", "setup", "command", "facts"}
PERCENTAGES = {"looks", "pattern"}  # classes with whole percentages, which rounding on another machine may change
VOID = {"meta", "link", "br", "hr", "img", "input"}


@dataclass
class Element:
    """A tag with its contents."""

    tag: str
    classes: frozenset[str] = frozenset()
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Element | str] = field(default_factory=list)

    @property
    def elements(self) -> list[Element]:
        """Return the elements directly inside."""
        return [child for child in self.children if isinstance(child, Element)]

    def all(self, tag: str, css: str = "") -> Iterator[Element]:
        """Yield every element of this tag and class inside, at any depth, in the order of the page."""
        for child in self.elements:
            if child.tag == tag and (not css or css in child.classes):
                yield child
            yield from child.all(tag, css)

    def first(self, tag: str, css: str = "") -> Element:
        """Return the first element of this tag and class inside, or an empty one."""
        return next(self.all(tag, css), Element(tag))

    @property
    def lines(self) -> list[str]:
        """Return the texts that do not depend on the run, each as one line."""
        return list(_lines(self))

    @property
    def text(self) -> str:
        """Return these texts as one line."""
        return " ".join(self.lines)


def read(html: str) -> Element:
    """Parse a page."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.root


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Element("")
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        element = Element(tag, frozenset(given.get("class", "").split()), given)
        self._open[-1].children.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        for place in range(len(self._open) - 1, 0, -1):
            if self._open[place].tag == tag:
                del self._open[place:]
                break

    def handle_data(self, data: str) -> None:
        self._open[-1].children.append(data)


def _lines(element: Element, *, percents: bool = False) -> Iterator[str]:
    if element.tag in IGNORED_TAGS or element.classes & IGNORED_CLASSES:
        return
    percents = percents or bool(element.classes & PERCENTAGES)
    for child in element.children:
        if isinstance(child, Element):
            # A chart's numbers are also in the text beside it, and in its title and description.
            if element.tag != "svg" or child.tag in ("title", "desc"):
                yield from _lines(child, percents=percents)
        elif child.strip():
            line = " ".join(child.split())
            if percents and element.tag in ("small", "td") and line.isdigit():
                line = f"{int(line) / 100:.2f}"
            yield re.sub(r"(?<![\w.])([−-]?)\.(?=\d)", r"\g<1>0.", line)
