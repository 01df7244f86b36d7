"""A valid behaviour, and a way to break it at one place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mi_checks.spec.load_file import LoadedBehaviour, load_behaviour
from mi_checks.spec.model_validation import check_shapes
from mi_checks.spec.node_names import ModelShape
from mi_checks.spec.problems import SpecError

VALID = """\
name: induction
summary: "A B ... A -> B on random tokens"
prompts:
  count: 64
  variables:
    pre: {tokens: random, length: 8, distinct: true}
    A: {tokens: random, differs_from: pre}
    B: {tokens: random, differs_from: [pre, A]}
    C: {tokens: random, differs_from: [pre, A, B], where: [alphabetic]}
    name: {pool: first_names}
    noun:
      values:
        - {one: " cat", many: " cats"}
        - {one: " dog", many: " dogs"}
    verb: {values: [" sees", " hears"]}
  template: "{{ pre }}{{ A | at('A1') }}{{ B | at('B1') }}{{ C }}{{ noun.one }}{{ A | at('A2') }}"
  corrupt: {B: C, C: B}
  answer: "{{ B }}"
  foils: ["{{ C }}"]
checks:
  - logit_diff: {at_least: 2}
  - accuracy: {at_least: 0.9, against: vocabulary}
  - patching: {nodes: induction, at: A2, recovers: {at_least: 0.5}}
  - patching: {nodes: [L1H3, L0.attn], removes: {at_least: 0.5, at_most: 1.5}}
  - ablation: {nodes: induction, with: mean, removes: {at_least: 0.5}}
  - attention: {nodes: induction, from: A2, to: B1, at_least: 0.3}
  - mediators: {component: head, above: 0.15, exactly: induction, layers: [0, -1]}
models:
  nano-attn-2l: {nodes: {induction: [L1H3]}, logit_diff: {at_least: 1.5}, "patching[induction@A2]": {at_least: 0.3}}
  nano-gelu-2l: {nodes: {induction: L1H1}}
  nano-attn-1l: absent
"""

CONNECTED = """\
name: induction
summary: "A B C A -> B"
prompts:
  variables:
    A: {tokens: random}
    B: {tokens: random, differs_from: A}
    C: {tokens: random, differs_from: [A, B]}
  template: "{{ A | at('A1') }}{{ B | at('B1') }}{{ C }}{{ A | at('A2') }}"
  corrupt: {B: C, C: B}
  answer: "{{ B }}"
  foils: ["{{ C }}"]
roles:
  mover: {component: head, score: copying, at_least: 0.5}
checks:
  - path: {from: previous, to: induction, via: k, recovers: {at_least: 0.3}}
  - path: {from: L0H0, through: [{nodes: L1H1, via: v}], to: L1.mlp, at: A2, removes: {at_least: 0.1}, models: [nano-gelu-2l]}
  - path: {from: [L0.attn, L1H5], to: logits, recovers: {at_least: 0.1}}
  - composes: {from: previous, to: induction, via: q, times_random: {at_least: 2}}
  - composes: {from: [previous], to: mover, via: v, at: B1, writes: {at_most: 0.5}}
  - direct_logit_attribution: {nodes: [mover, L1H0], at_least: 0.5}
  - circuit: {nodes: [previous, induction], faithfulness: {at_least: 0.8}, completeness: {at_most: 0.3}, minimal: true}
  - circuit: {edges: [previous -> induction.k, mover -> logits], with: zero, faithfulness: {at_least: 0.6}}
  - circuit: {nodes: [layer 0 heads, L0.mlp], among: heads_and_mlps, sufficient: {at_least: 0.9}, models: [nano-gelu-2l]}
  - curve: {cpr: {at_least: 0.5}, cmd: {at_most: 0.4}}
  - patching: {nodes: all heads except induction and L0H0, removes: {at_most: 0.2}}
models:
  nano-attn-2l: {nodes: {previous: L0H3, induction: [L1H1, L1H2]}}
  nano-gelu-2l: {nodes: {previous: L0H1, induction: L1H4}}
"""  # noqa: E501


@pytest.fixture
def valid() -> str:
    """The text of a file without mistakes."""
    return VALID


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str], LoadedBehaviour]:
    """Loads a text as `behaviours/x.yaml`."""

    def load(text: str) -> LoadedBehaviour:
        path = tmp_path / "behaviours" / "x.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
        return load_behaviour(path, tmp_path)

    return load


@pytest.fixture
def errors(load: Callable[[str], LoadedBehaviour]) -> Callable[[str], str]:
    """The whole error text of a file, with `x:` for its path."""

    def errors(text: str) -> str:
        with pytest.raises(SpecError) as caught:
            load(text)
        return str(caught.value).replace("behaviours/x.yaml:", "x:")

    return errors


@pytest.fixture
def broken(valid: str, errors: Callable[[str], str]) -> Callable[[str, str], str]:
    """The error text after one replacement in the valid file, which must be possible."""

    def broken(old: str, new: str) -> str:
        assert valid.count(old) == 1, f"{old!r} stands {valid.count(old)} times in the valid file"
        return errors(valid.replace(old, new))

    return broken


@pytest.fixture
def connected() -> str:
    """The text of a file without mistakes that claims paths and circuits."""
    return CONNECTED


@pytest.fixture
def misconnected(
    connected: str, errors: Callable[[str], str], load: Callable[[str], LoadedBehaviour]
) -> Callable[[str, str], str]:
    """The error text after one replacement in that file: of the file alone, or else of it on its two models."""

    def misconnected(old: str, new: str) -> str:
        assert connected.count(old) == 1, f"{old!r} stands {connected.count(old)} times in the file"
        text = connected.replace(old, new)
        try:
            loaded = load(text)
        except SpecError:
            return errors(text)
        shapes = {"nano-attn-2l": ModelShape(2, 8, None), "nano-gelu-2l": ModelShape(2, 8, 16)}
        problems = check_shapes(loaded, shapes)
        assert problems, "there is no mistake in it"
        return "\n".join(map(str, problems)).replace("behaviours/x.yaml:", "x:")

    return misconnected
