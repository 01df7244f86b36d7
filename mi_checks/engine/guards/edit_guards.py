"""Edit guards: every kind of edit, made with TransformerLens' hooks and with plain hooks, must have the same effect."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from mi_checks.engine.guards.guard_probes import GuardProbes, RoundingTolerance
from mi_checks.engine.guards.plain_model import ModuleSide, PlainEdit, PlainModel, locate_activation
from mi_checks.engine.nodes import HEAD_PARTS, HOOK_NAMES, Kind, Node
from mi_checks.engine.reference.hook_sites import HookSite
from mi_checks.engine.residual_stream import is_parallel
from mi_checks.models.loaded_model import Guard, LoadedModel

EDITED_KINDS: tuple[Kind, ...] = (
    "head", "q", "k", "v", "pattern", "neuron", "attn", "mlp", "resid_pre", "resid_mid", "resid_post"
)  # fmt: skip
KIND_NAMES: dict[Kind, str] = {
    "head": "z", "q": "queries", "k": "keys", "v": "values", "pattern": "attention patterns", "neuron": "neurons",
    "attn": "attention outputs", "mlp": "MLP outputs", "resid_pre": "the residual stream before a layer",
    "resid_mid": "the residual stream between attention and MLP", "resid_post": "the residual stream after a layer",
}  # fmt: skip
PATH_KINDS: tuple[Kind, ...] = ("q", "k", "v", "resid_pre", "resid_post")  # kinds of edits that path patching makes
# Whether the wrapped model has an activation as input or output of a module: an MLP's output is an output.
KIND_SIDES: dict[Kind, ModuleSide] = {"attn": "out", "mlp": "out", "resid_pre": "in", "resid_post": "out"}


class _StopBridge(Exception):
    """An exception that ends the bridge's run early."""


@dataclass(frozen=True)
class HookActivations:
    """Activations at the bridge's hooks on the probes, (layer, kind) → `row pos …`; kinds without hook are absent."""

    by_place: dict[tuple[int, Kind], Tensor]

    def get(self, layer: int, kind: Kind) -> Tensor | None:
        """Return an activation as `row pos d`; a pattern as `row destination head·source`."""
        activation = self.by_place.get((layer, kind))
        if activation is None:
            return None
        return (activation.transpose(1, 2) if kind == "pattern" else activation).flatten(2)


@dataclass(frozen=True)
class _EditTrial:
    """An edit that is made with TransformerLens' hooks and with plain hooks, in a row of its own."""

    kind: Kind
    layer: int
    entries: Tensor
    values: Tensor  # `pos e`, the new values of the entries
    plain: PlainEdit | None  # the same edit in the wrapped model; None if no module of it has the activation


def compare_edits(
    loaded_model: LoadedModel,
    plain: PlainModel,
    probes: GuardProbes,
    activations: HookActivations,
    kinds: Sequence[Kind],
    tolerance: RoundingTolerance,
) -> Iterator[Guard]:
    """Compare the effect of each kind of edit, which replaces half of a layer's heads or neurons by the other prompt's.

    Args:
        loaded_model: the model.
        plain: the model without TransformerLens.
        probes: the prompts and layers.
        activations: what the bridge's hooks read on the probes.
        kinds: the kinds of nodes to compare.
        tolerance: what counts as rounding.

    Yields:
        A guard for each kind.
    """
    trials = [
        trial
        for layer in probes.layers
        for trial in _layer_trials(
            loaded_model, layer, plain.record_layer(probes.tokens, layer), activations, tolerance
        )
    ]
    rows = probes.tokens[:1].repeat(len(trials) + 1, 1)  # the last row is not edited
    trials_by_row = [(row, trial) for row, trial in enumerate(trials)]
    edits = [replace(trial.plain, row=row) for row, trial in trials_by_row if trial.plain is not None]
    last = max(probes.layers)
    expected = plain.stream_with_edits(rows, edits, last).float()
    actual, z = _bridge_run(loaded_model, rows, trials_by_row, last)
    size = float(expected[-1].abs().max())
    for kind in kinds:
        errors = []
        for row, trial in trials_by_row:
            if trial.kind == kind:
                errors.append(_trial_error(trial, actual[[row, -1]], expected[[row, -1]], size, tolerance))
                errors.append(_head_order_error(loaded_model, trial, z[trial.layer][[row, -1]], tolerance))
        refuses = (kind, "paths") if kind in PATH_KINDS else (kind,)
        wrong = _shape_problem(loaded_model, kind, probes, activations)
        if wrong:
            refuses = (*refuses, "paths", f"{kind} attribution") if kind in ("head", "neuron") else refuses
            yield Guard(f"replacing {KIND_NAMES[kind]}", float("inf"), tolerance.relative, refuses, wrong)
        elif errors:
            error, reason = max(errors)
            yield Guard(f"replacing {KIND_NAMES[kind]}", error, tolerance.relative, refuses, reason)
        elif _has_kind(loaded_model, kind):
            reason = f"TransformerLens has no hook {HOOK_NAMES[kind].format(probes.layers[0])} for {KIND_NAMES[kind]}"
            yield Guard(f"replacing {KIND_NAMES[kind]}", float("inf"), tolerance.relative, refuses, reason)


