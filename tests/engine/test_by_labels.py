"""Clean and corrupt prompts of different lengths, which correspond at their labels."""

import numpy as np
import pytest
import torch

from mi_checks.engine.choose_engine import choose_engine
from mi_checks.engine.intervention_quantities import InterventionChanges
from mi_checks.engine.interventions import ablate, denoise, noise
from mi_checks.engine.nodes import LOGITS, Node, all_nodes
from mi_checks.engine.reference.reference_engine import ReferenceEngine
from mi_checks.errors import MiChecksError
from mi_checks.prompts.batch import Prompt, PromptBatch, PromptPair
from tests.engine.cases import ARCHITECTURES, TOLERANCE, a_part, everything, native, paths


def batch_of(*, count=4, seed=0, score="first_token"):
    """Pairs whose corrupt prompt has up to three tokens more, or fewer, before the labelled ones."""
    rng = np.random.default_rng(seed)
    pairs = []
    for i in range(count):
        before = {"clean": 3 + i % 2, "corrupt": 3 + (i * 2) % 5}
        rest = rng.integers(0, 50, 5).tolist()
        sides = {}
        for side, n in before.items():
            tokens = (*rng.integers(0, 50, n).tolist(), *rest)
            labels = {"X": (n, n + 1), "Y": (n + 3,), "END": (n + 4,)}
            sides[side] = Prompt(f"{side} {i}", tokens, ("",) * len(tokens), labels)
        answers = ((5, 7),) if score == "log_probability" else ((5,),)
        pairs.append(PromptPair(sides["clean"], sides["corrupt"], ("",), ("",), answers, ((8,),)))
    return PromptBatch(tuple(pairs), by_labels=True, score=score)


def by_hand(loaded_model, pair, intervention):
    """One pair, unpadded, patched by a plain hook from a run that has other positions."""
    node, at = intervention.nodes[0], intervention.at
    run, donor = getattr(pair, intervention.run), getattr(pair, intervention.value)
    with torch.no_grad():
        _, cache = loaded_model.bridge.run_with_cache(torch.tensor([donor.tokens]))

        def put(activation, hook):
            activation = activation.clone()
            for own, other in zip(run.labels[at], donor.labels[at], strict=True):
                part = slice(None) if node.index is None else node.index
                activation[0, own, part] = cache[node.hook][0, other, part]
            return activation

        logits = loaded_model.bridge.run_with_hooks(torch.tensor([run.tokens]), fwd_hooks=[(node.hook, put)])[0, -1]
    return (logits[pair.answer_tokens[0][0]] - logits[pair.foil_tokens[0][0]]).item()


@pytest.mark.parametrize("architecture", ["attention only", "gelu", "llama"])
@pytest.mark.parametrize("at", ["X", "Y", "END"])
@pytest.mark.parametrize("intervene", [denoise, noise], ids=["denoise", "noise"])
def test_a_label_is_patched_from_its_position_in_the_other_prompt(architecture, at, intervene):
    loaded_model, batch = native(architecture), batch_of()
    nodes = [
        *all_nodes("head", loaded_model.shape),
        Node(1, "resid_pre"),
        Node(0, "attn"),
        *all_nodes("v", loaded_model.shape)[:2],
    ]
    what = [intervene(node, at=at) for node in nodes]
    expected = np.array([[by_hand(loaded_model, pair, one) for pair in batch.pairs] for one in what])
    for engine in (ReferenceEngine(loaded_model, batch), choose_engine("replay", loaded_model, batch)):
        assert np.abs(engine.scores(what) - expected).max() < TOLERANCE * max(1, np.abs(expected).max())
    assert np.abs(expected - expected[0]).max() > 1e-3


def placed(loaded_model, at):
    """Every kind of intervention at a label, but those on whole attention patterns."""
    for one in (*everything(loaded_model, at), *paths(loaded_model, at)):
        patches = one.value in ("clean", "corrupt")
        if not (patches and any(node.kind == "pattern" for node in one.nodes)):
            yield one


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("at", ["X", "END"])
@pytest.mark.parametrize("score", ["first_token", "log_probability"])
def test_both_engines_agree(architecture, at, score):
    loaded_model, batch = native(architecture), batch_of(score=score)
    what = a_part(placed(loaded_model, at), architecture, at, score, one_of=5)
    expected = ReferenceEngine(loaded_model, batch).scores(what)
    found = choose_engine("replay", loaded_model, batch).scores(what)
    assert np.abs(found - expected).max() < 3 * TOLERANCE * max(1, np.abs(expected).max())


def test_each_side_is_the_same_in_a_run_of_its_own():
    loaded_model, batch = native("gelu"), batch_of()
    unpatched = choose_engine("replay", loaded_model, batch).unpatched
    for side in ("clean", "corrupt"):
        for row, pair in enumerate(batch.pairs):
            with torch.no_grad():
                logits = loaded_model.bridge(torch.tensor([getattr(pair, side).tokens]))[0, -1]
            expected = (logits[5] - logits[8]).item()
            assert getattr(unpatched, side).logit_diff[row] == pytest.approx(expected, abs=1e-4)


