"""What the stub promises, the engine keeps: the same numbers by hand from a real model."""

import numpy as np
import pytest
import torch

from mi_checks.checks.dispatch import run_check
from mi_checks.checks.measurements import Measurements
from mi_checks.engine.interventions import denoise, noise
from mi_checks.engine.nodes import parse_node
from mi_checks.engine.reference.reference_engine import ReferenceEngine
from mi_checks.models.load_model import load
from mi_checks.prompts.build_prompts import build_prompts
from mi_checks.spec.behaviour import Behaviour

BEHAVIOUR = Behaviour.model_validate(
    {
        "name": "induction",
        "summary": "A B … A → B",
        "prompts": {
            "count": 16,
            "variables": {
                "A": {"tokens": "random"},
                "B": {"tokens": "random", "differs_from": "A"},
                "C": {"tokens": "random", "differs_from": ["A", "B"]},
                "D": {"tokens": "random", "differs_from": ["A", "B", "C"]},
                "query": {"same_as": "A"},
            },
            "template": "{{ A | at('A1') }}{{ B | at('B1') }}{{ D }}{{ C }}{{ query | at('A2') }}",
            "corrupt": {"A": "D", "D": "A"},
            "answer": "{{ B }}",
            "foils": ["{{ C }}"],
        },
        "checks": [
            {"patching": {"nodes": "L1H2", "recovers": {"at_least": 0.3}}},
            {"patching": {"nodes": "L1H2", "removes": {"at_least": 0.1}}},
            {"attention": {"nodes": ["L1H1", "L1H2"], "from": "A2", "to": "B1", "at_least": 0.1}},
        ],
        "models": {"nano-attn-2l": {}},
    },
    by_alias=True,
    by_name=False,
)


@pytest.fixture(scope="module")
def measured():
    torch.set_num_threads(1)
    loaded_model = load("nano-attn-2l", device="cpu")
    batch = build_prompts(BEHAVIOUR.prompts, loaded_model.tokenization, behaviour="induction")
    return Measurements(BEHAVIOUR, loaded_model, batch, ReferenceEngine(loaded_model, batch))


def test_recovers(measured):
    patched = measured.logit_diff(denoise(parse_node("L1H2")))
    clean, corrupt = measured.unpatched.clean.logit_diff, measured.unpatched.corrupt.logit_diff
    verdict = run_check(BEHAVIOUR.checks[0].check, measured)
    assert verdict.outcome == "pass"
    assert verdict.estimate.value == pytest.approx((patched - corrupt).sum() / (clean - corrupt).sum())


def test_removes(measured):
    patched = measured.logit_diff(noise(parse_node("L1H2")))
    clean, corrupt = measured.unpatched.clean.logit_diff, measured.unpatched.corrupt.logit_diff
    verdict = run_check(BEHAVIOUR.checks[1].check, measured)
    assert verdict.estimate.value == pytest.approx((clean - patched).sum() / (clean - corrupt).sum())


def test_attention(measured):
    bridge, batch = measured.loaded_model.bridge, measured.batch
    expected = []
    for pair in batch.pairs:
        with torch.no_grad():
            _, cache = bridge.run_with_cache(torch.tensor([pair.clean.tokens]))
        heads = cache["blocks.1.attn.hook_pattern"][0, [1, 2]]
        expected.append(heads[:, pair.clean.labels["A2"][-1], list(pair.clean.labels["B1"])].sum(-1).tolist())
    verdict = run_check(BEHAVIOUR.checks[2].check, measured)
    least = min(np.array(expected).T, key=np.mean)  # of the two heads, the one that decides
    np.testing.assert_allclose(verdict.per_prompt, least, atol=1e-5)
