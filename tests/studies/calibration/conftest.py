import pytest
import torch

from mi_checks.studies.calibration import calibration_inputs
from mi_checks.studies.calibration.calibration_inputs import draw_batch
from mi_checks.studies.calibration.prompt_pool import PromptPool


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def pool():
    """A trained model with the behaviour's own answers."""
    loaded_model = calibration_inputs.trained_model("nano-attn-2l")
    return PromptPool(
        loaded_model, draw_batch(loaded_model.tokenization, 48, 0), calibration_inputs.TRAINED_CIRCUITS["nano-attn-2l"]
    )
