"""The replay engine's sweeps and TransformerLens' own, in one run: `python benchmarks/sweeps.py [--json FILE]`.

Models are TransformerLens' native ones with seeded random weights; prompts are random pairs of 64 tokens that differ at
the middle position. In a row with more than `--forwards` forward passes, TransformerLens is timed on a random sample of
that many and its time is scaled, unless `--whole` is given. Its clean cache is not timed; our clean and corrupted runs
are. The floor is the time of the matrix products that remain after every exact reduction known when this engine was
planned (see `products`), each shape timed in the same run; a ratio of floor to time above 1 means that the engine has
further reductions.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from transformer_lens import patching
from transformer_lens.model_bridge import TransformerBridge

from mi_checks.output.tables import markdown_row

sys.path.insert(0, str(Path(__file__).parent))
from products import Shape, floor_seconds, sweep_of_heads

from mi_checks.engine.choose_engine import replayable_model
from mi_checks.engine.interventions import Intervention, denoise, reaches
from mi_checks.engine.nodes import Kind, Node, all_nodes
from mi_checks.engine.reference.reference_engine import ReferenceEngine
from mi_checks.engine.replay.replay_engine import ReplayEngine
from mi_checks.models.loaded_model import LoadedModel, Provenance
from mi_checks.prompts.batch import Prompt, PromptBatch, PromptPair
from mi_checks.prompts.tokenization import Tokenization
from mi_checks.spec.node_names import ModelShape

LENGTH = 64
MIDDLE = LENGTH // 2


def seeded_model(
    n_layers: int, d_model: int, d_vocab: int, *, gelu: bool, heads: int = 8, n_ctx: int = LENGTH
) -> LoadedModel:
    """Return a native model with random weights."""
    config = {
        "n_layers": n_layers, "d_model": d_model, "d_vocab": d_vocab, "n_ctx": n_ctx, "n_heads": heads,
        "d_head": d_model // heads, "d_mlp": 4 * d_model, "attn_only": not gelu, "act_fn": "gelu",
        "normalization_type": "LN", "seed": 0,
    }  # fmt: skip
    bridge: TransformerBridge = TransformerBridge.boot_native(config).eval()
    generator = torch.Generator().manual_seed(1)
    for parameter in bridge.parameters():  # larger than at initialisation, where everything is nearly linear
        parameter.data += 0.02 * torch.randn(parameter.shape, generator=generator)
    bridge.requires_grad_(False)
    shape = ModelShape(n_layers, heads, 4 * d_model if gelu else None)
    tokenization: Tokenization = None  # type: ignore[assignment]  # the prompts are token ids
    return LoadedModel(
        "random", bridge, tokenization, shape, n_ctx, Provenance("random", "", "", "float32", "cpu", "raw")
    )


def random_pairs(count: int, d_vocab: int, length: int = LENGTH) -> PromptBatch:
    """Return random prompts, whose clean and corrupt versions differ at the middle position."""
    draw = random.Random(0)

    def pair() -> PromptPair:
        clean = [draw.randrange(d_vocab) for _ in range(length)]
        corrupt = list(clean)
        corrupt[length // 2] = (clean[length // 2] + 1) % d_vocab
        a, b = (Prompt("", tuple(t), ("",) * length, {"END": (length - 1,)}) for t in (clean, corrupt))
        answer, foil = draw.sample(range(d_vocab), 2)
        return PromptPair(a, b, ("",), ("",), ((answer,),), ((foil,),))

    return PromptBatch(tuple(pair() for _ in range(count)), "mean")


@dataclass(frozen=True)
class SweepTiming:
    """One line of the table; times in seconds, differences in logits."""

    case: str
    interventions: int
    theirs: float
    their_forwards_timed: int
    ours: float
    ratio: float
    wanted: float
    largest_difference: float
    largest_effect: float
    floor: float | None
    floor_share: float | None
    floor_wanted: float | None


@dataclass(frozen=True)
class SweepCase:
    """A sweep: our interventions, and the same by TransformerLens, one at a time."""

    name: str
    loaded_model: LoadedModel
    batch: PromptBatch
    interventions: list[Intervention]
    theirs: Callable[[list[int]], np.ndarray]  # takes indices and returns logit differences, `intervention prompt`
    ratio: float
    floor: Callable[[], float] | None = None
    floor_share: float | None = None


def score_function(reference: ReferenceEngine) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return a function for the logit difference at the last position, `prompt`."""

    def measure(logits: torch.Tensor) -> torch.Tensor:
        end = logits[:, -1]
        return end.gather(1, reference.readout.answers)[:, 0] - end.gather(1, reference.readout.foils)[:, 0]

    return measure


