import pytest
import torch
from transformers.utils import logging

from tests.zoo.configurations import ZOO, write
from tests.zoo.specimen import Specimen


@pytest.fixture(scope="session")
def zoo(tmp_path_factory):
    """A model of the zoo by its name, written to disk and loaded once in a session."""
    torch.set_num_threads(1)
    root, known = tmp_path_factory.mktemp("zoo"), {}
    logging.disable_progress_bar()

    def get(name):
        if name not in known:
            known[name] = Specimen(ZOO[name], write(ZOO[name], root / name))
        return known[name]

    yield get
    logging.enable_progress_bar()