def _trial_error(
    trial: _EditTrial, actual: Tensor, expected: Tensor, size: float, tolerance: RoundingTolerance
) -> tuple[float, str]:
    """Return the error of one trial as a fraction of its effect, and the reason if it is too large."""
    what = f"{KIND_NAMES[trial.kind]} (TransformerLens' hook {Node(trial.layer, trial.kind, None).hook})"
    if trial.plain is None:
        return float("inf"), f"no module of the model that TransformerLens wraps has the value of {what}"
    effect = float((expected[0] - expected[1]).abs().max())
    actual_effect = float((actual[0] - actual[1]).abs().max())
    wrong = float((actual[0] - expected[0]).abs().max())
    error = tolerance.error(wrong, effect=effect, size=size)
    if error <= tolerance.relative:
        return error, ""
    if actual_effect <= tolerance.absolute * size < effect:
        return error, f"TransformerLens discards the edit of {what}"
    return error, (
        f"an edit of {what} does not have the effect of the same edit of the wrapped model: the residual stream "
        f"differs by {wrong:.2g}, where the effect is {effect:.2g}"
    )


def _head_order_error(
    loaded_model: LoadedModel, trial: _EditTrial, z: Tensor, tolerance: RoundingTolerance
) -> tuple[float, str]:
    """Return how much an edit of the upper half of q, k, v or patterns moves z of the lower half of heads, and why."""
    if trial.kind not in HEAD_PARTS or z.dim() != 4:
        return 0.0, ""
    heads, keys = loaded_model.shape.n_heads, loaded_model.shape.n_kv_heads
    first = keys // 2 * (heads // keys) if trial.kind in ("k", "v") else heads // 2
    moved = (z[0] - z[1]).abs()  # pos head d_head
    error = float(moved[:, :first].max() / moved.max().clamp(min=1e-20)) if first and bool(moved.any()) else 0.0
    if error <= tolerance.relative:
        return error, ""
    hook = Node(trial.layer, trial.kind, None).hook
    return (
        error,
        f"the {KIND_NAMES[trial.kind]} (TransformerLens' hook {hook}) number heads differently than z",
    )


def _shape_problem(loaded_model: LoadedModel, kind: Kind, probes: GuardProbes, activations: HookActivations) -> str:
    """Return why the shape of a kind's activations does not separate heads or neurons, or ""."""
    shape, positions = loaded_model.shape, probes.tokens.shape[1]
    by_kind: dict[Kind, tuple[int | None, ...]] = {
        "head": (positions, shape.n_heads, None),
        "q": (positions, shape.n_heads, None),
        "k": (positions, shape.n_kv_heads, None),
        "v": (positions, shape.n_kv_heads, None),
        "pattern": (shape.n_heads, positions, positions),
        "neuron": (positions, shape.d_mlp),
    }
    expected = by_kind.get(kind, (positions, int(loaded_model.bridge.cfg.d_model)))
    for layer in probes.layers:
        activation = activations.by_place.get((layer, kind))
        if activation is None:
            continue
        sizes = tuple(activation.shape[1:])
        if len(sizes) != len(expected) or any(
            size not in (None, own) for own, size in zip(sizes, expected, strict=True)
        ):
            hook = Node(layer, kind, None).hook
            return f"the shape of the {KIND_NAMES[kind]} is {sizes} (TransformerLens' hook {hook}), not {expected}"
    return ""


def _has_kind(loaded_model: LoadedModel, kind: Kind) -> bool:
    """Return whether a model of this shape has nodes of a kind."""
    if kind == "neuron":
        return loaded_model.shape.d_mlp is not None
    if kind == "resid_mid" and is_parallel(loaded_model.bridge):
        return False
    return kind not in ("mlp", "resid_mid") or loaded_model.shape.has_mlps


def _layer_trials(
    loaded_model: LoadedModel,
    layer: int,
    recorded: dict[tuple[str, ModuleSide], Tensor],
    activations: HookActivations,
    tolerance: RoundingTolerance,
) -> Iterator[_EditTrial]:
    """Yield the trials of one layer, each with the plain edit that corresponds to it."""
    for kind in EDITED_KINDS:
        activation = activations.get(layer, kind)
        if activation is None or not _has_kind(loaded_model, kind):
            continue
        entries = _upper_half(loaded_model, kind, activation)
        own, values = activation[0][:, entries], activation[1][:, entries]
        if kind in ("q", "k"):  # scaled to the length of the old values, so that a norm over all heads keeps the others
            values = values * own.norm(dim=1, keepdim=True) / values.norm(dim=1, keepdim=True).clamp(min=1e-12)
        if kind == "pattern":
            edit = _pattern_edit(loaded_model, layer, recorded, activations, tolerance)
        elif kind == "resid_mid":
            edit = _middle_edit(layer, recorded, activations, tolerance)
        else:
            place = locate_activation(activation, recorded, tolerance.equal, KIND_SIDES.get(kind))
            edit = None if place is None else PlainEdit(place, 0, entries, values)
        yield _EditTrial(kind, layer, entries, values, edit)


