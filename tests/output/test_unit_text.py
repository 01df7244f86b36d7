"""What a sample is over, in words."""

import numpy as np
import pytest

from mi_checks.output.unit_text import sample_text, unit_text, worst_rows
from mi_checks.prompts.factors import factor
from mi_checks.stats.intervals import mean_interval
from mi_checks.stats.sampling import SamplingDesign, independent
from tests.effects import around

N = 48


def taken(name, size, *, sampled=True, every=1, labels=()):
    """A factor of so many rows, each for several prompts in turn."""
    return factor(name, (prompt // every % size for prompt in range(N)), sampled=sampled, labels=labels)


BRACKET = taken("bracket", 3, sampled=False, labels=("'('", "'['", "'{'"))
TRIGRAM, VERB = taken("trigram", 16), taken("verb", 12, every=4)


@pytest.mark.parametrize(
    ("factors", "text"),
    [
        ((), "over 48 prompts"),
        ((taken("case", N),), "over 48 prompts"),
        ((taken("quote", N),), "over 48 quotes"),
        ((BRACKET,), "over 48 prompts, across 3 fixed values of bracket"),
        ((TRIGRAM,), "over 16 values of trigram × contexts"),
        ((TRIGRAM, taken("tense", 2, sampled=False)), "over 16 values of trigram × contexts, across 2 fixed values of "
         "tense"),
        ((taken("noun", 16, every=3), BRACKET), "over 16 values of noun, across 3 fixed values of bracket"),
        ((TRIGRAM, VERB), "over 12 values of verb × 16 values of trigram"),
        ((BRACKET, taken("tense", 2, sampled=False)), "over 48 prompts, across 3 fixed values of bracket and 2 fixed "
         "values of tense"),
    ],
)  # fmt: skip
def test_the_unit_in_words(factors, text):
    assert unit_text(SamplingDesign(N, factors)) == text


def test_an_estimate_says_how_many_prompts_share_the_rows():
    design = SamplingDesign(N, (TRIGRAM,))
    clustered = mean_interval(around(2, n=N), "logits", design)
    assert sample_text(clustered, design) == "over 16 values of trigram × contexts; 48 prompts"
    assert sample_text(clustered, None) == "over 16 values of trigram; 48 prompts"
    alone = mean_interval(around(2, n=N), "logits", independent(N))
    assert sample_text(alone, independent(N)) == sample_text(alone, None) == "over 48 prompts"


def test_the_worst_row_of_a_fixed_factor():
    values = np.where(np.arange(N) % 3 == 1, 0.12, 1.0)
    design = SamplingDesign(N, (TRIGRAM, BRACKET))
    assert [each.text for each in worst_rows(values, design)] == ["worst value of bracket: '[' 0.12 (of 3)"]
    (highest,) = worst_rows(values, design, high_is_worse=True)
    assert highest.mean == pytest.approx(1.0)
    assert worst_rows(values[:8], design) == ()


def test_selected_prompts_keep_the_text_of_their_rows():
    some = SamplingDesign(N, (BRACKET,)).where(np.arange(N) % 3 > 0)
    assert some.factors[0].labels == ("'['", "'{'")
    assert unit_text(some) == "over 32 prompts, across 2 fixed values of bracket"
