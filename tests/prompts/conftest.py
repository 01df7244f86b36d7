"""The bundled tokenizer, and a short way from a prompts section to its batch."""

from collections.abc import Callable
from importlib.resources import files
from typing import Any

import pytest
from tokenizers import Tokenizer

from mi_checks.errors import MiChecksError
from mi_checks.prompts.batch import PromptBatch
from mi_checks.prompts.build_prompts import build_prompts
from mi_checks.prompts.tokenization import Tokenization
from mi_checks.spec.behaviour import Prompts
from tests.tokenizers_of_families import BEGINNINGS, tokenizer_of


@pytest.fixture(scope="session")
def tokenization() -> Tokenization:
    path = files("mi_checks") / "models" / "nano" / "tokenizer.json"
    return Tokenization(Tokenizer.from_str(path.read_text("utf-8")), bos=0)


class Manners(dict[str, Tokenization]):
    """Return a tokenization in a given manner, with the token that begins a text."""

    def __missing__(self, manner: str) -> Tokenization:
        tokenizer = tokenizer_of(manner)
        begin = tokenizer.token_to_id(BEGINNINGS.get(manner, "no such token"))
        return self.setdefault(manner, Tokenization(tokenizer, begin))

    def __repr__(self) -> str:
        return "of"


@pytest.fixture(scope="session")
def of() -> Manners:
    return Manners()


@pytest.fixture(scope="session")
def two_words() -> dict[str, Any]:
    """The least prompts section that works: one random word, exchanged for another."""
    return {
        "count": 4,
        "variables": {"B": {"tokens": "random"}, "C": {"tokens": "random", "differs_from": "B"}},
        "template": "the{{ B | at('B1') }}",
        "corrupt": {"B": "C"},
        "answer": "{{ B }}",
        "foils": ("{{ C }}",),
    }


@pytest.fixture(scope="session")
def build(tokenization: Tokenization, two_words: dict[str, Any]) -> Callable[..., PromptBatch]:
    """Build `two_words` with some keys replaced; `count`, `seed` and `n_ctx` are arguments of `build_prompts`."""

    def built(**changed: Any) -> PromptBatch:
        arguments = {key: changed.pop(key) for key in ("seed", "n_ctx", "count") if key in changed}
        prompts = Prompts.model_validate({**two_words, **changed})
        return build_prompts(prompts, tokenization, behaviour="demo", **arguments)

    return built


@pytest.fixture(scope="session")
def refusal(build: Callable[..., PromptBatch]) -> Callable[..., str]:
    """The text of the error that building ends with."""

    def text(**changed: Any) -> str:
        with pytest.raises(MiChecksError) as caught:
            build(**changed)
        return str(caught.value)

    return text
