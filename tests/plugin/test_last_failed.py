"""`--lf` finds checks whose ids have brackets."""


def test_only_what_failed_runs_again(project):
    project.behaviour(
        checks="  - logit_diff: {at_least: 1.5}\n  - patching: {nodes: L1H0, recovers: {at_least: 0.9}}",
    )
    first = project.run("-p", "cacheprovider")
    first.assert_outcomes(passed=1, failed=1)
    again = project.run("-p", "cacheprovider", "--lf")
    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines(
        ["*rerun previous 1 failure*", "FAILED behaviours/ab.yaml::nano-attn-2l::patching?L1H0?*"]
    )
