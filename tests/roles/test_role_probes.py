"""Probe prompts: the same for every behaviour, and of the shape that scores rest on."""

from dataclasses import replace

import numpy as np
import pytest

from mi_checks.errors import MiChecksError
from mi_checks.prompts.tokenization import Tokenization
from mi_checks.roles.role_probes import MAX_PERIOD, N_PROMPTS, name_prompts, repeated_token_prompts


@pytest.fixture
def loaded_model(loaded_model_of):
    return loaded_model_of("nano-attn-2l")


def test_random_tokens_are_distinct_and_come_twice(loaded_model):
    probes = repeated_token_prompts(loaded_model)
    assert probes.tokens.shape == (N_PROMPTS, 1 + 2 * MAX_PERIOD)
    assert (probes.tokens[:, 0] == loaded_model.tokenization.bos).all()
    first, second = probes.tokens[:, 1 : 1 + MAX_PERIOD], probes.tokens[:, 1 + MAX_PERIOD :]
    assert (first == second).all()
    assert all(len(set(row)) == MAX_PERIOD for row in first.tolist())
    assert len(np.unique(first)) > 500  # of 2048
    assert loaded_model.tokenization.bos not in first
    assert (probes.tokens[:, probes.second] == second).all()


def test_they_are_the_same_every_time(loaded_model):
    assert (repeated_token_prompts(loaded_model).tokens == repeated_token_prompts(loaded_model).tokens).all()
    assert (name_prompts(loaded_model).tokens == name_prompts(loaded_model).tokens).all()


def test_models_of_one_tokenizer_share_them(loaded_model, loaded_model_of):
    assert (
        repeated_token_prompts(loaded_model).tokens == repeated_token_prompts(loaded_model_of("nano-gelu-2l")).tokens
    ).all()


def test_without_a_first_token_they_begin_at_once(loaded_model):
    bare = replace(loaded_model, tokenization=Tokenization(loaded_model.tokenization.tokenizer, None))
    probes = repeated_token_prompts(bare)
    assert (probes.start, probes.tokens.shape[1]) == (0, 2 * MAX_PERIOD)
    assert name_prompts(bare).tokens.shape[1] == name_prompts(loaded_model).tokens.shape[1] - 1


def test_a_short_context_has_shorter_ones(loaded_model):
    assert repeated_token_prompts(replace(loaded_model, n_ctx=10)).tokens.shape == (N_PROMPTS, 9)


def test_one_name_stands_once_and_the_other_twice(loaded_model):
    probes = name_prompts(loaded_model)
    for prompt, (row, place, name) in enumerate(zip(probes.tokens, probes.name_positions, probes.names, strict=True)):
        assert row[place] == name
        assert (row == name).sum() == 1
        other = row[place + 2] if prompt % 2 == 0 else row[place - 2]  # " and" between them
        assert (row == other).sum() == 2
    text = loaded_model.tokenization.tokenizer.decode(probes.tokens[0].tolist())
    assert text.startswith("When") or "When" in text
    assert text.endswith(" gave a drink to")
    assert len(set(probes.name_positions.tolist())) == 2


def test_a_context_that_is_too_short(loaded_model):
    with pytest.raises(MiChecksError) as caught:
        name_prompts(replace(loaded_model, n_ctx=8))
    length = name_prompts(loaded_model).tokens.shape[1]
    assert str(caught.value) == (
        f"nano-attn-2l: the role score name_mover needs prompts of {length} tokens, and the model's context is 8 tokens"
    )
    with pytest.raises(MiChecksError) as caught:
        repeated_token_prompts(replace(loaded_model, n_ctx=4))
    assert str(caught.value) == (
        "nano-attn-2l: its context or its vocabulary is too small for the probe prompts of roles"
    )
