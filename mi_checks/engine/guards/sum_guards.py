"""Sum guards: parts must add up to their whole in a model whose nodes write into one residual stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from mi_checks.engine.direct_attribution import DirectEffects, nonlinearity
from mi_checks.engine.guards.guard_probes import MAX_FULLY_PROBED_LAYERS, GuardProbes, RoundingTolerance
from mi_checks.engine.interventions import Hop, denoise
from mi_checks.engine.nodes import LOGITS, Kind, Node
from mi_checks.engine.reference.hook_sites import HookSite
from mi_checks.engine.reference.reference_engine import ReferenceEngine
from mi_checks.engine.residual_stream import is_parallel
from mi_checks.errors import MiChecksError
from mi_checks.models.loaded_model import Guard
from mi_checks.stats.floor import Floats

SUBLAYER_SUMS: tuple[tuple[str, Kind, Kind, tuple[str, ...]], ...] = (
    ("heads add up to their attention", "head", "attn", ("paths", "head attribution")),
    ("neurons add up to their MLP", "neuron", "mlp", ("neuron", "neuron attribution")),
)


def compare_sums(engine: ReferenceEngine, probes: GuardProbes, tolerance: RoundingTolerance) -> Iterator[Guard]:
    """Compare parts with wholes on the probes: rows of attention, heads, neurons, layers, logits and paths.

    Yields:
        A guard for each comparison.
    """
    yield _guard_attention_rows(engine, probes, tolerance)
    yield from _guard_sublayers(engine, probes, tolerance)
    name = "layers add up to the stream"
    yield from _guard_comparison(name, ("paths", "attribution"), tolerance, lambda: _layer_sum_error(engine))
    name = "the stream gives the logits"
    yield from _guard_comparison(name, ("attribution",), tolerance, lambda: _logits_error(engine))
    if nonlinearity(engine.batch, engine.loaded_model) is None:
        name = "embedding and layers add up to the logit difference"
        yield from _guard_comparison(name, ("attribution",), tolerance, lambda: _attribution_error(engine))
    name = "paths out of a head add up to replacing it"
    yield from _guard_comparison(name, ("paths",), tolerance, lambda: _path_sum_error(engine, tolerance))


def _guard_attention_rows(engine: ReferenceEngine, probes: GuardProbes, tolerance: RoundingTolerance) -> Guard:
    name, error, reason = "attention rows sum to one", 0.0, ""
    for layer in probes.layers:
        try:
            pattern = engine.activation("clean", Node(layer, "pattern", 0)).float()  # row destination head source
        except MiChecksError as missing:
            return Guard(name, float("inf"), tolerance.equal, ("attention",), first_line(missing))
        if pattern.shape[3] != pattern.shape[1]:
            reason = f"the shape of L{layer}'s patterns has {pattern.shape[3]} columns for {pattern.shape[1]} tokens"
            return Guard(name, float("inf"), tolerance.equal, ("attention",), reason)
        sums = pattern.sum(-1)
        if float((sums - 1).abs().max()) > error:
            error = float((sums - 1).abs().max())
            reason = (
                f"an attention row of L{layer} sums to {float(sums.flatten()[(sums - 1).abs().argmax()]):.3f}, not 1"
            )
        later = torch.triu(torch.ones(pattern.shape[1], pattern.shape[3], device=pattern.device), 1)
        ahead = float((pattern * later[:, None]).abs().max())
        if ahead > error:
            error, reason = ahead, f"a head of L{layer} attends to later tokens"
    return Guard(name, error, tolerance.equal, ("attention",), reason if error > tolerance.equal else "")


def _guard_sublayers(engine: ReferenceEngine, probes: GuardProbes, tolerance: RoundingTolerance) -> Iterator[Guard]:
    shape = engine.loaded_model.shape
    for name, part, whole, refuses in SUBLAYER_SUMS:
        if part == "neuron" and shape.d_mlp is None:
            continue

        def differ(part: Kind = part, whole: Kind = whole) -> tuple[float, str]:
            errors = []
            for layer in probes.layers:
                node = Node(layer, part, 0)
                inner, added = (engine.activation("clean", n) for n in (node, Node(layer, whole)))
                total = engine.sublayer(node).stream_change(inner.flatten(2))
                errors.append((_relative_error(total, added), _sum_problem(part, layer)))
            return max(errors)

        yield from _guard_comparison(name, refuses, tolerance, differ)


def _layer_sum_error(engine: ReferenceEngine) -> tuple[float, str]:
    errors = []
    for layer in range(engine.loaded_model.shape.n_layers):
        before, after = (engine.activation("clean", Node(layer, kind)) for kind in ("resid_pre", "resid_post"))
        kinds: tuple[Kind, ...] = ("attn", "mlp") if engine.loaded_model.shape.has_mlps else ("attn",)
        total = before + sum(engine.activation("clean", Node(layer, kind)) for kind in kinds)
        problem = f"the residual stream after L{layer} is not the stream before it plus what the layer adds"
        errors.append((_relative_error(total, after), problem))
    return max(errors)


def _logits_error(engine: ReferenceEngine) -> tuple[float, str]:
    last = engine.loaded_model.shape.n_layers - 1
    with torch.no_grad():
        logits = engine.unembedding.logits(engine.activation("clean", Node(last, "resid_post")))
    cap = float(engine.loaded_model.bridge.cfg.output_logits_soft_cap)
    logits = cap * torch.tanh(logits / cap) if cap > 0 else logits
    at_end = logits[engine.rows, engine.end]
    error = _relative_error(at_end, engine.unpatched_logits("clean"))
    return error, "the final norm, unembedding and logit scale do not reproduce the model's logits"


def _attribution_error(engine: ReferenceEngine) -> tuple[float, str]:
    shape = engine.loaded_model.shape
    kinds: tuple[Kind, ...] = ("attn", "mlp") if shape.has_mlps else ("attn",)
    parts = [Node(0, "resid_pre"), *(Node(layer, kind) for layer in range(shape.n_layers) for kind in kinds)]
    total = engine.measure(DirectEffects(tuple(parts))).sum(0)
    norm = engine.unembedding.norm
    last = engine.activation("clean", Node(shape.n_layers - 1, "resid_post"))
    with torch.no_grad():  # the contribution of the biases of norm and unembedding
        shift = torch.zeros_like(last[:, 0]) if norm is None else norm.shift.to(last.dtype).expand_as(last[:, 0])
        total = total + engine.score_logits(engine.unembedding.logits_of_normed(shift)).double().cpu().numpy()
    logits = engine.unpatched_logits("clean")
    error = float(np.abs(total - engine.unpatched.clean.logit_diff).max() / logits.abs().max())
    return error, "the direct effects of the embedding and the layers do not add up to the logit difference"


def _path_sum_error(engine: ReferenceEngine, tolerance: RoundingTolerance) -> tuple[float, str]:
    """Compare replacing a head of the first layer with all one-hop paths from it.

    In a shallow model these paths lead to all later readers and the logits. In a deep one they lead to the readers up
    to the second layer, and the stream after it is compared.
    """
    shape = engine.loaded_model.shape
    head, last = Node(0, "head", shape.n_heads // 2), shape.n_layers - 1
    until = last if shape.n_layers <= MAX_FULLY_PROBED_LAYERS else 1
    later = range(1, until + 1)
    into = [Node(layer, "q", index) for layer in later for index in range(shape.n_heads)]
    into += [Node(layer, part, index) for layer in later for part in ("k", "v") for index in range(shape.n_kv_heads)]
    if shape.has_mlps:
        own = 1 if is_parallel(engine.loaded_model.bridge) else 0
        into += [Node(layer, "mlp") for layer in range(own, until + 1)]
    if until == last:
        replaced, along_paths = engine.scores([denoise(head), denoise(head, into=(*into, LOGITS))])
        before, size = engine.unpatched.corrupt.logit_diff, float(engine.unpatched_logits("corrupt").abs().max())
    else:
        replaced, along_paths, before = _streams_after(engine, head, tuple(into), until)
        size = float(np.abs(before).max())
    error = tolerance.error(
        float(np.abs(replaced - along_paths).max()), effect=float(np.abs(replaced - before).max()), size=size
    )
    return error, f"patching all one-hop paths out of {head} does not have the effect of patching it"


def _streams_after(engine: ReferenceEngine, head: Node, into: Hop, layer: int) -> tuple[Floats, Floats, Floats]:
    """Return the stream after a layer with a head replaced, with every reader seeing the replacement, and unpatched."""
    hook = Node(layer, "resid_post").hook
    replacing, along_paths = denoise(head), denoise(head, into=into)
    sent_change = engine.sent_change(along_paths)
    whole = [engine.replacement_site(replacing, [head])]
    parts = [*engine.receiver_sites("corrupt", into, sent_change), HookSite(hook, lambda resid: resid + sent_change)]
    runs = [engine.activations_with("corrupt", sites, [hook])[0] for sites in (whole, parts)]
    streams = [*runs, engine.activation("corrupt", Node(layer, "resid_post"))]
    one, other, own = (stream.double().cpu().numpy() for stream in streams)
    return one, other, own


def _guard_comparison(
    name: str, refuses: tuple[str, ...], tolerance: RoundingTolerance, compare: Callable[[], tuple[float, str]]
) -> Iterator[Guard]:
    """Yield the guard of a comparison, which returns an error and its description; an exception is a failure."""
    try:
        error, what = compare()
    except Exception as failure:  # of the model or of a library that runs it
        reason = f"it could not be tested whether {name} ({first_line(failure)})"
        yield Guard(name, float("inf"), tolerance.relative, refuses, reason)
        return
    reason = "" if error <= tolerance.relative else f"{what} (relative error {error:.2g})"
    yield Guard(name, error, tolerance.relative, refuses, reason)


def _relative_error(actual: Tensor, expected: Tensor) -> float:
    return float((actual.float() - expected.float()).abs().max() / expected.float().abs().max().clamp(min=1e-20))


def first_line(error: Exception) -> str:
    """Return the first line of an error, with its type unless it is a `MiChecksError`."""
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    return first if isinstance(error, MiChecksError) else f"{type(error).__name__}: {first}"


def _sum_problem(part: Kind, layer: int) -> str:
    if part == "head":
        return f"the heads of L{layer} do not add up to its attention output"
    return f"the neurons of L{layer} do not add up to its MLP output"
