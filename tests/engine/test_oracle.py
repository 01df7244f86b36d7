"""Per-prompt effects equal TransformerLens' own patching, and plain hooks where it has no function."""

import numpy as np
import pytest
import torch
from transformer_lens import patching

from mi_checks.engine.interventions import ablate, denoise, noise
from mi_checks.engine.nodes import Node, all_nodes

TOLERANCE = 1e-5
MODELS = ("nano-attn-2l", "nano-gelu-2l", "nano-solu-1l")


def metric_of(engine):
    def metric(logits):
        end = logits[torch.arange(len(logits)), engine.end]
        return end.gather(1, engine.readout.answers)[:, 0] - end.gather(1, engine.readout.foils)[:, 0]

    return metric


def transformer_lens_sweep(sweep, engine):
    """TransformerLens' denoising sweep: corrupt tokens, clean cache, every example kept."""
    with torch.no_grad():
        _, clean_cache = engine.loaded_model.bridge.run_with_cache(engine.layouts["clean"].tokens)
        result = sweep(
            engine.loaded_model.bridge, engine.layouts["corrupt"].tokens, clean_cache, metric_of(engine), reduce="none"
        )
    return result.values.double().numpy()


@pytest.mark.parametrize("model", MODELS)
def test_heads_over_all_positions(model, engine_of):
    engine = engine_of(model)
    shape = engine.loaded_model.shape
    ours = engine.scores([denoise(node) for node in all_nodes("head", shape)])
    theirs = transformer_lens_sweep(patching.get_act_patch_attn_head_out_all_pos, engine)
    assert np.abs(ours - theirs.reshape(ours.shape)).max() < TOLERANCE
    assert np.abs(ours - engine.unpatched.corrupt.logit_diff).max() > 0.01  # the patches moved something


EVERY = {  # as in TransformerLens' `get_act_patch_attn_head_all_pos_every` and `…_by_pos_every`
    "q": (patching.get_act_patch_attn_head_q_all_pos, patching.get_act_patch_attn_head_q_by_pos),
    "k": (patching.get_act_patch_attn_head_k_all_pos, patching.get_act_patch_attn_head_k_by_pos),
    "v": (patching.get_act_patch_attn_head_v_all_pos, patching.get_act_patch_attn_head_v_by_pos),
    "pattern": (patching.get_act_patch_attn_head_pattern_all_pos, patching.get_act_patch_attn_head_pattern_by_pos),
}


@pytest.mark.parametrize("engine_name", ["reference", "replay"])
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("part", EVERY)
def test_parts_of_heads(model, part, engine_name, engine_of, replaying):
    """Over all positions, and by position: TransformerLens sweeps every position, we take every third."""
    engine = engine_of(model)
    ours = engine if engine_name == "reference" else replaying(engine)
    nodes = all_nodes(part, engine.loaded_model.shape)
    all_pos, by_pos = (transformer_lens_sweep(sweep, engine) for sweep in EVERY[part])
    found = ours.scores([denoise(node) for node in nodes])
    limit = TOLERANCE * np.abs(all_pos).max()  # the two differ in the order of their additions
    assert np.abs(found - all_pos.reshape(found.shape)).max() < limit
    if engine.loaded_model.shape.n_layers > 1:  # in one layer nothing but the token itself is in END's query
        assert np.abs(found - engine.unpatched.corrupt.logit_diff).max() > 0.001
    for position in range(0, engine.width, 3):
        found = ours.scores([denoise(node, at=position) for node in nodes])
        theirs = by_pos[:, :, position] if part == "pattern" else by_pos[:, position]  # layer head prompt
        assert np.abs(found - theirs.reshape(found.shape)).max() < limit