def transformer_lens(
    loaded_model: LoadedModel, batch: PromptBatch, sweeps: list[tuple[Callable, list[tuple[int, ...]]]]
) -> Callable[[list[int]], np.ndarray]:
    """Return a function that runs `transformer_lens.patching` on rows of index tuples, sweep after sweep."""
    reference = ReferenceEngine(loaded_model, batch)
    with torch.no_grad():
        _, clean = loaded_model.bridge.run_with_cache(reference.layouts["clean"].tokens)
    flat = [(sweep, index) for sweep, indices in sweeps for index in indices]

    def run(chosen: list[int]) -> np.ndarray:
        out = np.empty((len(chosen), len(batch)))
        by_sweep: dict[Callable, list[int]] = {}
        for row, i in enumerate(chosen):
            by_sweep.setdefault(flat[i][0], []).append(row)
        for sweep, rows in by_sweep.items():
            frame = pd.DataFrame([flat[chosen[row]][1] for row in rows], columns=sweep.keywords["index_axis_names"])
            with torch.no_grad():
                result = patching.generic_activation_patch(
                    loaded_model.bridge,
                    reference.layouts["corrupt"].tokens,
                    clean,
                    score_function(reference),
                    sweep.keywords["patch_setter"],
                    sweep.keywords["activation_name"],
                    index_df=frame,
                    reduce="none",
                )
            out[rows] = result.values.double().numpy()
        return out

    return run


def hook_loop(
    loaded_model: LoadedModel, batch: PromptBatch, interventions: list[Intervention]
) -> Callable[[list[int]], np.ndarray]:
    """Return a function that patches neurons in a loop, as a user of TransformerLens would."""
    reference = ReferenceEngine(loaded_model, batch)
    with torch.no_grad():
        _, clean = loaded_model.bridge.run_with_cache(reference.layouts["clean"].tokens)

    def run(chosen: list[int]) -> np.ndarray:
        out = []
        for i in chosen:
            node = interventions[i].nodes[0]

            def put(value: torch.Tensor, hook: object, node: Node = node) -> torch.Tensor:  # noqa: ARG001
                value[:, :, node.index] = clean[node.hook][:, :, node.index]
                return value

            with torch.no_grad():
                logits = loaded_model.bridge.run_with_hooks(
                    reference.layouts["corrupt"].tokens, fwd_hooks=[(node.hook, put)]
                )
            out.append(score_function(reference)(logits).double().numpy())
        return np.array(out)

    return run


def edge_loop(
    loaded_model: LoadedModel, batch: PromptBatch, interventions: list[Intervention]
) -> Callable[[list[int]], np.ndarray]:
    """Return a function that patches paths with one hooked forward pass per edge.

    TransformerLens does so where it can, but it refuses native models. The queries, keys and values of every sender are
    given and not timed.
    """
    reference = ReferenceEngine(loaded_model, batch)
    with torch.no_grad():
        _, clean = loaded_model.bridge.run_with_cache(reference.layouts["clean"].tokens)
        _, corrupt = loaded_model.bridge.run_with_cache(reference.layouts["corrupt"].tokens)

    def run(chosen: list[int]) -> np.ndarray:
        out = []
        for i in chosen:
            sender, receiver = interventions[i].nodes[0], interventions[i].into[0]
            block = loaded_model.bridge.blocks[receiver.layer]
            w_o = loaded_model.bridge.blocks[sender.layer].attn.o.weight.T.view(
                loaded_model.shape.n_heads, -1, loaded_model.bridge.cfg.d_model
            )
            with torch.no_grad():
                sent = (clean[sender.hook] - corrupt[sender.hook])[:, :, sender.index] @ w_o[sender.index]
                resid = corrupt[f"blocks.{receiver.layer}.hook_resid_pre"] + sent
                seen = block.attn.k.original_component(block.ln1.original_component(resid))

            def put(value: torch.Tensor, hook: object, seen: torch.Tensor = seen, head=receiver.index) -> torch.Tensor:  # noqa: ANN001, ARG001
                value[:, :, head] = seen.view(value.shape)[:, :, head]
                return value

            with torch.no_grad():
                logits = loaded_model.bridge.run_with_hooks(
                    reference.layouts["corrupt"].tokens, fwd_hooks=[(receiver.hook, put)]
                )
            out.append(score_function(reference)(logits).double().numpy())
        return np.array(out)

    return run


