"""`--mi-base`, and its twin `mi_base`: a model judged against another one."""

import json
import re

import pytest

from mi_checks.models.model_names import NANO_FOLDER
from tests.plugin.conftest import CHECKS

REFERENCE_OPTION = ("--mi-base", "nano-attn-2l")
MODELS = "  nano-attn-2l: {nodes: {induction: L1H2}}\n  nano-attn-1l: absent"
HERE = "behaviours/baselines/ab/nano-attn-2l.json"


@pytest.fixture
def whole(project):
    """With prompts enough to tell, and bounds that an edited model need not meet."""
    text = project.behaviour(checks=CHECKS, models=MODELS).replace("count: 16", "count: 64")
    project.copy("ab", text)
    return project


def judged(project, model, *arguments):
    """The run, and its result of kind `base` with the lines of its message."""
    result = project.run(f"--mi-model={model}", *REFERENCE_OPTION, "-k", "base", *arguments)
    kept = json.loads((project.path / "reports/report.json").read_text())
    (found,) = [each for each in kept["results"] if each["kind"] == "base"]
    return result, found, found["message"].splitlines()


def test_a_copy_is_what_it_is_copied_from(whole, folder):
    result, found, lines = judged(whole, folder())
    result.assert_outcomes(passed=1, deselected=5)
    result.stdout.fnmatch_lines(["against nano-attn-2l:", "  1 both kept: ab"])
    assert (found["verdict"], found["outcome"], lines) == ("both kept", "pass", [])
    assert (found["estimate"]["value"], found["at_least"]) == (0, pytest.approx(-0.422, abs=1e-3))
    assert len(found["per_prompt"]) == 64


def test_heads_that_have_changed_places_are_another_mechanism(whole, folder):
    result, found, lines = judged(whole, folder(exchange=[(1, 2, 4)]))
    result.assert_outcomes(failed=1, deselected=5)
    assert (found["verdict"], found["outcome"]) == ("behaviour kept by another mechanism", "fail")
    assert lines[0] == "behaviour kept by another mechanism: mediators −L1H2, +L1H4"
    assert lines[1] == "  reference nano-attn-2l, measured in this run"
    assert re.match(r"  effects   logit_diff 4\.218 (\[3\.\d{3}, 5\.\d{3}\]) → 4\.218 \1 logits, difference ", lines[3])
    assert lines[3].endswith("equivalence margin ±0.422: kept")
    assert re.match(r"  lost      L1H2 0\.580 \[0\.5\d\d, 0\.6\d\d\] → 0\.003 ", lines[5])
    assert lines[6].startswith("  gained    L1H4 0.003 ")
    assert [line[12:16] for line in lines[7:9]] == ["L0H3", "L1H1"]


def test_half_the_logits_are_another_behaviour_by_the_same_mechanism(whole, folder):
    _, found, lines = judged(whole, folder(logits=0.5))
    assert found["verdict"] == "mechanism kept but behaviour changed"
    assert lines[0] == "mechanism kept but behaviour changed: logit_diff 4.218 → 2.109 logits"
    assert "equivalence margin ±0.422: changed; prompts differ by 2." in lines[3]
    reach = f"{1 - 0.025 ** (1 / 64):.3f}"  # of 64 prompts none changed: Clopper and Pearson's upper end
    assert lines[4].endswith(f"difference 0.000 [−{reach}, {reach}], equivalence margin ±0.091: kept")


def test_a_head_less_changes_both(whole, folder):
    _, found, lines = judged(whole, folder(zero_heads=[(1, 2)]))
    assert found["verdict"] == "both changed"
    assert lines[0] == "both changed: logit_diff 4.218 → 1.432 logits; mediators −L1H2"


def test_a_model_without_the_behaviour_has_lost_every_mediator(whole, folder):
    _, found, lines = judged(whole, folder(zero_heads=[(1, 1), (1, 2)]))
    assert found["verdict"] == "both changed"
    assert lines[0].endswith("mediators −L0H3, −L1H2, −L1H1: clean − corrupt is not above zero")


def test_what_so_few_prompts_cannot_tell_is_not_kept(whole, folder):
    _, found, lines = judged(whole, folder(logits=0.92), "--mi-count", "8")
    assert found["outcome"] == "inconclusive"
    assert lines[0].startswith("mechanism kept, behaviour inconclusive: logit_diff ")
    assert "prompts would settle it" in "\n".join(lines)


