"""Where circuits are planted, and all the edges that a model of that shape has."""

from functools import partial

from mi_checks.engine.interventions import reaches
from mi_checks.engine.nodes import HEAD_PARTS, LOGITS, Node, all_nodes
from tests.planted import and_neuron, induction, redundant_pair, skip_trigram

INDUCTION = {
    **{
        f"induction-2l-{one}-{two}": partial(induction, previous=(0, one), induction=(1, two), seed=3 * one + two)
        for one in range(3)
        for two in range(3)
    },
    "induction-2l-no-noise": partial(induction, previous=(0, 2), induction=(1, 0), noise=0.0),
    "induction-2l-more-noise": partial(induction, previous=(0, 0), induction=(1, 1), noise=0.02),
    "induction-2l-decoy": partial(induction, previous=(0, 0), induction=(1, 2), decoy=(0, 2)),
    "induction-3l-apart": partial(induction, 3, previous=(0, 2), induction=(2, 0), decoy=(1, 0)),
    "induction-3l-late": partial(induction, 3, previous=(1, 1), induction=(2, 2), decoy=(0, 0)),
    "induction-4l-apart": partial(induction, 4, 4, previous=(0, 3), induction=(3, 1)),
    "induction-4l-late": partial(induction, 4, 4, previous=(2, 0), induction=(3, 3), decoy=(1, 0)),
}
SKIP_TRIGRAM = {
    f"skip-trigram-{n}l-{layer}-{head}": partial(skip_trigram, n, 4, head=(layer, head), seed=8 * n + head)
    for n, layer, head in [(1, 0, 0), (1, 0, 3), (2, 0, 1), (2, 1, 2), (3, 0, 0), (3, 1, 3), (3, 2, 1), (4, 2, 2)]
}
AND_NEURON = {
    f"and-neuron-{n}l-{layer}-{head}-{to}-{neuron}-{corrupt}": partial(
        and_neuron, n, head=(layer, head), neuron=(to, neuron), corrupt=corrupt, seed=neuron + 1
    )
    for n, layer, head, to, neuron in [
        (1, 0, 0, 0, 5),
        (2, 0, 1, 0, 15),
        (2, 0, 2, 1, 0),
        (2, 1, 1, 1, 9),
        (3, 0, 0, 2, 7),
    ]
    for corrupt in "ab"
}
REDUNDANT_PAIR = {
    "redundant-pair-side-by-side": partial(redundant_pair, pair=((0, 0), (0, 1)), induction=(1, 2)),
    "redundant-pair-outer": partial(redundant_pair, pair=((0, 0), (0, 2)), induction=(1, 0), seed=1),
    "redundant-pair-in-two-layers": partial(redundant_pair, 3, pair=((0, 1), (1, 2)), induction=(2, 0), seed=2),
    "redundant-pair-late": partial(redundant_pair, 3, pair=((1, 0), (1, 2)), induction=(2, 1), seed=3),
    "redundant-pair-early": partial(redundant_pair, 3, pair=((0, 1), (0, 2)), induction=(2, 2), seed=4),
    "redundant-pair-4l": partial(redundant_pair, 4, 4, pair=((0, 3), (2, 0)), induction=(3, 1), seed=5),
}
PLACEMENTS = INDUCTION | SKIP_TRIGRAM | AND_NEURON | REDUNDANT_PAIR


def all_edges(shape):
    """Every sender → every input that it reaches: heads' queries, keys and values, MLPs, the logits."""
    receivers = [node for part in HEAD_PARTS if part != "pattern" for node in all_nodes(part, shape)] + [LOGITS]
    senders = all_nodes("head", shape)
    if shape.d_mlp:
        receivers += [Node(layer, "mlp") for layer in range(shape.n_layers)]
        senders += all_nodes("neuron", shape)
    return [(sender, receiver) for sender in senders for receiver in receivers if reaches(sender, receiver)]