HEAD_SWEEPS: dict[Kind, Callable] = {
    "head": patching.get_act_patch_attn_head_out_all_pos,
    "q": patching.get_act_patch_attn_head_q_all_pos,
    "k": patching.get_act_patch_attn_head_k_all_pos,
    "v": patching.get_act_patch_attn_head_v_all_pos,
    "pattern": patching.get_act_patch_attn_head_pattern_all_pos,
}
BLOCK_SWEEPS: dict[Kind, Callable] = {
    "resid_pre": patching.get_act_patch_resid_pre,
    "attn": patching.get_act_patch_attn_out,
    "mlp": patching.get_act_patch_mlp_out,
}


def cases() -> list[Callable[[], SweepCase]]:
    """Return functions that build the nine rows, so that each is built when needed."""

    def heads(name: str, shape: Shape, ratio: float, share: float) -> Callable[[], SweepCase]:
        def build() -> SweepCase:
            loaded_model = seeded_model(shape.n_layers, shape.d_model, shape.d_vocab, gelu=shape.d_mlp > 0)
            batch = random_pairs(shape.pairs, shape.d_vocab)
            nodes = all_nodes("head", loaded_model.shape)
            theirs = transformer_lens(loaded_model, batch, [(HEAD_SWEEPS["head"], [(n.layer, n.index) for n in nodes])])
            return SweepCase(
                name, loaded_model, batch, [denoise(n) for n in nodes], theirs, ratio,
                lambda: floor_seconds(sweep_of_heads(shape)), share,
            )  # fmt: skip

        return build

    def heads_by_position() -> SweepCase:
        loaded_model, batch = seeded_model(2, 512, 48262, gelu=False), random_pairs(16, 48262)
        places = [(n.layer, p, n.index) for n in all_nodes("head", loaded_model.shape) for p in range(LENGTH)]
        what = [denoise(Node(layer, "head", index), at=p) for layer, p, index in places]
        theirs = transformer_lens(loaded_model, batch, [(patching.get_act_patch_attn_head_out_by_pos, places)])
        return SweepCase(
            "heads' z by position, 2L attn-only d=512 V=48262, 16 pairs", loaded_model, batch, what, theirs, 500
        )

    def all_parts() -> SweepCase:
        loaded_model, batch = seeded_model(2, 512, 48262, gelu=False), random_pairs(16, 48262)
        indices = [(n.layer, n.index) for n in all_nodes("head", loaded_model.shape)]
        what = [denoise(Node(*index[:1], kind, *index[1:])) for kind in HEAD_SWEEPS for index in indices]
        theirs = transformer_lens(loaded_model, batch, [(sweep, indices) for sweep in HEAD_SWEEPS.values()])
        return SweepCase(
            "heads' z, q, k, v, pattern, 2L attn-only d=512 V=48262, 16 pairs", loaded_model, batch, what, theirs, 50
        )

    def neurons() -> SweepCase:
        loaded_model, batch = seeded_model(2, 512, 48262, gelu=True), random_pairs(16, 48262)
        what = [denoise(n) for n in all_nodes("neuron", loaded_model.shape)]
        return SweepCase(
            "4,096 neurons, 2L GELU d=512 V=48262, 16 pairs",
            loaded_model,
            batch,
            what,
            hook_loop(loaded_model, batch, what),
            200,
        )

    def blocks() -> SweepCase:
        loaded_model, batch = seeded_model(4, 512, 48262, gelu=True), random_pairs(16, 48262)
        indices = [(layer, p) for layer in range(4) for p in range(LENGTH)]
        what = [denoise(Node(layer, kind), at=p) for kind in BLOCK_SWEEPS for layer, p in indices]
        theirs = transformer_lens(loaded_model, batch, [(sweep, indices) for sweep in BLOCK_SWEEPS.values()])
        return SweepCase(
            "residual, attention, MLP by position, 4L GELU d=512 V=48262, 16 pairs",
            loaded_model,
            batch,
            what,
            theirs,
            30,
        )

    def edges() -> SweepCase:
        loaded_model, batch = seeded_model(4, 512, 48262, gelu=False), random_pairs(16, 48262)
        senders, receivers = all_nodes("head", loaded_model.shape), all_nodes("k", loaded_model.shape)
        what = [denoise(s, into=(r,)) for s in senders for r in receivers if reaches(s, r)]
        return SweepCase(
            "head → head edges into k, 4L attn-only d=512 V=48262, 16 pairs",
            loaded_model,
            batch,
            what,
            edge_loop(loaded_model, batch, what),
            40,
        )

    return [
        heads("heads' z, 2L attn-only d=256 V=2048, 32 pairs", Shape(2, 256, 0, 2048, 32), 15, 0.3),
        heads("heads' z, 2L attn-only d=512 V=48262, 16 pairs", Shape(2, 512, 0, 48262, 16), 60, 0.3),
        heads("heads' z, 2L GELU d=512 V=48262, 16 pairs", Shape(2, 512, 2048, 48262, 16), 28, 0.5),
        heads("heads' z, 4L GELU d=512 V=48262, 16 pairs", Shape(4, 512, 2048, 48262, 16), 15, 0.7),
        heads_by_position,
        all_parts,
        neurons,
        blocks,
        edges,
    ]  # fmt: skip


