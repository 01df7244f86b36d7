"""A small project with behaviours and pytest run in it, in this process, so that TransformerLens is imported once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from mi_checks.models.model_names import NANO_FOLDER

INI = """\
[pytest]
addopts = --strict-markers --strict-config
xfail_strict = true
filterwarnings =
    error
    ignore:Module already imported so cannot be rewritten:pytest.PytestAssertRewriteWarning
"""
# The bounds are far from what is measured: sixteen prompts are enough to pass.
BEHAVIOUR = """\
name: {name}
summary: "A B … A → B"
marks: [{mark}]
prompts:
  count: 16
  variables:
    pre: {{tokens: random, length: 3, distinct: true}}
    A: {{tokens: random, differs_from: pre}}
    B: {{tokens: random, differs_from: [pre, A]}}
    C: {{tokens: random, differs_from: [pre, A, B]}}
    D: {{tokens: random, differs_from: [pre, A, B, C]}}
    query: {{same_as: A}}
  template: "{{{{ pre }}}}{{{{ A | at('A1') }}}}{{{{ B | at('B1') }}}}{{{{ D }}}}{{{{ C }}}}{{{{ query | at('A2') }}}}"
  corrupt: {{A: D, D: A}}
  answer: "{{{{ B }}}}"
  foils: ["{{{{ C }}}}"]
checks:
{checks}
models:
{models}
"""
CHECKS = """\
  - logit_diff: {at_least: 1.5}
  - accuracy: {at_least: 0.65}
  - patching: {nodes: induction, recovers: {at_least: 0.3}}
  - mediators: {component: head, above: 0.2, include: induction}
  - attention: {nodes: induction, from: A2, to: B1, at_least: 0.1}"""
LIGHT = "  - logit_diff: {at_least: 1.5}"
PRESENT = "  nano-attn-2l: {}"
BOUND = "  nano-attn-2l: {nodes: {induction: L1H2}}"
ABSENT = "  nano-attn-1l: absent"


class Project:
    """A directory with a `behaviours` folder, and pytest in it."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.path = pytester.path
        self.ini()

    def ini(self, *lines: str) -> None:
        (self.path / "pytest.ini").write_text(INI + "".join(f"{line}\n" for line in lines), encoding="utf-8")

    def write(self, path: str, text: str) -> Path:
        target = self.path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        return target

    def behaviour(
        self, name: str = "ab", *, checks: str = LIGHT, models: str = PRESENT, mark: str = "in_context"
    ) -> str:
        """Writes `behaviours/NAME.yaml`."""
        return self.copy(name, BEHAVIOUR.format(name=name, checks=checks, models=models, mark=mark))

    def copy(self, name: str, text: str) -> str:
        self.write(f"behaviours/{name}.yaml", text)
        return text

    def whole(self, name: str = "ab") -> str:
        """A behaviour with one of each kind of check, and a model that it is absent from."""
        return self.behaviour(name, checks=CHECKS, models=f"{BOUND}\n{ABSENT}")

    def run(self, *arguments: str) -> pytest.RunResult:
        return self.pytester.runpytest_inprocess(*arguments)

    def ids(self, *arguments: str) -> list[str]:
        """The ids that are collected."""
        lines = self.run("--collect-only", "-q", *arguments).outlines
        return [line for line in lines if "::" in line]


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Imports all that a run imports: pytester forgets what a run imports, and torch cannot be imported twice."""
    import hypothesis  # noqa: F401  # its plugin does, at the end of each run
    import scipy.stats  # noqa: F401
    import torch
    import tqdm  # noqa: F401

    import mi_checks.plugin.session
    import mi_checks.report.single_page
    import mi_checks.suite.suite  # noqa: F401
    from mi_checks.models.load_model import load

    torch.set_num_threads(1)  # small models, and the other cores are other workers
    bridge = load("nano-attn-1l", device="cpu").bridge
    bridge.run_with_cache(bridge.embed.weight.new_zeros((1, 2)).long())


@pytest.fixture
def project(pytester: pytest.Pytester, warm: None, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # for processes that a run starts
    # There pytest's short summary repeats whole messages, and failures are annotated.
    for continuous_integration in ("CI", "BUILD_NUMBER", "GITHUB_ACTIONS", "GITHUB_WORKSPACE", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(continuous_integration, raising=False)
    return Project(pytester)


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A copy of a bundled model to spoil: `folder(zero_heads=[(1, 2)])`, `folder(edit=lambda weights: …)`."""

    def folder(model: str = "nano-attn-2l", *, zero_heads=(), exchange=(), logits=1.0, nan=False, edit=None) -> Path:
        to = tmp_path_factory.mktemp("model")
        for file in ("config.json", "model.safetensors"):
            shutil.copy(NANO_FOLDER / model / file, to / file)
        if zero_heads or exchange or nan or logits != 1 or edit:
            weights = load_file(to / "model.safetensors")
            weights["head.weight"] *= logits
            for layer, *heads in exchange:
                one, other = (slice(head * 32, (head + 1) * 32) for head in heads)
                for name, rows in weights.items():
                    if (
                        name.startswith(f"layers.{layer}.attn.")
                        and name.split(".")[3] in "qkvo"
                        and "o.bias" not in name
                    ):
                        side = rows.T if "o.weight" in name else rows
                        side[one], side[other] = side[other].clone(), side[one].clone()
            for layer, head in zero_heads:
                weights[f"layers.{layer}.attn.o.weight"][:, head * 32 : (head + 1) * 32] = 0
            if edit:
                edit(weights)
            if nan:
                weights["layers.1.attn.o.weight"][0, 0] = float("nan")
            save_file(weights, to / "model.safetensors")
        return to

    return folder
