"""Which weights may be written down as a model's own."""

import pytest

from mi_checks.errors import MiChecksError
from mi_checks.models.model_names import resolve
from mi_checks.models.stand_in_models import refuse_update


@pytest.mark.parametrize(
    "given", ["nano-attn-2l", "nano-attn-2l@200", "nano-attn-2l=nano-attn-2l", "attn-only-2l=nano-attn-2l"]
)
def test_the_model_itself_may_and_what_cannot_be_compared_with_it(given):
    assert refuse_update(resolve(given), "--mi-update") is None


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (
            "nano-attn-2l=nano-attn-2l@200",
            r"its weights \([0-9a-f]{12}\) are not those of nano-attn-2l \(37135d31bb38\)",
        ),
        (
            "nano-attn-2l=hf:owner/name",
            "its weights cannot be compared with those of nano-attn-2l before they are loaded",
        ),
    ],
)
def test_what_stands_in_for_a_model_with_other_weights_may_not(given, why):
    start = rf"^--mi-model {given}: --mi-update would record it as nano-attn-2l, but "
    with pytest.raises(MiChecksError, match=rf"{start}{why}; leave out --mi-update$"):
        refuse_update(resolve(given), "--mi-update")
