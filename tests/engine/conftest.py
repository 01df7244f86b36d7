import pytest
import torch

from mi_checks.engine.choose_engine import choose_engine
from mi_checks.engine.reference.reference_engine import ReferenceEngine
from mi_checks.models.load_model import load
from mi_checks.prompts.build_prompts import build_prompts
from mi_checks.spec.behaviour import Prompts

MODELS = ("nano-attn-2l", "nano-gelu-2l", "nano-solu-1l")

INDUCTION = Prompts.model_validate(
    {
        "count": 8,
        "variables": {
            "pre": {"tokens": "random", "length": 3},
            "A": {"tokens": "random", "differs_from": "pre"},
            "B": {"tokens": "random", "differs_from": ("pre", "A")},
            "C": {"tokens": "random", "differs_from": ("pre", "A", "B")},
        },
        "template": "{{ pre }}{{ A | at('A1') }}{{ B | at('B1') }}{{ C }}{{ A | at('A2') }}",
        "corrupt": {"B": "C", "C": "B"},
        "answer": "{{ B }}",
        "foils": ("{{ C }}",),
    }
)
# Prompts of different lengths: identifiers are one to four tokens long.
RAGGED = Prompts.model_validate(
    {
        "count": 8,
        "variables": {
            "x": {"pool": "identifiers"},
            "br": {"values": ({"open": "(", "close": ")"}, {"open": "[", "close": "]"})},
            "other": {"values": ({"open": "(", "close": ")"}, {"open": "[", "close": "]"}), "differs_from": "br"},
        },
        "template": "{{ x }} = {{ br.open | at('open') }} {{ x | at('x') }}",
        "corrupt": {"br": "other"},
        "answer": "{{ br.close }}",
        "foils": ("{{ other.close }}",),
    }
)


@pytest.fixture(scope="session")
def loaded_model_of():
    torch.set_num_threads(1)
    loaded = {}

    def get(name):
        if name not in loaded:
            loaded[name] = load(name, device="cpu")
        return loaded[name]

    return get


@pytest.fixture
def engine_of(loaded_model_of):
    def make(name, prompts=INDUCTION):
        loaded_model = loaded_model_of(name)
        batch = build_prompts(prompts, loaded_model.tokenization, behaviour="test", n_ctx=loaded_model.n_ctx)
        return ReferenceEngine(loaded_model, batch)

    return make


@pytest.fixture
def replaying():
    """The replay engine on another engine's model and prompts."""
    return lambda engine: choose_engine("replay", engine.loaded_model, engine.batch)


@pytest.fixture
def ragged_engine_of(engine_of):
    return lambda name: engine_of(name, RAGGED)
