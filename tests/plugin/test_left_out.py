"""What a report wants and cannot have is left out with a sentence; no outcome and no exit code depends on it."""

import pytest
from transformers import OlmoConfig, OPTConfig

from mi_checks.errors import MiChecksError
from mi_checks.results.read_run import read_run
from tests.models.written import VOCABULARY, write_huggingface
from tests.plugin.conftest import BOUND, CHECKS

SHAPE = {
    "vocab_size": VOCABULARY, "num_hidden_layers": 2, "hidden_size": 32, "num_attention_heads": 4,
    "max_position_embeddings": 64, "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0,
}  # fmt: skip
# The last token is the answer, so that even random weights with a tied embedding tell clean from corrupt.
LAST = """\
name: last
summary: "the last token again"
prompts:
  count: 16
  variables:
    A: {tokens: random}
    X: {tokens: random, differs_from: A}
    Y: {tokens: random, differs_from: [A, X]}
  template: "{{ A | at('A1') }}{{ X | at('X1') }}"
  corrupt: {X: Y}
  answer: "{{ X }}"
  foils: ["{{ Y }}"]
checks:
  - logit_diff: {at_least: 0.01}
  - attention: {nodes: L1H0, from: X1, to: A1, at_least: 0.01}
models:
  nano-attn-2l: {}
"""


class Odd(Exception):
    """One that nobody foresees."""


def run_of(project):
    return read_run(project.path / "reports/report.json")


@pytest.fixture
def sentences(project):
    """What a run's evidence says was left out, each sentence also in the terminal and on the page."""

    def sentences(result):
        (evidence,) = run_of(project).evidence
        page = (project.path / "reports/report.html").read_text(encoding="utf-8")
        for sentence in evidence.omitted:
            escaped = sentence.replace("'", "&#39;")
            assert escaped in page
        if evidence.omitted:
            told = f"note: {evidence.behaviour} on {evidence.model}: {evidence.omitted[0]}"
            assert told in result.outlines
            assert "note: no outcome depends on this; run with --mi-debug to see where" in result.outlines
        assert "Traceback" not in result.stdout.str()
        return evidence.omitted

    return sentences


def test_case_07_a_norm_without_weight(project, tmp_path, sentences):
    """OLMo 1: the checks pass, and the report's circuit asks for what cannot be read off such a norm."""
    config = OlmoConfig(**SHAPE, intermediate_size=48, tie_word_embeddings=True)
    write_huggingface(tmp_path / "olmo", config)
    project.copy("last", LAST)
    result = project.run("--mi-model", f"nano-attn-2l={tmp_path / 'olmo'}")
    assert result.ret == 0
    result.assert_outcomes(passed=2)
    found = sentences(result)
    (card,) = run_of(project).evidence[0].circuit.cards
    assert card.head == "L1H0"
    assert (card.direct is None) == any(each.startswith("The direct logit attribution of heads") for each in found)
    assert any(
        map_.title.startswith("fraction recovered by the residual stream")
        for map_ in run_of(project).evidence[0].heatmaps
    )


def test_case_07_no_final_norm(project, tmp_path):
    """OPT with `do_layer_norm_before=False`: whatever it comes to, it comes to without a traceback."""
    config = OPTConfig(**SHAPE, ffn_dim=128, word_embed_proj_dim=32, do_layer_norm_before=False)
    write_huggingface(tmp_path / "opt", config)
    project.copy("last", LAST)
    result = project.run("--mi-model", f"nano-attn-2l={tmp_path / 'opt'}")
    outcomes = [each.outcome for each in run_of(project).results]
    assert len(outcomes) == 2
    assert result.ret == (0 if outcomes == ["pass", "pass"] else 1)
    if "error" in outcomes:  # TransformerLens' bridge expects the norm that is not there
        result.stdout.re_match_lines(
            [r"model 'nano-attn-2l=.*': TransformerLens cannot run it: .* expects a norm before the logits.*"]
        )
    for word in ("Traceback", "INTERNALERROR", ".py:"):
        assert word not in result.stdout.str()


