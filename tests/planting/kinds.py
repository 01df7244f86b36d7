"""Circuits of other kinds than one node after another: nodes that cancel, suppress, need each other, or are copies.

What each node does alone is known from the weights: see every function.
"""

import torch

from mi_checks.engine.nodes import LOGITS, Node
from tests.planted import NOISE, prompts
from tests.planting.truth import Planted
from tests.planting.vocabulary import BOS, FILLERS, KEYS, VALUES, fillings, ids
from tests.planting.weights import SHARPNESS, Weights, dims, head_at


def opposed(n_layers=2, n_heads=3, *, heads=((0, 1), (1, 2)), gains=(5.0, -4.0), noise=NOISE, seed=0) -> Planted:
    """`a … b → c` by heads that each look from b for a and write its c, times a gain; a negative one suppresses it.

    Each alone recovers, and removes, its gain over the sum of all gains.
    """
    nodes = tuple(map(head_at, heads))
    answers = dict(zip(KEYS, VALUES, strict=False))
    weights = Weights(n_layers, n_heads, seed=seed)
    pairs = dict(zip(ids(answers), ids(answers.values()), strict=True))
    for node, gain in zip(nodes, gains, strict=True):
        weights.look_for(node, ids(KEYS), present=ids(FILLERS[:3]), into="answer", pairs=pairs)
        weights.o[node.layer, node.index] *= gain
    rows = [{"a": a, "c": c} for a, c in answers.items()]
    variables = {
        "x": {"values": rows},
        "other": {"values": rows, "differs_from": "x"},
        "pre": {"values": fillings(3, 1)},
        "mid": {"values": fillings(5, 2)},
        "b": {"values": FILLERS[:3]},
    }
    return Planted(
        weights.loaded_model("planted-opposed", noise),
        {f"head{i}": (node,) for i, node in enumerate(nodes)},
        tuple((node, LOGITS) for node in nodes),
        prompts(
            variables,
            "{{ pre }}{{ x.a | at('a') }}{{ mid }}{{ b | at('b') }}",
            {"x": "other"},
            "{{ x.c }}",
            "{{ other.c }}",
        ),
    )


def copy_suppression(n_layers=2, n_heads=3, *, writer=(0, 1), suppressor=(1, 0), noise=NOISE, seed=0) -> Planted:
    """`a … b → c`: one head writes c twice over, a later one reads that at the same place and takes half of it back.

    The writer recovers 1, of which 2 by the direct path and −1 through the suppressor, which alone recovers −1.
    """
    first, second = head_at(writer), head_at(suppressor)
    planted = opposed(n_layers, n_heads, heads=(writer,), gains=(2.0,), noise=noise, seed=seed)
    answers = dict(zip(KEYS, VALUES, strict=False))
    weights = Weights(n_layers, n_heads, seed=seed)
    pairs = dict(zip(ids(answers), ids(answers.values()), strict=True))
    weights.look_for(first, ids(KEYS), present=ids(FILLERS[:3]), into="answer", pairs=pairs)
    weights.o[first.layer, first.index] *= 2
    weights.look_for(second, ids(FILLERS[:3]), present=ids(FILLERS[:3]), into="answer")  # the present token itself
    weights.v[second.layer, second.index] = weights.o[second.layer, second.index] = 0
    values = torch.arange(len(VALUES))
    weights.v[second.layer, second.index, values, dims("answer", ids(VALUES))] = 1
    weights.o[second.layer, second.index, dims("answer", ids(VALUES)), values] = -0.5
    return Planted(
        weights.loaded_model("planted-copy-suppression", noise),
        {"writer": (first,), "suppressor": (second,)},
        ((first, LOGITS), (first, Node(second.layer, "v", second.index)), (second, LOGITS)),
        planted.prompts,
    )


def team(
    n_layers=2, n_heads=4, *, members=((0, 0), (0, 2)), reader=(1, 1), strength=1.0, rest=0.5, noise=NOISE, seed=0
) -> Planted:
    """`A B … C … A → B` by several previous-token heads that one induction head reads together.

    Each of k members at work adds `strength` to the score of B, against `rest` for the beginning of the text, both
    times `SHARPNESS`. So with a strength above the rest the members are copies, and if only all of them exceed it
    together, a conjunction. Corrupt: another token in the place of the first A, of which no member knows anything.
    """
    nodes, last = tuple(map(head_at, members)), head_at(reader)
    weights = Weights(n_layers, n_heads, seed=seed)
    for node in nodes:
        weights.previous_token(node)
        weights.o[node.layer, node.index] *= strength
    weights.induction(last)
    weights.k[last.layer, last.index][:, dims("token", BOS)] *= rest / 0.5
    variables = {
        "A": {"values": KEYS},
        "X": {"values": FILLERS},
        "B": {"values": VALUES},
        "C": {"values": VALUES, "differs_from": "B"},
        "pre": {"values": fillings(3, 1), "differs_from": "X"},
        "mid": {"values": fillings(3, 2)},
        "post": {"values": fillings(2, 3)},
        "query": {"same_as": "A"},
    }
    template = (
        "{{ pre }}{{ A | at('A1') }}{{ B | at('B1') }}{{ mid }}{{ C | at('C1') }}{{ post }}{{ query | at('A2') }}"
    )
    key = Node(last.layer, "k", last.index)
    return Planted(
        weights.loaded_model("planted-team", noise),
        {"previous_token": nodes, "induction": (last,)},
        (*((node, key) for node in nodes), (last, LOGITS)),
        prompts(variables, template, {"A": "X"}, "{{ B }}", "{{ C }}"),
    )


