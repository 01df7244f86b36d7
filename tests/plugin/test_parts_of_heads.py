"""Claims about queries, keys, values and patterns, on a real model: an induction head finds its token by its keys."""

MODELS = "  nano-attn-2l: {nodes: {keys: [L1H2.k]}}"


def test_keys_mediate_and_queries_do_not(project):
    checks = """\
  - patching: {nodes: keys, recovers: {at_least: 0.2}}
  - mediators: {component: k, above: 0.15, include: keys}
  - mediators: {component: q, above: 0.15, exactly: []}"""
    project.behaviour(checks=checks, models=MODELS)
    project.run("--mi-count", "48").assert_outcomes(passed=3)
    assert project.ids() == [
        "behaviours/ab.yaml::nano-attn-2l::patching[keys]",
        "behaviours/ab.yaml::nano-attn-2l::mediators[k]",
        "behaviours/ab.yaml::nano-attn-2l::mediators[q]",
    ]


def test_a_wrong_part_is_told_with_the_right_one(project):
    project.behaviour(checks="  - mediators: {component: k, above: 0.15, exactly: [L1H0.k]}")
    output = project.run("--mi-count", "48", "-vv").stdout.str()
    assert "claimed, but below the threshold" in output
    assert "keys): L1H0.k" in output
    assert "mediators found, by fraction recovered alone: L" in output
