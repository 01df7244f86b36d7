"""Estimates over prompts that share rows of a bundled model's behaviour, against plain numpy and scipy."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import beta, t

from mi_checks.checks.dispatch import run_check
from mi_checks.checks.measurements import Measurements
from mi_checks.engine.choose_engine import choose_engine
from mi_checks.engine.interventions import denoise
from mi_checks.engine.nodes import parse_node
from mi_checks.models.load_model import load
from mi_checks.prompts.build_prompts import build_prompts
from mi_checks.spec.load_file import load_behaviours

ROOT = Path(__file__).parents[2]
MODEL = "nano-attn-2l"
DRAWS = 200_000


@pytest.fixture(scope="module")
def measured():
    torch.set_num_threads(1)
    loaded_model = load(MODEL, device="cpu")
    behaviour = load_behaviours(ROOT / "behaviours" / "trigram.yaml", ROOT)[0].behaviour
    count = 5 * 32 + 7  # not a multiple of the rows
    batch = build_prompts(behaviour.prompts, loaded_model.tokenization, behaviour="trigram", count=count)
    return Measurements(behaviour, loaded_model, batch, choose_engine("replay", loaded_model, batch))


@pytest.fixture(scope="module")
def trigram(measured):
    """The trigram of each prompt, read from its tokens."""
    ends = [pair.clean.tokens[-2:] for pair in measured.batch.pairs]
    return np.unique(np.array(ends), axis=0, return_inverse=True)[1].reshape(-1)


def verdict_of(measured, kind):
    (check,) = (entry.check for entry in measured.behaviour.checks if entry.check.kind == kind)
    return run_check(check, measured)


def cluster_test(values, rows):
    """Return the mean, its CR2 standard error and Bell and McCaffrey's degrees of freedom, with n × n matrices."""
    n = len(values)
    same = rows[:, None] == rows[None, :]
    sizes = same.sum(1)
    residuals = values - values.mean()
    numbers = np.unique(rows)
    adjusted, maps = [], []
    for number in numbers:
        inside = (rows == number).astype(float)
        size = inside.sum()
        # (I − H)^(−1/2) of a cluster, for the hat matrix H = 11'/n, acts on its total as 1 / √(1 − size / n).
        adjusted.append(inside @ residuals / np.sqrt(1 - size / n) / n)
        maps.append((inside - size / n) / np.sqrt(1 - size / n) / n)
    freedoms = []
    for covariance in (np.eye(n), same.astype(float)):
        matrix = np.array(maps) @ covariance @ np.array(maps).T
        freedoms.append(np.trace(matrix) ** 2 / np.trace(matrix @ matrix))
    assert sizes.max() - sizes.min() <= 1  # drawn in rounds
    return values.mean(), np.sqrt(np.sum(np.square(adjusted))), min(freedoms)


def assert_at_least_as_wide_as_student(estimate, mean, error, freedom, more=1.5):
    """The interval is that of Student's t, or wider on the side on which the sample may lack a tail."""
    reach = t.ppf(0.975, freedom) * error
    assert estimate.value == pytest.approx(mean)
    for side in (mean - estimate.low, estimate.high - mean):
        assert reach * (1 - 1e-3) <= side <= more * reach


def test_logit_diff(measured, trigram):
    estimate = verdict_of(measured, "logit_diff").estimate
    assert (estimate.n, estimate.clusters, estimate.clustered_by) == (167, trigram.max() + 1, "trigram")
    clean = measured.unpatched.clean.logit_diff
    assert_at_least_as_wide_as_student(estimate, *cluster_test(clean, trigram))
    alone = 1.96 * clean.std(ddof=1) / np.sqrt(len(clean))
    assert estimate.value - estimate.low > 1.2 * alone  # prompts of one trigram are alike


def test_patching(measured, trigram):
    nodes = measured.nodes("previous_token")
    corrupt, clean = measured.unpatched.corrupt.logit_diff, measured.unpatched.clean.logit_diff
    patched = measured.logit_diff(denoise(*map(parse_node, map(str, nodes)), at="END"))
    fraction = (patched - corrupt).sum() / (clean - corrupt).sum()
    estimate = verdict_of(measured, "patching").estimate
    assert estimate.clusters == trigram.max() + 1
    influence = fraction + (patched - corrupt - fraction * (clean - corrupt)) / (clean - corrupt).mean()
    mean, error, freedom = cluster_test(influence, trigram)
    assert mean == pytest.approx(fraction)
    assert_at_least_as_wide_as_student(estimate, mean, error, freedom, more=1.7)


def dirichlet_low(values, rows):
    """Return the lower end of Gaffke's interval for values within 0 and 1 over clusters, by simulation."""
    numbers = np.unique(rows)
    size = len(values) / len(numbers)
    mean = values.mean()
    clusters = np.array([mean + (values[rows == number] - mean).sum() / size for number in numbers])
    # The variance is CR2's: deviations are scaled to it.
    spread = np.sqrt(clusters.var(ddof=1) / len(clusters))
    clusters = mean + (clusters - mean) * (cluster_test(values, rows)[1] / spread if spread else 1)
    weights = np.random.default_rng(0).exponential(size=(DRAWS, len(clusters) + 1))
    sums = weights @ np.append(clusters, min(0.0, clusters.min())) / weights.sum(1)
    return np.quantile(sums, 0.025)


@pytest.mark.parametrize("kind", ["accuracy", "attention"])
def test_values_between_zero_and_one(measured, trigram, kind):
    verdict = verdict_of(measured, kind)
    values = np.array(verdict.per_prompt)
    if kind == "attention":
        (label_from, label_to) = ([pair.clean.labels[name][-1] for pair in measured.batch.pairs] for name in "ba")
        pattern = torch.stack([_pattern(measured, pair, verdict.deciding) for pair in measured.batch.pairs])
        expected = pattern[range(len(values)), label_from, label_to].double().numpy()
        np.testing.assert_allclose(values, expected, atol=1e-5)
    else:
        np.testing.assert_array_equal(values, measured.unpatched.clean.logit_diff > 0)
    estimate = verdict.estimate
    assert estimate.value == pytest.approx(values.mean())
    assert estimate.clusters == trigram.max() + 1
    assert estimate.low == pytest.approx(max(0.0, dirichlet_low(values, trigram)), abs=2e-3)
    assert estimate.high == pytest.approx(1 - max(0.0, dirichlet_low(1 - values, trigram)), abs=2e-3)
    if (values == 1).all():  # Clopper and Pearson's, of as many clusters
        assert estimate.low == pytest.approx(beta.ppf(0.025, estimate.clusters, 1), abs=1e-4)


def _pattern(measured, pair, head):
    node = parse_node(head)
    with torch.no_grad():
        _, cache = measured.loaded_model.bridge.run_with_cache(torch.tensor([pair.clean.tokens]))
    return cache[f"blocks.{node.layer}.attn.hook_pattern"][0, node.index]
