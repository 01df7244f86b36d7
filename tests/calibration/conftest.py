import pytest
import torch

from mi_checks.calibration import models
from mi_checks.calibration.pool import Pool
from mi_checks.calibration.prompts import drawn


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def pool():
    """A trained model with the behaviour's own answers."""
    subject = models.trained("nano-attn-2l")
    return Pool(subject, drawn(subject.tokenization, 48, 0), models.TRAINED["nano-attn-2l"])
