"""Which checkpoints make a series."""

import json
import shutil

import pytest

from mi_checks.errors import MiChecksError
from mi_checks.models.model_checkpoints import training_step
from mi_checks.models.model_names import NANO_FOLDER
from mi_checks.studies.emergence.checkpoint_series import chosen_series


def test_by_default_each_that_is_bundled():
    attention, gelu = chosen_series([])
    assert (attention.model, gelu.model) == ("nano-attn-2l", "nano-gelu-2l")
    assert attention.names == (*(f"nano-attn-2l@{step}" for step in (200, 400, 500, 650)), "nano-attn-2l")
    assert attention.steps == (200, 400, 500, 650, 1200)  # the end as metrics.json has it
    assert attention.by_step
    assert attention.places == (200.0, 400.0, 500.0, 650.0, 1200.0)
    assert attention.measured[0] == "nano-attn-2l=nano-attn-2l@200"  # under the claims of the end, and its bounds
    assert attention.measured[-1] == attention.claims == "nano-attn-2l"


def test_single_checkpoints_in_the_order_of_training():
    (series,) = chosen_series(["nano-attn-2l", "nano-attn-2l@650", "nano-attn-2l@200"])
    assert series.labels == ("200", "650", "1200")


def test_a_folder_whose_end_nobody_wrote_down(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine/checkpoints").mkdir(parents=True)
    shutil.copy(NANO_FOLDER / "nano-attn-2l/config.json", tmp_path / "mine")
    (tmp_path / "mine/model.safetensors").touch()
    for step in (30, 1000):
        (tmp_path / f"mine/checkpoints/step-{step}.safetensors").touch()
    (series,) = chosen_series(["nano-attn-2l=mine@*"])
    assert series.labels == ("30", "1000", "end")
    assert not series.by_step
    assert series.places == (0.0, 1.0, 2.0)
    assert series.measured == ("nano-attn-2l=mine@30", "nano-attn-2l=mine@1000", "nano-attn-2l=mine")
    assert series.claims == "nano-attn-2l"
    (plain,) = chosen_series(["mine@*"])
    assert plain.measured == ("mine=mine@30", "mine=mine@1000", "mine")


@pytest.mark.parametrize("metrics", ["", "[]", '{"recipe": {}}', '{"recipe": {"steps": "many"}}'])
def test_metrics_that_say_nothing(tmp_path, metrics):
    (tmp_path / "config.json").write_text(json.dumps({}))
    (tmp_path / "metrics.json").write_text(metrics)
    assert training_step(str(tmp_path)) is None


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["nano-attn-1l@*"], "no training checkpoints of 'nano-attn-1l' are known; use nano-attn-2l@\\*"),
        (["nano-attn-1l"], "no training checkpoints of 'nano-attn-1l' are known"),
        (
            ["nano-attn-2l@500"],
            "needs at least two checkpoints of 'nano-attn-2l', but only nano-attn-2l@500 is given; "
            "use 'nano-attn-2l@\\*' for all 5, or name another$",
        ),
        (["nano-attn-2l@*", "nano-gelu-2l@350"], "but only nano-gelu-2l@350 is given; use"),
        (["nano-attn-9l@*"], "unknown model 'nano-attn-9l'"),
    ],
)
def test_what_is_no_series(names, message):
    with pytest.raises(MiChecksError, match=message):
        chosen_series(names)
