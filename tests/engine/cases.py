"""Small random models and prompts, and every kind of intervention on them."""

import zlib

import numpy as np
import torch
from transformer_lens.model_bridge import TransformerBridge

from mi_checks.engine.interventions import EdgeCircuit, ablate, all_edges, denoise, noise, reaches
from mi_checks.engine.nodes import HEAD_PARTS, LOGITS, Node, all_nodes
from mi_checks.engine.residual_stream import is_parallel
from mi_checks.models.loaded_model import LoadedModel, Provenance
from mi_checks.prompts.batch import Prompt, PromptBatch, PromptPair
from mi_checks.spec.node_names import ModelShape

TOLERANCE = 1e-5
KINDS = ("zero", "mean", "resample")  # of ablation
SIZE = {"d_model": 32, "n_ctx": 24, "d_head": 8, "n_heads": 4, "d_vocab": 50, "d_mlp": 48}
ARCHITECTURES = {
    "attention only": {"n_layers": 3, "attn_only": True, "normalization_type": "LN"},
    "gelu": {"n_layers": 2, "act_fn": "gelu", "normalization_type": "LN"},
    "solu": {"n_layers": 2, "act_fn": "solu_ln", "normalization_type": "LN"},
    "folded norms": {"n_layers": 2, "act_fn": "gelu_new", "normalization_type": "LNPre"},
    "no norm": {"n_layers": 2, "act_fn": "relu", "normalization_type": None},
    "llama": {
        "n_layers": 2, "act_fn": "silu", "gated_mlp": True, "normalization_type": "RMS", "final_rms": True,
        "positional_embedding_type": "rotary", "n_key_value_heads": 2,
    },
    "rotary, part of the head": {
        "n_layers": 2, "act_fn": "gelu", "normalization_type": "RMSPre", "positional_embedding_type": "rotary",
        "rotary_dim": 4,
    },
    "soft caps": {
        "n_layers": 2, "act_fn": "gelu", "normalization_type": "LN", "attn_scores_soft_cap": 2.0,
        "output_logits_soft_cap": 3.0,
    },
    "one layer": {"n_layers": 1, "act_fn": "gelu", "normalization_type": "LN"},
}  # fmt: skip


def native(architecture, mode="raw"):
    """A model of TransformerLens' own."""
    config = {**SIZE, **ARCHITECTURES[architecture], "seed": 1}
    bridge = TransformerBridge.boot_native(config).eval()
    d_mlp = None if config.get("attn_only") else SIZE["d_mlp"]
    shape = ModelShape(config["n_layers"], SIZE["n_heads"], d_mlp, config.get("n_key_value_heads"))
    return loaded_model(architecture, bridge, shape, mode)


def loaded_model(name, bridge, shape, mode):
    """A model with weights larger than at initialisation, so that nothing is near linear."""
    generator = torch.Generator().manual_seed(2)
    for parameter in bridge.parameters():
        parameter.data += 0.3 * torch.randn(parameter.shape, generator=generator)
    if mode == "compatibility":
        bridge.enable_compatibility_mode(disable_warnings=True)
    bridge.requires_grad_(False)
    return LoadedModel(name, bridge, None, shape, SIZE["n_ctx"], Provenance("random", "", "", "float32", "cpu", mode))


def prompts(*, count, seed, first_difference=2, ragged=True, foils=2):
    """Random pairs that differ at one position and share the label `X` there and the label `Y` after it."""
    rng = np.random.default_rng(seed)
    pairs = []
    for _ in range(count):
        length = int(rng.integers(6, 14)) if ragged else 9
        where = int(rng.integers(first_difference, length - 2))
        clean = rng.integers(0, SIZE["d_vocab"], length).tolist()
        corrupt = list(clean)
        corrupt[where] = (clean[where] + 1) % SIZE["d_vocab"]
        labels = {"X": (where,), "Y": (where + 1, length - 1), "END": (length - 1,)}
        both = [Prompt("", tuple(tokens), ("",) * length, labels) for tokens in (clean, corrupt)]
        answer, *others = [(token,) for token in rng.choice(SIZE["d_vocab"], 1 + foils, replace=False).tolist()]
        pairs.append(PromptPair(*both, ("",), ("",) * foils, (answer,), tuple(others)))
    return PromptBatch(tuple(pairs), "mean")


def a_part(what, *case, one_of=3):
    """One of three, or of more, beginning where the case says: together the cases of a test have all kinds."""
    return list(what)[zlib.crc32(repr(case).encode()) % one_of :: one_of]


def everything(loaded_model, at):
    """Every kind of intervention on every kind of node that the model has."""
    shape = loaded_model.shape
    nodes = all_nodes("head", shape) + all_nodes("neuron", shape)[::7]
    parts = [node for part in HEAD_PARTS for node in all_nodes(part, shape)]
    nodes += parts
    kinds = ["resid_pre", "attn", "resid_post"] + (["mlp"] if shape.d_mlp else [])
    kinds += ["resid_mid"] if shape.d_mlp and not is_parallel(loaded_model.bridge) else []
    nodes += [Node(layer, kind) for layer in range(shape.n_layers) for kind in kinds]
    yield from (denoise(node, at=at) for node in nodes)
    yield from (noise(node, at=at) for node in nodes)
    for kind in KINDS:
        yield from (ablate(node, kind=kind, at=at) for node in nodes)
    last = shape.n_layers - 1
    yield denoise(Node(0, "head", 1), Node(last, "head", 2), at=at)
    yield ablate(Node(0, "head", 1), Node(0, "head", 3), Node(last, "attn"), kind="mean", at=at)
    yield denoise(parts[0], Node(0, "head", 2), *parts[-5:-3], at=at)
    if shape.d_mlp:
        yield noise(Node(0, "neuron", 3), Node(0, "neuron", 5), Node(last, "mlp"), at=at)


