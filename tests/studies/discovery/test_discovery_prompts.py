"""Discovery's prompts are its own: no check uses them, and what verifies is not what was found on."""

import pytest

from mi_checks.errors import MiChecksError
from mi_checks.prompts.build_prompts import build_prompts
from mi_checks.studies.discovery.discovery_options import DiscoveryOptions
from mi_checks.studies.discovery.discovery_prompts import draw_prompts

WORDS = [" one", " two", " three", " four", " five", " six", " seven", " eight"]


def texts(batch):
    return {pair.clean.text for pair in batch.pairs}


def drawn(behaviour, loaded_model, **settings):
    return draw_prompts(behaviour, loaded_model, DiscoveryOptions(**settings))


def checked(behaviour, loaded_model):
    return build_prompts(behaviour.prompts, loaded_model.tokenization, behaviour="demo")


def table(behaviour, count):
    """64 prompts there are, and no more."""
    variables = {
        "a": {"values": WORDS},
        "b": {"values": WORDS},
        "c": {"values": WORDS, "differs_from": "b"},
    }
    return behaviour(
        count=count,
        variables=variables,
        template="{{ a }} and{{ b }} or",
        corrupt={"b": "c"},
        answer="{{ b }}",
        foils=["{{ c }}"],
    )


def quotes(behaviour, count):
    return behaviour(
        quotes=[f"Line {n}: the[[ one| two]]" for n in range(40)], answer=" are", foils=[" is"], count=count
    )


def test_no_prompt_is_in_two_batches(behaviour, loaded_model):
    demo = table(behaviour, 20)
    found = drawn(demo, loaded_model, count=16)
    batches = [texts(checked(demo, loaded_model)), texts(found.exploration), texts(found.held_out)]
    assert [len(batch) for batch in batches] == [20, 16, 16]
    assert len(set.union(*batches)) == 52


def test_there_are_as_many_as_the_checks_use_and_no_more_than_128(behaviour, loaded_model):
    for count, pairs in ((64, 64), (200, 128)):
        found = drawn(behaviour(count=count), loaded_model)
        assert (len(found.exploration), len(found.held_out), found.n_check_pairs) == (pairs, pairs, count)


def test_the_seed_is_1000_more_than_the_behaviours_own(behaviour, loaded_model):
    own = drawn(behaviour(seed=7), loaded_model, count=4)
    assert own.seed == 1007
    assert texts(own.exploration) == texts(drawn(behaviour(), loaded_model, count=4, seed=1007).exploration)
    assert texts(own.exploration).isdisjoint(texts(drawn(behaviour(), loaded_model, count=4).exploration))


def test_of_a_table_that_is_nearly_used_up_the_rest_is_halved(behaviour, loaded_model):
    demo = table(behaviour, 24)
    found = drawn(demo, loaded_model, count=64)
    assert (len(found.exploration), len(found.held_out)) == (20, 20)
    everything = texts(checked(demo, loaded_model)) | texts(found.exploration) | texts(found.held_out)
    assert len(everything) == 64


def test_quotes_that_no_check_uses_are_halved(behaviour, loaded_model):
    demo = quotes(behaviour, 8)
    found = drawn(demo, loaded_model)
    assert (len(found.exploration), len(found.held_out), found.n_check_pairs) == (8, 8, 8)
    assert texts(checked(demo, loaded_model)).isdisjoint(texts(found.exploration) | texts(found.held_out))


@pytest.mark.parametrize(
    ("make", "count", "said"),
    [
        (
            table,
            40,
            "behaviour 'demo': its checks use 40 prompt pairs and 24 are left, but discovery needs 32 that no check "
            "uses, half of them for verification; lower the behaviour's `count`, or give it more values or quotes",
        ),
        (
            quotes,
            40,
            "behaviour 'demo': its checks use 40 prompt pairs and 0 are left, but discovery needs 32 that no check "
            "uses, half of them for verification; lower the behaviour's `count`, or give it more values or quotes",
        ),
    ],
)
def test_too_few_prompts_are_told_with_what_there_is(behaviour, loaded_model, make, count, said):
    with pytest.raises(MiChecksError) as caught:
        drawn(make(behaviour, count), loaded_model)
    assert str(caught.value) == said


def of_words(behaviour, words, **more):
    """64 pairs that share words, in contexts of random tokens."""
    variables = {
        "pre": {"tokens": "random", "length": 3},
        "word": {"values": words, **more},
        "b": {"tokens": "random", "differs_from": "pre"},
        "c": {"tokens": "random", "differs_from": ["pre", "b"]},
    }
    return behaviour(
        count=64,
        variables=variables,
        template="{{ pre }}{{ word }}{{ b }}",
        corrupt={"b": "c"},
        answer="{{ b }}",
        foils=["{{ c }}"],
    )


def words_of(batch):
    (factor,) = batch.factors
    tokens = [pair.clean.tokens[-2] for pair in batch.pairs]
    assert len({*zip(factor.rows, tokens, strict=True)}) == factor.size  # a row is a word
    return {*tokens}


LETTERS = [f" {letter}" for letter in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN"]


def test_the_halves_share_no_row_of_a_factor_that_clusters_pairs(behaviour, loaded_model):
    found = drawn(of_words(behaviour, LETTERS), loaded_model, count=48)
    first, second = words_of(found.exploration), words_of(found.held_out)
    assert not first & second
    assert len(first) == len(second) == 20
    assert len(found.exploration) == len(found.held_out) > 40
    assert (found.split, found.shared) == ("word", ())


def test_rows_too_few_to_halve_are_shared_and_the_draft_says_so(behaviour, loaded_model):
    found = drawn(of_words(behaviour, LETTERS[:31]), loaded_model, count=48)
    assert words_of(found.exploration) == words_of(found.held_out)
    assert (found.split, found.shared) == ("", ("word",))


def test_fixed_rows_are_in_both_halves_and_nothing_is_said_of_them(behaviour, loaded_model):
    found = drawn(of_words(behaviour, LETTERS, rows="fixed"), loaded_model, count=48)
    assert len(words_of(found.exploration) & words_of(found.held_out)) > 20
    assert (found.split, found.shared) == ("", ())
