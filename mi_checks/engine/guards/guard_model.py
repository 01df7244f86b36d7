"""The guards of a model: made when it is loaded and cached under the hash of its weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import torch

from mi_checks.engine.guards.edit_guards import (
    EDITED_KINDS,
    KIND_NAMES,
    HookActivations,
    compare_edits,
    without_warnings,
)
from mi_checks.engine.guards.guard_probes import ROUNDING_TOLERANCES, GuardProbes, RoundingTolerance, make_probes
from mi_checks.engine.guards.plain_model import PlainModel
from mi_checks.engine.guards.sum_guards import compare_sums, first_line
from mi_checks.engine.interventions import Side
from mi_checks.engine.nodes import HOOK_NAMES, Kind, Node
from mi_checks.engine.reference.reference_engine import ReferenceEngine
from mi_checks.errors import MiChecksError
from mi_checks.models.loaded_model import Guard, Guards, LoadedModel


def guard_model(loaded_model: LoadedModel) -> Guards:
    """Return the guards of a model, from comparisons of the bridge with the wrapped model, of edits, and of sums.

    Measurements that rely on a failed guard are later refused on this model, by name and with the reason. Nothing is
    raised.
    """
    probes = make_probes(loaded_model)
    with without_warnings():
        try:
            return Guards(tuple(_compare(loaded_model, probes)), probes.description)
        except Exception as error:  # a library's error on a model that it cannot run; only the reason matters
            reason = f"the model cannot be run on random tokens ({first_line(error)})"
            failed = Guard("the model runs", float("inf"), 0.0, ("everything",), reason)
            return Guards((failed,), probes.description)


def _compare(loaded_model: LoadedModel, probes: GuardProbes) -> list[Guard]:
    dtype = next(loaded_model.bridge.parameters()).dtype
    tolerance = ROUNDING_TOLERANCES.get(dtype, ROUNDING_TOLERANCES[torch.float32])
    engine = ReferenceEngine(replace(loaded_model, guards=Guards()), probes.batch())
    logits, broken = _fetch_hooks(engine)
    results = [Guard(f"reading {KIND_NAMES[kind]}", float("inf"), 0.0, (kind,), why) for kind, why in broken.items()]
    if loaded_model.unwrapped_model is not None:
        plain = PlainModel(loaded_model.unwrapped_model, [str(block.name) for block in loaded_model.bridge.blocks])
        same = _compare_logits(plain.logits(probes.tokens), logits.float(), tolerance)
        results.append(same)
        if not same.holds:
            return results
        readable = [kind for kind in EDITED_KINDS if kind not in broken]
        results += compare_edits(
            loaded_model, plain, probes, _probed_activations(engine, probes, readable), readable, tolerance
        )
    return [*results, *compare_sums(engine, probes, tolerance)]


def _compare_logits(expected: torch.Tensor, actual: torch.Tensor, tolerance: RoundingTolerance) -> Guard:
    largest = float(expected.abs().max())
    if not math.isfinite(largest):
        reason = "its logits are NaN or infinite on random tokens; check the weights, or use --mi-dtype float32"
        return Guard("the model's logits are finite", float("inf"), 0.0, ("everything",), reason)
    wrong = float((expected - actual).abs().max())
    error = wrong / max(largest, 1e-20)
    limit = 10 * tolerance.absolute
    reason = (
        f"TransformerLens does not reproduce this model: its logits differ by {wrong:.2g} on random tokens, where the "
        f"largest is {largest:.2g}"
    )
    return Guard(
        "the bridge's logits are those of the model", error, limit, ("everything",), "" if error <= limit else reason
    )


def _fetch_hooks(engine: ReferenceEngine) -> tuple[torch.Tensor, dict[Kind, str]]:
    """Run both prompts and read every hook; if that breaks the run, read the hooks of one kind at a time.

    Returns:
        The logits, `row pos d_vocab`; and the kinds whose hooks break the run, with the reason.
    """
    sides: tuple[Side, ...] = ("clean", "corrupt")
    try:
        return engine.fetch(sides, EDITED_KINDS, keep_logits=True), {}
    except Exception:  # a library's conversion in a hook may raise anything
        logits = engine.fetch(sides, (), keep_logits=True)
    broken: dict[Kind, str] = {}
    for kind in EDITED_KINDS:
        try:
            engine.fetch(sides, (kind,))
        except Exception as error:
            hook = HOOK_NAMES[kind].format("*")
            broken[kind] = f"reading TransformerLens' hook {hook} breaks the model's run ({first_line(error)})"
    return logits, broken


def _probed_activations(engine: ReferenceEngine, probes: GuardProbes, readable: Sequence[Kind]) -> HookActivations:
    """Return the activations at the hooks of the probed layers, with the two prompts as two rows."""
    by_place: dict[tuple[int, Kind], torch.Tensor] = {}
    for layer in probes.layers:
        for kind in readable:
            node = Node(layer, kind, None)
            try:
                both = [engine.activation(side, node) for side in ("clean", "corrupt")]
            except MiChecksError:
                continue
            joined = torch.cat(both)
            by_place[layer, kind] = joined.transpose(1, 2) if kind == "pattern" else joined
    return HookActivations(by_place)
