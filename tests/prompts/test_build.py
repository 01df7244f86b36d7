import time
from collections.abc import Callable
from typing import Any

from mi_checks.prompts.batch import PromptBatch

Build = Callable[..., PromptBatch]
Refusal = Callable[..., str]

INDUCTION = {
    "count": 64,
    "variables": {
        "pre": {"tokens": "random", "length": 12, "distinct": True},
        "mid": {"tokens": "random", "length": 8},
        "A": {"tokens": "random"},
        "B": {"tokens": "random", "differs_from": "A"},
        "C": {"tokens": "random", "differs_from": ("A", "B")},
    },
    "template": "{{ pre }}{{ A | at('A1') }}{{ B | at('B1') }}{{ mid }}{{ A | at('A2') }}",
}


def values(*texts: str, **more: Any) -> dict[str, Any]:
    return {"values": texts, **more}


def test_induction_prompts(build: Build) -> None:
    batch = build(**INDUCTION)
    assert (len(batch), batch.foil_reduction) == (64, "mean")
    assert set(batch.positions("A1")) == {(13,)}
    assert set(batch.positions("END")) == {(23,)}
    for pair in batch.pairs:
        assert pair.answer_tokens == ((pair.clean.tokens[14],),)
        assert pair.foil_tokens == ((pair.corrupt.tokens[14],),)


def test_names_of_different_lengths_are_drawn_again_until_they_align(build: Build) -> None:
    batch = build(
        variables={"A": {"pool": "first_names"}, "B": {"pool": "first_names", "differs_from": "A"}},
        template="then {{ A | at('A1') }} and {{ B }} met",
        corrupt={"A": "B", "B": "A"},
        answer=" {{ B }} said",
        foils=(" {{ A }} said",),
        count=64,
    )
    assert len({len(pair.clean.tokens) for pair in batch.pairs}) > 1
    assert all(len(pair.clean.tokens) == len(pair.corrupt.tokens) for pair in batch.pairs)


def test_random_prompts_are_built_quickly(build: Build) -> None:
    build(**INDUCTION)  # finds the word tokens, once for a tokenizer
    start = time.perf_counter()
    build(**INDUCTION)
    assert time.perf_counter() - start < 1


def test_every_value_of_a_pool_is_found_before_it_is_given_up(build: Build) -> None:
    batch = build(
        variables={"B": {"pool": "modules"}, "C": values("zzz")},
        template="import {{ B }}",
        corrupt={"B": "C"},
        answer=" a",
        foils=(" b",),
        count=40,
    )
    assert len({pair.clean.text for pair in batch.pairs}) == 40


def test_answer_and_foil_that_always_share_their_first_token(refusal: Refusal) -> None:
    changed = {"variables": {"B": values("key"), "C": values("path")}, "template": "the {{ B }}"}
    assert refusal(**changed, answer=" name tag", foils=(" name",)) == (
        "behaviour 'demo': answer ' name tag' and foil ' name' share their first token '·name'\n"
        "  clean:   <|endoftext|> the ·key\n"
        "  corrupt: <|endoftext|> the ·path\n"
        "  remedy: only the first token of each is scored; start the answer with another token than the foils, or "
        "score the first token in which they differ (`score: first_difference`) or all tokens (`score: "
        "log_probability`)"
    )


def test_prompts_that_are_never_equally_long(refusal: Refusal) -> None:
    text = refusal(variables={"B": values("name"), "C": values("Claire")}, template="the {{ B }}\n", count=3)
    assert text == (
        "behaviour 'demo': only 0 of the 3 requested prompt pairs were found; the last 2000 draws "
        "gave no further pair\n"
        "  every time (2000 of 2000): the clean and the corrupt prompt differ in length: 4 "
        "and 7 tokens\n"
        "  clean:   <|endoftext|> the ·name ⏎\n"
        "  corrupt: <|endoftext|> the ·C l a ire ⏎\n"
        "  remedy: add `where: [single_token_after_space]` to the variables that `corrupt` "
        "exchanges, give them values with equally many tokens, or align the prompts only at "
        "their labels (`align: labels`)"
    )


def test_a_pool_too_small_for_the_count(refusal: Refusal) -> None:
    changed = {"variables": {"B": values("name", "value"), "C": values("path")}, "template": "the {{ B }}"}
    assert refusal(**changed, answer=" a", foils=(" b",), count=64) == (
        "behaviour 'demo': only 2 of the 64 requested prompt pairs were found; "
        "the last 2000 draws gave no further pair\n"
        "  every time (2000 of 2000): another pair already has this clean prompt\n"
        "  remedy: request fewer pairs (`count`, or --mi-count), or give the variables more values"
    )


def test_the_commonest_reason_is_told(refusal: Refusal) -> None:
    text = refusal(
        variables={"B": values("name", "Claire", "Daniel", "Naomi"), "C": values("path")},
        template="the {{ B }}",
        answer=" a",
        foils=(" b",),
    )
    assert text.startswith("behaviour 'demo': only 1 of the 4 requested prompt pairs were found;")
    assert "\n  most often (" in text
    assert "the clean and the corrupt prompt differ in length" in text


def test_a_template_that_always_fails_to_align_is_given_up_early(refusal: Refusal) -> None:
    text = refusal(template="the{{ B }}{{ B }} ", answer="x", foils=("y",))
    assert "only 0 of the 4 requested prompt pairs were found; the last 50 draws gave no further pair" in text
    assert "every time (50 of 50): if answer 'x' follows, the prompt's token '·' becomes '·x'" in text
    assert "remedy: end the template before the space, and start answer and foils with the space" in text


def test_a_corrupt_prompt_that_is_the_clean_one(refusal: Refusal) -> None:
    text = refusal(template="the{{ C }}", answer=" a", foils=(" b",))
    assert "): the clean and the corrupt prompt are the same\n" in text
    assert "  every time (" in text
    assert "remedy: make the replacing variable differ with `differs_from`" in text


def test_nothing_left_that_differs(refusal: Refusal) -> None:
    text = refusal(variables={"B": values("a"), "C": values("a", differs_from="B")})
    assert "every time (2000 of 2000): no value of variable 'C' differs from B='a'\n  remedy: give" in text


def test_long_prompts_are_shown_around_the_first_difference(refusal: Refusal) -> None:
    text = refusal(template="{{ B }} (" + " name" * 30 + " {{ B }})" + " value" * 30 + " ", answer="x", foils=("y",))
    clean = next(line for line in text.splitlines() if line.startswith("  clean:"))
    assert clean.endswith(" …")
    assert len(clean.split()) < 30


def test_a_prompt_longer_than_the_context(refusal: Refusal, build: Build) -> None:
    assert refusal(n_ctx=2) == (
        "behaviour 'demo': a prompt is 3 tokens long, but the model reads at most 2; "
        "shorten the template or lower the `length` of its random tokens"
    )
    assert len(build(n_ctx=3)) == 4


def test_a_label_that_only_some_prompts_have(refusal: Refusal) -> None:
    text = refusal(
        variables={"D": values("1", "2"), "B": {"tokens": "random"}, "C": {"tokens": "random", "differs_from": "B"}},
        template="{% if D == '1' %}{{ D | at('D1') }}{% else %}{{ D }}{% endif %}{{ B }}",
        count=32,
    )
    assert text == ("behaviour 'demo': label D1 is in some prompts but not in others; every prompt needs every label")


def test_no_pairs_asked_for(refusal: Refusal) -> None:
    assert refusal(count=0) == "behaviour 'demo': 0 prompt pairs were requested; request at least 1"
