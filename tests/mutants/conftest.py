import pytest
import torch

from mi_checks.engine.choose_engine import replayable_model
from mi_checks.engine.replay.replay_engine import ReplayEngine
from mi_checks.suite.loaded_models import SuiteSettings
from mi_checks.suite.suite import Suite
from tests.engine.cases import native, prompts


@pytest.fixture(scope="session")
def random_engine():
    """`random_engine("gelu")`: a random model of an architecture on random prompts, made once."""
    torch.set_num_threads(1)
    made = {}

    def get(architecture):
        if architecture not in made:
            loaded_model = native(architecture)
            made[architecture] = ReplayEngine(loaded_model, prompts(count=6, seed=4), replayable_model(loaded_model))
        return made[architecture]

    return get


@pytest.fixture(scope="session")
def suite():
    torch.set_num_threads(1)
    return Suite(SuiteSettings(count=24))
