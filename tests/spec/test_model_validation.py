"""Behaviours against models: unknown names, and nodes outside."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mi_checks.spec.load_file import LoadedBehaviour
from mi_checks.spec.model_validation import check_models, check_shapes
from mi_checks.spec.node_names import ModelShape, NodeName, parse_node

Load = Callable[[str], LoadedBehaviour]
ATTN = ModelShape(n_layers=2, n_heads=4, d_mlp=None)
GELU = ModelShape(n_layers=2, n_heads=4, d_mlp=8)


def shape_text(loaded: LoadedBehaviour, **shapes: ModelShape) -> str:
    """The problems with the given shapes of the two models, one a line."""
    given = {"nano-attn-2l": shapes.get("attn", ATTN), "nano-gelu-2l": shapes.get("gelu", GELU)}
    return "\n".join(str(problem) for problem in check_shapes(loaded, given)).replace("behaviours/x.yaml:", "x:")


def test_everything_inside(load: Load, valid: str) -> None:
    assert check_shapes(load(valid), {"nano-attn-2l": ATTN, "nano-gelu-2l": GELU}) == ()


def test_models_without_a_shape_are_not_looked_at(load: Load, valid: str) -> None:
    assert check_shapes(load(valid.replace("[L1H3]", "[L99H0]")), {}) == ()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "induction: [L1H3]",
            "induction: [L9H0]",
            "x:29:38: node 'L9H0' does not exist in nano-attn-2l, which has layers 0 to 1",
        ),
        (
            "induction: L1H1",
            "induction: L1H4",
            ("x:30:37: node 'L1H4' does not exist in nano-gelu-2l, which has heads 0 to 3 in each layer"),
        ),
        (
            "L0.attn",
            "L1H4.pattern",
            (
                "x:24:30: node 'L1H4.pattern' does not exist in nano-attn-2l, which has heads 0 to 3 "
                "in each layer\n"
                "x:24:30: node 'L1H4.pattern' does not exist in nano-gelu-2l, which has heads 0 to 3 "
                "in each layer"
            ),
        ),
        (
            "L0.attn",
            "L0.mlp",
            ("x:24:30: node 'L0.mlp' does not exist in nano-attn-2l, which has attention layers only"),
        ),
        (
            "L0.attn",
            "L0N8",
            (
                "x:24:30: node 'L0N8' does not exist in nano-attn-2l, which has attention layers only"
                "\n"
                "x:24:30: node 'L0N8' does not exist in nano-gelu-2l, which has neurons 0 to 7 in "
                "each layer"
            ),
        ),
        (
            "layers: [0, -1]",
            "layers: [0, 2, -3]",
            (
                "x:27:79: layer 2 does not exist in nano-attn-2l, which has layers 0 to 1\n"
                "x:27:79: layer 2 does not exist in nano-gelu-2l, which has layers 0 to 1\n"
                "x:27:82: layer -3 does not exist in nano-attn-2l, which has layers 0 to 1\n"
                "x:27:82: layer -3 does not exist in nano-gelu-2l, which has layers 0 to 1"
            ),
        ),
        (
            "component: head, above: 0.15, exactly: induction",
            "component: neuron, above: 0.15, exactly: [L0N1]",
            (
                "x:27:28: nano-attn-2l has attention layers only, so it has no neurons to sweep\n"
                "x:27:59: node 'L0N1' does not exist in nano-attn-2l, which has attention layers only"
            ),
        ),
    ],
)
def test_outside(load: Load, valid: str, old: str, new: str, expected: str) -> None:
    assert valid.count(old) == 1
    assert shape_text(load(valid.replace(old, new))) == expected


def test_keys_are_counted_as_the_model_has_them(load: Load, valid: str) -> None:
    text = valid.replace("L0.attn", "L0H2.k")
    assert shape_text(load(text)) == ""
    assert shape_text(load(text), gelu=ModelShape(2, 4, 8, shared_kv_heads=2)) == (
        "x:24:30: node 'L0H2.k' does not exist in nano-gelu-2l, which has keys 0 to 1 in each layer"
    )


def test_one_layer(load: Load, valid: str) -> None:
    text = valid.replace("[L1H3, L0.attn]", "[L0H1, L0.attn]")
    assert shape_text(load(text), gelu=ModelShape(1, 1, None)) == (
        "x:24:24: node 'L0H1' does not exist in nano-gelu-2l, which has head 0 only in each "
        "layer\n"
        "x:30:37: node 'L1H1' does not exist in nano-gelu-2l, which has layer 0 only"
    )


def test_a_check_for_other_models_is_not_looked_at(load: Load, valid: str) -> None:
    text = valid.replace("[L1H3, L0.attn], ", "[L1H3, L0.mlp], models: [nano-gelu-2l], ")
    assert shape_text(load(text)) == ""


def test_unknown_models(load: Load, valid: str) -> None:
    loaded = load(valid.replace("nano-attn-1l: absent", "nano-atn-1l: absent\n  hf:a: absent\n  a/b: absent"))
    (problem,) = check_models(loaded, ["nano-attn-1l", "nano-attn-2l", "nano-gelu-2l"])
    assert str(problem) == (
        "behaviours/x.yaml:31:3: unknown model 'nano-atn-1l'; "
        "known models: nano-attn-1l, nano-attn-2l, nano-gelu-2l; did you mean 'nano-attn-1l'?"
    )


@pytest.mark.parametrize(
    ("name", "node"),
    [
        ("L0H0", NodeName(0, "head", 0)),
        ("L12N345", NodeName(12, "neuron", 345)),
        ("L1.resid_mid", NodeName(1, "resid_mid", None)),
        ("L1.attn", NodeName(1, "attn", None)),
        *((name, None) for name in ("L01H1", "L1H", "l1H1", "L1.q", "L1H1@END", "L1H1\n", "L١H1", "L1H" + "9" * 5000)),
    ],
)
def test_node_names(name: str, node: NodeName | None) -> None:
    assert parse_node(name) == node
