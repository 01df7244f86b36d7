"""Where baselines lie, and which of them nothing is left of."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from mi_checks.baselines.baseline_place import baseline_path, orphans


def loaded(path, *models, case=""):
    return SimpleNamespace(path=Path(path), case=case, behaviour=SimpleNamespace(models=dict.fromkeys(models)))


@pytest.mark.parametrize(
    ("case", "model", "where"),
    [
        ("", "nano-attn-2l", "b/baselines/ab/nano-attn-2l.json"),
        ("far", "nano-attn-2l@100", "b/baselines/ab/far/nano-attn-2l@100.json"),
        ("", "org/name", "b/baselines/ab/org%2Fname.json"),
        ("..", "gguf:x", "b/baselines/ab/%2E%2E/gguf%3Ax.json"),
    ],
)
def test_place(case, model, where):
    assert baseline_path(loaded("b/ab.yaml", case=case), model) == Path(where)


def test_orphans(tmp_path):
    for name in ("ab", "cd", "gone"):
        for model in ("m", "n"):
            file = tmp_path / f"baselines/{name}/{model}.json"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("{}")
    for name in ("ab", "cd"):
        (tmp_path / f"{name}.yaml").write_text("")
    found = orphans([loaded(tmp_path / "ab.yaml", "m")])
    assert [str(path.relative_to(tmp_path)) for path in found] == [
        *("baselines/ab/n.json", "baselines/gone/m.json", "baselines/gone/n.json"),
    ]  # of cd.yaml, which was not collected, nothing is known
