"""Reasons to doubt a behaviour are warnings, and with `--mi-strict` failures of an item of their own."""

import json
import re
from pathlib import Path

import pytest

from tests.plugin.conftest import PRESENT

SHIPPED = Path(__file__).parents[2] / "behaviours"
BIGRAM = """\
name: bigram
summary: what follows a word
prompts:
  count: 64
  variables:
    w: {pool: identifiers, where: [single_token_after_space]}
    k: {values: [" %s"]}
    j: {values: [" %s"]}
  template: "{{ w }}{{ k }}"
  corrupt: {k: j}
  answer: "%s"
  foils: ["%s"]
checks:
  - logit_diff: {at_least: -20}
models:
  %s: {}
"""


def warnings(output):
    return re.findall(r"^warning: (.*)$", output, re.MULTILINE)


def for_range(project, answer=" range", foil=" self", against="foils"):
    """A shipped behaviour, with its preference alone on one model."""
    text = (SHIPPED / "python_for_range.yaml").read_text(encoding="utf-8")
    prompts = text[: text.index("checks:")].replace("count: 512", "count: 16")
    prompts = prompts.replace('answer: " range"', f'answer: "{answer}"').replace('[" self"]', f'["{foil}"]')
    check = f"  - logit_diff: {{at_least: -30, against: {against}}}"
    project.copy("python_for_range", f"{prompts}checks:\n{check}\nmodels:\n  nano-gelu-2l: {{}}\n")


def lints(project):
    return json.loads((project.path / "reports/report.json").read_text(encoding="utf-8"))["lints"]


def test_a_behaviour_that_is_as_it_should_be_gives_no_warning(project):
    for_range(project)
    result = project.run("--mi-strict")
    result.assert_outcomes(passed=2)
    assert (warnings(result.stdout.str()), lints(project)) == ([], [])


@pytest.mark.parametrize("against", ["foils", "corrupt"])
def test_case_31_an_answer_that_forgot_its_leading_space(project, against):
    for_range(project, answer="range", foil="self", against=against)
    result = project.run()
    result.assert_outcomes(passed=1)
    assert result.ret == 0
    (warning,) = warnings(result.stdout.str())
    pattern = (
        r"python_for_range on nano-gelu-2l: the first token of the answer 'range' is not likely: its median "
        r"rank after the clean prompts is (\d+) of 2,048; with a leading space, as ' range', its rank is (\d+); "
        r"write the answer and the foils with a leading space \(behaviours/python_for_range\.yaml:16\)"
    )
    rank, spaced = map(int, re.fullmatch(pattern, warning).groups())
    assert rank > 100
    assert spaced == 1
    (lint,) = lints(project)
    assert (lint["kind"], lint["place"]) == ("answer", {"file": "behaviours/python_for_range.yaml", "line": 16})
    page = (project.path / "reports/report.html").read_text(encoding="utf-8")
    assert page.count("is not likely: its median rank") == 1


def test_case_31_an_answer_that_is_never_likely(project):
    project.copy("bigram", BIGRAM % ("in", "not", " range", " in", "nano-gelu-2l"))
    (warning,) = warnings(project.run().stdout.str())
    assert re.search(r"the answer's first token is not among the 100 most probable on \d+ of 64 prompts: its", warning)
    assert warning.endswith("continues the template as the model would write it (behaviours/bigram.yaml:11)")


@pytest.mark.parametrize(
    ("words", "of"),
    [
        (("def", "class", " __", " Node"), "clean − corrupt"),
        (("def", "def", " __", " Node"), "the clean logit difference"),  # clean and corrupt end alike
    ],
)
def test_case_31_a_bigram_that_goes_past_all_heads(project, words, of):
    text = BIGRAM % (*words, "nano-attn-1l")
    if words[0] == words[1]:
        text = text.replace("corrupt: {k: j}", "corrupt: {w: v}").replace(
            "    k: ", "    v: {pool: identifiers, where: [single_token_after_space], differs_from: w}\n    k: "
        )
    project.copy("bigram", text)
    (warning,) = warnings(project.run().stdout.str())
    pattern = (
        rf"the direct path from the embedding to the logits carries [01]\.\d\d \[.*\] of {of}, bypassing all heads"
    )
    assert re.search(pattern, warning)