def _pattern_edit(
    loaded_model: LoadedModel,
    layer: int,
    recorded: dict[tuple[str, ModuleSide], Tensor],
    activations: HookActivations,
    tolerance: RoundingTolerance,
) -> PlainEdit | None:
    """Return the edit of z that replaces a pattern: the other prompt's pattern times the run's own values.

    If values are changed on their way to attention (OLMo clips them), they are solved for from the pattern and z.
    """
    z, values = (activations.by_place.get((layer, kind)) for kind in ("head", "v"))
    pattern = activations.by_place.get((layer, "pattern"))
    if z is None or values is None or pattern is None or values.dim() != 4 or z.dim() != 4:
        return None
    if pattern.shape[3] != values.shape[1]:
        return None
    by_head = values.repeat_interleave(z.shape[2] // values.shape[2], 2)  # row pos head d_head
    mixed = torch.einsum("rhds,rshe->rdhe", pattern.to(by_head.dtype), by_head)
    place = locate_activation(z.flatten(2), recorded, tolerance.equal, None)
    if place is None:
        return None
    own = by_head[0].double().transpose(0, 1)  # head pos d_head
    if not bool((mixed - z).abs().max() <= tolerance.equal * z.abs().max()):
        own = torch.linalg.lstsq(pattern[0].double().cpu(), z[0].double().transpose(0, 1).cpu()).solution.to(z.device)
    new = (pattern[1].double() @ own).transpose(0, 1).flatten(1)
    entries = _upper_half(loaded_model, "head", z.flatten(2))
    return PlainEdit(place, 0, entries, new[:, entries])


def _middle_edit(
    layer: int,
    recorded: dict[tuple[str, ModuleSide], Tensor],
    activations: HookActivations,
    tolerance: RoundingTolerance,
) -> PlainEdit | None:
    """Return the edit of the attention output that gives the stream before the MLP the value of the other prompt."""
    before, added, middle = (activations.get(layer, kind) for kind in ("resid_pre", "attn", "resid_mid"))
    place = None if added is None else locate_activation(added, recorded, tolerance.equal, "out")
    if before is None or middle is None or place is None:
        return None
    # The hook may show a scaled version of what attention adds; what it really adds is derived from the stream.
    recorded_output, added_by_attention = recorded[place.module, place.side], middle - before
    scale = float((recorded_output * added_by_attention).sum() / recorded_output.pow(2).sum().clamp(min=1e-20))
    error = (recorded_output * scale - added_by_attention).abs().max()
    if not scale or not bool(error <= tolerance.equal * middle.abs().max()):
        return None
    everything = torch.arange(middle.shape[-1], device=middle.device)
    return PlainEdit(replace(place, scale=scale), 0, everything, middle[1] - before[0])


def _upper_half(loaded_model: LoadedModel, kind: Kind, activation: Tensor) -> Tensor:
    """Return the entries of a layer's upper half of heads or neurons, to reveal a wrong order; all of a stream."""
    width = activation.shape[-1]
    heads, keys = loaded_model.shape.n_heads, loaded_model.shape.n_kv_heads
    count = {"head": heads, "q": heads, "pattern": heads, "k": keys, "v": keys, "neuron": width}.get(kind, 1)
    first = width // count * (count // 2) if width % count == 0 else 0
    return torch.arange(first, width, device=activation.device)


def _bridge_run(
    loaded_model: LoadedModel, rows: Tensor, trials_by_row: Sequence[tuple[int, _EditTrial]], last: int
) -> tuple[Tensor, dict[int, Tensor]]:
    """Return the stream after the last probed layer, with each row edited through a hook, and each layer's z."""
    streams: list[Tensor] = []
    z: dict[int, Tensor] = {}

    def recording_site(layer: int) -> HookSite:
        def record(activation: Tensor) -> Tensor:
            z[layer] = activation.clone()
            return activation

        return HookSite(Node(layer, "head", None).hook, record)

    def stop(resid: Tensor, hook: Any) -> Tensor:  # noqa: ARG001  # TransformerLens passes it by name
        streams.append(resid.clone())
        raise _StopBridge

    hooks = []
    fired: set[str] = set()
    for row, trial in trials_by_row:

        def change(activation: Tensor, row: int = row, trial: _EditTrial = trial) -> Tensor:
            changed = activation.clone()
            own = changed[row].flatten(1)
            own[:, trial.entries] = trial.values.to(own.dtype)
            changed[row] = own.view(changed[row].shape)
            return changed

        hooks += HookSite(Node(trial.layer, trial.kind, None).hook, change, trial.kind).hooks(fired)
    for layer in sorted({trial.layer for _, trial in trials_by_row}):
        hooks += recording_site(layer).hooks(fired)
    hooks.append((Node(last, "resid_post").hook, stop))
    with torch.no_grad(), without_warnings(), loaded_model.bridge.hooks(fwd_hooks=hooks), suppress(_StopBridge):
        loaded_model.bridge(rows)
    return streams[0].float(), z


@contextmanager
def without_warnings() -> Iterator[None]:
    """Silence TransformerLens' warnings about edits that it discards; the guards report these themselves."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
