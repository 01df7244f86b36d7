"""Prompts under tokenizers in the manner of many families, against what their vocabularies and Python say."""

import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from mi_checks.errors import MiChecksError
from mi_checks.models.model_names import NANO_TOKENIZER
from mi_checks.prompts.align import align_pair, tokenize_prompt
from mi_checks.prompts.batch import PromptPair
from mi_checks.prompts.build_prompts import build_prompts
from mi_checks.prompts.candidates import passes
from mi_checks.prompts.rejection import Rejection
from mi_checks.prompts.render import LabelledText, RenderedPair, parse_labels
from mi_checks.prompts.tokenization import Tokenization
from mi_checks.spec.behaviour import Prompts
from mi_checks.spec.load_file import load_behaviour
from tests.tokenizers_of_families import MANNERS, WRITES_SPACE, in_llama2s_manner

BEHAVIOURS = Path(__file__).parents[2] / "behaviours"


def strip_accents(text):
    apart = unicodedata.normalize("NFD", text)
    return "".join(character for character in apart if unicodedata.category(character) != "Mn")


NORMAL = {
    "neox": lambda text: unicodedata.normalize("NFC", text),
    "nfc": lambda text: unicodedata.normalize("NFC", text),
    "nfkc": lambda text: unicodedata.normalize("NFKC", text),
    "nfd": lambda text: unicodedata.normalize("NFD", text),
    "lowercase": str.lower,
    "accentless": lambda text: strip_accents(text).lower(),
    "bert": lambda text: strip_accents(text).lower(),
}
DROPS_SPACES = ("t5", "bert", "stripped")


def token(tokenization, *spellings):
    """The id of the first spelling that the vocabulary has."""
    found = [tokenization.tokenizer.token_to_id(spelling) for spelling in spellings]
    return next(each for each in found if each is not None)


def word(tokenization, text):
    """The token of a word after a space, looked up by hand."""
    return token(tokenization, f"Ġ{text}", f"▁{text}", text)


def without_space(text):
    return re.sub(r"\s|##", "", text)


@pytest.mark.parametrize("manner", MANNERS)
def test_case_10_whether_a_space_is_written_before_every_text(manner, of):
    assert of[manner].writes_space == (manner in WRITES_SPACE)


@pytest.mark.parametrize("manner", MANNERS)
def test_case_10_a_space_followed_by_letters_is_a_token_where_the_vocabulary_says_so(manner, of):
    tokenization = of[manner]
    vocabulary = tokenization.tokenizer.get_vocab()
    mark = "" if manner == "bert" else "▁" if "▁" in vocabulary else "Ġ"
    spelled = {
        (each, f" {piece.removeprefix(mark)}")
        for piece, each in vocabulary.items()
        if re.fullmatch(f"{mark}[A-Za-z]{{2,}}", piece)
    }
    words = set(tokenization.word_tokens())
    assert len(words) > 20
    assert words <= spelled
    # What is left out is never one token: merges do not lead to it, or the normalizer changes it.
    for each, text in spelled - words:
        whole = tokenization.tokenizer.encode(f"a{text}", add_special_tokens=False).ids
        assert whole[1:] != [each]


@pytest.mark.parametrize("manner", MANNERS)
def test_case_10_where_a_text_stands_decides_its_tokens(manner, of):
    tokenization = of[manner]
    the = word(tokenization, "the")
    assert tokenization.ids_after(" the") == (the,)
    assert tokenization.ids("a the")[-1] == the
    assert tokenization.ids("a\n the")[-1] == the
    alone = tokenization.ids("the")
    if manner in WRITES_SPACE or manner == "bert":
        assert alone == (the,)
    else:
        assert alone[0] != the
    if manner not in ("t5", "bert"):  # for these, a newline is white space as a space is
        assert tokenization.ids("a\nthe")[-1] != the
        assert tokenization.ids_after("the")[0] != the
    if manner != "stripped":  # which takes the space off
        assert tokenization.ids(" the") == (the,)


