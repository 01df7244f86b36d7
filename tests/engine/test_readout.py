"""The readout of the logits: several answers and foils, log-probabilities, a project's own score."""

import numpy as np
import pytest
import torch

from mi_checks.engine.choose_engine import choose_engine
from mi_checks.engine.interventions import ablate, denoise
from mi_checks.engine.nodes import Node, all_nodes
from mi_checks.engine.prompt_layout import prompt_rows
from mi_checks.engine.readout import Readout
from mi_checks.engine.reference.reference_engine import ReferenceEngine
from mi_checks.engine.replay.replay_engine import ReplayEngine
from mi_checks.errors import MiChecksError
from mi_checks.prompts.batch import Prompt, PromptBatch, PromptPair
from mi_checks.prompts.build_prompts import build_prompts
from mi_checks.spec.behaviour import Prompts
from tests.engine.cases import TOLERANCE, a_part, everything, native, paths

ARCHITECTURES = ("attention only", "gelu", "llama", "soft caps", "one layer")


def batch_of(answers, foils, *, count=4, seed=0, score="first_token", **how):
    """Random pairs that differ in one token, continued with the tokens of `answers` and `foils`, one list per pair."""
    rng = np.random.default_rng(seed)
    pairs = []
    for i in range(count):
        length = 6 + i % 3
        clean = rng.integers(0, 50, length).tolist()
        corrupt = [*clean[:3], (clean[3] + 1) % 50, *clean[4:]]
        labels = {"X": (3,), "Y": (4, length - 1), "END": (length - 1,)}
        both = [Prompt(str(i), tuple(tokens), ("",) * length, labels) for tokens in (clean, corrupt)]
        pairs.append(PromptPair(*both, ("",) * len(answers), ("",) * len(foils), answers, foils))
    return PromptBatch(tuple(pairs), score=score, **how)


@pytest.mark.parametrize(
    ("answers", "foils", "expected"),
    [("mean", "mean", 0.5), ("max", "mean", 1.5), ("max", "max", 1.0), ("mean", "max", 0.0)],
)
def test_several_answers_and_foils_count_as_their_mean_or_maximum(answers, foils, expected):
    batch = batch_of(((5,), (6,)), ((7,), (8,)), answer_reduction=answers, foil_reduction=foils)
    logits = torch.zeros(4, 50)
    logits[:, 5:9] = torch.tensor([3.0, 1.0, 2.0, 1.0])
    readout = Readout(batch, prompt_rows(batch), torch.device("cpu"))
    assert readout.score(logits).tolist() == [expected] * 4
    beats, top = readout.answer_wins(logits, 0.0)
    assert beats.all()
    assert top.all()
    logits[:, 8], logits[:, 9] = 3.5, 4.0
    beats, top = readout.answer_wins(logits, 0.0)
    assert not beats.any()
    assert not top.any()


def naive(loaded_model, batch, side, edit=()):
    """Teacher-forced log-probabilities by one TransformerLens forward per continuation."""
    found = []
    for pair in batch.pairs:
        prompt = getattr(pair, side)
        sums = []
        for tokens in (*pair.answer_tokens, *pair.foil_tokens):
            whole = torch.tensor([prompt.tokens + tokens[:-1]])
            with torch.no_grad(), loaded_model.bridge.hooks(fwd_hooks=list(edit)):
                logits = loaded_model.bridge(whole)[0].float()
            places = range(len(prompt.tokens) - 1, len(prompt.tokens) - 1 + len(tokens))
            read = [logits[place].log_softmax(-1)[token] for place, token in zip(places, tokens, strict=True)]
            sums.append(sum(read).item())
        n = len(pair.answer_tokens)
        found.append(np.mean(sums[:n]) - np.mean(sums[n:]))
    return np.array(found)


