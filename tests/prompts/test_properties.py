"""What holds for any text, any lengths and any seed."""

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mi_checks.prompts.align import tokenize_prompt
from mi_checks.prompts.batch import PromptBatch
from mi_checks.prompts.render import LabelledText
from mi_checks.prompts.tokenization import Tokenization

Build = Callable[..., PromptBatch]

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
seeds = st.integers(0, 2**40)
few = settings(max_examples=25, deadline=None)


@given(before=text, inside=text.filter(bool), after=text)
@settings(deadline=None)
def test_labelled_tokens_hold_the_labelled_text(
    before: str, inside: str, after: str, tokenization: Tokenization
) -> None:
    span = (len(before), len(before) + len(inside))
    prompt = tokenize_prompt(LabelledText(before + inside + after, {"X": span}), tokenization)
    places = prompt.labels["X"]
    held = tokenization.tokenizer.decode([prompt.tokens[place] for place in places], skip_special_tokens=False)
    assert inside in held
    assert list(places) == list(range(places[0], places[-1] + 1))


def pairs(length: int, before: int, after: int) -> dict[str, Any]:
    return {
        "variables": {
            "pre": {"tokens": "random", "length": before},
            "mid": {"tokens": "random", "length": after},
            "B": {"tokens": "random", "length": length},
            "C": {"tokens": "random", "length": length, "differs_from": "B"},
        },
        "template": "{{ pre }}{{ B | at('B1') }}{{ mid }}{{ B | at('B2') }}{{ mid }}",
    }


@given(length=st.integers(1, 5), before=st.integers(1, 9), after=st.integers(1, 9), seed=seeds)
@few
def test_random_pairs_differ_exactly_where_a_variable_was_exchanged(
    length: int, before: int, after: int, seed: int, build: Build
) -> None:
    for pair in build(**pairs(length, before, after), seed=seed).pairs:
        zipped = enumerate(zip(pair.clean.tokens, pair.corrupt.tokens, strict=True))
        differing = tuple(place for place, (one, other) in zipped if one != other)
        assert differing == pair.clean.labels["B1"] + pair.clean.labels["B2"]
        assert len(differing) == 2 * length


@given(seed=seeds, count=st.integers(1, 12))
@few
def test_a_seed_gives_one_batch_and_fewer_pairs_are_the_first_of_more(seed: int, count: int, build: Build) -> None:
    batch = build(seed=seed, count=12)
    assert build(seed=seed, count=12) == batch
    assert build(seed=seed, count=count).pairs == batch.pairs[:count]


def test_a_count_prefix_holds_where_pairs_are_drawn_again(build: Build) -> None:
    names = {
        "variables": {"B": {"pool": "first_names"}, "C": {"pool": "first_names", "differs_from": "B"}},
        "template": "then {{ B }}",
        "answer": " a",
        "foils": (" b",),
    }
    assert build(**names, count=8).pairs == build(**names, count=64).pairs[:8]


@given(seed=seeds, other=seeds)
@few
def test_different_seeds_give_different_batches(seed: int, other: int, build: Build) -> None:
    assert (build(seed=seed) == build(seed=other)) == (seed == other)


@given(seed=seeds)
@few
def test_no_clean_prompt_comes_twice(seed: int, build: Build) -> None:
    batch = build(
        variables={"B": {"values": list("abcdefghij")}, "C": {"values": ["z"]}},
        template="the {{ B }}",
        answer=" x",
        foils=(" y",),
        seed=seed,
        count=10,
    )
    assert len({pair.clean.text for pair in batch.pairs}) == 10