@pytest.mark.parametrize("manner", MANNERS)
@given(
    text=st.lists(
        st.sampled_from(
            [
                *"aeholtwrd",
                " ",
                " ",
                "  ",
                "\n",
                " the",
                " hello",
                " Mary",
                "é",
                "e\u0301",
                "ﬁ",
                "İ",
                "日",
                "👍",
                ".",
                "(",
                "Å",
            ]
        ),
        min_size=1,
        max_size=12,
    ).map("".join)
)
@settings(max_examples=40, deadline=None)
def test_case_10_each_token_holds_the_characters_that_it_is_made_of(manner, text, of):
    """Spans against the text itself, normalized by Python: also where that changes how long it is."""
    tokenization = of[manner]
    ids, spans = tokenization.encode(text)
    normal = NORMAL.get(manner, str)
    end = 0
    held = set()
    for each, (start, stop) in zip(ids, spans, strict=True):
        assert 0 <= start <= stop <= len(text)
        held |= set(range(start, stop))
        end = max(end, stop)
        piece = tokenization.piece(each)
        if "<0x" in piece or each == tokenization.tokenizer.token_to_id("[UNK]") or piece == "<unk>":
            continue
        assert without_space(piece) in without_space(normal(text[start:stop]))
        if start == stop:
            assert piece == " "
    left_out = "".join(character for place, character in enumerate(text) if place not in held)
    assert not left_out.strip()
    assert not left_out or manner in DROPS_SPACES


@pytest.mark.parametrize(
    ("manner", "text", "pieces"),
    [
        ("gpt2", "the {cat} sat", [" cat"]),
        ("gpt2_trimmed", "the {cat} sat", [" cat"]),
        ("gpt2_trimmed", "the{ } cat", [" "]),
        ("gpt2_prefix", "{the} cat", [" the"]),
        ("gpt2_prefix", "{日} cat", ["<0xE6>", "<0x97>", "<0xA5>"]),  # and not the space that is written before it
        ("llama2", "{the} cat", [" the"]),
        ("llama2", "{ the} cat", [" the"]),
        ("llama2", " the{ cat}", [" cat"]),
        ("llama2", "{日} the", ["<0xE6>", "<0x97>", "<0xA5>"]),
        ("llama2", "日{ the}", [" the"]),
        ("llama2", " {日} the", ["<0xE6>", "<0x97>", "<0xA5>"]),
        ("llama2", "{ }日 the", [" "]),
        ("llama2_metaspace", "{日} the", ["<0xE6>", "<0x97>", "<0xA5>"]),
        ("mistral", "{日} the", ["<0xE6>", "<0x97>", "<0xA5>"]),
        ("gemma", "the {cat} sat", [" cat"]),
        ("t5", "the   \n {the} the", [" the"]),
        ("bert", "The {CAT} sat", ["cat"]),
        ("bert", "the {ca\u0301t} sat", ["cat"]),
        ("nfc", "cafe{\u0301} the", ["é"]),  # composed: the accent is in the letter's token
        ("nfc", "cafe\u0301{ the}", [" the"]),
        ("nfc", "\u1112\u1161{\u11ab} the", ["<0xED>", "<0x95>", "<0x9C>"]),  # three letters, one syllable 한
        ("nfkc", "{ﬁ} the", ["f", "i"]),
        ("nfkc", "ﬁ{ the}", [" the"]),
        ("nfd", "é{ the}", [" the"]),
        ("lowercase", "THE {THE} the", [" the"]),
        ("lowercase", "İ{ the}", [" the"]),
        ("accentless", "the{ the\u0301}", [" the"]),
        ("stripped", "  {the} cat", ["the"]),
        ("neox", "x    {he}", ["he"]),
    ],
)
def test_case_10_a_label_has_the_tokens_of_its_text(manner, text, pieces, of):
    before, _, rest = text.partition("{")
    inside, _, after = rest.partition("}")
    marked = LabelledText(before + inside + after, {"X": (len(before), len(before) + len(inside))})
    prompt = tokenize_prompt(marked, of[manner])
    found = [prompt.pieces[place] for place in prompt.labels["X"]]
    if manner == "nfc" and pieces == ["é"]:
        assert found[-1] in ("é", "<0xA9>", "afé", "fé", " café")
    else:
        assert found == pieces


@pytest.mark.parametrize(
    ("manner", "text", "span"),
    [("stripped", "the  ", (4, 5)), ("bert", "the\u200b cat", (3, 4)), ("t5", "the ", (3, 4))],
)
def test_case_10_a_label_on_what_normalization_drops_is_refused(manner, text, span, of):
    with pytest.raises(MiChecksError, match=r"^label 'X' has no token: the tokenizer drops its text"):
        tokenize_prompt(LabelledText(text, {"X": span}), of[manner])


def words_of(tokenization, count):
    return [text for _, text in tokenization.word_tokens()][:count]