def attention_to_b(at_work, strength, rest):
    """How much the reader of a team attends to B when so many members are at work: a sigmoid of the scores."""
    return float(torch.sigmoid(torch.tensor(SHARPNESS * (at_work * strength - rest))))


def gate(n_layers=1, n_heads=3, d_mlp=16, *, heads=((0, 0), (0, 1)), neuron=(0, 5), noise=NOISE, seed=0) -> Planted:
    """`a … d … b → c` by a neuron that is active where one head has brought this a, and another this d: an AND.

    Corrupt: another a and another d. Each head alone recovers nothing and removes everything; the neuron does both.
    """
    first, second = map(head_at, heads)
    cell = Node(neuron[0], "neuron", neuron[1])
    some, others = KEYS[:6], KEYS[6:]
    a, d, c = some[seed % 6], others[seed % 6], VALUES[seed % len(VALUES)]
    weights = Weights(n_layers, n_heads, d_mlp, seed=seed)
    weights.look_for(first, ids(some), into="moved")
    weights.look_for(second, ids(others), into="moved")
    row = weights.w_in[cell.layer, cell.index]
    row[:] = 0
    row[dims("moved", ids([a, d]))] = 2
    weights.b_in[cell.layer, cell.index] = -3
    weights.w_out[cell.layer, :, cell.index] = 0
    weights.w_out[cell.layer, dims("answer", ids([c])), cell.index] = 1
    variables = {
        "a": {"values": [a]},
        "d": {"values": [d]},
        "other_a": {"values": some, "differs_from": "a"},
        "other_d": {"values": others, "differs_from": "d"},
        "e": {"values": [value for value in VALUES if value != c]},
        "pre": {"values": fillings(3, 1)},
        "mid": {"values": fillings(4, 2)},
        "b": {"values": FILLERS[:3]},
    }
    mlp = Node(cell.layer, "mlp")
    return Planted(
        weights.loaded_model("planted-gate", noise),
        {"fetch": (first, second), "and": (cell,)},
        ((first, mlp), (second, mlp), (cell, LOGITS)),
        prompts(
            variables,
            "{{ pre }}{{ a | at('a') }}{{ d | at('d') }}{{ mid }}{{ b | at('b') }}",
            {"a": "other_a", "d": "other_d"},
            c,
            "{{ e }}",
        ),
    )


def saturated(n_heads=3, d_mlp=16, *, head=(0, 1), flags=(5,), size=1.0, clip=(3, 7), noise=0.0, seed=0) -> Planted:
    """`a … b → c` by neurons whose readers are saturated: of a, brought by a head, they write a flag into the stream.

    Each of the `flags` writes it with a size: several of size 1 are copies of each other, two of size 0.5 need each
    other. In the second layer two neurons read the flag, 0 in corrupted and 1 in clean runs, as relu(10 flag − 6) and
    relu(10 flag − 7), and write c and its negative: together a step between 0.6 and 0.7. So at either end no gradient
    reaches the first neurons, which recover everything; of the two others one recovers 4 and the other −3. Without
    noise, so that these are exact; fillers predict themselves, as a model of which no logit differs from zero on
    random tokens is not replayed.
    """
    fetch = head_at(head)
    cells = tuple(Node(0, "neuron", index) for index in flags)
    plus, minus = (Node(1, "neuron", index) for index in clip)
    a, c = KEYS[seed % len(KEYS)], VALUES[seed % len(VALUES)]
    weights = Weights(2, n_heads, d_mlp, seed=seed)
    weights.look_for(fetch, ids(KEYS), into="moved")
    weights.unembed[ids(FILLERS), dims("token", ids(FILLERS))] = 1
    flag = dims("moved", [BOS])  # no head ever moves the beginning of the text
    for node, reads, slope, bias, writes, gain in (
        *((cell, dims("moved", ids([a])), 2.0, -1.0, flag, size) for cell in cells),
        (plus, flag, 10.0, -6.0, dims("answer", ids([c])), 1.0),
        (minus, flag, 10.0, -7.0, dims("answer", ids([c])), -1.0),
    ):
        weights.w_in[node.layer, node.index] = 0
        weights.w_in[node.layer, node.index, reads] = slope
        weights.b_in[node.layer, node.index] = bias
        weights.w_out[node.layer, :, node.index] = 0
        weights.w_out[node.layer, writes, node.index] = gain
    variables = {
        "a": {"values": [a]},
        "other_a": {"values": KEYS, "differs_from": "a"},
        "d": {"values": [value for value in VALUES if value != c]},
        "pre": {"values": fillings(3, 1)},
        "mid": {"values": fillings(5, 2)},
        "b": {"values": FILLERS[:3]},
    }
    mlps = Node(0, "mlp"), Node(1, "mlp")
    return Planted(
        weights.loaded_model("planted-saturated", noise),
        {"fetch": (fetch,), "flag": cells, "clip": (plus, minus)},
        ((fetch, mlps[0]), *((cell, mlps[1]) for cell in cells), (plus, LOGITS), (minus, LOGITS)),
        prompts(
            variables,
            "{{ pre }}{{ a | at('a') }}{{ mid }}{{ b | at('b') }}",
            {"a": "other_a"},
            c,
            "{{ d }}",
        ),
    )
