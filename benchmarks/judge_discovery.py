"""The judgements of discovery and checks on compiled programs, compared with the truth from the programs alone."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mi_checks.checks.dispatch import run_check
from mi_checks.checks.measurements import Measurements
from mi_checks.engine.choose_engine import choose_engine
from mi_checks.engine.interventions import denoise, noise, reaches
from mi_checks.engine.nodes import LOGITS, Node, parse_node
from mi_checks.models.load_model import load
from mi_checks.models.loaded_model import LoadedModel
from mi_checks.prompts.build_prompts import build_prompts
from mi_checks.spec.behaviour import Behaviour, ModelEntry
from mi_checks.spec.load_file import load_behaviour
from mi_checks.stats.floor import Floats
from mi_checks.studies.discovery.discovery import Discovery, explore
from mi_checks.studies.discovery.held_out_claims import parse_entry

MIN_FRACTION = 0.1  # the fraction that a claim about a node or a path requires, as in discovery
MIN_STANDARD_ERRORS = 4.0  # standard errors
BOUNDS = tuple(
    {effect: bound}
    for effect in ("recovers", "removes")
    for bound in ({"at_least": MIN_FRACTION}, {"at_most": -MIN_FRACTION})
)
MODEL = "model"  # the model's name in behaviours


@dataclass(frozen=True)
class ProgramTruth:
    """The truth about one program in a model, decided by the program.

    Attributes:
        nodes: maps a head or MLP layer that carries the behaviour to the fraction of prompt pairs on which it does.
        neurons: the same for neurons.
        paths: the same for paths, each as in a file's `edges`.
        expressions: maps every node of the program, carrying or not, to what it computes.
        all_nodes: every node of the model that computes anything.
    """

    nodes: Mapping[str, float]
    neurons: Mapping[str, float]
    paths: Mapping[str, float]
    expressions: Mapping[str, Sequence[str]]
    all_nodes: Sequence[str]


@dataclass(frozen=True)
class MissedNode:
    """A node that carries a behaviour and is not named.

    Attributes:
        node: the node.
        computes: the expressions of the program that it computes.
        carries: the fraction of prompt pairs on which it carries the difference.
        recovers: what denoising it recovers.
        removes: what noising it removes.
    """

    node: str
    computes: str
    carries: float
    recovers: float
    removes: float


@dataclass(frozen=True)
class FoundCounts:
    """The number of true items, of those that were named, and of named items that are not true."""

    true: int
    right: int
    false: int

    @classmethod
    def of(cls, named: set[str], true: set[str]) -> FoundCounts:
        """Count a set of names against the set of true ones."""
        return cls(len(true), len(named & true), len(named - true))

    def __add__(self, other: FoundCounts) -> FoundCounts:
        return FoundCounts(self.true + other.true, self.right + other.right, self.false + other.false)


@dataclass(frozen=True)
class ClaimCounts:
    """The number of claims, and of those that passed."""

    made: int
    passed: int

    def __add__(self, other: ClaimCounts) -> ClaimCounts:
        return ClaimCounts(self.made + other.made, self.passed + other.passed)


@dataclass(frozen=True)
class ProgramJudgement:
    """The judgements on one program.

    Attributes:
        name: the program's name.
        summary: what it computes.
        accuracy: the fraction of prompts on which the model prefers the program's output to that of the other prompt.
        nodes: heads and MLP layers that discovery names.
        neurons: neurons that it names.
        strong_neurons: true neurons with a single effect that is clearly beyond 0.1, and those of them that it names.
        paths: paths of one hop, where those of neurons count as their layers'.
        auroc: how well a node's effects separate true nodes from others: the larger of both, recovers alone, removes
            alone.
        missed: the true nodes that are not named.
        false: the names of nodes that are named and not true.
        missed_paths: the true paths that are not named.
        false_paths: the paths that are named and not true.
        drafted: the checks of the draft, on the behaviour's own prompts.
        right_claims: true nodes, for which at least one of four claims passes: that it recovers, or removes, at least
            0.1, or at most −0.1.
        wrong_claims: the same claims about nodes and paths that are not true.
        seconds: the duration of discovery.
    """

    name: str
    summary: str
    accuracy: float
    nodes: FoundCounts
    neurons: FoundCounts
    strong_neurons: FoundCounts
    paths: FoundCounts
    auroc: tuple[float, float, float]
    missed: tuple[MissedNode, ...]
    false: tuple[str, ...]
    missed_paths: tuple[str, ...]
    false_paths: tuple[str, ...]
    drafted: ClaimCounts
    right_claims: ClaimCounts
    wrong_claims: ClaimCounts
    seconds: float


def read_truth(folder: Path) -> dict[str, ProgramTruth]:
    """Read `truth.json`, a map from each program to the truth about it."""
    read = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    return {
        name: ProgramTruth(known["nodes"], known["neurons"], known["paths"], known["expressions"], read["nodes"])
        for name, known in read["programs"].items()
    }


def load_model(folder: Path) -> LoadedModel:
    """Load the model from a folder that `side_by_side.Model.write` wrote."""
    return load(f"{MODEL}={folder / 'model'}", device="cpu")


def compute_auroc(scores: Floats, true: Sequence[bool]) -> float:
    """Return how often a true node's score is above that of one that is not true, with ties counted half."""
    inside = np.array(true)
    above, below = scores[inside][:, None], scores[~inside][None]
    return float(((above > below) + 0.5 * (above == below)).mean())


