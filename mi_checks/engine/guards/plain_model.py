"""The wrapped model by itself, read and edited with plain forward hooks, whatever its family calls its modules.

An activation is located in the model by its value: some module's input or output holds it, as it is or among the
columns of a fused projection. So this module depends on no family and uses nothing of TransformerLens.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

ModuleSide = Literal["in", "out"]


class _StopForward(Exception):
    """An exception that ends a forward pass early."""


@dataclass(frozen=True)
class ActivationLocation:
    """The location of an activation in a model.

    Attributes:
        module: the module's name.
        side: whether the activation is in the module's input or in its output.
        columns: the columns of that tensor that hold the activation, in its order, `d`.
        scale: a factor that turns the tensor into the activation.
    """

    module: str
    side: ModuleSide
    columns: Tensor
    scale: float = 1.0


@dataclass(frozen=True)
class PlainEdit:
    """An edit of some of an activation's entries in one row, at all positions.

    Attributes:
        location: the location of the activation.
        row: the row.
        entries: indices of the entries that are edited, `e`.
        values: their new values, `pos e`.
    """

    location: ActivationLocation
    row: int
    entries: Tensor
    values: Tensor


class PlainModel:
    """A model without TransformerLens.

    Args:
        model: the model; its input is tokens, `row pos`.
        layers: the names of its layers' modules.
    """

    def __init__(self, model: nn.Module, layers: Sequence[str]) -> None:
        self.model = model
        self.layers = tuple(layers)

    def logits(self, tokens: Tensor) -> Tensor:
        """Return the logits at all positions, `row pos d_vocab`, float32."""
        return _output_logits(self._forward(tokens))

    def record_layer(self, tokens: Tensor, layer: int) -> dict[tuple[str, ModuleSide], Tensor]:
        """Return the inputs and outputs of every module of a layer, `row pos d`, in the order of the run."""
        recorded: dict[tuple[str, ModuleSide], Tensor] = {}
        prefix = self.layers[layer]
        rows, positions = tokens.shape

        def record(name: str, where: ModuleSide, value: Any) -> None:
            tensor = _by_position(_first_tensor(value), rows, positions)
            if tensor is not None:
                recorded.setdefault((name, where), tensor.detach().clone())

        with contextlib.ExitStack() as hooks:
            for name, module in self.model.named_modules():
                if name == prefix or name.startswith(f"{prefix}."):
                    hooks.enter_context(_recording(module, name, record))
            self._run_until(tokens, layer)
        return recorded

    def stream_with_edits(self, tokens: Tensor, edits: Sequence[PlainEdit], layer: int) -> Tensor:
        """Return the residual stream after a layer under some edits, `row pos d_model`."""
        by_module: dict[tuple[str, ModuleSide], list[PlainEdit]] = {}
        for edit in edits:
            by_module.setdefault((edit.location.module, edit.location.side), []).append(edit)
        rows, positions = tokens.shape
        with contextlib.ExitStack() as hooks:
            for (name, where), module_edits in by_module.items():
                module = self.model.get_submodule(name)

                def edit_output(value: Any, module_edits: list[PlainEdit] = module_edits) -> Any:
                    return _replace_first_tensor(
                        value, lambda tensor: _apply_edits(tensor, module_edits, rows, positions)
                    )

                hooks.enter_context(_changing(module, where, edit_output))
            return self._run_until(tokens, layer)

    def _run_until(self, tokens: Tensor, layer: int) -> Tensor:
        """Return the stream at the end of a layer, ending the run there."""
        streams: list[Tensor] = []

        def stop(_module: nn.Module, _args: Any, output: Any) -> None:
            tensor = _first_tensor(output)
            if tensor is not None:
                streams.append(tensor)
                raise _StopForward

        handle = self.model.get_submodule(self.layers[layer]).register_forward_hook(stop)
        try:
            self._forward(tokens)
        except _StopForward:
            pass
        finally:
            handle.remove()
        return streams[0]

    def _forward(self, tokens: Tensor) -> Any:
        with torch.no_grad():
            return self.model(tokens)


def locate_activation(
    activation: Tensor, recorded: dict[tuple[str, ModuleSide], Tensor], tolerance: float, kind: ModuleSide | None
) -> ActivationLocation | None:
    """Return where an activation, `row pos d`, is among recorded tensors, or None if it is nowhere.

    Args:
        activation: the activation to locate.
        recorded: the result of `PlainModel.record`; the first match is returned.
        tolerance: the largest difference that counts as equal, as a fraction of the largest entry.
        kind: `in` or `out` to search only inputs or outputs, or None.
    """
    limit = tolerance * float(activation.abs().max())
    width = activation.shape[-1]
    candidates = [(key, tensor) for key, tensor in recorded.items() if kind in (None, key[1])]
    for (name, where), tensor in candidates:
        if tensor.shape == activation.shape and bool((tensor - activation).abs().max() <= limit):
            return ActivationLocation(name, where, torch.arange(width, device=activation.device))
    for (name, where), tensor in candidates:
        if tensor.shape[-1] >= width and (columns := _matching_columns(activation, tensor, limit)) is not None:
            return ActivationLocation(name, where, columns)
    for (name, where), tensor in candidates:
        if tensor.shape == activation.shape and bool(tensor.any()):
            scale = float((tensor * activation).sum() / tensor.pow(2).sum())
            if scale and bool((tensor * scale - activation).abs().max() <= limit):
                return ActivationLocation(name, where, torch.arange(width, device=activation.device), scale)
    return None


def _matching_columns(activation: Tensor, tensor: Tensor, limit: float) -> Tensor | None:
    """Return the columns of a tensor that hold the activation; None if one of them is missing."""
    expected, candidates = activation.flatten(0, -2).T.float(), tensor.flatten(0, -2).T.float()  # column, row·pos
    distance, nearest = torch.cdist(expected, candidates, compute_mode="donot_use_mm_for_euclid_dist").min(-1)
    return nearest if bool(distance.max() <= limit * expected.shape[1] ** 0.5) else None


def _apply_edits(tensor: Tensor, edits: Sequence[PlainEdit], rows: int, positions: int) -> Tensor:
    changed = tensor.clone()
    by_row = changed if changed.dim() != 2 else changed.view(rows, positions, -1)
    by_row = by_row.transpose(1, 2) if _heads_first(by_row, rows, positions) else by_row
    for edit in edits:
        activation_row = by_row[edit.row].flatten(1) if by_row.dim() == 4 else by_row[edit.row]
        new = activation_row.clone()
        new[:, edit.location.columns[edit.entries]] = (edit.values / edit.location.scale).to(new.dtype)
        by_row[edit.row] = new.view(by_row[edit.row].shape)
    return changed


def _by_position(tensor: Tensor | None, rows: int, positions: int) -> Tensor | None:
    """Return a tensor as `row pos d`, or None if its axes are not rows and positions."""
    if tensor is None or not tensor.is_floating_point():
        return None
    if tensor.dim() == 2 and tensor.shape[0] == rows * positions:
        return tensor.view(rows, positions, -1)
    if _heads_first(tensor, rows, positions):
        tensor = tensor.transpose(1, 2)
    if tensor.dim() < 3 or tensor.shape[:2] != (rows, positions):
        return None
    return tensor.flatten(2)


def _heads_first(tensor: Tensor, rows: int, positions: int) -> bool:
    """Return whether a tensor is `row head pos d_head`."""
    shape = tensor.shape
    return tensor.dim() == 4 and shape[0] == rows and shape[2] == positions and shape[1] != positions


def _first_tensor(value: Any) -> Tensor | None:
    """Return the first tensor of a module's input or output, or None."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, tuple | list):
        return next((item for item in value if isinstance(item, Tensor)), None)
    return None


