"""The matrix products that a sweep over heads needs at least, and their time on this machine.

They are counted after these reductions: only layers after the patch; only positions from the first difference on, with
cached keys and values; in the last layer only the answer's query; only the answer's and foil's columns of the
unembedding; the last layer's heads as vectors added to the residual stream. The clean and the corrupted run are
included.
"""

from __future__ import annotations

import statistics
import time
from collections import Counter
from dataclasses import dataclass

import torch

LENGTH = 64
SUFFIX = LENGTH // 2  # positions from the first difference on


@dataclass(frozen=True)
class Shape:
    """A model and a number of prompt pairs; `d_mlp` is 0 for attention-only models."""

    n_layers: int
    d_model: int
    d_mlp: int
    d_vocab: int
    pairs: int
    n_heads: int = 8


Product = tuple[int, int, int, int]  # batch, rows, inner, columns


def sweep_of_heads(shape: Shape) -> Counter[Product]:
    """Return the products of denoising every head's z over all positions, with the number of times of each."""
    d, heads, d_head, last = shape.d_model, shape.n_heads, shape.d_model // shape.n_heads, shape.n_layers - 1
    products: Counter[Product] = Counter()

    def attention(rows: int, queries: int) -> None:
        products[1, rows * queries, d, d] += 2  # q, o
        products[rows * heads, queries, d_head, LENGTH] += 1
        products[rows * heads, queries, LENGTH, d_head] += 1

    def mlp(positions: int) -> None:
        if shape.d_mlp:
            products[1, positions, d, shape.d_mlp] += 1
            products[1, positions, shape.d_mlp, d] += 1

    def layer(index: int, rows: int, positions: int) -> None:
        products[1, rows * positions, d, d] += 2  # k, v
        queries = 1 if index == last else positions
        attention(rows, queries)
        mlp(rows * queries)

    for positions in (LENGTH, SUFFIX):  # the clean run, then the part of the corrupted run that it does not share
        for index in range(shape.n_layers):
            layer(index, shape.pairs, positions)
    variants = heads * shape.pairs
    for patched in range(shape.n_layers):
        positions = 1 if patched == last else SUFFIX
        products[heads, shape.pairs * positions, d_head, d] += 1
        mlp(variants * positions)
        for index in range(patched + 1, shape.n_layers):
            layer(index, variants, SUFFIX)
    return products


def floor_seconds(products: Counter[Product], repeats: int = 5) -> float:
    """Return the seconds of the products, each shape timed alone on this machine (median over repeats)."""
    total = 0.0
    for (batch, rows, inner, columns), times in products.items():
        a, b = torch.randn(batch, rows, inner), torch.randn(batch, inner, columns)
        out = torch.empty(batch, rows, columns)
        torch.bmm(a, b, out=out)
        durations = []
        for _ in range(repeats):
            began = time.perf_counter()
            torch.bmm(a, b, out=out)
            durations.append(time.perf_counter() - began)
        total += times * statistics.median(durations)
    return total