def node_effects(measured: Measurements, nodes: Sequence[Node]) -> tuple[Floats, Floats]:
    """Return what denoising each node recovers and what noising it removes, `node prompt`.

    They are fractions of the mean of clean − corrupt over prompts, so their means are what claims are about.
    """
    at, unpatched = measured.default_position, measured.unpatched
    recovered = (
        measured.logit_diffs([denoise(node, at=at) for node in nodes], "denoised") - unpatched.corrupt.logit_diff
    )
    removed = unpatched.clean.logit_diff - measured.logit_diffs([noise(node, at=at) for node in nodes], "noised")
    return recovered / unpatched.effect_size.mean(), removed / unpatched.effect_size.mean()


def find_strong_neurons(measured: Measurements, truth: ProgramTruth) -> set[str]:
    """Return the true neurons for which either single effect is beyond 0.1 by four standard errors."""
    names = list(truth.neurons)
    if not names:
        return set()
    each = np.stack(node_effects(measured, [parse_node(name) for name in names]))
    beyond = np.abs(each.mean(2)) - MIN_FRACTION >= MIN_STANDARD_ERRORS * each.std(2, ddof=1) / each.shape[2] ** 0.5
    return {name for name, strong in zip(names, beyond.any(0), strict=True) if strong}


def named_nodes(discovery: Discovery) -> set[str]:
    """Return the heads and MLP layers that discovery names; a layer counts if any of its neurons is named."""
    found = discovery.mechanism
    layers = found.mlps.nodes if found.mlps is not None else ()
    return {_layer_of(str(node)) for node in (*found.nodes, *layers)}


def named_paths(discovery: Discovery) -> set[str]:
    """Return the paths that discovery names, where those of neurons count as their layers'."""
    paths = discovery.mechanism.paths
    return {_layer_of(str(edge)) for edge in (*paths.transmitting, *paths.opposing)}


def _layer_of(name: str) -> str:
    return re.sub(r"L(\d+)N\d+", r"L\1.mlp", name)


def judge(folder: Path, name: str, loaded_model: LoadedModel, truth: ProgramTruth) -> ProgramJudgement:
    """Run discovery and claims on one program.

    Args:
        folder: the folder of its behaviour file.
        name: the program's name.
        loaded_model: the model.
        truth: the truth about the program.
    """
    behaviour = load_behaviour(folder / f"{name}.yaml", Path.cwd()).behaviour
    began = time.perf_counter()
    discovery = explore(behaviour, loaded_model)
    seconds = time.perf_counter() - began
    measured = build_measurements(behaviour, loaded_model)
    nodes = [parse_node(node) for node in truth.all_nodes]
    true = [node in truth.nodes for node in truth.all_nodes]
    recovers, removes = (each.mean(1) for each in node_effects(measured, nodes))
    larger = np.maximum(np.abs(recovers), np.abs(removes))
    strong = find_strong_neurons(measured, truth)
    named, paths = named_nodes(discovery), named_paths(discovery)
    neurons = {str(node) for node in discovery.mechanism.nodes if node.kind == "neuron"}
    missed = (
        MissedNode(node, ", ".join(truth.expressions[node]), truth.nodes[node], float(recovers[i]), float(removes[i]))
        for i, node in enumerate(truth.all_nodes)
        if true[i] and node not in named
    )
    return ProgramJudgement(
        name=name,
        summary=behaviour.summary,
        accuracy=float((measured.unpatched.clean.logit_diff > 0).mean()),
        nodes=FoundCounts.of(named, set(truth.nodes)),
        neurons=FoundCounts.of(neurons, set(truth.neurons)),
        strong_neurons=FoundCounts.of(neurons & strong, strong),
        paths=FoundCounts.of(paths, set(truth.paths)),
        auroc=(
            compute_auroc(larger, true),
            compute_auroc(np.abs(recovers), true),
            compute_auroc(np.abs(removes), true),
        ),
        missed=tuple(missed),
        false=tuple(sorted(named - set(truth.nodes))),
        missed_paths=tuple(sorted(set(truth.paths) - paths)),
        false_paths=tuple(sorted(paths - set(truth.paths))),
        drafted=count_drafted_claims(discovery, loaded_model),
        right_claims=count_right_claims(measured, truth),
        wrong_claims=count_wrong_claims(measured, truth),
        seconds=seconds,
    )


