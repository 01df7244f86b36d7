"""A run that was killed ends in the weights of one that was not."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from training import train as training
from training.train import Recipe, train

RECIPE = Recipe("nano-gelu-1l", steps=50, batch_size=4, warmup=5)


def test_killed_and_resumed_equals_uninterrupted(
    data: Path, tmp_path: Path, tiny_shapes: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train(RECIPE, data, tmp_path / "whole", save_every=20)

    draw = training.training_batch
    steps: list[int] = []

    def killed_at_30(*args: object, step: int, **kwargs: object) -> object:
        steps.append(step)
        if step == 30 and steps.count(30) == 1:
            raise KeyboardInterrupt
        return draw(*args, step=step, **kwargs)

    monkeypatch.setattr(training, "training_batch", killed_at_30)
    with pytest.raises(KeyboardInterrupt):
        train(RECIPE, data, tmp_path / "killed", save_every=20)
    assert not (tmp_path / "killed" / RECIPE.model / "final.safetensors").exists()
    resumed = train(RECIPE, data, tmp_path / "killed", save_every=20)

    assert steps == [*range(31), *range(20, 50)]  # from the last saved state, not from the start
    expected, found = load_file(whole / "final.safetensors"), load_file(resumed / "final.safetensors")
    assert expected.keys() == found.keys()
    for name in expected:
        assert torch.equal(expected[name], found[name]), name
    logs = [[json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()] for run in (whole, resumed)]
    assert [probe["step"] for probe in logs[1]] == [25, 50]
    assert [probe["train_loss"] for probe in logs[0]] == [probe["train_loss"] for probe in logs[1]]


def test_rates_warm_up_stay_and_fall_to_zero() -> None:
    recipe = Recipe("nano-gelu-1l", steps=100, warmup=10, decay_share=0.5)
    assert recipe.rate(0) == pytest.approx(0.1)
    assert recipe.rate(30) == 1.0
    assert recipe.rate(75) == pytest.approx(0.5)
    assert recipe.rate(100) == 0.0


def test_a_run_begun_with_another_recipe_is_not_resumed(tmp_path: Path) -> None:
    run = tmp_path / "nano-attn-1l"
    run.mkdir()
    (run / "state.pt").touch()
    (run / "recipe.json").write_text(json.dumps(asdict(Recipe("nano-attn-1l", seed=1)), indent=1, sort_keys=True))
    with pytest.raises(SystemExit, match="was started with another recipe"):
        train(Recipe("nano-attn-1l", seed=2), tmp_path, tmp_path)