def time_case(case: SweepCase, repeats: int, forwards: int | None) -> SweepTiming:
    """Time both sides of a case."""
    model = replayable_model(case.loaded_model)
    if model is None:
        raise SystemExit(f"{case.name}: the replay engine does not reproduce this model")

    def ours() -> np.ndarray:
        return ReplayEngine(case.loaded_model, case.batch, model).scores(case.interventions)  # unpatched runs included

    found, our_time = ours(), median_seconds(ours, repeats)
    total = len(case.interventions)
    sample = list(range(total))
    if forwards is not None and total > forwards:
        sample = sorted(random.Random(0).sample(sample, forwards))
    times, theirs = [], np.empty(0)
    for _ in range(repeats if len(sample) <= 32 else 1):
        began = time.perf_counter()
        theirs = case.theirs(sample)
        times.append(time.perf_counter() - began)
    their_time = statistics.median(times) * total / len(sample)
    corrupt = ReplayEngine(case.loaded_model, case.batch, model).unpatched.corrupt.logit_diff
    floor = case.floor() if case.floor else None
    return SweepTiming(
        case=case.name,
        interventions=total,
        theirs=their_time,
        their_forwards_timed=len(sample),
        ours=our_time,
        ratio=their_time / our_time,
        wanted=case.ratio,
        largest_difference=float(np.abs(found[sample] - theirs).max()),
        largest_effect=float(np.abs(found - corrupt).max()),
        floor=floor,
        floor_share=None if floor is None else floor / our_time,
        floor_wanted=case.floor_share,
    )


def median_seconds(run: Callable[[], object], repeats: int) -> float:
    """Return the median over some repeats, after one that does not count."""
    run()
    durations = []
    for _ in range(repeats):
        began = time.perf_counter()
        run()
        durations.append(time.perf_counter() - began)
    return statistics.median(durations)


def table_row(row: SweepTiming) -> str:
    """Return a row of the Markdown table."""
    floor = "" if row.floor is None else f"{row.floor:.3f}"
    share = "" if row.floor_share is None else f"{row.floor_share:.2f} (≥ {row.floor_wanted:g})"
    timed = (
        ""
        if row.their_forwards_timed == row.interventions
        else f" ({row.their_forwards_timed} of {row.interventions} timed)"
    )
    return markdown_row(
        [
            row.case,
            f"{row.theirs:.2f}{timed}",
            f"{row.ours:.3f}",
            f"{row.ratio:.0f} (≥ {row.wanted:g})",
            f"{row.largest_difference:.1e} of {row.largest_effect:.2g}",
            floor,
            share,
        ]
    )


def machine() -> str:
    """Return a description of the machine."""
    return f"{os.cpu_count()} cores of {platform.machine()}, torch {torch.__version__}, no GPU used"


def main() -> None:
    """Print the table, row by row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    parser.add_argument("--only", type=int, nargs="*", help="rows to measure, from 1")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--forwards",
        type=int,
        default=48,
        help="the maximum number of forward passes of a row on which TransformerLens is timed",
    )
    parser.add_argument(
        "--whole", action="store_true", help="time TransformerLens on every forward pass (half an hour)"
    )
    arguments = parser.parse_args()
    print(
        f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}\n"
    )
    print("| sweep | TransformerLens, s | replay, s | ratio | largest difference, logits | floor, s | floor ÷ replay |")
    print("|---|---|---|---|---|---|---|")
    rows = []
    for number, build in enumerate(cases(), 1):
        if arguments.only and number not in arguments.only:
            continue
        rows.append(time_case(build(), arguments.repeats, None if arguments.whole else arguments.forwards))
        print(table_row(rows[-1]), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")
    if any(row.ratio < row.wanted or (row.floor_share or 1) < (row.floor_wanted or 0) for row in rows):
        raise SystemExit("some rows are slower than their limits")


if __name__ == "__main__":
    main()
