import pytest
import torch

from benchmarks.judge_discovery import judge, load_model, read_truth
from benchmarks.side_by_side import CombinedModel, read_programs
from tests.compiled.known import PROGRAMS

PAIRS = 48  # of each behaviour's checks; discovery takes twice as many, and the programs have 144 inputs in all


@pytest.fixture(scope="session", autouse=True)
def few_identical_pairs_are_judged():
    """Compiled models have the same effect on every pair, which fewer than 64 pairs would not show."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mi_checks.stats.refusals.MIN_IDENTICAL_OBSERVATIONS", PAIRS)
        yield


@pytest.fixture(scope="session")
def compiled(tmp_path_factory):
    """A folder with the model of the committed programs, their behaviours and what is true of them."""
    folder = tmp_path_factory.mktemp("compiled")
    CombinedModel(read_programs(PROGRAMS)).write(folder, PAIRS)
    return folder


@pytest.fixture(scope="session")
def truths(compiled):
    return read_truth(compiled)


@pytest.fixture(scope="session")
def loaded_model(compiled):
    torch.set_num_threads(1)
    return load_model(compiled)


@pytest.fixture(scope="session")
def judged(compiled, loaded_model, truths):
    """A program's name → what discovery and claims say of it; each is measured once."""
    made = {}

    def judged(name):
        if name not in made:
            made[name] = judge(compiled, name, loaded_model, truths[name])
        return made[name]

    return judged
