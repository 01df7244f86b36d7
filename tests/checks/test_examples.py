"""The prompt pairs that are shown of a behaviour are not simply the first ones."""

import numpy as np
import pytest


@pytest.mark.parametrize(
    ("effect_sizes", "examples"),
    [
        ([-2.3, 9, 5, 6, 1], {"median": 2, "best": 1, "worst": 0}),
        ([4, 1, 3, 2], {"median": 3, "best": 0, "worst": 1}),
        ([1, 2], {"median": 0, "best": 1}),
        ([7], {"median": 0}),
        ([3, 3, 3], {"median": 1, "best": 2, "worst": 0}),
    ],
)
def test_case_30_the_median_comes_first_then_both_ends(measurements, effect_sizes, examples):
    corrupt = np.linspace(0, 5, len(effect_sizes))
    found = measurements(np.array(effect_sizes) + corrupt, corrupt).example_pairs
    assert found == examples
    assert next(iter(found)) == "median"
