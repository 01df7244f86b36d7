"""What a valid file gives, and that every mistake of a file is told at once."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mi_checks.spec.behaviour import ModelEntry
from mi_checks.spec.check import Bound, names
from mi_checks.spec.load_file import LoadedBehaviour, load_behaviour
from mi_checks.spec.node_checks import AttentionCheck
from mi_checks.spec.problems import SpecError, SpecProblem

Load = Callable[[str], LoadedBehaviour]


def test_valid_file(load: Load, valid: str) -> None:
    loaded = load(valid)
    behaviour = loaded.behaviour
    assert [entry.check.id for entry in behaviour.checks] == [
        "logit_diff",
        "accuracy[vocabulary]",
        "patching[induction@A2]",
        "patching[L1H3+L0.attn,noising]",
        "ablation[induction,mean]",
        "attention[induction,A2->B1]",
        "mediators[head]",
    ]
    attention = behaviour.checks[5].check
    assert isinstance(attention, AttentionCheck)
    assert (attention.from_, attention.to) == ("A2", "B1")
    entry = behaviour.models["nano-attn-2l"]
    assert isinstance(entry, ModelEntry)
    assert entry.bounds == {"logit_diff": Bound(at_least=1.5), "patching[induction@A2]": Bound(at_least=0.3)}
    assert behaviour.bound_for(behaviour.checks[0].check, "nano-gelu-2l") == Bound(at_least=2)
    assert behaviour.models["nano-attn-1l"] == "absent"
    assert names(behaviour.sets_for("nano-gelu-2l")["induction"]) == ("L1H1",)
    assert loaded.text == valid
    assert loaded.path.name == "x.yaml"


def test_lines(load: Load, valid: str) -> None:
    loaded = load(valid)
    lines = valid.splitlines()
    assert "patching: {nodes: induction" in lines[loaded.check_line(2) - 1]
    assert "mediators" in lines[loaded.check_line(6) - 1]
    assert lines[loaded.line_of(("prompts", "template")) - 1].startswith("  template:")
    assert lines[loaded.line_of(("models", "nano-attn-1l")) - 1] == "  nano-attn-1l: absent"
    assert loaded.line_of(("prompts", "seed")) == loaded.line_of(("prompts",)) == 3


def test_byte_order_mark_and_windows_line_ends(load: Load, valid: str) -> None:
    loaded = load("\ufeff" + valid.replace("\n", "\r\n"))
    assert loaded.behaviour == load(valid).behaviour
    assert loaded.check_line(2) == load(valid).check_line(2)


def test_all_mistakes_of_shape_at_once(errors: Callable[[str], str], valid: str) -> None:
    text = valid.replace("count: 64", "cuont: 64").replace("with: mean", "with: means").replace("absent", "{x: 1}")
    assert [line.split(":")[1] for line in errors(text).splitlines()] == ["4", "25", "31"]


def test_all_wrong_references_at_once(errors: Callable[[str], str], valid: str) -> None:
    text = valid.replace("noun.one", "nuon.one").replace("at: A2", "at: A9, models: [z]").replace("L0.attn", "L0.x")
    assert [line.split(":")[1] for line in errors(text).splitlines()] == ["16", "23", "23", "24", "29"]


def test_problems_carry_their_place(valid: str, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(valid.replace("template:", "tempalte:"), encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        load_behaviour(path, tmp_path)
    (problem,) = caught.value.problems
    assert (problem.path, problem.line, problem.column) == ("x.yaml", 16, 3)
    assert str(caught.value) == (
        "x.yaml:16:3: unknown key 'tempalte' in 'prompts'; valid keys: align, answer, answer_reduction, "
        "corrupt, count, foil_reduction, foils, score, seed, template, variables; did you mean 'template'?"
    )


def test_path_outside_the_root_is_shown_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("", encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        load_behaviour(path, tmp_path / "elsewhere")
    assert caught.value.problems[0].path == path.as_posix()


def test_error_survives_pickling() -> None:
    error = SpecError([SpecProblem("x", 2, 1, "b"), SpecProblem("x", 1, 1, "a"), SpecProblem("x", 2, 1, "b")])
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  our own bytes
    assert str(again) == str(error) == "x:1:1: a\nx:2:1: b"
    assert again.problems == error.problems


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("against: vocabulary", "models: [nano-gelu-2l]"),
        ("exactly: induction", "include: [L1H3, L0H0]"),
        ("exactly: induction", "exactly: []"),
        ("noun.one }}", "(noun.one ~ C) | upper | at('x') }}"),
        ("{{ C }}", "{% if A == B %}{{ C }}{% endif %}{{ C if A else B }}"),
        ("corrupt: {B: C, C: B}", "corrupt: {noun.one: noun.many}"),
        ("at: A2", "at: END"),
        ("[L1H3, L0.attn]", "[L0.resid_pre, L0N5, L0.mlp, L1.resid_post, L0.resid_mid]"),
        ("- logit_diff: {at_least: 2}", "- logit_diff: &bound {at_least: 2}"),
        ("at_least: 0.9", "at_least: 1, at_most: 1"),
    ],
)
def test_accepted_variants(load: Load, valid: str, old: str, new: str) -> None:
    text = valid.replace(old, new, 1)
    if "patching[induction@A2]" not in text or "END" in new:
        text = text.replace("patching[induction@A2]", "patching[induction@END]")
    assert old in valid
    assert load(text).behaviour.name == "induction"


def test_loading_imports_no_torch() -> None:
    modules = "mi_checks.spec.load_file, mi_checks.spec.model_validation, mi_checks.spec.variables"
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
