"""Scores of nodes that a project adds."""

import numpy as np
import pytest
import torch

from mi_checks.errors import MiChecksError
from mi_checks.roles.project_role_scores import project_score

HEADS = "one number for each of the 2 × 6 heads, `layer head`"


def test_an_array_a_tensor_or_lists(loaded_model_of):
    loaded_model = loaded_model_of("nano-attn-2l")
    scores = np.arange(12.0).reshape(2, 6)
    for given in (scores, torch.tensor(scores, dtype=torch.bfloat16, requires_grad=True), scores.tolist()):
        found = project_score("mine", lambda model, given=given: given, loaded_model, "head")
        assert found.dtype == np.float64
        assert (found == scores).all()


def test_of_neurons(loaded_model_of):
    loaded_model = loaded_model_of("nano-gelu-2l")
    found = project_score("mine", lambda model: torch.ones(2, model.shape.d_mlp), loaded_model, "neuron")
    assert found.shape == (2, loaded_model.shape.d_mlp)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.zeros(6), f"must return an array of {HEADS}, not 6"),
        (np.zeros((6, 2)), f"must return an array of {HEADS}, not 6 × 2"),
        (0.5, f"must return an array of {HEADS}, not a single number"),
        ({"L0H0": 1}, f"must return an array of {HEADS}, not a dict"),
        ([[1, 2], [3]], f"must return an array of {HEADS}, not a list"),
        (
            np.where(np.arange(12).reshape(2, 6) == 8, np.nan, 0),
            "of L1H2 in nano-attn-2l is nan; scores must be finite",
        ),
        (np.full((2, 6), np.inf), "of L0H0 in nano-attn-2l is inf; scores must be finite"),
    ],
)
def test_error_text(given, message, loaded_model_of):
    with pytest.raises(MiChecksError) as caught:
        project_score("mine", lambda model: given, loaded_model_of("nano-attn-2l"), "head")
    assert str(caught.value) == f"the role score 'mine' {message}"


def test_neurons_of_a_model_without(loaded_model_of):
    with pytest.raises(MiChecksError) as caught:
        project_score("mine", lambda model: 0, loaded_model_of("nano-attn-2l"), "neuron")
    assert str(caught.value) == ("nano-attn-2l has no neurons for the role score 'mine': it has only attention layers")
