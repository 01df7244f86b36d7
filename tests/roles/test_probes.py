"""Probe prompts: the same for every behaviour, and of the shape that scores rest on."""

from dataclasses import replace

import numpy as np
import pytest

from mi_checks.errors import MiChecksError
from mi_checks.prompts.tokenization import Tokenization
from mi_checks.roles.probes import COUNT, PERIOD, named, repeated


@pytest.fixture
def subject(subject_of):
    return subject_of("nano-attn-2l")


def test_random_tokens_are_distinct_and_come_twice(subject):
    probes = repeated(subject)
    assert probes.tokens.shape == (COUNT, 1 + 2 * PERIOD)
    assert (probes.tokens[:, 0] == subject.tokenization.bos).all()
    first, second = probes.tokens[:, 1 : 1 + PERIOD], probes.tokens[:, 1 + PERIOD :]
    assert (first == second).all()
    assert all(len(set(row)) == PERIOD for row in first.tolist())
    assert len(np.unique(first)) > 500  # of 2048
    assert subject.tokenization.bos not in first
    assert (probes.tokens[:, probes.second] == second).all()


def test_they_are_the_same_every_time(subject):
    assert (repeated(subject).tokens == repeated(subject).tokens).all()
    assert (named(subject).tokens == named(subject).tokens).all()


def test_models_of_one_tokenizer_share_them(subject, subject_of):
    assert (repeated(subject).tokens == repeated(subject_of("nano-gelu-2l")).tokens).all()


def test_without_a_first_token_they_begin_at_once(subject):
    bare = replace(subject, tokenization=Tokenization(subject.tokenization.tokenizer, None))
    probes = repeated(bare)
    assert (probes.start, probes.tokens.shape[1]) == (0, 2 * PERIOD)
    assert named(bare).tokens.shape[1] == named(subject).tokens.shape[1] - 1


def test_a_short_context_has_shorter_ones(subject):
    assert repeated(replace(subject, n_ctx=10)).tokens.shape == (COUNT, 9)


def test_one_name_stands_once_and_the_other_twice(subject):
    probes = named(subject)
    for prompt, (row, place, name) in enumerate(zip(probes.tokens, probes.once, probes.names, strict=True)):
        assert row[place] == name
        assert (row == name).sum() == 1
        other = row[place + 2] if prompt % 2 == 0 else row[place - 2]  # " and" between them
        assert (row == other).sum() == 2
    text = subject.tokenization.tokenizer.decode(probes.tokens[0].tolist())
    assert text.startswith("When") or "When" in text
    assert text.endswith(" gave a drink to")
    assert len(set(probes.once.tolist())) == 2


def test_a_context_that_is_too_short(subject):
    with pytest.raises(MiChecksError) as caught:
        named(replace(subject, n_ctx=8))
    length = named(subject).tokens.shape[1]
    assert str(caught.value) == (
        f"nano-attn-2l: the score name_mover needs prompts of {length} tokens, and the model reads 8"
    )
    with pytest.raises(MiChecksError) as caught:
        repeated(replace(subject, n_ctx=4))
    assert str(caught.value) == ("nano-attn-2l: its context or its vocabulary is too small for the prompts roles need")
