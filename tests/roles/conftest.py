import pytest
import torch

from mi_checks.models.load_model import load


@pytest.fixture(scope="session")
def loaded_model_of():
    torch.set_num_threads(1)
    loaded = {}

    def get(name):
        if name not in loaded:
            loaded[name] = load(name, device="cpu")
        return loaded[name]

    return get
