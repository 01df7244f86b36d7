"""Where baselines lie: `baselines/FILE/MODEL.json` beside FILE.yaml, or `baselines/FILE/CASE/MODEL.json`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

from mi_checks.spec.load_file import LoadedBehaviour

FOLDER = "baselines"


def baseline_path(loaded: LoadedBehaviour, model: str) -> Path:
    """Of a behaviour on a model, by the name that its file has for it; whether or not it is there."""
    parts = [loaded.path.stem, *([loaded.case] if loaded.case else [])]
    return loaded.path.parent.joinpath(FOLDER, *map(_name, parts), f"{_name(model)}.json")


def orphans(collected: Iterable[LoadedBehaviour]) -> Iterator[Path]:
    """Baselines of which no file, or none of a collected file's cases and models, is left.

    Of a file that is there and was not collected nothing is known, and its baselines are left alone.
    """
    loaded = list(collected)
    wanted = {baseline_path(each, model) for each in loaded for model in each.behaviour.models}
    files = {each.path for each in loaded}
    for folder in sorted({file.parent for file in files}):
        for path in sorted((folder / FOLDER).rglob("*.json")):
            stem = path.relative_to(folder / FOLDER).parts[0]
            there = [file for file in _sources(folder) if _name(file.stem) == stem]
            if path not in wanted and all(file in files for file in there):
                yield path


def _sources(folder: Path) -> list[Path]:
    return [*folder.glob("*.yaml"), *folder.glob("*.yml")]


def _name(text: str) -> str:
    """Return a file name that every system takes: a model's name may have slashes and colons."""
    return quote(text, safe="@ +=,~()") if text.strip(".") else quote(text).replace(".", "%2E")
