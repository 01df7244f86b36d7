"""Export: what it refuses, what it writes, and which checkpoints it picks."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from training import evaluate
from training.corpus import packages
from training.evaluate import Evaluation, EvaluationData, RepeatLoss, TextLoss
from training.export import ExportRefusedError, export, phase_change, select_checkpoints
from training.model import SHAPES, NanoModel, initialise
from training.prepare import train_tokenizer
from training.train import LossProbe, Recipe, save_weights

MODEL = "nano-attn-2l"
PASSING = Evaluation(
    TextLoss(2.0, 3.0, 3.1, 5.0), TextLoss(2.5, 3.0, 3.1, 5.0), RepeatLoss(first_copy=8, second_copy=1, shuffled_copy=9)
)


@pytest.fixture
def run(tmp_path: Path, tiny_shapes: None) -> Path:
    """A finished run of a tiny untrained model."""
    folder = tmp_path / "runs" / MODEL
    folder.mkdir(parents=True)
    nano = NanoModel(SHAPES[MODEL])
    initialise(nano, seed=0)
    for name in ("step-00050", "step-00100", "step-00150", "step-00200", "step-00250", "final"):
        save_weights(nano, folder / f"{name}.safetensors")
    (folder / "recipe.json").write_text(json.dumps(asdict(Recipe(MODEL, steps=250))))
    probes = [LossProbe(s, 3.0, 8.0, 8.0 if s < 150 else 0.5, float(s)) for s in range(25, 251, 25)]
    (folder / "log.jsonl").write_text("".join(json.dumps(asdict(probe)) + "\n" for probe in probes))
    machine = {"device": "CPU", "python": "3", "threads": 1, "torch": "2"}
    (folder / "machines.jsonl").write_text(json.dumps(machine) + "\n")
    return folder


@pytest.fixture
def nano(tmp_path: Path) -> Path:
    folder = tmp_path / "nano"
    folder.mkdir()
    train_tokenizer(["a word and a word again, and again a word"] * 4).save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture
def bench(counted: Path) -> EvaluationData:
    return EvaluationData.of(counted, n_ctx=128, d_vocab=64)


def files(nano: Path) -> list[str]:
    return sorted(str(path.relative_to(nano)) for path in nano.rglob("*") if path.is_file())


def test_refuses_a_model_without_induction_and_writes_nothing(
    run: Path, nano: Path, bench: EvaluationData, data: Path
) -> None:
    with pytest.raises(ExportRefusedError) as refusal:
        export(MODEL, bench, data=data, runs=run.parent, nano=nano)
    assert str(refusal.value).startswith(f"{MODEL}: not exported: held-out code: 4.")
    assert "no better than a bigram's" in str(refusal.value)
    assert "no induction: " in str(refusal.value)
    assert files(nano) == ["tokenizer.json"]


def test_refuses_an_unfinished_run(run: Path, nano: Path, bench: EvaluationData, data: Path) -> None:
    (run / "final.safetensors").unlink()
    with pytest.raises(ExportRefusedError, match="not finished"):
        export(MODEL, bench, data=data, runs=run.parent, nano=nano)


def test_refusal_leaves_what_had_shipped(run: Path, nano: Path, bench: EvaluationData, data: Path) -> None:
    (nano / MODEL).mkdir()
    (nano / MODEL / "model.safetensors").write_bytes(b"old")
    with pytest.raises(ExportRefusedError):
        export(MODEL, bench, data=data, runs=run.parent, nano=nano)
    assert (nano / MODEL / "model.safetensors").read_bytes() == b"old"


def test_writes_weights_config_metrics_card_and_checkpoints(
    run: Path, nano: Path, bench: EvaluationData, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EvaluationData, "evaluate", lambda self, model: PASSING)
    (nano / MODEL).mkdir()
    (nano / MODEL / "stale").touch()
    folder = export(MODEL, bench, data=data, runs=run.parent, nano=nano)
    assert files(nano) == [
        f"{MODEL}/README.md",
        *(f"{MODEL}/checkpoints/step-{step:05d}.safetensors" for step in (50, 100, 150, 200)),
        f"{MODEL}/config.json",
        f"{MODEL}/metrics.json",
        f"{MODEL}/model.safetensors",
        "tokenizer.json",
    ]
    assert json.loads((folder / "config.json").read_text()) == SHAPES[MODEL].bridge_config()
    assert (folder / "model.safetensors").read_bytes() == (run / "final.safetensors").read_bytes()
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["criteria"] == {"beats_bigram": True, "shows_induction": True, "induction_ratio": 0.5}
    assert metrics["phase_change"] == {"10%": 150, "50%": 150, "90%": 150}
    card = (folder / "README.md").read_text()
    for package in packages():
        assert f"| {package.name} | {package.version} | {package.registry} " in card
        assert f"| {package.licence} |" in card
    for stated in ("**2.000**", "**1.000**", "shows induction", "--seed 0 --steps 250 --threads 1", metrics["sha256"]):
        assert stated in card


def probes_at(*losses: float) -> list[LossProbe]:
    return [LossProbe(25 * (i + 1), 3.0, 8.0, loss, 1.0) for i, loss in enumerate(losses)]


def test_phase_change_is_read_off_the_second_copy() -> None:
    probes = probes_at(8.0, 8.1, 8.0, 7.0, 4.0, 2.0, 0.5, 0.1)
    assert phase_change(probes) == {"10%": 100, "50%": 125, "90%": 175}


def test_checkpoints_are_early_before_amid_and_after() -> None:
    probes = probes_at(*[8.0] * 16, 7.0, 6.0, 4.0, 3.0, 2.0, 1.0, 0.5, *[0.1] * 9)  # falls from step 425 to 575
    saved = {step: Path(str(step)) for step in range(50, 801, 50)}
    assert list(select_checkpoints(probes, saved)) == [200, 400, 450, 600]


def test_checkpoints_of_a_sudden_change_are_still_four() -> None:
    saved = {step: Path(str(step)) for step in range(50, 801, 50)}
    assert list(select_checkpoints(probes_at(*[8.0] * 16, *[0.1] * 10), saved)) == [200, 400, 450, 500]


def test_no_saved_steps_no_checkpoints() -> None:
    assert select_checkpoints(probes_at(8.0, 0.1), {}) == {}


def test_repeats_are_measured_on_a_seed_that_no_probe_uses() -> None:
    assert Recipe(MODEL).steps < evaluate.REPEAT_SEED
