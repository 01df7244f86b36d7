"""How far rounding may change a score, compared with the difference of two ways of computing it."""

import numpy as np
import pytest
import torch

from mi_checks.engine.choose_engine import choose_engine
from mi_checks.engine.interventions import ablate, denoise
from mi_checks.engine.nodes import all_nodes
from mi_checks.engine.prompt_layout import prompt_rows
from mi_checks.engine.readout import FLOAT32_FLOOR, Readout, relative_floor
from mi_checks.engine.reference.reference_engine import ReferenceEngine
from tests.engine.cases import native, prompts
from tests.engine.test_readout import SEVERAL, batch_of


def readout(batch, function=None):
    return Readout(batch, prompt_rows(batch), torch.device("cpu"), function)


def test_the_floor_of_each_dtype():
    assert relative_floor(torch.float32) == FLOAT32_FLOOR == 256 * 2**-23
    assert relative_floor(torch.float64) == FLOAT32_FLOOR  # logits are read as float32
    assert relative_floor(torch.bfloat16) == 2**-7
    assert relative_floor(torch.float16) == 2**-10


@pytest.mark.parametrize("architecture", ["attention only", "gelu", "solu", "llama", "soft caps"])
def test_case_32_two_engines_differ_by_less_than_the_floor(architecture):
    """The reference is float64; the engines add the same terms in float32, in two orders."""
    loaded_model, batch = native(architecture), prompts(count=8, seed=2)
    heads = all_nodes("head", loaded_model.shape)
    tried = [denoise(heads[1]), *(ablate(*heads, kind=kind) for kind in ("zero", "mean", "resample"))]
    engines = ReferenceEngine(loaded_model, batch), choose_engine("replay", loaded_model, batch)
    found = [engine.scores(tried) for engine in engines]
    rounding = engines[0].unpatched.rounding
    np.testing.assert_allclose(rounding, engines[1].unpatched.rounding, rtol=1e-3)
    loaded_model.bridge.to(torch.float64)
    exact = ReferenceEngine(loaded_model, batch).scores(tried)
    for measured in found:
        assert (np.abs(measured - exact) < rounding / 2).all()


def test_rounding_of_logits_is_a_fraction_of_the_largest():
    batch = batch_of(((5,),), ((7,),))
    logits = torch.zeros(4, 50)
    logits[:, 9] = torch.tensor([10.0, -20.0, 0.0, 1.0])
    expected = FLOAT32_FLOOR * torch.tensor([10.0, 20.0, 0.0, 1.0])
    torch.testing.assert_close(readout(batch).rounding(logits, FLOAT32_FLOOR), expected)


def test_rounding_of_log_probabilities_is_summed_over_tokens():
    batch = batch_of(**SEVERAL, score="log_probability")
    logits = torch.full((len(prompt_rows(batch)), 50), 10.0)
    expected = torch.full((4,), 4 * 10 * FLOAT32_FLOOR)  # the longest continuation has four tokens
    torch.testing.assert_close(readout(batch).rounding(logits, FLOAT32_FLOOR), expected)


def test_rounding_of_a_score_function_follows_the_logits():
    def probability(logits, answers, _foils):
        return logits.softmax(-1).gather(-1, answers)[:, 0]

    def entropy(logits, _answers, _foils):
        return -(logits.softmax(-1) * logits.log_softmax(-1)).sum(-1)

    def difference(logits, answers, foils):
        return (logits.gather(-1, answers) - logits.gather(-1, foils))[:, 0]

    batch = batch_of(((5,),), ((7,),), score="own")
    logits = torch.randn(4, 50, generator=torch.Generator().manual_seed(0)) * 10
    logits[0, 5] = -60  # a small probability is as exact, for its size, as a large one
    moved = FLOAT32_FLOOR * logits.abs().amax(-1)
    found = readout(batch, probability).rounding(logits, FLOAT32_FLOOR)
    p = logits.softmax(-1)[:, 5]
    torch.testing.assert_close(found, torch.maximum(moved * p * (1 - p), FLOAT32_FLOOR * p), rtol=0.1, atol=0)
    assert 0 < found[0] < 1e-25
    torch.testing.assert_close(readout(batch, difference).rounding(logits, FLOAT32_FLOOR), moved, rtol=0.05, atol=0)
    assert (readout(batch, entropy).rounding(logits, FLOAT32_FLOOR) > 1e-6).all()


@pytest.mark.parametrize(("ahead", "wins"), [(0.0, False), (1e-4, False), (1e-2, True)])
def test_an_answer_ahead_by_rounding_wins_nothing(ahead, wins):
    """If all logits are equal, the first token does not win."""
    batch = batch_of(((0,),), ((7,),))
    logits = torch.full((4, 50), 10.0)
    logits[:, 0] += ahead
    assert [part.tolist() for part in readout(batch).answer_wins(logits, FLOAT32_FLOOR)] == [[wins] * 4] * 2


@pytest.mark.parametrize(("ahead", "wins"), [(0.0, False), (1e-2, True)])
def test_one_of_several_answers_is_on_top(ahead, wins):
    batch = batch_of(((5,), (6,)), ((7,), (8,)))
    logits = torch.full((4, 50), 10.0)
    logits[:, 6] += ahead
    logits[:, 5] += ahead
    assert [part.tolist() for part in readout(batch).answer_wins(logits, FLOAT32_FLOOR)] == [[wins] * 4] * 2


@pytest.mark.parametrize(("ahead", "wins"), [(0.0, False), (1e-2, True)])
def test_every_token_of_an_answer_is_on_top(ahead, wins):
    batch = batch_of(**SEVERAL, score="log_probability")
    read = readout(batch)
    logits = torch.full((len(prompt_rows(batch)), 50), 10.0)
    for index, row in enumerate(prompt_rows(batch)):
        if row.continuation < 2:
            logits[index, SEVERAL["answers"][row.continuation][len(row.forced)]] += ahead
    assert read.answer_wins(logits, FLOAT32_FLOOR)[1].tolist() == [wins] * 4