@pytest.mark.parametrize("model", MODELS)
def test_every_block_by_position(model, engine_of, replaying):
    engine = engine_of(model)
    kinds = ["resid_pre", "attn", "mlp"] if engine.loaded_model.shape.d_mlp else ["resid_pre", "attn"]
    sweeps = {
        "resid_pre": patching.get_act_patch_resid_pre,
        "attn": patching.get_act_patch_attn_out,
        "mlp": patching.get_act_patch_mlp_out,
    }
    replay = replaying(engine)
    for kind in kinds:
        theirs = transformer_lens_sweep(sweeps[kind], engine)  # layer pos prompt
        places = [(layer, p) for layer in range(engine.loaded_model.shape.n_layers) for p in range(engine.width)]
        found = replay.scores([denoise(Node(layer, kind), at=p) for layer, p in places])
        assert np.abs(found - theirs.reshape(found.shape)).max() < TOLERANCE * np.abs(theirs).max()


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("label", ["B1", "A2"])
def test_heads_at_a_label(model, label, engine_of):
    engine = engine_of(model)
    ours = engine.scores([denoise(node, at=label) for node in all_nodes("head", engine.loaded_model.shape)])
    position = engine.batch.positions(label)[0][0]
    assert all(positions == (position,) for positions in engine.batch.positions(label))
    theirs = transformer_lens_sweep(patching.get_act_patch_attn_head_out_by_pos, engine)  # layer pos head prompt
    assert np.abs(ours - theirs[:, position].reshape(ours.shape)).max() < TOLERANCE


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("kind", "sweep"),
    [
        ("resid_pre", patching.get_act_patch_resid_pre),
        ("attn", patching.get_act_patch_attn_out),
        ("mlp", patching.get_act_patch_mlp_out),
    ],
)
def test_whole_layers_at_a_label(model, kind, sweep, engine_of):
    engine = engine_of(model)
    if kind == "mlp" and engine.loaded_model.shape.d_mlp is None:
        pytest.skip("an attention-only model has no MLP")
    layers = range(engine.loaded_model.shape.n_layers)
    ours = engine.scores([denoise(Node(layer, kind), at="B1") for layer in layers])
    theirs = transformer_lens_sweep(sweep, engine)[:, engine.batch.positions("B1")[0][0]]
    assert np.abs(ours - theirs).max() < TOLERANCE


@pytest.mark.parametrize("model", ["nano-gelu-2l", "nano-solu-1l"])
@pytest.mark.parametrize("at", [None, "END", "B1"])
@pytest.mark.parametrize("intervene", [denoise, noise], ids=["denoise", "noise"])
def test_neurons_by_plain_hooks(model, at, intervene, engine_of):
    """Every layer's first 40 neurons."""
    engine = engine_of(model)
    bridge = engine.loaded_model.bridge
    run, donor = ("corrupt", "clean") if intervene is denoise else ("clean", "corrupt")
    nodes = [node for node in all_nodes("neuron", engine.loaded_model.shape) if node.index < 40]
    ours = engine.scores([intervene(node, at=at) for node in nodes])
    for row, node in zip(ours, nodes, strict=True):
        hook_name = f"blocks.{node.layer}.mlp.hook_post"
        with torch.no_grad():
            _, cache = bridge.run_with_cache(
                engine.layouts[donor].tokens, names_filter=lambda name, h=hook_name: name == h
            )

            def put(value, hook, node=node, new=cache[hook_name]):
                positions = [p[0] for p in engine.batch.positions(at)] if at else None
                if positions is None:
                    value[:, :, node.index] = new[:, :, node.index]
                else:
                    rows = torch.arange(len(value))
                    value[rows, positions, node.index] = new[rows, positions, node.index]
                return value

            theirs = metric_of(engine)(bridge.run_with_hooks(engine.layouts[run].tokens, fwd_hooks=[(hook_name, put)]))
        assert np.abs(row - theirs.double().numpy()).max() < TOLERANCE


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("kind", ["zero", "mean", "resample"])
def test_ablations_by_plain_hooks(model, kind, engine_of):
    engine = engine_of(model)
    ours = engine.scores([ablate(Node(0, "head", 2), kind=kind)])[0]

    def put(z, hook):
        new = {"zero": 0 * z, "mean": z.mean(0, keepdim=True).expand_as(z), "resample": z.roll(1, 0)}[kind]
        z = z.clone()
        z[:, :, 2] = new[:, :, 2]
        return z

    with torch.no_grad():
        logits = engine.loaded_model.bridge.run_with_hooks(
            engine.layouts["clean"].tokens, fwd_hooks=[("blocks.0.attn.hook_z", put)]
        )
    assert np.abs(ours - metric_of(engine)(logits).double().numpy()).max() < TOLERANCE
    assert np.abs(ours - engine.unpatched.clean.logit_diff).max() > 1e-3
