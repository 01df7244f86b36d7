"""Files that extend others, as pytest collects them."""

import pytest


@pytest.fixture
def family(project):
    text = project.behaviour()
    (project.path / "behaviours/ab.yaml").unlink()
    project.write("behaviours/_base.yaml", text)
    project.write("behaviours/cd.yaml", "name: cd\nextends: _base.yaml\nprompts: {variables: {pre: {length: 5}}}\n")
    return project


def test_a_partial_file_is_no_behaviour(family):
    assert family.ids() == ["behaviours/cd.yaml::nano-attn-2l::logit_diff"]
    family.write("behaviours/_other.yaml", "{")
    assert family.ids() == ["behaviours/cd.yaml::nano-attn-2l::logit_diff"]


def test_a_failure_points_at_the_line_of_the_base(family):
    base = family.path / "behaviours/_base.yaml"
    base.write_text(base.read_text().replace("at_least: 1.5", "at_least: 99"))
    result = family.run("--mi-report", "report.html")
    assert result.ret == 1
    line = next(i for i, text in enumerate(base.read_text().splitlines(), start=1) if "at_least: 99" in text)
    result.stdout.fnmatch_lines(
        [f"  claimed   behaviours/_base.yaml:{line}", "  re-run    pytest behaviours/cd.yaml::nano-attn-2l::logit_diff"]
    )
    html = (family.path / "report.html").read_text(encoding="utf-8")
    assert "# behaviours/_base.yaml, which it extends:" in html


def test_a_mistake_in_the_base_ends_the_run(family):
    base = family.path / "behaviours/_base.yaml"
    base.write_text(base.read_text().replace("count: 16", "cuont: 16"))
    result = family.run()
    assert result.ret == 2
    result.stdout.fnmatch_lines(["*behaviours/_base.yaml:5:3: unknown key 'cuont' in 'prompts'*"])
