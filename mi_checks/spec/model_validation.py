"""Validation of a behaviour against its models: they must be known, and its nodes must exist in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from mi_checks.errors import did_you_mean
from mi_checks.spec.check import Check
from mi_checks.spec.check_refs import checks_with_paths, present_models
from mi_checks.spec.load_file import LoadedBehaviour
from mi_checks.spec.named_nodes import names_with_paths, node_places
from mi_checks.spec.node_checks import MediatorsCheck
from mi_checks.spec.node_names import ModelShape, NodeName, names_inside, parse_group, parse_node
from mi_checks.spec.nodes_on_model import problems_on_model
from mi_checks.spec.problems import Keys, SpecProblem, comma_list
from mi_checks.spec.yaml_source import YamlSource


def check_models(
    loaded: LoadedBehaviour, known: Iterable[str], near: Callable[[str, Iterable[str]], str] = did_you_mean
) -> tuple[SpecProblem, ...]:
    """Return a mistake for each model that cannot be loaded.

    A name with '/' or ':' belongs to another source of models, and is not checked here.

    Args:
        loaded: a behaviour.
        known: the names of the known models.
        near: a function that returns a hint at the model that an unknown name was meant to be.
    """
    known = tuple(known)
    return tuple(
        loaded.source.problem(
            ("models", model),
            f"unknown model {model!r}; known models: {comma_list(known)}{near(model, known)}",
            of_key=True,
        )
        for model in loaded.behaviour.models
        if model not in known and "/" not in model and ":" not in model
    )


def check_shapes(loaded: LoadedBehaviour, shapes: Mapping[str, ModelShape]) -> tuple[SpecProblem, ...]:
    """Return a mistake for each node and layer that does not exist in the models whose shapes are given."""
    problems: list[SpecProblem] = []
    for model in present_models(loaded.behaviour):
        if model in shapes:
            problems += _problems(loaded, model, shapes[model])
    return tuple(sorted(set(problems)))


def _problems(loaded: LoadedBehaviour, model: str, shape: ModelShape) -> Iterator[SpecProblem]:
    behaviour, source = loaded.behaviour, loaded.source
    claimed = [(path, check) for path, check in checks_with_paths(behaviour) if behaviour.claims(check, model)]
    placed: list[tuple[Keys, str]] = []
    for name, expression in behaviour.sets_for(model).items():
        placed += names_with_paths(("models", model, "nodes", name), expression)
    for path, check in claimed:
        for place in node_places(path, check):
            placed += names_with_paths(place.path, place.expression)
    misplaced = [*_nodes_outside_model(source, placed, model, shape)]
    for path, check in claimed:
        yield from _mediators_problems(source, path, check, model, shape)
        if not misplaced:  # otherwise testing them together makes no sense
            yield from problems_on_model(source, path, check, behaviour, model, shape)
    yield from misplaced


def _nodes_outside_model(
    source: YamlSource, placed: Iterable[tuple[Keys, str]], model: str, shape: ModelShape
) -> Iterator[SpecProblem]:
    for path, name in placed:
        for part in names_inside(name):
            group = parse_group(part)
            node = parse_node(part) if group is None else NodeName(group.layer or 0, group.component, None)
            has = out_of_range(node, shape) if node is not None else None  # roles and sets are tested elsewhere
            if has:
                what = f"node {part!r}" if group is None else repr(part)
                yield source.problem(path, f"{what} does not exist in {model}, which has {has}")
                break


def out_of_range(node: NodeName, shape: ModelShape) -> str | None:
    """Return the range that a model has, if a node lies outside it, or None if the model has the node."""
    if node.layer >= shape.n_layers:
        return _range("layer", shape.n_layers)
    if node.component in ("neuron", "mlp", "resid_mid") and not shape.has_mlps:
        return "attention layers only"
    if node.component == "neuron" and shape.d_mlp is None:
        return f"no neurons that can be named: {shape.no_neurons}"
    if node.component in ("head", "q", "pattern") and node.index is not None and node.index >= shape.n_heads:
        return _range("head", shape.n_heads) + " in each layer"
    if node.component in ("k", "v") and node.index is not None and node.index >= shape.n_kv_heads:
        what = "key" if node.component == "k" else "value"
        return _range(what, shape.n_kv_heads) + " in each layer"
    if node.component == "neuron" and node.index is not None and node.index >= (shape.d_mlp or 0):
        return _range("neuron", shape.d_mlp or 0) + " in each layer"
    return None


_ATTENTION_ONLY = "attention layers only, so it has no neurons to sweep"


def _range(what: str, n: int) -> str:
    return f"{what}s 0 to {n - 1}" if n > 1 else f"{what} 0 only"


def _mediators_problems(
    source: YamlSource, path: Keys, check: Check, model: str, shape: ModelShape
) -> Iterator[SpecProblem]:
    if not isinstance(check, MediatorsCheck):
        return
    if check.component == "neuron" and shape.d_mlp is None:
        why = f"no neurons to sweep: {shape.no_neurons}" if shape.has_mlps else _ATTENTION_ONLY
        yield source.problem((*path, "component"), f"{model} has {why}")
    for index, layer in enumerate(check.layers or ()):
        if not -shape.n_layers <= layer < shape.n_layers:
            message = f"layer {layer} does not exist in {model}, which has {_range('layer', shape.n_layers)}"
            yield source.problem((*path, "layers", index), message)
