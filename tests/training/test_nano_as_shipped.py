"""What lies in `mi_checks/models/nano/` meets the criteria, fits, and is described by its card."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from tokenizers import Tokenizer

from mi_checks.models.load_model import load as load_packaged
from training import card
from training.corpus import packages
from training.evaluate import MAX_INDUCTION_RATIO
from training.evaluate import load_weights as load_measured
from training.model import SHAPES, NanoModel

NANO = Path(__file__).parents[2] / "mi_checks" / "models" / "nano"
SHIPPED = sorted(path.parent for path in NANO.glob("*/metrics.json"))
WEIGHTS_AT_MOST = 48e6  # bytes, all models without their checkpoints
CHECKPOINTS_AT_MOST = 4  # per model

shipped = pytest.mark.parametrize("folder", SHIPPED, ids=[path.name for path in SHIPPED])


def metrics_of(folder: Path) -> dict[str, Any]:
    metrics: dict[str, Any] = json.loads((folder / "metrics.json").read_text())
    return metrics


@shipped
def test_beats_both_bigrams(folder: Path) -> None:
    for kind in ("code", "prose"):
        loss = metrics_of(folder)["held_out"][kind]
        assert loss["model"] < loss["own_bigram"] <= loss["bigram"] < loss["unigram"], kind


@shipped
def test_induction_is_there_where_two_layers_allow_it_and_only_there(folder: Path) -> None:
    repeats, shape = metrics_of(folder)["repeats"], SHAPES[folder.name]
    shows = repeats["second_copy"] <= MAX_INDUCTION_RATIO * repeats["first_copy"]
    assert shows == metrics_of(folder)["criteria"]["shows_induction"]
    if shape.n_layers >= 2:
        assert shows
        assert repeats["shuffled_copy"] > 2 * repeats["second_copy"]  # order matters: not merely "seen before"
    elif shape.attn_only:
        assert not shows


@shipped
def test_weights_are_those_measured_and_fit_the_config(folder: Path) -> None:
    metrics, shape = metrics_of(folder), SHAPES[folder.name]
    weights = folder / "model.safetensors"
    assert hashlib.sha256(weights.read_bytes()).hexdigest() == metrics["sha256"]
    assert json.loads((folder / "config.json").read_text()) == shape.bridge_config()
    expected = {name: list(tensor.shape) for name, tensor in NanoModel(shape).state_dict().items()}
    for path in (weights, *sorted((folder / "checkpoints").glob("*"))):
        with safe_open(path, "pt") as opened:
            slices = {name: opened.get_slice(name) for name in opened.keys()}  # noqa: SIM118
            assert {name: found.get_shape() for name, found in slices.items()} == expected
            assert {found.get_dtype() for found in slices.values()} == {"F16"}


@shipped
def test_tokenizer_is_the_one_trained_with(folder: Path) -> None:
    path = NANO / "tokenizer.json"
    assert hashlib.sha256(path.read_bytes()).hexdigest() == metrics_of(folder)["tokenizer"]["sha256"]
    assert Tokenizer.from_file(str(path)).get_vocab_size() == SHAPES[folder.name].d_vocab


@shipped
def test_card_is_the_one_its_metrics_give(folder: Path) -> None:
    assert (folder / "README.md").read_text() == card.render(metrics_of(folder)), "run `python -m training export`"


@shipped
def test_card_names_every_package_with_its_licence(folder: Path) -> None:
    text = (folder / "README.md").read_text()
    for package in packages():
        row = next(line for line in text.splitlines() if line.startswith(f"| {package.name} | {package.version} |"))
        assert package.licence in row
        assert package.registry in row


@shipped
def test_checkpoints_are_the_listed_ones_and_show_the_change(folder: Path) -> None:
    listed = metrics_of(folder)["checkpoints"]
    found = sorted(f"checkpoints/{path.name}" for path in (folder / "checkpoints").glob("*"))
    assert [point["file"] for point in listed] == found
    assert len(listed) <= CHECKPOINTS_AT_MOST
    if listed:
        assert listed[0]["second_copy"] > 0.9 * listed[0]["first_copy"]
        assert listed[-1]["second_copy"] < MAX_INDUCTION_RATIO * listed[-1]["first_copy"]


@shipped
def test_the_packages_own_loader_gives_the_model_that_was_measured(folder: Path) -> None:
    tokens = torch.randint(0, SHAPES[folder.name].d_vocab, (2, 40), generator=torch.Generator().manual_seed(0))
    measured = load_measured(folder / "model.safetensors", SHAPES[folder.name]).double()
    with torch.no_grad():  # in float64: in float32 both are 1e-4 logits from it where attention is sharp
        found = load_packaged(folder.name, device="cpu").bridge.double()(tokens)
        torch.testing.assert_close(found, measured(tokens), atol=1e-8, rtol=0)


def test_all_weights_together_stay_small() -> None:
    assert sum(path.stat().st_size for path in NANO.glob("*/model.safetensors")) < WEIGHTS_AT_MOST
