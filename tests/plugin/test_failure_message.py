"""A failing check tells what was claimed, what was found, where it is worst, what mediates instead, and what next.

Each item does so briefly, what failed stands under its cause at the end, and -vv has every message in full.
"""

import re
import shlex
from pathlib import Path

import pytest

SHIPPED = Path(__file__).parents[2] / "behaviours" / "induction.yaml"
COUNT = "32"
NEURON_COUNT = "256"  # 6.5 √768 prompts are needed to test all neurons together
NUMBER = r"−?\d+\.\d{3}"
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
        "--mi-count", COUNT, "--mi-model", "nano-attn-2l", "-k", "patching[induction] or mediators[head]", "-vv"
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
        rf"  measured  {INTERVAL} fraction of clean − corrupt "
        rf"\(95 % interval over {COUNT} prompts; Fieller's test of part − bound · whole\)",
        rf"  parts     {INTERVAL} of {INTERVAL} logits \(clean − corrupt\)",
        rf"  bound     at least {bound}",
        r"  because   the whole interval is outside the bound",
        rf"  worst of {COUNT} prompts: \d+",
        r"    clean    (·\w+)+",
        r"    corrupt  (·\w+)+",
        r"    answer   ·\w+   foil ·\w+   logit difference −?\d+\.\d\d clean, −?\d+\.\d\d corrupt",
        r"    predicts (\S+ \d\.\d\d, ){4}\S+ \d\.\d\d \(clean\)",
        r"             (\S+ \d\.\d\d, ){4}\S+ \d\.\d\d \(corrupt\)",
        rf"  mediators found, by fraction recovered alone: L0H3 {INTERVAL}; L1H2 {INTERVAL}; L1H1 {INTERVAL}",
        rf"  claimed   {re.escape(location)}",
        rf"  re-run    pytest '.*' --mi-model nano-attn-2l --mi-count {COUNT}",
    ]
    for line, pattern in zip(lines, expected, strict=False):
        assert re.fullmatch(pattern, line), f"{line!r} is not {pattern!r}"


def test_it_names_the_heads_that_do_it(output):
    found = re.search(r"mediators found, by fraction recovered alone: (.*)", output).group(1)
    assert {part.split()[0] for part in found.split("; ")} == {"L0H3", "L1H1", "L1H2"}  # case 39: and no others


def test_a_wrong_set_is_told_with_its_correction(output):
    message = output[output.index("mediators[head] ____") :]
    assert re.search(
        rf"^fail: measured {INTERVAL} of (L1H\d), bound at (?:most|least) [\d.]+\n"
        r"  claim     exactly L0H3, L1H0 each recover more than [\d.]+ of clean − corrupt\n"
        r"  measured  .*\n"
        r"  deciding  \1 \(Holm-corrected over 12 heads\)$",
        message,
        re.MULTILINE,
    )
    because = re.search(r"  because   (.*)\n {12}(.*)\n", message)
    assert because.group(1) == "claimed, but below the threshold (Holm-corrected over 12 heads): L1H0"
    assert because.group(2) == "above the threshold, but not claimed (Holm-corrected over 12 heads): L1H1, L1H2"


def test_the_command_runs_just_that_check_again(project, output):
    commands = set(re.findall(r"re-run    pytest (.*)", output))
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
    output = project.run("-vv").stdout.str()
    worst = float(re.search(r"logit difference (\S+) clean", output).group(1))
    mean = float(re.search(r"fail: measured (\S+)", output).group(1))
    assert worst > mean > 0


def test_a_preference_has_no_mediators_to_name(project):
    project.behaviour(checks="  - logit_diff: {at_least: 90}")
    assert "mediators found" not in project.run("-vv").stdout.str()


def with_a_wrong_neuron(project):
    text = (SHIPPED.parent / "neurons_block_colon.yaml").read_text(encoding="utf-8")
    assert text.count("colon: L0N309") == 1
    text = text.replace("{pool: ", "{rows: fixed, pool: ")  # 101 words are too few for 768 neurons
    project.copy("neurons_block_colon", text.replace("colon: L0N309", "colon: L0N310"))


def found_instead(output, check):
    message = output[output.index(f"{check} ____") :]
    among, found = re.search(r"mediators found, by fraction recovered alone(.*?): (.*)", message).groups()
    return among, [each.split()[0] for each in found.split("; ")][:2]


def test_of_a_wrong_neuron_it_names_neurons(project):
    with_a_wrong_neuron(project)
    output = project.run("--mi-count", NEURON_COUNT, "--mi-model", "nano-solu-1l", "-vv").stdout.str()
    for check in ("mediators[neuron@END]", "patching[colon@END]", "patching[colon@END,noising]"):
        assert found_instead(output, check) == ("", ["L0N309", "L0N623"])


def test_where_no_check_sweeps_neurons_it_looks_among_few(project):
    with_a_wrong_neuron(project)
    options = ("--mi-count", NEURON_COUNT, "--mi-model", "nano-solu-1l", "-k", "patching and not noising", "-vv")
    among, found = found_instead(project.run(*options).stdout.str(), "patching[colon@END]")
    assert among == ", of the 32 neurons that attribution patching ranks first"
    assert found == ["L0N309", "L0N623"]


def of_score(project, score, definition=""):
    """A behaviour that is scored so, and fails by far."""
    project.write("conftest.py", definition)
    text = project.behaviour(
        checks="  - logit_diff: {at_least: 90}\n  - patching: {nodes: L0H0, recovers: {at_least: 0.5}}"
    )
    project.copy("ab", text.replace("prompts:\n", f"prompts:\n  score: {score}\n"))
    return project.run("-vv")


PROBABILITY = """
def pytest_mi_scores():
    def probability(logits, answers, foils):
        return logits.softmax(-1).gather(-1, answers).mean(-1)

    return {"probability": probability}
"""


@pytest.mark.parametrize(
    ("score", "definition", "name", "unit"),
    [
        ("log_probability", "", "log-probability difference", "nats"),
        ("probability", PROBABILITY, "probability", "probability"),
    ],
)
def test_case_26_a_score_is_called_what_it_is(project, score, definition, name, unit):
    output = of_score(project, score, definition).stdout.str()
    assert len(set(re.findall(rf"   {name} −?\d+\.\d\d clean, −?\d+\.\d\d corrupt\n", output))) == 2
    assert re.search(rf"; {name} \S+ clean, \S+ corrupt\n", output)  # of the worst prompt, under the cause
    assert re.search(rf"  parts     .* of .* {unit} \(clean − corrupt\)\n", output)
    page = (project.path / "reports/report.html").read_text(encoding="utf-8")
    assert f"</b> · {name} <b" in page
    for text in (output, page):
        assert "logit difference" not in text.replace("the logit difference in logits, unless another unit", "")


def test_case_26_nothing_to_recover_is_said_in_the_score_s_unit(project):
    project.write("conftest.py", PROBABILITY.replace(".mean(-1)", ".mean(-1) * 0"))
    text = project.behaviour(checks="  - patching: {nodes: L0H0, recovers: {at_least: 0.5}}")
    project.copy("ab", text.replace("prompts:\n", "prompts:\n  score: probability\n"))
    output = project.run().stdout.str()
    assert "there is no effect to mediate: clean − corrupt is 0.000 probability [0.000, 0.000], which is not" in output
    assert "likely cause  the prompts have no effect to recover: clean − corrupt is 0.000" in output
