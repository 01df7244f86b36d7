"""A green check could have been red: with the heads gone, or the files spoilt, it is."""

import json

import pytest

from tests.plugin.conftest import BOUND


def claims(weights):
    return ["--mi-model", f"nano-attn-2l={weights}"]


def test_without_its_induction_heads_the_model_fails(project, folder):
    project.whole()
    project.run(*claims(folder())).assert_outcomes(passed=5)
    result = project.run(*claims(folder(zero_heads=[(1, 1), (1, 2)])))
    assert result.ret == 1
    failed = [line for line in result.outlines if line.startswith("FAILED")]
    assert any("::logit_diff" in line for line in failed)
    assert any("::patching[induction]" in line for line in failed)
    assert any("::mediators[head]" in line for line in failed)
    # The pattern is still there; only what is read through it has gone.
    assert not any("::attention[" in line for line in failed)
    result.stdout.fnmatch_lines(["ab  ✗ [12]/5"])


def test_one_head_less_moves_its_own_share_to_nothing(project, folder):
    project.whole()
    result = project.run(*claims(folder(zero_heads=[(1, 2)])), "-k", "patching")
    result.stdout.re_match_lines([r"fail: measured -?0\.000 \[-?0\.000, -?0\.000\], bound at least 0\.3"])


def test_an_effect_size_that_is_none_has_no_shares(project, folder):
    """Without any head of the last layer clean and corrupt end alike."""
    project.whole()
    result = project.run(*claims(folder(zero_heads=[(1, head) for head in range(6)])), "-k", "patching or mediators")
    result.assert_outcomes(failed=2)
    result.stdout.re_match_lines(
        [
            "fail: nothing measured, bound at least 0.3",
            r"  because   there is no effect to mediate: clean − corrupt is .* logits \[.*\], which is not above zero",
        ]
    )


def test_nan_weights(project, folder):
    project.whole()
    weights = folder(nan=True)
    result = project.run(*claims(weights))
    assert result.ret == 1
    result.assert_outcomes(failed=5)  # and no error when what was measured is put away
    result.stdout.re_match_lines(
        [
            r"nano-attn-2l cannot be measured: its logits are NaN or infinite on random tokens; "
            r"check the weights, or use --mi-dtype float32",
            r"  claimed   behaviours/ab.yaml:18",
            rf"  re-run    pytest .*::logit_diff --mi-model nano-attn-2l={weights}",
            r"ab  ! 0/5",
            r"report: reports/report.html",
        ]
    )
    assert "Traceback" not in result.stdout.str()
    assert "its logits are NaN or infinite" in (project.path / "reports/report.html").read_text(encoding="utf-8")


def test_weights_missing(project, folder):
    project.behaviour()
    weights = folder()
    (weights / "model.safetensors").unlink()
    result = project.run(*claims(weights))
    assert result.ret == 1
    result.stdout.fnmatch_lines([f"model 'nano-attn-2l={weights}': {weights}/model.safetensors is missing"])
    assert "Traceback" not in result.stdout.str()


def test_weights_cut_short(project, folder):
    project.behaviour()
    file = folder() / "model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    result = project.run(*claims(file.parent))
    assert result.ret == 1
    result.stdout.fnmatch_lines([f"model '*': {file} does not fit config.json: *header*", "ab  ! 0/1"])
    assert "Traceback" not in result.stdout.str()


def test_weights_of_another_width(project, folder):
    project.behaviour()
    config = folder() / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"d_model": 96, "d_head": 16}))
    result = project.run(*claims(config.parent))
    assert result.ret == 1
    result.stdout.fnmatch_lines([f"model '*': {config.parent}/model.safetensors does not fit config.json: *"])
    assert "Traceback" not in result.stdout.str()


def test_config_missing(project, folder):
    project.behaviour()
    config = folder() / "config.json"
    config.unlink()
    result = project.run(*claims(config.parent))
    assert result.ret == 2
    result.stdout.fnmatch_lines(
        [f"{config.parent}: no config.json; a model folder contains config.json and model.safetensors"]
    )


def test_config_that_is_no_json(project, folder):
    project.behaviour()
    config = folder() / "config.json"
    config.write_text("{broken")
    result = project.run(*claims(config.parent))
    assert result.ret == 2
    result.stdout.fnmatch_lines([f"{config}: not valid JSON: Expecting property name*"])
    assert "Traceback" not in result.stdout.str()


@pytest.mark.parametrize("config", ["{}", "[]", '{"n_layers": "two"}'])
def test_config_without_what_it_must_say(project, folder, config):
    project.behaviour()
    weights = folder()
    (weights / "config.json").write_text(config)
    result = project.run(*claims(weights))
    assert result.ret in (1, 2)
    output = result.stdout.str()
    assert f"{weights}/config.json" in output
    for word in ("Traceback", "KeyError", "TypeError", ".py:"):
        assert word not in output


def test_case_32_a_model_whose_logits_are_all_alike_passes_nothing(project, folder):
    """An unembedding of zeros: no preference, no win, no effect size, and no fraction of it or division by it."""
    checks = """\
  - logit_diff: {at_least: 0}
  - accuracy: {at_least: 0.5}
  - accuracy: {against: vocabulary, at_least: 0.1}
  - patching: {nodes: induction, recovers: {at_most: 0.9}}
  - path: {from: L0H3, to: logits, recovers: {at_most: 0.1}}
  - ablation: {nodes: induction, with: zero, removes: {at_most: 0.9}}
  - mediators: {component: head, above: 0.2, exactly: []}
  - circuit: {nodes: induction, with: zero, faithfulness: {at_least: 0.1}, completeness: {at_most: 0.9}, minimal: true}
  - circuit: {nodes: induction, sufficient: {at_least: 0.1}, necessary: {at_least: 0.1}}
  - circuit: {edges: [L0H3 -> logits], faithfulness: {at_least: 0.1}}
  - curve: {cpr: {at_least: 0.1}, cmd: {at_most: 0.9}}
  - direct_logit_attribution: {nodes: L1H2, at_least: 0}"""
    project.behaviour(checks=checks, models=BOUND)
    result = project.run(*claims(folder(logits=0.0)))
    result.assert_outcomes(failed=16)
    output = result.stdout.str()
    assert "Traceback" not in output
    assert "Warning" not in output
    assert "the difference is zero" in output
    assert "zero ablation of all heads does not lower the score either" in output