def test_attention_is_by_position_in_the_prompt():
    loaded_model, batch = native("gelu"), batch_of()
    head = Node(1, "head", 2)
    for engine in (ReferenceEngine(loaded_model, batch), choose_engine("replay", loaded_model, batch)):
        found = engine.attention_by_position(head)
        for row, pair in enumerate(batch.pairs):
            n = len(pair.clean.tokens)
            with torch.no_grad():
                _, cache = loaded_model.bridge.run_with_cache(torch.tensor([pair.clean.tokens]))
            torch.testing.assert_close(found[row, :n, :n], cache["blocks.1.attn.hook_pattern"][0, 2], atol=1e-5, rtol=0)


def test_ablation_needs_no_label():
    loaded_model, batch = native("gelu"), batch_of()
    what = [ablate(Node(0, "head", 1), kind=kind) for kind in ("zero", "mean", "resample")]
    expected = ReferenceEngine(loaded_model, batch).scores(what)
    np.testing.assert_allclose(choose_engine("replay", loaded_model, batch).scores(what), expected, atol=1e-4)


def test_the_mean_at_a_label_is_over_the_same_token_of_the_label():
    loaded_model, batch = native("gelu"), batch_of()
    engine = ReferenceEngine(loaded_model, batch)
    node = Node(1, "resid_pre")
    own, new = engine.activation("clean", node), engine.replacement(ablate(node, kind="mean", at="X"), node)
    columns = engine.layouts["clean"].columns("X")
    for token in (0, 1):
        mean = torch.stack([own[row, columns[row][token]] for row in range(4)]).mean(0)
        for row in range(4):
            torch.testing.assert_close(new[row, columns[row][token]], mean)


UNALIGNED = (
    "cannot be patched, because clean and corrupt prompts are aligned only at their labels (align: labels); "
    "name a label with 'at'"
)


@pytest.mark.parametrize(
    ("intervention", "message"),
    [
        (
            denoise(Node(0, "head", 1)),
            f"gelu: all positions {UNALIGNED}",
        ),
        (
            noise(Node(0, "head", 1), at=3),
            f"gelu: position 3 {UNALIGNED}",
        ),
        (
            denoise(Node(0, "head", 1), into=(LOGITS,)),
            f"gelu: all positions {UNALIGNED}",
        ),
        (
            denoise(Node(0, "pattern", 1), at="X"),
            "gelu: the attention pattern of L0H1.pattern cannot be patched, because it covers all positions, and clean "
            "and corrupt prompts are aligned only at their labels (align: labels); patch its z, q, k or v",
        ),
    ],
)
def test_undefined_interventions_are_refused(intervention, message):
    loaded_model, batch = native("gelu"), batch_of()
    for engine in (ReferenceEngine(loaded_model, batch), choose_engine("replay", loaded_model, batch)):
        with pytest.raises(MiChecksError) as error:
            engine.scores([intervention])
        assert str(error.value) == message


def test_a_mean_at_a_label_with_unequal_numbers_of_tokens_is_an_error():
    loaded_model, batch = native("gelu"), batch_of()
    short = batch.pairs[0]
    labels = {**short.clean.labels, "X": short.clean.labels["X"][:1]}
    clean = Prompt(short.clean.text, short.clean.tokens, short.clean.pieces, labels)
    pairs = (PromptPair(clean, short.corrupt, ("",), ("",), ((5,),), ((8,),)), *batch.pairs[1:])
    engine = ReferenceEngine(loaded_model, PromptBatch(pairs, by_labels=True))
    with pytest.raises(MiChecksError) as error:
        engine.scores([ablate(Node(0, "head", 1), kind="mean", at="X")])
    assert str(error.value) == (
        "mean and resample ablation use the same token of the label in other prompts, but 'X' has 1 to 2 tokens; "
        "use values with the same number of tokens, or 'with: zero'"
    )


@pytest.mark.parametrize("score", ["first_token", "log_probability"])
@pytest.mark.parametrize("at", ["X", "END"])
def test_case_24_a_change_that_cannot_reach_end_moves_no_score(at, score):
    loaded_model, batch = native("gelu"), batch_of(score=score)
    replay, reference = choose_engine("replay", loaded_model, batch), ReferenceEngine(loaded_model, batch)
    what = list(placed(loaded_model, at))[::17]
    _, seen = np.array([replay.measure(InterventionChanges(one)) for one in what]).transpose(1, 0, 2) == 1
    np.testing.assert_array_equal(seen, [reference.measure(InterventionChanges(one))[1] == 1 for one in what])
    runs = np.array([getattr(replay.unpatched, one.run).logit_diff for one in what])
    moved = np.abs(replay.scores(what) - runs)
    assert np.where(seen, 0, moved).max() <= replay.unpatched.rounding.max()
    assert (np.where(seen, moved, 0).max(1)[seen.any(1)] > replay.unpatched.rounding.max()).all()
    assert seen.any()