PARTS = [
    ("mi_checks.suite.evidence.node_cards.direct_effects", "The direct logit attribution of heads"),
    ("mi_checks.suite.evidence.node_cards.ablation_effect", "The ablation of L1H2"),
    ("mi_checks.suite.evidence.node_cards._head_card", "The card of L1H2"),
    ("mi_checks.suite.evidence.circuit_evidence._edges", "The set of paths in the circuit"),
    ("mi_checks.suite.evidence.gather.circuit", "The circuit"),
    ("mi_checks.suite.evidence.gather.position_map", "The map of layers and labels"),
    ("mi_checks.suite.evidence.gather._example", "The list of example prompts"),
    ("mi_checks.suite.evidence.gather._heatmap", "A heat map"),
    ("mi_checks.suite.evidence.gather._strongest_mediators", "The list of mediators"),
    ("mi_checks.suite.suite.curves", "The curve of faithfulness"),
    ("mi_checks.suite.suite.path_prompts", "The sweep of all heads"),
]
RAISED = [
    Odd("odd"), MiChecksError("odd"), ValueError("odd"), AttributeError("odd"), RuntimeError("odd"),
    IndexError("odd"), KeyError("odd"), TypeError("odd"), AssertionError("odd"), NotImplementedError("odd"),
    OSError("odd"),
]  # fmt: skip


@pytest.mark.parametrize(("part", "error"), list(zip(PARTS, RAISED, strict=True)), ids=str)
def test_a_part_of_the_evidence(part, error, project, sentences, monkeypatch):
    place, what = part

    def breaks(*_, **__):
        raise error

    monkeypatch.setattr(place, breaks)
    project.behaviour(checks=CHECKS, models=BOUND)
    result = project.run()
    assert result.ret == 0
    result.assert_outcomes(passed=5)
    assert f"{what} was left out: " in sentences(result)[0]
    assert "odd" in sentences(result)[0]
    (evidence,) = run_of(project).evidence
    left = {
        "mi_checks.suite.evidence.gather._example": "examples",
        "mi_checks.suite.evidence.gather._heatmap": "heatmaps",
        "mi_checks.suite.suite.path_prompts": "heatmaps",
    }.get(place)
    for name in {"examples", "heatmaps"} - {left}:
        assert getattr(evidence, name)


def test_a_part_that_is_not_a_number(project, sentences, monkeypatch):
    from mi_checks.results.evidence import Heatmap

    monkeypatch.setattr(
        "mi_checks.suite.evidence.gather.position_map", lambda _: Heatmap("map", ("L0",), ("A",), ((float("nan"),),))
    )
    project.behaviour(checks=CHECKS, models=BOUND)
    result = project.run()
    assert result.ret == 0
    assert sentences(result) == ("The map of layers and labels was left out: it contains nan, which cannot be stored",)


def test_the_sweep_of_all_heads(project, sentences, monkeypatch):
    """Tried once, though each of three checks would do for the report to want it."""
    from mi_checks.checks.measurements import Measurements

    tried = []

    def breaks(self, *_, **__):
        tried.append(self)
        raise IndexError("index 7 is out of bounds")

    monkeypatch.setattr(Measurements, "sweep", breaks)
    checks = "".join(f"  - patching: {{nodes: L1H{head}, recovers: {{at_most: 1.5}}}}\n" for head in range(3))
    project.behaviour(checks=checks)
    result = project.run()
    assert result.ret == 0
    result.assert_outcomes(passed=3)
    assert sentences(result) == ("The sweep of all heads was left out: IndexError: index 7 is out of bounds",)
    assert len(tried) == 1


def test_what_would_explain_a_failure(project, monkeypatch):
    """It is still the failure that it is, with its numbers."""
    from mi_checks.checks.measurements import Measurements

    def breaks(*_, **__):
        raise RuntimeError("shapes cannot be multiplied")

    monkeypatch.setattr(Measurements, "sweep", breaks)
    project.behaviour(checks="  - patching: {nodes: L0H0, recovers: {at_least: 0.9}}")
    result = project.run()
    assert result.ret == 1
    (found,) = run_of(project).results
    assert found.outcome == "fail"
    assert found.estimate is not None
    assert found.message.endswith("The rest of the explanation was left out: RuntimeError: shapes cannot be multiplied")


def test_all_of_the_evidence(project, monkeypatch):
    def breaks(*_, **__):
        raise Odd("odd")

    monkeypatch.setattr("mi_checks.suite.evidence.gather.effect", breaks)
    project.behaviour(checks=CHECKS, models=BOUND)
    result = project.run()
    assert result.ret == 0
    result.assert_outcomes(passed=5)
    run = run_of(project)
    assert run.evidence == ()
    assert [each.outcome for each in run.results] == ["pass"] * 5
    assert run.omitted == ("The evidence of ab on nano-attn-2l was left out: Odd: odd",)
    result.stdout.fnmatch_lines([f"note: {run.omitted[0]}"])
    assert "The evidence of ab on nano-attn-2l was left out" in (project.path / "reports/report.html").read_text(
        "utf-8"
    )


