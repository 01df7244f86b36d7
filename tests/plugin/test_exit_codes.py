"""What the shell is told."""

BAD = """\
name: Bad
summary: "two mistakes in the shape"
prompts:
  count: many
  variables: {A: {tokens: random}, B: {tokens: random}}
  template: "{{ A }}"
  corrupt: {A: B}
  answer: "{{ A }}"
  foils: ["{{ B }}"]
checks:
  - logit_dif: {at_least: 1}
models:
  nano-attn-2l: {}
"""


def test_0_when_all_pass(project):
    project.whole()
    result = project.run("--mi-count", "96")
    assert result.ret == 0
    result.assert_outcomes(passed=6)


def test_1_when_a_check_fails(project):
    project.behaviour(checks="  - logit_diff: {at_least: 90}")
    result = project.run()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["fail: measured *", "ab  ✗ 0/1"])


def test_1_when_a_check_is_inconclusive(project):
    project.behaviour(checks="  - logit_diff: {at_least: 5}")
    result = project.run()
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "inconclusive: measured 5.* bound at least 5",
            "  because   the interval contains the bound; about * prompts would settle it: --mi-count *",
            "ab  [?] 0/1",
        ]
    )


def test_2_when_a_file_has_mistakes_and_nothing_runs(project):
    project.behaviour()
    project.copy("bad", BAD)
    result = project.run()
    assert result.ret == 2
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            "behaviours/bad.yaml:1:7: *'Bad'*",
            "behaviours/bad.yaml:4:10: *the text 'many'*",
            "behaviours/bad.yaml:11:5: unknown *'logit_dif'*did you mean 'logit_diff'?",
        ]
    )
    assert "Traceback" not in result.stdout.str()
    assert "report:" not in result.stdout.str()


def test_2_when_a_file_has_mistakes_and_it_is_only_collected(project):
    project.copy("bad", BAD)
    result = project.run("--collect-only")
    assert result.ret == 2
    assert "behaviours/bad.yaml:11:5: " in result.stdout.str()


def test_2_when_a_head_is_outside_the_model(project):
    project.behaviour(checks="  - patching: {nodes: L9H0, recovers: {at_least: 0.5}}")
    result = project.run()
    assert result.ret == 2
    result.stdout.fnmatch_lines(
        ["behaviours/ab.yaml:18:23: node 'L9H0' is outside nano-attn-2l, which has layers 0 to 1"]
    )


def test_2_when_a_model_is_unknown(project):
    project.behaviour(models="  nano-atn-2l: {}")
    result = project.run()
    assert result.ret == 2
    result.stdout.fnmatch_lines(
        ["behaviours/ab.yaml:20:3: unknown model 'nano-atn-2l'; known models: *; did you mean 'nano-attn-2l'[?]"]
    )


def test_4_when_an_option_cannot_be_used(project):
    project.behaviour()
    assert project.run("--mi-dtype", "int4").ret == 4
    assert project.run("--mi-modle", "nano-attn-2l").ret == 4


def test_5_when_there_is_nothing(project):
    assert project.run().ret == 5
    assert project.run("--mi-model", "nano-attn-2l").ret == 5
