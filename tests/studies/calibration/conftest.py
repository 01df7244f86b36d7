import pytest
import torch

from mi_checks.studies.calibration import calibration_models
from mi_checks.studies.calibration.calibration_prompts import drawn
from mi_checks.studies.calibration.pool import Pool


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def pool():
    """A trained model with the behaviour's own answers."""
    loaded_model = calibration_models.trained("nano-attn-2l")
    return Pool(loaded_model, drawn(loaded_model.tokenization, 48, 0), calibration_models.TRAINED["nano-attn-2l"])
