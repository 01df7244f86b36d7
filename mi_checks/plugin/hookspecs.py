"""The hooks that a project's conftest.py may implement."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torch import Tensor

    from mi_checks.models.loaded_model import LoadedModel


@pytest.hookspec
def pytest_mi_pools(config: pytest.Config) -> Mapping[str, Iterable[str]] | None:
    """Return pools of the project by name, for `{pool: NAME}` in the behaviours of the conftest's folder and below.

    The hook is called once for each folder that has behaviours, when they are collected. The values may be any
    collection of texts, such as a list, a set or a generator. They are sorted, and duplicates are removed, so that
    neither their order nor the hash seed of the process changes the prompts.

    Args:
        config: pytest's configuration, for its options and `config.rootpath`.
    """


@pytest.hookspec
def pytest_mi_scores(config: pytest.Config) -> Mapping[str, Callable[[Tensor, Tensor, Tensor], Tensor]] | None:
    """Return scores of the project by name, for `score: NAME` in the behaviours of the conftest's folder and below.

    The hook is called once for each folder that has behaviours, when they are collected. A score is a function of the
    logits at END, `prompt d_vocab`, the first token of each answer, `prompt answer`, and of each foil, `prompt foil`.
    It returns one number for each prompt, `prompt`; the more of the behaviour there is, the larger the number. It
    replaces the logit difference: in `logit_diff`, and as the quantity of which patching recovers a fraction. It is
    called once for every patched run.

    Args:
        config: pytest's configuration, for its options and `config.rootpath`.
    """


@pytest.hookspec
def pytest_mi_role_scores(
    config: pytest.Config,
) -> Mapping[str, Callable[[LoadedModel], npt.NDArray[np.float64] | Tensor]] | None:
    """Return scores of nodes of the project by name, for the `roles` of the conftest's folder and below.

    The hook is called once for each folder that has behaviours, when they are collected. A score is a function of a
    model (`mi_checks.models.loaded_model.LoadedModel`, with its `bridge`, a TransformerBridge, `tokenization`, `shape`
    and `n_ctx`). It returns one number for each head, `layer head`, or, for a role with `component: neuron`, one for
    each neuron, `layer neuron`; the better a node fits the role, the higher its number. It is called once for each
    model, and must depend on nothing else: use prompts that no check uses, from a fixed seed.

    Args:
        config: pytest's configuration, for its options and `config.rootpath`.
    """
