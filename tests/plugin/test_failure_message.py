"""A failing check tells what was claimed, what was found, where it is worst, what mediates instead, and what next."""

import re
import shlex
from pathlib import Path

import pytest

SHIPPED = Path(__file__).parents[2] / "behaviours" / "induction.yaml"
COUNT = "32"
NUMBER = r"-?\d+\.\d{3}"
INTERVAL = rf"{NUMBER} \[{NUMBER}, {NUMBER}\]"


@pytest.fixture(scope="module")
def text():
    """The shipped induction behaviour with a wrong head claimed: L1H0 carries nothing."""
    text, changed = re.subn(
        r"(nano-attn-2l: .*induction: )(\[.*?\]|\w+)", r"\1L1H0", SHIPPED.read_text(encoding="utf-8")
    )
    assert changed == 1
    return text


def line_of(text, beginning):
    return next(i for i, line in enumerate(text.splitlines(), 1) if line.strip().startswith(beginning))


@pytest.fixture
def output(project, text):
    project.copy("induction", text)
    result = project.run(
        "--mi-count", COUNT, "--mi-model", "nano-attn-2l", "-k", "patching[induction] or mediators[head]"
    )
    assert result.ret == 1
    result.assert_outcomes(failed=2)
    return result.stdout.str()


def test_the_whole_message_of_a_wrong_head(output, text):
    message = output[output.index("patching[induction] ____") : output.index("patching[induction] ____") + 4000]
    lines = message.splitlines()[1:]
    location = f"behaviours/induction.yaml:{line_of(text, '- patching: {nodes: induction')}"
    bound = re.search(r"patching: \{nodes: induction, recovers: \{at_least: ([\d.]+)\}", text).group(1)
    expected = [
        rf"fail: measured {INTERVAL}, bound at least {bound}",
        rf"  claim     denoising L1H0 recovers at least {bound} of clean − corrupt",
        rf"  measured  {INTERVAL} share of clean − corrupt "
        rf"\(95 % interval, bootstrap of the ratio of means, {COUNT} prompts\)",
        rf"  bound     at least {bound}",
        r"  because   the whole interval is beyond the bound",
        rf"  worst of {COUNT} prompts: \d+",
        r"    clean    (·\w+)+",
        r"    corrupt  (·\w+)+",
        r"    answer   ·\w+   foil ·\w+   logit difference -?\d+\.\d\d clean, -?\d+\.\d\d corrupt",
        r"    predicts (\S+ \d\.\d\d, ){4}\S+ \d\.\d\d \(clean\)",
        r"             (\S+ \d\.\d\d, ){4}\S+ \d\.\d\d \(corrupt\)",
        rf"  mediators found, by share recovered alone: L0H3 {INTERVAL}; L1H2 {INTERVAL}; L1H1 {INTERVAL}",
        rf"  claimed   {re.escape(location)}",
        rf"  re-run    pytest '.*' --mi-model nano-attn-2l --mi-count {COUNT}",
    ]
    for line, pattern in zip(lines, expected, strict=False):
        assert re.fullmatch(pattern, line), f"{line!r} is not {pattern!r}"


def test_it_names_the_heads_that_do_it(output):
    found = re.search(r"mediators found, by share recovered alone: (.*)", output).group(1)
    assert {part.split()[0] for part in found.split("; ")} == {"L0H3", "L1H1", "L1H2"}  # case 39: and no others


def test_a_wrong_set_is_told_with_its_correction(output):
    message = output[output.index("mediators[head] ____") :]
    assert re.search(
        r"claim     exactly L0H3, L1H0 recover more than [\d.]+ of clean − corrupt "
        r"\(Holm-corrected over 12 heads; deciding: L1H\d\)",
        message,
    )
    because = re.search(r"  because   (.*)\n {12}(.*)\n", message)
    assert because.group(1) == "claimed, but below the threshold (Holm-corrected over 12 heads): L1H0"
    assert because.group(2) == "above the threshold, but not claimed (Holm-corrected over 12 heads): L1H1, L1H2"


def test_the_command_runs_just_that_check_again(project, output):
    commands = re.findall(r"re-run    pytest (.*)", output)
    assert len(commands) == 2
    for command in commands:
        again = project.run(*shlex.split(command))
        again.assert_outcomes(failed=1)
        message = output[output.index("fail: measured") :]
        assert "fail: measured" in message


def test_the_command_says_the_same_again(project, output):
    command = re.search(r"re-run    pytest (.*patching.*)", output).group(1)
    again = project.run(*shlex.split(command)).stdout.str()
    measured = re.compile(r"patching\[induction\] _+\n(fail: measured .*)\n")
    assert measured.search(again).group(1) == measured.search(output).group(1)


def test_the_first_line_is_fit_for_the_short_summary(output):
    assert re.search(r"FAILED behaviours/induction\.yaml::nano-attn-2l::mediators\[head\] - Failed: ", output)


def test_on_continuous_integration_the_short_summary_repeats_the_message(project, text, monkeypatch):
    monkeypatch.setenv("CI", "1")
    project.copy("induction", text)
    output = project.run("--mi-count", COUNT, "--mi-model", "nano-attn-2l", "-k", "patching[induction]").stdout.str()
    assert output.count("  re-run    pytest ") == 2


def test_no_python_in_it(output):
    for word in ("Traceback", ".py:", "self", "raise "):
        assert word not in output


def test_an_upper_bound_is_worst_where_it_is_highest(project):
    project.behaviour(checks="  - logit_diff: {at_most: 0}")
    output = project.run().stdout.str()
    worst = float(re.search(r"logit difference (\S+) clean", output).group(1))
    mean = float(re.search(r"fail: measured (\S+)", output).group(1))
    assert worst > mean > 0


def test_a_preference_has_no_mediators_to_name(project):
    project.behaviour(checks="  - logit_diff: {at_least: 90}")
    assert "mediators found" not in project.run().stdout.str()


def with_a_wrong_neuron(project):
    text = (SHIPPED.parent / "neurons_block_colon.yaml").read_text(encoding="utf-8")
    assert text.count("colon: L0N309") == 1
    project.copy("neurons_block_colon", text.replace("colon: L0N309", "colon: L0N310"))


def found_instead(output, check):
    message = output[output.index(f"{check} ____") :]
    among, found = re.search(r"mediators found, by share recovered alone(.*?): (.*)", message).groups()
    return among, [each.split()[0] for each in found.split("; ")][:2]


def test_of_a_wrong_neuron_it_names_neurons(project):
    with_a_wrong_neuron(project)
    output = project.run("--mi-count", COUNT, "--mi-model", "nano-solu-1l").stdout.str()
    for check in ("mediators[neuron@END]", "patching[colon@END]", "patching[colon@END,noising]"):
        assert found_instead(output, check) == ("", ["L0N309", "L0N623"])


def test_where_no_check_sweeps_neurons_it_looks_among_few(project):
    with_a_wrong_neuron(project)
    options = ("--mi-count", COUNT, "--mi-model", "nano-solu-1l", "-k", "patching and not noising")
    among, found = found_instead(project.run(*options).stdout.str(), "patching[colon@END]")
    assert among == ", of the 32 neurons that attribution patching ranks first"
    assert found == ["L0N309", "L0N623"]