@pytest.mark.parametrize("spelled", ["nano-attn-2l={}", "{}"])
def test_every_check_is_held_to_what_is_claimed_of_the_base(whole, folder, spelled):
    model = f"--mi-model={spelled.format(folder())}"
    ids = [node_id.rpartition("::")[2] for node_id in whole.ids(model, *REFERENCE_OPTION)]
    assert ids == [
        *("logit_diff", "accuracy", "patching[induction]", "mediators[head]", "attention[induction,A2->B1]", "base")
    ]
    whole.run(model, *REFERENCE_OPTION).assert_outcomes(passed=6)


def test_it_stands_in_place_of_the_baseline_and_compares_with_it(whole, folder):
    whole.run("--mi-update", "--mi-model", "nano-attn-2l")
    before = (whole.path / HERE).read_bytes()
    result, _, lines = judged(whole, folder(exchange=[(1, 2, 4)]))
    result.assert_outcomes(failed=1, deselected=5)
    assert lines[0] == "behaviour kept by another mechanism: mediators −L1H2, +L1H4"
    assert lines[1] == f"  reference nano-attn-2l, recorded in {HERE}"
    assert (whole.path / HERE).read_bytes() == before
    _, _, lines = judged(whole, folder(exchange=[(1, 2, 4)]), "--mi-seed", "3")  # of other prompts nothing is recorded
    assert lines[1] == "  reference nano-attn-2l, measured in this run"


def test_a_baseline_of_other_prompts_is_invalid(whole, folder):
    whole.run("--mi-update", "--mi-model", "nano-attn-2l")
    file = whole.path / "behaviours/ab.yaml"
    file.write_text(file.read_text().replace("count: 64", "count: 72"))
    _, found, lines = judged(whole, folder())
    assert (found["outcome"], found["verdict"]) == ("error", "")
    assert lines[0].startswith(f"invalid: {HERE}: the prompts differ from the recorded ones (")
    assert lines[0].endswith("if this is intended, run pytest --mi-update to record it again")


def test_a_baseline_of_another_claim_is_invalid(whole, folder):
    whole.run("--mi-update", "--mi-model", "nano-attn-2l")
    file = whole.path / "behaviours/ab.yaml"
    file.write_text(file.read_text().replace("  - accuracy: {", "  - accuracy: {against: vocabulary, "))
    _, _, lines = judged(whole, folder())
    assert lines[0].startswith(f"invalid: {HERE} was recorded for a different set of checks: accuracy[vocabulary]; ")


def test_a_baseline_that_cannot_be_read_is_invalid(whole, folder):
    whole.write(HERE, "{")
    _, _, lines = judged(whole, folder())
    assert lines[0].startswith(f"invalid: {HERE}:1:2: truncated or not JSON: ")


def test_where_the_base_lacks_the_behaviour_only_the_effect_is_compared(whole, folder):
    model = folder("nano-attn-1l")
    chosen = (f"--mi-model={model}", "--mi-base", "nano-attn-1l")
    result = whole.run(*chosen)
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["ab  ✓ absent", "against nano-attn-1l:", "  1 behaviour kept: ab"])
    whole.copy("ab", whole.behaviour(models="  nano-attn-2l: absent").replace("count: 16", "count: 64"))
    _, _, lines = judged(whole, folder(zero_heads=[(1, 2)]))
    assert re.fullmatch(r"behaviour changed: effect 4\.21[78] → 1\.432 logits", lines[0])  # 4.2175, by rounding


def test_where_nothing_is_claimed_of_nodes_there_is_no_mechanism(project, folder):
    project.behaviour()
    result = project.run(f"--mi-model={folder(exchange=[(1, 2, 4)])}", *REFERENCE_OPTION)
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["  1 behaviour kept: ab"])


def test_a_behaviour_that_makes_no_claim_of_the_base_is_not_judged(whole, folder):
    result = whole.run(f"--mi-model={folder('nano-gelu-2l')}", "--mi-base", "nano-gelu-2l")
    result.assert_outcomes(passed=2)
    told = "against nano-gelu-2l: nothing was compared, because no behaviour that ran lists nano-gelu-2l"
    result.stdout.fnmatch_lines([told])