SEVERAL = {"answers": ((5, 7, 9), (5,)), "foils": ((5, 8), (11, 2, 3, 4))}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("side", ["clean", "corrupt"])
def test_a_log_probability_is_teacher_forced_over_all_tokens(architecture, side):
    loaded_model, batch = native(architecture), batch_of(**SEVERAL, score="log_probability")
    expected = naive(loaded_model, batch, side)
    for engine in (ReferenceEngine(loaded_model, batch), choose_engine("replay", loaded_model, batch)):
        found = getattr(engine.unpatched, side).logit_diff
        assert np.abs(found - expected).max() < TOLERANCE * max(1, np.abs(expected).max())


def test_a_head_ablated_at_every_position_of_a_continuation():
    loaded_model, batch = native("gelu"), batch_of(**SEVERAL, score="log_probability")

    def put(z, hook):
        z = z.clone()
        z[:, :, 2] = 0
        return z

    expected = naive(loaded_model, batch, "clean", [("blocks.1.attn.hook_z", put)])
    engine = choose_engine("replay", loaded_model, batch)
    found = engine.scores([ablate(Node(1, "head", 2), kind="zero")])[0]
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert np.abs(found - engine.unpatched.clean.logit_diff).max() > 1e-3


def test_end_is_where_the_continuation_is_read():
    """END is the prompt's last token and every token of the continuation before the one read."""
    loaded_model, batch = native("one layer"), batch_of(**SEVERAL, score="log_probability")
    engine = choose_engine("replay", loaded_model, batch)
    heads = all_nodes("head", loaded_model.shape)
    everywhere = engine.scores([ablate(*heads, kind="zero")])
    at_end = engine.scores([ablate(*heads, kind="zero", at="END")])
    np.testing.assert_allclose(at_end, everywhere, atol=1e-5)  # one layer: nothing else is read
    assert np.abs(at_end - engine.unpatched.clean.logit_diff).max() > 1e-3


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("at", [None, "X", "END"])
@pytest.mark.parametrize("padding", ["right", "left"])
def test_both_engines_agree_on_log_probabilities(architecture, at, padding):
    loaded_model, batch = native(architecture), batch_of(**SEVERAL, score="log_probability")
    what = a_part([*everything(loaded_model, at), *paths(loaded_model, at)], architecture, at, padding, one_of=9)
    expected = ReferenceEngine(loaded_model, batch, padding=padding).scores(what)
    replay = choose_engine("replay", loaded_model, batch)
    replay = ReplayEngine(loaded_model, batch, replay.model, padding=padding)
    assert np.abs(replay.scores(what) - expected).max() < 3 * TOLERANCE * max(1, np.abs(expected).max())
    assert np.abs(expected - expected[0]).max() > 1e-3


def test_who_wins_by_log_probability():
    """Top is what greedy decoding would write."""
    loaded_model = native("gelu")
    batch = batch_of(((1, 2),), ((3, 4),), score="log_probability")
    pairs = []
    for pair in batch.pairs:
        tokens = pair.clean.tokens
        for _ in range(2):
            with torch.no_grad():
                tokens += (int(loaded_model.bridge(torch.tensor([tokens]))[0, -1].argmax()),)
        pairs.append(
            PromptPair(pair.clean, pair.corrupt, ("",), ("",), (tokens[-2:],), ((tokens[-2], (tokens[-1] + 1) % 50),))
        )
    engine = choose_engine("replay", loaded_model, PromptBatch(tuple(pairs), score="log_probability"))
    assert engine.unpatched.clean.is_top.all()
    assert engine.unpatched.clean.beats_foils.all()
    turned = [PromptPair(p.clean, p.corrupt, p.foils, p.answers, p.foil_tokens, p.answer_tokens) for p in pairs]
    engine = choose_engine("replay", loaded_model, PromptBatch(tuple(turned), score="log_probability"))
    assert not engine.unpatched.clean.is_top.any()
    assert not engine.unpatched.clean.beats_foils.any()