def test_memory_says_what_to_lower(project, sentences, monkeypatch):
    def breaks(*_, **__):
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr("mi_checks.suite.evidence.gather.position_map", breaks)
    project.behaviour(checks=CHECKS, models=BOUND)
    result = project.run()
    assert result.ret == 0
    assert sentences(result)[0].endswith("can't allocate memory; lower --mi-count or --mi-memory")


def test_an_interruption_is_none(project, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("mi_checks.suite.evidence.gather.position_map", interrupted)
    project.behaviour(checks=CHECKS, models=BOUND)
    assert project.pytester.inline_run(no_reraise_ctrlc=True).ret == 2
    assert [each.outcome for each in run_of(project).results] == ["pass"] * 5


@pytest.mark.parametrize("place", ["reports/report.html", "reports/pages/"])
def test_what_breaks_the_drawing(place, project, monkeypatch):
    """The page comes without it, and says so."""

    def breaks(*_, **__):
        raise Odd("no room")

    monkeypatch.setattr("mi_checks.report.behaviour_section.circuit_drawing", breaks)
    project.behaviour(checks=CHECKS, models=BOUND)
    result = project.run("--mi-report", place)
    assert result.ret == 0
    told = "ab on nano-attn-2l: The circuit was left out: Odd: no room"
    result.stdout.fnmatch_lines([f"note: {told}"])
    pages = [path.read_text("utf-8") for path in (project.path / "reports").rglob("*.html")]
    assert any("The circuit was left out: Odd: no room" in page for page in pages)
    assert any("Fraction recovered by each head" in page for page in pages)


def test_a_page_that_cannot_be_drawn_at_all(project, monkeypatch):
    def breaks(*_, **__):
        raise Odd("no room")

    monkeypatch.setattr("mi_checks.report.single_page.report_header", breaks)
    project.behaviour()
    result = project.run()
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        ["run: reports/report.json", "note: The report reports/report.html was left out: Odd: no room"]
    )
    assert not (project.path / "reports/report.html").exists()
    assert [each.outcome for each in run_of(project).results] == ["pass"]


def test_a_baseline_without_mediators_is_not_written(project, monkeypatch):
    from mi_checks.checks.measurements import Measurements

    def breaks(*_, **__):
        raise Odd("odd")

    checks = "  - patching: {nodes: L1H2, recovers: {at_most: 1.5}}"
    project.behaviour(checks=checks)
    assert project.run("--mi-update").ret == 0
    (baseline,) = project.path.rglob("baselines/**/*.json")
    recorded = baseline.read_text("utf-8")
    with monkeypatch.context() as patched:
        patched.setattr(Measurements, "sweep", breaks)
        result = project.run("-p", "no:cacheprovider")
        assert result.ret == 0  # equal as far as it is known
        result.assert_outcomes(passed=2)
        result = project.run("--mi-update", "-p", "no:cacheprovider")
        result.stdout.fnmatch_lines(["baselines: * not written: the mediating heads could not be measured"])
    assert baseline.read_text("utf-8") == recorded


def test_a_mechanism_that_is_not_known_is_not_judged(project, folder, monkeypatch):
    """Neither kept nor changed."""

    def breaks(measured, on_few, omitted):
        omitted.add("the sweep of all heads", Odd("odd"))

    project.behaviour(checks="  - logit_diff: {at_least: 1.5}\n  - patching: {nodes: L1H2, recovers: {at_most: 1.5}}")
    assert project.run("--mi-update").ret == 0
    model = str(folder())
    judged = ["--mi-model", model, "--mi-base", "nano-attn-2l", "-p", "no:cacheprovider"]
    assert project.run(*judged).ret == 0
    monkeypatch.setattr("mi_checks.suite.suite.sweep_for_report", breaks)
    result = project.run(*judged)
    assert result.ret == 1
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["not compared: which heads mediate in * is not known: The sweep of all heads was *"])


@pytest.mark.parametrize("how", ["skip", "fail"])
def test_outcomes_of_pytest_in_the_evidence(how, project, sentences, monkeypatch):
    """As a project's own score may raise them: they are of no item."""

    def breaks(*_, **__):
        getattr(pytest, how)("not here")

    monkeypatch.setattr("mi_checks.suite.evidence.gather.position_map", breaks)
    project.behaviour(checks=CHECKS, models=BOUND)
    result = project.run()
    assert result.ret == 0
    result.assert_outcomes(passed=5)
    assert sentences(result)[0].startswith("The map of layers and labels was left out: ")
