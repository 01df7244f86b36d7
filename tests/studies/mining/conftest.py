"""The bundled tokenizer, and a folder of text in which skip trigrams are planted."""

import pytest

from mi_checks.models.model_tokenizer import load_tokenization
from mi_checks.prompts.tokenization import Tokenization
from mi_checks.studies.mining.eligible_tokens import EligibleTokens


@pytest.fixture(scope="session")
def tokenization() -> Tokenization:
    return load_tokenization("nano-attn-1l")


@pytest.fixture(scope="session")
def token(tokenization):
    """The id of a text that is one token."""

    def of(text: str) -> int:
        ((only,), _) = tokenization.encode(text)
        return only

    return of


@pytest.fixture(scope="session")
def written(tokenization) -> EligibleTokens:
    return EligibleTokens(tokenization, gap=False, letters=True)