def test_the_mean_counts_each_prompt_once(loaded_model_of):
    """Ablated to the mean over prompts, however many rows each has."""
    loaded_model = native("gelu")
    batch = batch_of(((5, 7, 9),), ((5, 8),), score="log_probability", count=3)
    node = Node(0, "head", 1)
    engine = ReferenceEngine(loaded_model, batch)
    bare = ReferenceEngine(loaded_model, batch_of(((5,),), ((8,),), count=3))
    mean = engine.replacement(ablate(node, kind="mean"), node)
    expected = bare.replacement(ablate(node, kind="mean"), node)
    torch.testing.assert_close(mean[engine.readout.bare_rows][:, :6], expected[:, :6])


def test_resampling_uses_the_same_continuation_of_another_prompt():
    loaded_model = native("gelu")
    batch = batch_of(((5, 7, 9),), ((5, 8),), score="log_probability", count=3)
    engine = ReferenceEngine(loaded_model, batch)
    node = Node(0, "resid_pre")
    own = engine.activation("clean", node)
    new = engine.replacement(ablate(node, kind="resample"), node)
    rows = prompt_rows(batch)
    for index, row in enumerate(rows):
        donor = rows.index(type(row)((row.pair - 1) % 3, row.continuation, row.forced))
        n = min(
            len(row.tokens(batch.pairs[row.pair].clean)), len(rows[donor].tokens(batch.pairs[rows[donor].pair].clean))
        )
        torch.testing.assert_close(new[index, :n], own[donor, :n])


def test_a_score_function_of_the_project(engine_of):
    engine = engine_of("nano-attn-2l")

    def probability(logits, answers, foils):
        assert foils.shape == (8, 1)
        return logits.softmax(-1).gather(1, answers)[:, 0]

    for name in ("reference", "replay"):
        own = choose_engine(name, engine.loaded_model, engine.batch, score=probability)
        expected = own.unpatched_logits("clean").softmax(-1)[range(8), own.readout.answers[:, 0]]
        np.testing.assert_allclose(own.unpatched.clean.logit_diff, expected.numpy(), atol=1e-6)
        patched = own.scores([denoise(Node(0, "resid_pre"))])[0]
        np.testing.assert_allclose(patched, own.unpatched.clean.logit_diff, atol=1e-5)


def test_a_score_function_with_a_wrong_result_is_an_error(engine_of):
    engine = engine_of("nano-attn-2l")
    for function, what in ((lambda logits, answers, foils: logits, r"shape \(8, 2048\)"), (lambda *_: 1.0, "float")):
        with pytest.raises(
            MiChecksError,
            match=rf"^the score '\w+' must return a tensor with one number for each of the 8 prompts, not {what}$",
        ):
            _ = choose_engine("replay", engine.loaded_model, engine.batch, score=function).unpatched


def test_the_first_difference_is_read_after_the_shared_tokens(loaded_model_of):
    """' Cl|aire' and ' Cl|ara' differ in their last token, which is read after ' Cl'."""
    loaded_model = loaded_model_of("nano-attn-2l")
    texts = (" name value", " name file")
    made = {
        "count": 2,
        "variables": {"x": {"values": (" time", " test")}, "y": {"values": (" the", " a")}},
        "template": "{{ x | at('x') }}{{ y }}",
        "corrupt": {"x": "y"},
        "foils": (texts[1],),
    }
    by_difference = Prompts.model_validate({**made, "answer": texts[0], "score": "first_difference"})
    written = Prompts.model_validate(
        {**made, "template": made["template"] + " name", "answer": " value", "foils": (" file",)}
    )
    batches = [build_prompts(p, loaded_model.tokenization, behaviour="test") for p in (by_difference, written)]
    assert batches[0].pairs[0].answer_tokens == batches[1].pairs[0].answer_tokens
    assert batches[0].pairs[0].clean.pieces[-1] == " name"
    found = [choose_engine("replay", loaded_model, batch).unpatched.clean.logit_diff for batch in batches]
    np.testing.assert_array_equal(*found)
