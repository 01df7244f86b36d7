"""The RASP programs, and the prompts for each. This module is imported in Tracr's environment only."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from tracr.compiler import lib
from tracr.rasp import rasp

LETTERS = "abcdef"  # the input vocabulary of every program, so that all of them compute on every prompt
MAX_LETTERS = 7  # letters in a prompt; a maximum

Row = tuple[str, str]  # the letters of a clean and of a corrupt prompt


@dataclass(frozen=True)
class Program:
    """A RASP program and the distribution of its prompts.

    Attributes:
        name: the behaviour's name.
        summary: what the program computes at the last letter of a prompt, under causal attention.
        build: builds the program.
        draw: draws a clean and a corrupt prompt; pairs with the same output are drawn again.
    """

    name: str
    summary: str
    build: Callable[[], rasp.SOp]
    draw: Callable[[random.Random], Row]


def letters(noise: random.Random, count: int = MAX_LETTERS, among: str = LETTERS) -> str:
    """Draw `count` letters independently."""
    return "".join(noise.choice(among) for _ in range(count))


def distinct(noise: random.Random, count: int, among: str = LETTERS) -> str:
    """Draw `count` distinct letters."""
    return "".join(noise.sample(among, count))


def changed(noise: random.Random, text: str, count: int, end: bool = True) -> str:
    """Replace `count` letters of a text by other ones; `end` says whether the last may be among them."""
    places = noise.sample(range(len(text) if end else len(text) - 1), count)
    replaced = [noise.choice(LETTERS.replace(text[i], "")) if i in places else text[i] for i in range(len(text))]
    return "".join(replaced)


def count_of(letter: str) -> rasp.SOp:
    """Return how often a letter has occurred so far."""
    selector = rasp.Select(rasp.tokens, rasp.tokens, lambda key, _: key == letter)
    return rasp.SelectorWidth(selector).named(f"count_{letter}")


def seen(letter: str) -> rasp.SOp:
    """Return whether a letter has occurred so far, computed from its count."""
    return rasp.Map(lambda count: count > 0, count_of(letter)).named(f"seen_{letter}")


def fraction_seen(letter: str) -> rasp.SOp:
    """Return whether a letter has occurred so far, computed from its fraction among the letters."""
    fraction = lib.make_frac_prevs(rasp.numerical(rasp.tokens == letter).named(f"is_{letter}"))
    return rasp.Map(lambda value: value > 0, fraction.named(f"fraction_{letter}")).named(f"seen_{letter}")


def histogram() -> rasp.SOp:
    return lib.make_hist().named("histogram")


def reverse() -> rasp.SOp:
    return lib.make_reverse(rasp.tokens)


def fraction_of_a() -> rasp.SOp:
    return lib.make_frac_prevs(rasp.numerical(rasp.tokens == "a").named("is_a"))


def sort_unique() -> rasp.SOp:
    return lib.make_sort_unique(rasp.tokens, rasp.tokens)


def two_before() -> rasp.SOp:
    return lib.shift_by(2, rasp.tokens)


def pattern() -> rasp.SOp:
    return lib.detect_pattern(rasp.tokens, "ab")


def induction() -> rasp.SOp:
    before = lib.shift_by(1, rasp.tokens).named("before")
    after = rasp.Select(before, rasp.tokens, lambda key, query: key == query).named("after_the_same")
    return rasp.Aggregate(after, rasp.tokens).named("induction")


def dyck() -> rasp.SOp:
    return lib.make_shuffle_dyck(["ab"])


def pair_balance() -> rasp.SOp:
    return lib.make_pair_balance(rasp.tokens, "a", "b")


def seen_before() -> rasp.SOp:
    return rasp.Map(lambda count: count > 1, lib.make_hist().named("occurrences")).named("seen_before")


def kinds() -> rasp.SOp:
    first = rasp.Map(lambda count: count == 1, lib.make_hist().named("occurrences")).named("is_first")
    return rasp.SelectorWidth(rasp.Select(first, first, lambda key, _: key)).named("kinds")


def both() -> rasp.SOp:
    return (seen("a") & seen("b")).named("both")


def either() -> rasp.SOp:
    return (fraction_seen("a") | fraction_seen("b")).named("either")


def nested() -> rasp.SOp:
    return ((fraction_seen("a") & fraction_seen("b")) | seen("c")).named("nested")


def copies() -> rasp.SOp:
    return (seen("a") | fraction_seen("a")).named("copies")


def opposed() -> rasp.SOp:
    parts = (lib.make_frac_prevs(rasp.numerical(rasp.tokens == letter).named(f"is_{letter}")) for letter in "ab")
    less, more = (part.named(f"fraction_{letter}") for part, letter in zip(parts, "ab", strict=True))
    return rasp.numerical(rasp.LinearSequenceMap(more, less, 3, -2)).named("opposed")


def rare() -> rasp.SOp:
    return lib.make_count_less_freq(2)


def largest() -> rasp.SOp:
    found = rasp.Map(lambda there: "d" if there else "c", seen("d")).named("d_or_c")
    for letter in "ef":
        found = rasp.SequenceMap(
            lambda there, smaller, letter=letter: letter if there else smaller, seen(letter), found
        ).named(f"largest_to_{letter}")
    return found


def any_letters(noise: random.Random) -> Row:
    """Draw letters, and change two or three of them."""
    clean = letters(noise)
    return clean, changed(noise, clean, noise.choice((2, 3)))


def same_end(noise: random.Random) -> Row:
    """Draw letters, and change two or three of them, but not the last."""
    clean = letters(noise)
    return clean, changed(noise, clean, noise.choice((2, 3)), end=False)


def few_letters(noise: random.Random) -> Row:
    """Draw from three letters, which repeat, and change some but the last."""
    clean = letters(noise, among="abc")
    return clean, letters(noise, MAX_LETTERS - 1, among="abc") + clean[-1]


def up_to_a_letter(noise: random.Random) -> Row:
    """Draw letters up to one of c to f, and letters up to another."""
    clean, corrupt = noise.sample(range(3, len(LETTERS) + 1), 2)
    return letters(noise, among=LETTERS[:clean]), letters(noise, among=LETTERS[:corrupt])


def first_letter(noise: random.Random) -> Row:
    """Draw letters, and change the first."""
    clean = letters(noise)
    return clean, noise.choice(LETTERS.replace(clean[0], "")) + clean[1:]


def record(noise: random.Random) -> Row:
    """Draw letters of which only the last is the largest, and insert a larger one elsewhere."""
    last = noise.choice("cde")
    clean = letters(noise, MAX_LETTERS - 1, among=LETTERS[: LETTERS.index(last)]) + last
    place, larger = noise.randrange(MAX_LETTERS - 1), noise.choice(LETTERS[LETTERS.index(last) + 1 :])
    return clean, clean[:place] + larger + clean[place + 1 :]


def ends_in_a_pattern(noise: random.Random) -> Row:
    """Draw letters that end in the pattern, and remove half or all of it, or the reverse."""
    clean, other = letters(noise, MAX_LETTERS - 2) + "ab", letters(noise, 2)
    corrupt = clean[:-2] + other
    return (clean, corrupt) if noise.random() < 0.5 else (corrupt, clean)


def after_the_same(noise: random.Random) -> Row:
    """Draw distinct letters and the first of two of them again; the corrupt prompt swaps these two."""
    clean = distinct(noise, MAX_LETTERS - 1)
    first, second = noise.sample(range(MAX_LETTERS - 2), 2)
    corrupt = list(clean)
    corrupt[first], corrupt[second] = corrupt[second], corrupt[first]
    return clean + clean[first], "".join(corrupt) + clean[first]


def brackets(noise: random.Random) -> Row:
    """Draw a balanced text of brackets and other letters, and a text with one bracket flipped or removed."""
    while True:
        clean = letters(noise, among="aabbc")
        depths = [clean[: end + 1].count("a") - clean[: end + 1].count("b") for end in range(len(clean))]
        if min(depths) == 0 == depths[-1] and "a" in clean:
            break
    place = noise.choice([i for i, letter in enumerate(clean) if letter in "ab"])
    corrupt = clean[:place] + noise.choice("abc".replace(clean[place], "")) + clean[place + 1 :]
    return (clean, corrupt) if noise.random() < 0.5 else (corrupt, clean)


def with_and_without(present: str, absent: str, noise: random.Random) -> Row:
    """Draw letters without some, and put each of these into one place of the clean prompt."""
    corrupt = letters(noise, among="".join(letter for letter in LETTERS if letter not in present + absent))
    clean = list(corrupt)
    for place, letter in zip(noise.sample(range(MAX_LETTERS), len(present)), present, strict=True):
        clean[place] = letter
    return "".join(clean), corrupt


def both_or_neither(noise: random.Random) -> Row:
    return with_and_without("ab", "", noise)


def a_and_b_without_c(noise: random.Random) -> Row:
    return with_and_without("ab", "c", noise) if noise.random() < 0.5 else with_and_without("c", "ab", noise)


def some_or_none(noise: random.Random) -> Row:
    """Draw letters without a, and put one, two or three of them into the clean prompt."""
    return with_and_without("a" * noise.choice((1, 2, 3)), "a", noise)


def more_of_both(noise: random.Random) -> Row:
    """Draw letters without a and b, and put two of each into the clean prompt."""
    return with_and_without("aabb", "", noise)


def of_another_length(noise: random.Random) -> Row:
    """Draw two texts of different lengths that end alike."""
    short, long = sorted(noise.sample(range(3, MAX_LETTERS + 1), 2))
    text = letters(noise, long)
    return (text, text[-short:]) if noise.random() < 0.5 else (text[-short:], text)


PROGRAMS = (
    Program("histogram", "how often the last letter has occurred", histogram, same_end),
    Program("length", "how many letters there are", lambda: lib.make_length(), of_another_length),
    Program("reverse", "the first letter: the last of the reversed text", reverse, first_letter),
    Program("fraction_of_a", "the fraction of letters that are a", fraction_of_a, any_letters),
    Program("sort_unique", "the last letter, where it is the largest", sort_unique, record),
    Program("two_before", "the letter two places before the last", two_before, any_letters),
    Program("pattern", "whether the text ends in ab", pattern, ends_in_a_pattern),
    Program("induction", "what followed the last letter when it occurred before", induction, after_the_same),
    Program("dyck", "whether the brackets a and b are balanced", dyck, brackets),
    Program("pair_balance", "the fraction of a less that of b", pair_balance, any_letters),
    Program("seen_before", "whether the last letter has occurred before", seen_before, same_end),
    Program("kinds", "how many different letters there are", kinds, few_letters),
    Program("both", "whether both a and b have occurred", both, both_or_neither),
    Program("either", "whether a or b has occurred", either, both_or_neither),
    Program("nested", "whether both a and b, or else c, have occurred", nested, a_and_b_without_c),
    Program("copies", "whether a has occurred, computed twice, of which either is enough", copies, some_or_none),
    Program("opposed", "three times the fraction of b less twice that of a, where both rise", opposed, more_of_both),
    Program("rare", "how many letters had occurred no more than twice", rare, few_letters),
    Program("largest", "the largest of the letters c, d, e and f that have occurred", largest, up_to_a_letter),
)
