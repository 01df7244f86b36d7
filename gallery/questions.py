"""The questions that `reports/gallery/findings.md` answers, with the behaviours and models for each.

Models are given by kind and number of layers; their names are read from the behaviours' files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

KindAndDepth = tuple[str, int]  # kind, layers
ModelPair = tuple[KindAndDepth, KindAndDepth]

ATTENTION, GELU, SOLU = "attention-only", "gelu", "solu"
KINDS = (ATTENTION, GELU, SOLU)
INDUCTION_BUGS = ("induction_several_followers", "induction_beyond_the_end")
SKIP_TRIGRAMS = ("skip_trigram_bug", "trigram_bug")  # with a gap between the tokens, and with adjacent tokens
BUGS = (*INDUCTION_BUGS, *SKIP_TRIGRAMS)  # behaviours that are present where the model errs


@dataclass(frozen=True)
class DifferenceQuestion:
    """A question about every behaviour, between the models of each pair.

    `criterion` says what is asked: whether any behaviour differs, or whether the second model gains any.
    """

    number: str
    text: str
    pairs: tuple[ModelPair, ...]
    criterion: Literal["difference", "gain"]


@dataclass(frozen=True)
class BugFixQuestion:
    """A question about bugs: whether the second model of a pair lacks one that the first has.

    Attributes:
        caveat: the part of the question that these measurements do not answer.
    """

    number: str
    text: str
    bugs: tuple[str, ...]
    pairs: tuple[ModelPair, ...]
    caveat: str = ""


@dataclass(frozen=True)
class AbilityQuestion:
    """A question about which models have a behaviour.

    Attributes:
        controls: behaviours shown next to the others that are not part of the answer.
    """

    number: str
    text: str
    behaviours: tuple[str, ...]
    controls: tuple[str, ...]
    pairs: tuple[ModelPair, ...]


def deeper(kinds: tuple[str, ...], *layers: int) -> tuple[ModelPair, ...]:
    """Return pairs of a model and one with a further layer, for each kind and depth."""
    return tuple(((kind, n), (kind, n + 1)) for kind in kinds for n in layers)


def with_mlps(*layers: int) -> tuple[ModelPair, ...]:
    """Return pairs of an attention-only model and one with MLPs of either kind, at each depth."""
    return tuple(((ATTENTION, n), (kind, n)) for n in layers for kind in (GELU, SOLU))


LARGER = (*deeper(KINDS, 1, 2, 3), *with_mlps(1, 2, 3, 4))
HOW_CAVEAT = (
    "How it is fixed is for checks of the mechanism (`mediators`, `patching`) to say; effects say only whether."
)

QUESTIONS: tuple[DifferenceQuestion | BugFixQuestion | AbilityQuestion, ...] = (
    DifferenceQuestion(
        "1.9",
        "How do 3-layer and 4-layer attention-only models differ from 2L?",
        (*deeper((ATTENTION,), 2, 3), ((ATTENTION, 2), (ATTENTION, 4))),
        "difference",
    ),
    DifferenceQuestion(
        "1.13",
        "Look for tasks that an nL model cannot do but a (n+1)L model can",
        deeper(KINDS, 1, 2, 3),
        "gain",
    ),
    DifferenceQuestion("1.14", "How do 1L SoLU/GELU models differ from 1L attention-only?", with_mlps(1), "difference"),
    DifferenceQuestion("1.15", "How do 2L SoLU models differ from 1L?", deeper((SOLU,), 1), "difference"),
    BugFixQuestion(
        "1.17",
        "Analyse how a larger model “fixes the bugs” of a smaller model",
        BUGS,
        LARGER,
        HOW_CAVEAT,
    ),
    BugFixQuestion(
        "1.18",
        "Does a 1L MLP transformer fix the skip trigram bugs of a 1L Attn Only model? If so, how?",
        SKIP_TRIGRAMS,
        with_mlps(1),
        HOW_CAVEAT,
    ),
    AbilityQuestion(
        "1.19",
        "Doing split-token induction: where the current token has a preceding space and is one token, but the earlier "
        "occurrence has no preceding space and is two tokens. (Eg “ Claire” vs “Cl|aire”)",
        ("split_token_induction", "split_token_induction_reversed"),
        ("unsplit_token_induction",),
        deeper(KINDS, 1, 2, 3),
    ),
    BugFixQuestion(
        "Induction bug",
        "Misfiring when the previous token occurred several times with different followers: does a third layer, does "
        "an MLP, fix it?",
        INDUCTION_BUGS[:1],
        (*deeper(KINDS, 2), *with_mlps(2, 3)),
    ),
    BugFixQuestion(
        "Induction bug",
        "Not stopping where the repeated string ends: does a third layer, does an MLP, fix it?",
        INDUCTION_BUGS[1:],
        (*deeper(KINDS, 2), *with_mlps(2, 3)),
    ),
)
