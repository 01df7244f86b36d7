"""Names in the code of the corpus, for pools and data files: `python -m training.code_names KIND FOLDER`.

FOLDER is the `train/code` of what `python -m training text` wrote. A name is printed if it is in lower case and neither
a keyword nor a builtin.
"""

from __future__ import annotations

import argparse
import ast
import builtins
import keyword
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

TAKEN = {*keyword.kwlist, *keyword.softkwlist, *dir(builtins), "self", "cls"}
MIN_FILES = 5  # files in which an argument or attribute has the name


def syntax_trees(folder: Path) -> Iterator[ast.Module]:
    """Yield the syntax trees of the files that Python can parse."""
    for path in sorted(folder.rglob("*.txt")):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SyntaxWarning)
                yield ast.parse(path.read_text("utf-8"))
        except SyntaxError:
            continue


def argument_names(folder: Path) -> list[str]:
    """Return the single-word names that arguments and attributes have in at least `MIN_FILES` files, sorted."""
    n_files: Counter[str] = Counter()
    for tree in syntax_trees(folder):
        nodes = list(ast.walk(tree))
        n_files.update(
            {node.arg for node in nodes if isinstance(node, ast.arg)}
            | {node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)}
        )
    return sorted(
        name
        for name, n in n_files.items()
        if n >= MIN_FILES and len(name) > 1 and name.isascii() and name.isalpha() and name.islower()
    )


def file_names(folder: Path) -> list[str]:
    """Return the names that `with …open…(…) as NAME` gives to files, sorted."""
    items = (
        item
        for tree in syntax_trees(folder)
        for node in ast.walk(tree)
        if isinstance(node, ast.With | ast.AsyncWith)
        for item in node.items
    )
    return sorted(
        {
            item.optional_vars.id
            for item in items
            if isinstance(item.optional_vars, ast.Name)
            and isinstance(item.context_expr, ast.Call)
            and "open" in ast.unparse(item.context_expr.func).rpartition(".")[2]
            and item.optional_vars.id.islower()
        }
    )


KINDS: dict[str, Callable[[Path], list[str]]] = {"arguments": argument_names, "files": file_names}


def main() -> None:
    """Print the names of a kind, one a line."""
    parser = argparse.ArgumentParser(prog="python -m training.code_names", description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    print("\n".join(name for name in KINDS[options.kind](options.folder) if name not in TAKEN))


if __name__ == "__main__":
    main()