def _replace_first_tensor(value: Any, edit_output: Callable[[Tensor], Tensor]) -> Any:
    """Return a module's input or output with its first tensor changed."""
    if isinstance(value, Tensor):
        return edit_output(value)
    items = list(value)
    index = next(i for i, item in enumerate(items) if isinstance(item, Tensor))
    items[index] = edit_output(items[index])
    return tuple(items) if isinstance(value, tuple) else items


def _module_input(args: Any, kwargs: Any) -> Any:
    """Return a module's input: its positional arguments, or the hidden states passed by name."""
    return args if _first_tensor(args) is not None else kwargs.get("hidden_states")


@contextlib.contextmanager
def _recording(module: nn.Module, name: str, record: Callable[[str, ModuleSide, Any], None]) -> Iterator[None]:
    def before(_module: nn.Module, args: Any, kwargs: Any) -> None:
        record(name, "in", _module_input(args, kwargs))

    def after(_module: nn.Module, _args: Any, output: Any) -> None:
        record(name, "out", output)

    handles = [
        module.register_forward_pre_hook(before, with_kwargs=True),
        module.register_forward_hook(after, prepend=True),
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextlib.contextmanager
def _changing(module: nn.Module, where: ModuleSide, edit_output: Callable[[Any], Any]) -> Iterator[None]:
    def before(_module: nn.Module, args: Any, kwargs: Any) -> Any:
        if _first_tensor(args) is not None:
            return edit_output(args), kwargs
        return args, {**kwargs, "hidden_states": edit_output(kwargs["hidden_states"])}

    def after(_module: nn.Module, _args: Any, output: Any) -> Any:
        return edit_output(output)

    if where == "in":
        handle = module.register_forward_pre_hook(before, with_kwargs=True)
    else:
        handle = module.register_forward_hook(after, prepend=True)  # before the hook that ends the run
    try:
        yield
    finally:
        handle.remove()


def _output_logits(output: Any) -> Tensor:
    logits: Tensor = output if isinstance(output, Tensor) else output.logits
    return logits.float()