@pytest.mark.parametrize("manner", [manner for manner in MANNERS if manner != "stripped"])
def test_case_10_random_words_are_one_token_each_wherever_they_stand(manner, of):
    prompts = Prompts.model_validate(
        {
            "count": 8,
            "variables": {"A": {"tokens": "random"}, "B": {"tokens": "random", "differs_from": "A"}},
            "template": "{{ A | at('first') }}{{ B | at('second') }} (\n{{ A | at('third') }}",
            "corrupt": {"A": "B", "B": "A"},
            "answer": "{{ B }}",
            "foils": ["{{ A }}"],
        }
    )
    tokenization = of[manner]
    begin = () if tokenization.bos is None else (tokenization.bos,)
    for pair in build_prompts(prompts, tokenization, behaviour="x").pairs:
        first, second = (pair.clean.tokens[pair.clean.labels[label][0]] for label in ("first", "second"))
        assert pair.clean.tokens[: len(begin) + 2] == (*begin, first, second)
        assert all(len(pair.clean.labels[label]) == 1 for label in ("first", "second", "third"))
        assert pair.clean.tokens[pair.clean.labels["third"][0]] == first == pair.clean.tokens[-1]
        assert (pair.answer_tokens, pair.foil_tokens) == (((second,),), ((first,),))
        texts = pair.clean.text.replace(" (\n", "").split()
        assert first == word(tokenization, texts[0])
        assert second == word(tokenization, texts[1])


@pytest.mark.parametrize("manner", MANNERS)
def test_case_10_answers_have_the_tokens_that_follow_the_prompt(manner, of):
    tokenization = of[manner]
    rendered = RenderedPair(parse_labels("the cat"), parse_labels("the dog"), (" the",), (" and",))
    pair = align_pair(rendered, tokenization)
    assert isinstance(pair, PromptPair), pair
    assert pair.answer_tokens == ((word(tokenization, "the"),),)
    assert pair.foil_tokens != pair.answer_tokens
    assert pair.foil_tokens[0][0] == tokenization.ids("the cat and")[len(tokenization.ids("the cat"))]
    # Without its space an answer goes on with the prompt's last word, or it is another token.
    bare = align_pair(
        RenderedPair(parse_labels("the cat ("), parse_labels("the dog ("), ("the",), ("and",)), tokenization
    )
    if manner == "bert":
        assert isinstance(bare, PromptPair)
        assert bare.answer_tokens == pair.answer_tokens
    elif isinstance(bare, PromptPair):
        assert bare.answer_tokens != pair.answer_tokens
    else:
        assert isinstance(bare, Rejection)
        assert bare.kind in ("same_tokens", "continuation")


@pytest.mark.parametrize("manner", MANNERS)
def test_case_10_predicates_ask_of_the_middle_of_a_text(manner, of):
    tokenization = of[manner]
    assert passes("single_token_after_space", "the", tokenization)
    assert passes("single_token", " the", tokenization)
    assert passes("single_token", "(", tokenization)
    assert not passes("single_token_after_space", "thexq", tokenization)


def test_case_10_what_a_tokenizer_does_not_know_is_no_single_token_and_no_answer(of):
    tokenization = of["bert"]
    assert tokenization.pieces(" qqq") == ("[UNK]",)
    assert not passes("single_token_after_space", "qqq", tokenization)
    outcome = align_pair(
        RenderedPair(parse_labels("the cat"), parse_labels("the dog"), (" qqq",), (" the",)), tokenization
    )
    assert isinstance(outcome, Rejection)
    assert outcome.kind == "unknown"
    assert outcome.detail.startswith(
        "the tokenizer does not know answer ' qqq' and reads it as the unknown token '[UNK]'"
    )
    assert of["t5"].unknown == of["t5"].tokenizer.token_to_id("<unk>")
    assert of["gpt2"].unknown is None


@pytest.mark.parametrize("spaces", ["prepend", "first", "always"])
def test_case_10_the_suites_prompts_under_llama_2s_manner(spaces):
    """All that can be built with the bundled vocabulary, and no space before a text, can be built with one."""
    bundled = Tokenizer.from_file(str(NANO_TOKENIZER))
    with_space, without = (
        Tokenization(tokenizer, tokenizer.token_to_id("<s>"))
        for tokenizer in (in_llama2s_manner(bundled, spaces), in_llama2s_manner(bundled, "never"))
    )
    assert len(with_space.word_tokens()) == len(without.word_tokens()) > 500
    for name in ("induction", "name_swap", "split_token_induction", "python_closing_bracket", "trigram"):
        path = BEHAVIOURS / f"{name}.yaml"
        if not path.exists():
            continue
        prompts = load_behaviour(path).behaviour.prompts
        ours, theirs = (build_prompts(prompts, each, behaviour=name, count=4) for each in (with_space, without))
        for pair, other in zip(ours.pairs, theirs.pairs, strict=True):
            if pair.clean.text.startswith(" "):
                assert pair == other
            else:
                assert pair.clean.tokens[2:] == other.clean.tokens[2:]