def test_the_base_may_be_other_weights_too(whole, folder):
    edited = folder(zero_heads=[(1, 2)])
    whole.run("--mi-update", "--mi-model", "nano-attn-2l")
    chosen = (f"--mi-model={edited}", f"--mi-base=nano-attn-2l={edited}", "-k", "base")
    result = whole.run(*chosen)  # what is recorded is of others
    result.assert_outcomes(passed=1, deselected=5)
    result.stdout.fnmatch_lines(["  1 both kept: ab"])


def test_another_tokenizer_shares_no_prompts(whole, folder):
    model = folder()
    tokenizer = json.loads((NANO_FOLDER.parent / "nano/tokenizer.json").read_text())
    (model / "tokenizer.json").write_text(json.dumps(tokenizer))  # the same, written otherwise
    _, found, lines = judged(whole, model)
    assert found["outcome"] == "error"
    assert lines[0].startswith("not compared: --mi-base nano-attn-2l uses a different tokenizer (")
    assert lines[0].endswith("no prompt is the same in both; choose a reference model with the same tokenizer")


def test_the_record_has_the_base(whole, folder):
    judged(whole, folder())
    kept = json.loads((whole.path / "reports/report.json").read_text())
    assert kept["settings"]["base"] == "nano-attn-2l"
    assert kept["models"]["nano-attn-2l (base)"]["source"].startswith("bundled")


def test_the_command_runs_it_again(whole, folder):
    model = folder(zero_heads=[(1, 2)])
    _, _, lines = judged(whole, model)
    assert lines[-2] == "  claimed   behaviours/ab.yaml:1"
    given = f"nano-attn-2l={model}"
    assert lines[-1] == (
        f"  re-run    pytest behaviours/ab.yaml::{given}::base --mi-model {given} --mi-base nano-attn-2l"
    )
    whole.run(*lines[-1].split()[2:]).assert_outcomes(failed=1)


def test_a_check_that_cannot_be_measured_leaves_it_unjudged(whole, folder):
    _, found, lines = judged(whole, folder(nan=True))
    assert found["outcome"] == "error"
    assert lines[0] == "not compared: logit_diff could not be measured"


def test_workers(whole, folder):
    pytest.importorskip("xdist")
    whole.copy("cd", (whole.path / "behaviours/ab.yaml").read_text().replace("name: ab", "name: cd"))
    result = whole.run("-n", "2", f"--mi-model={folder(exchange=[(1, 2, 4)])}", *REFERENCE_OPTION)
    result.stdout.fnmatch_lines(["against nano-attn-2l:", "  2 behaviour kept by another mechanism: ab, cd"])


def test_the_ini_twin(whole, folder):
    whole.ini("mi_base = nano-attn-2l", f"mi_model = {folder()}")
    whole.run("-k", "base").assert_outcomes(passed=1, deselected=5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "--mi-base nano-attn-2l: no model is compared with it; name one with --mi-model FOLDER"),
        (
            ("--mi-model", "nano-attn-1l=nano-attn-2l@650"),
            "--mi-base nano-attn-2l: --mi-model nano-attn-1l=nano-attn-2l@650 runs under the claims about "
            "'nano-attn-1l'; leave out 'nano-attn-1l=', or name nano-attn-1l as the reference model",
        ),
        (
            ("--mi-model", "nano-attn-1l"),
            "--mi-base nano-attn-2l has 2 layers of 6 heads and no MLPs, and nano-attn-2l=nano-attn-1l 1 layer of 6 "
            "heads and no MLPs: their heads do not correspond; compare it with a model of the same shape",
        ),
        (
            ("--mi-model", "nano-attn-2l@650", "--mi-model", "nano-attn-2l@500"),
            "--mi-model: nano-attn-2l=nano-attn-2l@650 and nano-attn-2l=nano-attn-2l@500 run under the same claims; "
            "run them one at a time",
        ),
        (
            ("--mi-model", "nano-attn-2l@650", "--mi-update"),
            "--mi-base nano-attn-2l: --mi-update would record another model's baselines; use only one of the two "
            "options",
        ),
    ],
)
def test_what_cannot_be_asked(whole, options, message):
    result = whole.run(*REFERENCE_OPTION, *options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert result.stderr.lines[0] == f"ERROR: {message}"


def test_an_unknown_base_is_told_with_the_nearest(whole):
    result = whole.run("--mi-base", "nano-atn-2l", "--mi-model", "nano-attn-2l@650")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert result.stderr.lines[0].endswith("; did you mean 'nano-attn-2l'?")