def test_case_31_the_direct_path_is_what_transformer_lens_says(project):
    """With the attention's output at END that of the corrupt prompt, the embedding alone tells the runs apart."""
    import torch

    from mi_checks.spec.load_file import load_behaviour
    from mi_checks.suite.lints import _embedding_parts
    from mi_checks.suite.loaded_models import SuiteSettings
    from mi_checks.suite.suite import Suite

    project.copy("bigram", BIGRAM % ("def", "class", " __", " Node", "nano-attn-1l"))
    loaded = load_behaviour(project.path / "behaviours/bigram.yaml")
    suite = Suite(SuiteSettings(device="cpu"))
    measured = suite.measurements(loaded, "nano-attn-1l")
    (alone, effect_size, _), (written, clean, _) = _embedding_parts(measured)
    bridge = measured.loaded_model.bridge
    for place, pair in enumerate(measured.batch.pairs):
        answer, foil = pair.answer_tokens[0][0], pair.foil_tokens[0][0]
        with torch.no_grad():
            streams = [bridge.run_with_cache(torch.tensor([side.tokens]))[1] for side in (pair.clean, pair.corrupt)]
            embedded, other = (stream["blocks.0.hook_resid_pre"][0, -1] for stream in streams)
            attention = streams[1]["blocks.0.hook_attn_out"][0, -1]
            ends = ((each + attention)[None, None] for each in (embedded, other))
            mixed, corrupt = (bridge.unembed(bridge.ln_final(end))[0, 0] for end in ends)
            final = streams[0]["blocks.0.hook_resid_post"][0, -1]
            scale = (final - final.mean()).pow(2).mean().add(bridge.cfg.eps).sqrt()
            direction = bridge.unembed.W_U[:, answer] - bridge.unembed.W_U[:, foil]
            direct = ((embedded - embedded.mean()) * bridge.ln_final.w / scale) @ direction
        difference = (mixed - corrupt)[answer] - (mixed - corrupt)[foil]
        assert alone[place] == pytest.approx(difference.item(), abs=1e-4)
        assert written[place] == pytest.approx(direct.item(), abs=1e-4)
    assert alone.mean() / effect_size.mean() > 0.5 < written.mean() / clean.mean()


CIRCUIT = "  - circuit: {nodes: [L0H1, L1H4], faithfulness: {%s}}"


def circuit(project, bound):
    text = project.behaviour(checks=CIRCUIT % bound, models="  nano-gelu-2l: {}")
    project.copy("ab", text.replace("count: 16", "count: 256"))


def test_case_31_a_circuit_that_keeps_more_than_the_whole_model(project):
    circuit(project, "at_least: 0.5")
    (warning,) = warnings(project.run().stdout.str())
    assert re.search(
        r"^ab on nano-gelu-2l: circuit\[L0H1\+L1H4,faithfulness\]: the circuit alone retains 1\.\d\d \[1\.[1-9]\d, "
        r"\d\.\d\d\] of the score, more than the whole model: nodes that work against it are left out",
        warning,
    )
    (lint,) = lints(project)
    assert (lint["check"], lint["estimate"]["low"] > 1.1) == ("circuit[L0H1+L1H4,faithfulness]", True)


def test_case_31_a_faithfulness_that_is_held_from_above_is_judged_already(project):
    circuit(project, "at_least: 0.5, at_most: 9")
    assert warnings(project.run().stdout.str()) == []


def test_case_31_strict_fails_an_item_of_its_own(project):
    for_range(project, answer="range", foil="self")
    ids = project.ids("--mi-strict")
    assert ids[-1] == "behaviours/python_for_range.yaml::nano-gelu-2l::lint"
    result = project.run("--mi-strict")
    result.assert_outcomes(passed=1, failed=1)
    output = result.stdout.str()
    assert "fail: 1 reason to doubt what python_for_range measures\n  because   the first token of the answer" in output
    assert warnings(output) == []
    rerun = re.search(r"re-run    pytest (.*)", output).group(1)
    assert rerun == "behaviours/python_for_range.yaml::nano-gelu-2l::lint --mi-strict"
    project.run(*rerun.split()).assert_outcomes(failed=1)
    project.ini("mi_strict = true")
    project.run().assert_outcomes(passed=1, failed=1)


def test_a_model_without_the_behaviour_is_not_doubted(project):
    for_range(project, answer="range", foil="self")
    file = project.path / "behaviours/python_for_range.yaml"
    file.write_text(
        file.read_text().replace("at_least: -30", "at_least: 30").replace("nano-gelu-2l: {}", "nano-gelu-2l: absent")
    )
    result = project.run("--mi-strict")
    result.assert_outcomes(passed=2)
    assert warnings(result.stdout.str()) == []


def test_workers_warn_once(project):
    pytest.importorskip("xdist")
    for_range(project, answer="range", foil="self")
    assert len(warnings(project.run("-n", "2").stdout.str())) == 1


def test_on_github_a_warning_is_annotated(project):
    for_range(project, answer="range", foil="self")
    output = project.run("--mi-annotations", "github", "--mi-summary", "summary.md").stdout.str()
    assert (
        "::warning file=behaviours/python_for_range.yaml,line=16,title=python_for_range on nano-gelu-2l::the first"
        in output
    )
    summary = (project.path / "summary.md").read_text(encoding="utf-8")
    assert summary.startswith("✓ ")
    assert " Warnings: `python_for_range` on `nano-gelu-2l`: `the first token of the answer 'range'" in summary


def test_nothing_is_said_of_what_was_not_measured(project):
    project.behaviour(models=PRESENT)
    assert warnings(project.run("-k", "nothing").stdout.str()) == []