def paths(loaded_model, at):
    """Every kind of sender into every kind of receiver that it reaches."""
    shape, parallel = loaded_model.shape, is_parallel(loaded_model.bridge)
    last = shape.n_layers - 1
    receivers = [node for part in ("q", "k", "v") for node in all_nodes(part, shape)] + [LOGITS]
    senders = [*all_nodes("head", shape)[::2], *(Node(layer, "attn") for layer in range(shape.n_layers))]
    if shape.d_mlp:
        senders += [*all_nodes("neuron", shape)[::11], *(Node(layer, "mlp") for layer in range(shape.n_layers))]
        receivers += [Node(layer, "mlp") for layer in range(shape.n_layers)]
    for sender in senders:
        for receiver in receivers:
            aside = parallel and receiver.kind == "mlp" and sender.layer == receiver.layer
            if reaches(sender, receiver) and not aside:
                yield denoise(sender, at=at, into=(receiver,))
    head = Node(0, "head", 1)
    yield noise(head, at=at, into=(LOGITS,))
    yield noise(head, Node(last, "head", 0), at=at, into=(LOGITS,))
    if last:
        several = (Node(last, "q", 0), Node(last, "k", 1), Node(last, "v", 1))
        yield noise(head, Node(0, "attn"), at=at, into=several)
        for kind in KINDS:
            yield ablate(head, kind=kind, at=at, into=several[:1])
            yield ablate(head, kind=kind, at=at, into=several[1:])
    if shape.d_mlp:
        yield ablate(head, Node(0, "head", 3), kind="mean", at=at, into=(Node(last, "mlp"), LOGITS))


def multi_hop(loaded_model, at):
    """Paths of two and three hops, through one and through several inputs of each, also in several layers."""
    shape, parallel = loaded_model.shape, is_parallel(loaded_model.bridge)
    last = shape.n_layers - 1
    head, other = Node(0, "head", 1), Node(0, "head", 3)
    ends = [LOGITS]
    if shape.d_mlp:
        ends += [] if parallel else [Node(last, "mlp")]
        first = Node(0, "neuron", 5) if parallel else head
        if not parallel:
            yield denoise(first, at=at, into=(Node(0, "mlp"),), onward=((LOGITS,),))
            yield noise(first, other, at=at, into=(Node(0, "mlp"),), onward=((LOGITS,),))
    if not last:
        return
    for part in ("q", "k", "v"):
        for end in ends:
            for receiver in all_nodes(part, shape, (last,)):
                yield denoise(head, at=at, into=(receiver,), onward=((end,),))
        yield ablate(
            head, other, kind="mean", at=at, into=(Node(last, part, 0), Node(last, part, 1)), onward=((LOGITS,),)
        )
    several = (Node(last, "q", 0), Node(last, "k", 1), Node(last, "v", 1))
    yield noise(head, Node(0, "attn"), at=at, into=several, onward=(tuple(ends),))
    if shape.d_mlp and not parallel:
        mlps = ((Node(last, "mlp"),), (LOGITS,))
        yield denoise(head, at=at, into=(Node(0, "mlp"),), onward=((Node(last, "v", 1),), *mlps))
        yield noise(head, at=at, into=(Node(0, "mlp"),), onward=(several, *mlps))
        yield ablate(head, kind="zero", at=at, into=(*several, Node(0, "mlp")), onward=mlps[1:])
        yield denoise(head, at=at, into=(Node(0, "mlp"), Node(last, "k", 0), Node(last, "mlp"), LOGITS))
    if last > 1:
        for part in ("q", "k", "v"):
            inner, outer = Node(1, part, 2), Node(2, "kvq"["qkv".index(part)], 1)
            yield denoise(head, at=at, into=(inner,), onward=((outer,),))
            yield denoise(head, at=at, into=(inner,), onward=((outer,), (LOGITS,)))
            yield noise(head, other, at=at, into=(inner, Node(1, "k", 0)), onward=((outer, Node(2, "v", 3)), (LOGITS,)))
            yield ablate(head, kind="resample", at=at, into=(inner, outer))
            yield ablate(head, kind="resample", at=at, into=(inner, outer), onward=((LOGITS,),))


def random_circuits(loaded_model, *, seed=0):
    """For every kind of ablation, with and without MLPs, parts of all edges."""
    rng = np.random.default_rng(seed)
    for kind in KINDS:
        for mlps in (False, True):
            edges = all_edges(loaded_model.shape, mlps=mlps)
            for share in (0, 0.3, 0.8):
                yield EdgeCircuit(tuple(edge for edge in edges if rng.random() < share), kind, mlps)
