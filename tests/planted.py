"""Transformers with known circuits, planted by hand: what is measured in them must be what was planted.

    planted = induction(n_layers=3, previous=(0, 2), induction=(2, 1))
    planted.nodes     # (L0H2, L2H1)
    planted.edges     # ((L0H2, L2H1.k), (L2H1, logits))
    planted.measurements({"mediators": {"component": "head", "above": 0.5, "exactly": ["previous_token", "induction"]}})
    planted.write(tmp_path)  # a behaviour file and its model

Heads are placed by (layer, head), neurons by (layer, neuron); what is not planted are distractors.
"""

from mi_checks.engine.nodes import LOGITS, Node
from mi_checks.spec.behaviour import Prompts
from tests.planting.truth import Planted
from tests.planting.vocabulary import FILLERS, KEYS, VALUES, fillings, ids
from tests.planting.weights import Weights, head_at

NOISE = 0.01  # standard deviation on every weight; what is planted has weights of 1 and more
COUNT = 64  # what families of tests need, and what attention of 1 on every prompt needs to be above 0.9


def prompts(variables, template, corrupt, answer, foil, count=COUNT) -> Prompts:
    """Clean and corrupt prompts, all equally long, so that every label stands at one position.

    What is planted is planted for exactly these keys and values, so that their rows are fixed.
    """
    variables = {
        name: {**each, "rows": "fixed"} if {"values", "rows"} & set(each) == {"values"} else each
        for name, each in variables.items()
    }
    return Prompts.model_validate(
        {
            "count": count,
            "variables": variables,
            "template": template,
            "corrupt": corrupt,
            "answer": answer,
            "foils": [foil],
        }
    )


def induction(n_layers=2, n_heads=3, *, previous=(0, 1), induction=(1, 2), decoy=None, noise=NOISE, seed=0) -> Planted:
    """`A B … D C … A → B`: a head that moves the previous token, and a later one that finds the present one moved.

    Corrupt: A and D change places, so that C follows. `decoy` places a head with the attention of the previous-token
    head that writes where nobody reads.
    """
    first, second = head_at(previous), head_at(induction)
    weights = Weights(n_layers, n_heads, seed=seed)
    weights.previous_token(first)
    weights.induction(second)
    if decoy is not None:
        weights.previous_token(head_at(decoy), unread=True)
    variables = {
        "A": {"values": KEYS},
        "D": {"values": KEYS, "differs_from": "A"},
        "B": {"values": VALUES},
        "C": {"values": VALUES, "differs_from": "B"},
        "pre": {"values": fillings(3, 1)},
        "mid": {"values": fillings(2, 2)},
        "post": {"values": fillings(2, 3)},
        "query": {"same_as": "A"},
    }
    template = (
        "{{ pre }}{{ A | at('A1') }}{{ B | at('B1') }}{{ mid }}"
        "{{ D | at('D1') }}{{ C | at('C1') }}{{ post }}{{ query | at('A2') }}"
    )
    return Planted(
        weights.loaded_model("planted-induction", noise),
        {"previous_token": (first,), "induction": (second,)},
        ((first, Node(second.layer, "k", second.index)), (second, LOGITS)),
        prompts(variables, template, {"A": "D", "D": "A"}, "{{ B }}", "{{ C }}"),
    )


def skip_trigram(n_layers=1, n_heads=3, *, head=(0, 1), noise=NOISE, seed=0) -> Planted:
    """`a … b → c`: one head looks from any of three b for any key, and its OV circuit turns each a into its c.

    Corrupt: another a, so that its c follows.
    """
    node, present = head_at(head), FILLERS[:3]
    answers = dict(zip(KEYS, VALUES, strict=False))
    weights = Weights(n_layers, n_heads, seed=seed)
    pairs = dict(zip(ids(answers), ids(answers.values()), strict=True))
    weights.look_for(node, ids(KEYS), present=ids(present), into="answer", pairs=pairs)
    rows = [{"a": a, "c": c} for a, c in answers.items()]
    variables = {
        "x": {"values": rows},
        "other": {"values": rows, "differs_from": "x"},
        "pre": {"values": fillings(3, 1)},
        "mid": {"values": fillings(5, 2)},
        "b": {"values": present},
    }
    template = "{{ pre }}{{ x.a | at('a') }}{{ mid }}{{ b | at('b') }}"
    return Planted(
        weights.loaded_model("planted-skip-trigram", noise),
        {"skip_trigram": (node,)},
        ((node, LOGITS),),
        prompts(variables, template, {"x": "other"}, "{{ x.c }}", "{{ other.c }}"),
    )


def one_direction(n_layers=1, n_heads=3, *, head=(0, 1), reversed_half=False, noise=0.0, seed=0) -> Planted:
    """A skip trigram that is asked for one answer and one foil; with `reversed_half`, as often the other way round.

    What heads write is linear in the tokens, as the attention is the same on every prompt. So of pairs that all go in
    one direction the mean over prompts carries the behaviour, and of pairs of which half are reversed it does not. All
    prompts are alike, and a curve is measured on half of them: 64 of those are enough for an interval.
    """
    node, present = head_at(head), FILLERS[:3]
    weights = Weights(n_layers, n_heads, seed=seed)
    pairs = dict(zip(ids(KEYS[:2]), ids(VALUES[:2]), strict=True))
    weights.look_for(node, ids(KEYS), present=ids(present), into="answer", pairs=pairs)
    rows = [{"a": KEYS[i], "other": KEYS[1 - i], "c": VALUES[i], "d": VALUES[1 - i]} for i in range(2)]
    variables = {
        "x": {"values": rows if reversed_half else rows[:1]},
        "pre": {"values": fillings(3, 1)},
        "mid": {"values": fillings(5, 2)},
        "b": {"values": present},
    }
    template = "{{ pre | at('pre') }}{{ x.a | at('a') }}{{ mid }}{{ b | at('b') }}"
    return Planted(
        weights.loaded_model("planted-one-direction", noise),
        {"skip_trigram": (node,)},
        ((node, LOGITS),),
        prompts(variables, template, {"x.a": "x.other"}, "{{ x.c }}", "{{ x.d }}", 2 * COUNT),
    )


