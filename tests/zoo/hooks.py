"""What is done to a run by plain forward hooks on a model's modules."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.nn import Module

Edit = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Edits:
    """What is done to the inputs and to the outputs of modules, by functions that see them as the run makes them."""

    inputs: tuple[tuple[Module, Edit], ...] = ()
    outputs: tuple[tuple[Module, Edit], ...] = ()

    def __add__(self, other: Edits) -> Edits:
        return Edits(self.inputs + other.inputs, self.outputs + other.outputs)


@contextlib.contextmanager
def edited(edits: Edits) -> Iterator[None]:
    """Run with edits: each module's in the order given."""
    handles = []
    for module, edit in edits.inputs:
        handles.append(module.register_forward_pre_hook(_on_input(edit), with_kwargs=True))
    for module, edit in edits.outputs:
        handles.append(module.register_forward_hook(_on_output(edit)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextlib.contextmanager
def kept(inputs: set[Module], outputs: set[Module], into: dict[tuple[str, Module], Tensor]) -> Iterator[None]:
    """Keep what goes into some modules and what comes out of others; copies, as some models change them in place."""

    def keep(place: str, module: Module) -> Edit:
        def edit(value: Tensor) -> Tensor:
            into[place, module] = value.detach().clone()
            return value

        return edit

    looking = Edits(
        tuple((module, keep("input", module)) for module in inputs),
        tuple((module, keep("output", module)) for module in outputs),
    )
    with edited(looking):
        yield


def _on_input(edit: Edit) -> Callable[..., Any]:
    def hook(_module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if args:
            return (edit(args[0]), *args[1:]), kwargs
        return args, {**kwargs, "hidden_states": edit(kwargs["hidden_states"])}

    return hook


def _on_output(edit: Edit) -> Callable[..., Any]:
    def hook(_module: Module, _args: Any, output: Any) -> Any:
        if isinstance(output, tuple):
            return (edit(output[0]), *output[1:])
        return edit(output)

    return hook
