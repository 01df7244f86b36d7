"""What a check of connections refuses once it knows the nodes: behind roles, no file tells."""

import pytest

from mi_checks.errors import MiChecksError

SOME = {"at_least": 0.5}


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (
            {"path": {"from": ["L0.attn", "L0H1"], "to": "logits", "recovers": SOME}},
            "path[L0.attn+L0H1->logits]: on nano-attn-2l, 'L0H1' is part of 'L0.attn', and would count twice",
        ),
        (
            {"path": {"from": "L1H0", "to": "L0H1", "via": "k", "recovers": SOME}},
            "path[L1H0->L0H1.k]: there is no path from L1H0 to L0H1.k: it does not come before it",
        ),
        (
            {"attribution": {"nodes": ["L0N1", "L0.mlp"], "at_least": 0.5}},
            "attribution[L0N1+L0.mlp]: on nano-attn-2l, 'L0N1' is part of 'L0.mlp', and would count twice",
        ),
    ],
)
def test_nodes_that_nothing_connects(judged, around, check, message):
    with pytest.raises(MiChecksError) as caught:
        judged(check, around(5))
    assert str(caught.value) == message