def or_pair(n_layers=2, n_heads=3, d_mlp=16, *, pair=((0, 0), (0, 2)), layer=1, noise=0.0, seed=0) -> Planted:
    """`a … b → c` by two neurons that together are 1 as soon as one of two heads has brought this a: an OR.

    The neurons are relu(s) and relu(s − 1), the second written with the other sign, where s is 2 for each head that
    brings the token: exactly 1 with one head or with both. Corrupt: another a.
    """
    heads, cells = tuple(map(head_at, pair)), (Node(layer, "neuron", 3), Node(layer, "neuron", 7))
    a, c = KEYS[0], VALUES[0]
    weights = Weights(n_layers, n_heads, d_mlp, seed=seed)
    for head in heads:
        weights.look_for(head, ids(KEYS), into="moved")
    weights.step(cells, *ids([a, c]))
    variables = {
        "a": {"values": [a]},
        "other": {"values": KEYS, "differs_from": "a"},
        "d": {"values": [value for value in VALUES if value != c]},
        "pre": {"values": fillings(3, 1)},
        "mid": {"values": fillings(5, 2)},
        "b": {"values": FILLERS},
    }
    template = "{{ pre | at('pre') }}{{ a | at('a') }}{{ mid }}{{ b | at('b') }}"
    return Planted(
        weights.loaded_model("planted-or-pair", noise),
        {"fetch": heads, "or": cells},
        (*((head, Node(layer, "mlp")) for head in heads), *((cell, LOGITS) for cell in cells)),
        prompts(variables, template, {"a": "other"}, c, "{{ d }}"),
    )


def and_neuron(
    n_layers=1, n_heads=3, d_mlp=16, *, head=(0, 1), neuron=(0, 5), corrupt="a", noise=NOISE, seed=0
) -> Planted:
    """`a … b → c` by a neuron that is active where a head has brought this a, and the present token is this b.

    Corrupt: another a, which the head brings as well; or another b, of which the head knows nothing and which leaves
    the neuron alone to carry the answer. All clean prompts have one a and one b, so the neuron's mean over them is what
    it is: to ablate it is to put zero there.
    """
    fetch, cell = head_at(head), Node(neuron[0], "neuron", neuron[1])
    a, b, c = KEYS[seed % len(KEYS)], FILLERS[seed % len(FILLERS)], VALUES[seed % len(VALUES)]
    weights = Weights(n_layers, n_heads, d_mlp, seed=seed)
    weights.look_for(fetch, ids(KEYS), into="moved")
    weights.and_neuron(cell, *ids([a, b, c]))
    variables = {
        "a": {"values": [a]},
        "b": {"values": [b]},
        "other_a": {"values": KEYS, "differs_from": "a"},
        "other_b": {"values": FILLERS, "differs_from": "b"},
        "d": {"values": [value for value in VALUES if value != c]},
        "pre": {"values": fillings(3, 1)},
        "mid": {"values": fillings(5, 2)},
    }
    into_logits = ((cell, LOGITS),)
    return Planted(
        weights.loaded_model("planted-and-neuron", noise),
        {"fetch": (fetch,), "and": (cell,)} if corrupt == "a" else {"and": (cell,)},
        ((fetch, Node(cell.layer, "mlp")), *into_logits) if corrupt == "a" else into_logits,
        prompts(
            variables,
            "{{ pre }}{{ a | at('a') }}{{ mid }}{{ b | at('b') }}",
            {corrupt: f"other_{corrupt}"},
            c,
            "{{ d }}",
        ),
    )


def redundant_pair(n_layers=2, n_heads=3, *, pair=((0, 0), (0, 2)), induction=(1, 1), noise=NOISE, seed=0) -> Planted:
    """`A B … C … A → B` with two previous-token heads, either of which saturates the attention of the induction head.

    Corrupt: another token in the place of the first A, so that nothing precedes B that is asked for. What a head writes
    in another prompt never is: keys stand nowhere else. So to denoise one of the two recovers all, to ablate one
    removes nothing, and to ablate both removes all.
    """
    first, second, reader = map(head_at, (*pair, induction))
    weights = Weights(n_layers, n_heads, seed=seed)
    weights.previous_token(first)
    weights.previous_token(second)
    weights.induction(reader)
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
    key = Node(reader.layer, "k", reader.index)
    template = (
        "{{ pre }}{{ A | at('A1') }}{{ B | at('B1') }}{{ mid }}{{ C | at('C1') }}{{ post }}{{ query | at('A2') }}"
    )
    return Planted(
        weights.loaded_model("planted-redundant-pair", noise),
        {"previous_token": (first, second), "induction": (reader,)},
        ((first, key), (second, key), (reader, LOGITS)),
        prompts(variables, template, {"A": "X"}, "{{ B }}", "{{ C }}"),
    )
