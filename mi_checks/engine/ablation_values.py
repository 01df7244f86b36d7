"""The values of mean and resample ablation: activations of other prompts at the same place.

The same place is the same position, counted from the first token, or at a label the same token of that label; for an
attention pattern, whose sources have only positions, it is always the position. Rows of one prompt (its teacher-forced
continuations) count as one prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mi_checks.engine.nodes import Node
from mi_checks.engine.prompt_layout import PromptLayout, PromptRow
from mi_checks.errors import MiChecksError


@dataclass(frozen=True)
class _MatchedColumns:
    """The columns of the places at which prompts correspond.

    Attributes:
        columns: the column of each place, `row place`.
        present: whether the row has the place, `row place`.
    """

    columns: Tensor
    present: Tensor

    @property
    def last(self) -> Tensor:
        """Return the last place of each row."""
        return self.present.sum(1) - 1


def mean_ablation_values(
    own: Tensor, node: Node, at: str | int | None, layout: PromptLayout, rows: Sequence[PromptRow]
) -> Tensor:
    """Return the mean over prompts at each place, `row pos …`.

    Args:
        own: the activations of the run intervened on, `row pos …`.
        node: the node that is ablated.
        at: its label or position; None for all positions.
        layout: the layout of the run.
        rows: its rows.

    Raises:
        MiChecksError: the label has more tokens in some prompts than in others.
    """
    places = _matched_columns(None if node.kind == "pattern" else at, layout, rows)
    by_place = _activations_by_place(own, node, places, layout)
    pairs = torch.tensor([row.pair for row in rows], device=own.device)
    of_pair = torch.zeros(int(pairs.max()) + 1, places.present.shape[1], device=own.device)
    of_pair.index_add_(0, pairs, places.present.float())
    weight = (places.present / of_pair[pairs].clamp(min=1)).view(*places.present.shape, *[1] * (own.dim() - 2))
    # In float32 whatever the weights are, because a mean over many prompts loses digits in half precision.
    total = (by_place.float() * weight).sum(0, keepdim=True) / weight.sum(0, keepdim=True).clamp(min=1)
    return _put_back(own, total.to(own.dtype).expand_as(by_place), node, places, layout)


def resample_ablation_values(
    own: Tensor, node: Node, at: str | int | None, layout: PromptLayout, rows: Sequence[PromptRow]
) -> Tensor:
    """Return the activations of the next prompt at each place, `row pos …`.

    Prompts are drawn independently, so the next one is as good as a random one.

    Args:
        own: the activations of the run intervened on, `row pos …`.
        node: the node that is ablated.
        at: its label or position; None for all positions.
        layout: the layout of the run.
        rows: its rows.

    Raises:
        MiChecksError: the label has more tokens in some prompts than in others.
    """
    places = _matched_columns(None if node.kind == "pattern" else at, layout, rows)
    by_place = _activations_by_place(own, node, places, layout)
    donor_row = torch.tensor(_donor_rows(rows), device=own.device)
    order = torch.arange(by_place.shape[1], device=own.device).minimum(places.last[donor_row][:, None])
    return _put_back(own, by_place[donor_row[:, None], order], node, places, layout)


def _donor_rows(rows: Sequence[PromptRow]) -> list[int]:
    """Return for each row the row of the previous pair with the same continuation and, if possible, the same length."""
    rows_by_step: dict[tuple[int, int], list[int]] = {}
    for index, row in enumerate(rows):
        rows_by_step.setdefault((row.pair, row.continuation), []).append(index)
    pairs = rows[-1].pair + 1
    donors = []
    for row in rows:
        steps = rows_by_step[(row.pair - 1) % pairs, row.continuation]
        donors.append(steps[min(len(row.forced), len(steps) - 1)])
    return donors


def _matched_columns(at: str | int | None, layout: PromptLayout, rows: Sequence[PromptRow]) -> _MatchedColumns:
    device = layout.end.device
    if not isinstance(at, str):
        columns = (torch.arange(layout.width, device=device) + layout.begin[:, None]) % layout.width
        present = torch.arange(layout.width, device=device) < (layout.end - layout.begin + 1)[:, None]
        return _MatchedColumns(columns, present)
    by_row = layout.columns(at)
    counts = {len(columns) for columns, row in zip(by_row, rows, strict=True) if not row.forced}
    if len(counts) > 1:
        raise MiChecksError(
            f"mean and resample ablation use the same token of the label in other prompts, but {at!r} has "
            f"{min(counts)} to {max(counts)} tokens; use values with the same number of tokens, or 'with: zero'"
        )
    n_places = max(map(len, by_row))
    padded = [columns + [columns[-1]] * (n_places - len(columns)) for columns in by_row]
    own = [[True] * len(columns) + [False] * (n_places - len(columns)) for columns in by_row]
    return _MatchedColumns(torch.tensor(padded, device=device), torch.tensor(own, device=device))


def _activations_by_place(own: Tensor, node: Node, places: _MatchedColumns, layout: PromptLayout) -> Tensor:
    """Return activations by place, `row place …`; the sources of a pattern by position."""
    rows = torch.arange(len(own), device=own.device)[:, None]
    by_place = own[rows, places.columns]
    if node.kind != "pattern":
        return by_place
    sources = (torch.arange(layout.width, device=own.device) + layout.begin[:, None]) % layout.width
    return by_place.take_along_dim(sources[:, None, None], -1)


def _put_back(own: Tensor, new: Tensor, node: Node, places: _MatchedColumns, layout: PromptLayout) -> Tensor:
    """Return the run's activations with the new ones, given by place, at their columns in each row."""
    if node.kind == "pattern":
        new = new.take_along_dim((layout.positions % layout.width)[:, None, None], -1)
    rows, index = places.present.nonzero(as_tuple=True)
    result = own.clone()
    result[rows, places.columns[rows, index]] = new[rows, index]
    return result
