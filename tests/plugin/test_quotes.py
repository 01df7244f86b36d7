"""Quoted prompts, and prompts from a data file, measured."""

QUOTED = """\
name: quoted
summary: "from real text"
prompts:
  quotes:
    - "the [[name|value]] of the [[noun: file]]"
    - {text: "the [[file|test]] in a [[noun: list]]", answer: " not", foils: [" in"]}
  answer: " is"
  foils: [" and"]
checks:
  - logit_diff: {at_least: -1000}
  - attention: {nodes: L0H0, from: END, to: span, at_least: 0.0001}
  - patching: {nodes: L0.attn, at: noun, recovers: {at_least: -1000, at_most: 1000}}
models: {nano-attn-2l: {}}
"""
FROM_FILE = """\
name: listed
summary: "from a file"
prompts:
  count: 4
  variables:
    case: {file: data/cases.csv}
    other: {file: data/cases.csv, differs_from: case}
  template: "the {{ case.noun | at('noun') }} of"
  corrupt: {case.noun: other.noun}
  answer: "{{ case.verb }}"
  foils: ["{{ other.verb }}"]
checks:
  - logit_diff: {at_least: -1000}
models: {nano-attn-2l: {}}
"""


def test_both_are_measured(project):
    project.copy("quoted", QUOTED)
    project.copy("listed", FROM_FILE)
    project.write("behaviours/data/cases.csv", "noun,verb\nname, is\nvalue, not\nfile, in\ntest, and\n")
    result = project.run("--mi-report", "report.html")
    result.assert_outcomes(passed=1, failed=3)  # attention has limits, so that two prompts are enough for it
    text = result.stdout.str()
    assert "2 prompts are too few for an interval; use at least 8 (--mi-count 8)" in text
    assert "the prompts share 3 values of 'other', too few for a claim about more of their kind" in text
    html = (project.path / "report.html").read_text(encoding="utf-8")
    assert "behaviours/listed.yaml" in html
    assert "noun" in html


def test_mistakes_end_the_run(project):
    project.copy("quoted", QUOTED.replace("[[name|value]]", "[[name]]"))
    project.copy("listed", FROM_FILE)
    project.write("behaviours/data/cases.csv", "noun,verb\nname, is\nvalue\n")
    result = project.run()
    assert result.ret == 2
    result.stdout.fnmatch_lines(
        [
            "behaviours/data/cases.csv:3:1: this row has 1 field, but the header has 2: noun, verb",
            "behaviours/quoted.yaml:5:7: *has one alternative and no label*",
        ]
    )
