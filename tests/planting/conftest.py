import pytest
import torch

from mi_checks.checks.dispatch import run_check
from tests.planting.placements import PLACEMENTS


@pytest.fixture(scope="session")
def planted_at():
    """A placement's name → what was planted; each is made once."""
    torch.set_num_threads(1)
    made = {}

    def get(name):
        if name not in made:
            made[name] = PLACEMENTS[name]()
        return made[name]

    return get


@pytest.fixture
def verdict():
    """The verdict on one check of what was planted, written as in a file."""

    def verdict(planted, kind, engine="replay", **check):
        measured = planted.measurements({kind: check}, engine=engine)
        return run_check(measured.behaviour.checks[0].check, measured)

    return verdict
