"""A series of training checkpoints, by one name."""

import json
import shutil

import pytest

from mi_checks.errors import MiChecksError
from mi_checks.models.model_checkpoints import expand_series, series_models
from mi_checks.models.model_names import NANO_FOLDER

STEPS = ("nano-attn-2l@200", "nano-attn-2l@400", "nano-attn-2l@500", "nano-attn-2l@650", "nano-attn-2l")


def test_a_bundled_model_s_checkpoints_then_the_model():
    assert series_models("nano-attn-2l@*") == STEPS


def test_others_stay_and_each_comes_once():
    given = ["nano-attn-2l@500", "nano-gelu-1l", "nano-attn-2l@*"]
    assert expand_series(given) == ("nano-attn-2l@500", "nano-gelu-1l", *STEPS[:2], *STEPS[3:])


def test_a_folder_s_checkpoints_in_the_order_of_training(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine/checkpoints").mkdir(parents=True)
    shutil.copy(NANO_FOLDER / "nano-attn-2l/config.json", tmp_path / "mine")
    (tmp_path / "mine/model.safetensors").touch()
    for step in (1000, 200, 30):
        (tmp_path / f"mine/checkpoints/step-{step}.safetensors").touch()
    assert series_models("mine@*") == ("mine@30", "mine@200", "mine@1000", "mine")
    assert series_models("nano-attn-2l=mine@*")[0] == "nano-attn-2l=mine@30"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nano-attn-1l@*", "no training checkpoints of 'nano-attn-1l' are known; use nano-attn-2l@\\*, nano"),
        ("attn-only-2l@*", "of 'attn-only-2l' are known; .* or name each checkpoint \\(attn-only-2l@LABEL\\)"),
        ("nano-atn-2l@*", "unknown model 'nano-atn-2l'; .* did you mean 'nano-attn-2l'"),
    ],
)
def test_none_to_list(name, message):
    with pytest.raises(MiChecksError, match=message):
        series_models(name)


def test_a_folder_without_any(tmp_path):
    (tmp_path / "config.json").write_text(
        json.dumps(json.loads((NANO_FOLDER / "nano-attn-2l/config.json").read_text()))
    )
    with pytest.raises(MiChecksError, match="no training checkpoints of"):
        series_models(f"{tmp_path}@*")