def build_measurements(behaviour: Behaviour, loaded_model: LoadedModel) -> Measurements:
    """Return the measurements that checks read, on the behaviour's own prompts."""
    batch = build_prompts(
        behaviour.prompts, loaded_model.tokenization, behaviour=behaviour.name, n_ctx=loaded_model.n_ctx
    )
    return Measurements(behaviour, loaded_model, batch, choose_engine("auto", loaded_model, batch))


def count_drafted_claims(discovery: Discovery, loaded_model: LoadedModel) -> ClaimCounts:
    """Count the checks of a draft that pass on the prompts of the behaviour's checks."""
    entry = ModelEntry.model_validate(dict(discovery.draft.entry), by_alias=True, by_name=False)
    measured = build_measurements(
        discovery.behaviour.model_copy(update={"models": {loaded_model.name: entry}}), loaded_model
    )
    return _count_passed(measured, [line.entry for line in discovery.draft.lines])


def count_right_claims(measured: Measurements, truth: ProgramTruth) -> ClaimCounts:
    """Count the true nodes for which at least one of the four claims passes."""
    passed = [any(_passes(measured, claim) for claim in _claims_about(measured, node)) for node in truth.nodes]
    return ClaimCounts(len(passed), sum(passed))


def count_wrong_claims(measured: Measurements, truth: ProgramTruth) -> ClaimCounts:
    """Count the claims about nodes and paths that are not true, and those of them that pass."""
    at = {"at": measured.default_position} if measured.default_position else {}
    claims = [claim for node in truth.all_nodes if node not in truth.nodes for claim in _claims_about(measured, node)]
    for sender, receiver, via in _program_paths(truth):
        if f"{sender} -> {receiver}" + (f".{via}" if via else "") not in truth.paths:
            path = {"from": sender, "to": receiver, **({"via": via} if via else {}), **at}
            claims += [{"path": {**path, **bound}} for bound in BOUNDS]
    return _count_passed(measured, claims)


def _claims_about(measured: Measurements, node: str) -> list[dict[str, Any]]:
    at = {"at": measured.default_position} if measured.default_position else {}
    return [{"patching": {"nodes": node, **at, **bound}} for bound in BOUNDS]


def _program_paths(truth: ProgramTruth) -> Iterator[tuple[str, str, str]]:
    """Yield all paths of one hop among the program's own nodes, whether they carry or not."""
    nodes = [parse_node(name) for name in truth.expressions]
    for sender in nodes:
        yield str(sender), str(LOGITS), ""
        for receiver in nodes:
            if receiver.kind == "head":
                if reaches(sender, Node(receiver.layer, "k", receiver.index)):
                    yield from ((str(sender), str(receiver), via) for via in "qkv")
            elif reaches(sender, receiver):
                yield str(sender), str(receiver), ""


def _count_passed(measured: Measurements, entries: Sequence[Mapping[str, Any]]) -> ClaimCounts:
    verdicts = [_passes(measured, entry) for entry in entries]
    return ClaimCounts(len(verdicts), sum(verdicts))


def _passes(measured: Measurements, entry: Mapping[str, Any]) -> bool:
    return all(run_check(part, measured).outcome == "pass" for part in parse_entry(entry).check.parts)
