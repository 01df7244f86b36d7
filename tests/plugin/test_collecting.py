"""Which files are behaviours, and what their items are called."""

import subprocess
import sys

IDS = [
    "behaviours/ab.yaml::nano-attn-2l::logit_diff",
    "behaviours/ab.yaml::nano-attn-2l::accuracy",
    "behaviours/ab.yaml::nano-attn-2l::patching[induction]",
    "behaviours/ab.yaml::nano-attn-2l::mediators[head]",
    "behaviours/ab.yaml::nano-attn-2l::attention[induction,A2->B1]",
    "behaviours/ab.yaml::nano-attn-1l::absent",
]


def test_one_item_per_model_and_check(project):
    project.whole()
    assert project.ids() == IDS


def test_each_id_selects_its_item(project):
    project.whole()
    for item in IDS:
        assert " " not in item
        assert project.ids(item) == [item]


def test_yml_is_collected_too(project):
    text = project.behaviour()
    (project.path / "behaviours/ab.yaml").unlink()
    project.write("behaviours/deeper/ab.yml", text)
    assert project.ids() == ["behaviours/deeper/ab.yml::nano-attn-2l::logit_diff"]


def test_other_yaml_is_left_alone(project):
    project.behaviour()
    project.write(".github/workflows/ci.yaml", "on: push")
    project.write("docs/behaviours.yaml", "not: [a, behaviour]")
    project.write("old_behaviours/ab.yaml", "{")
    project.write("behaviours/notes.md", "# notes")
    assert project.ids() == IDS[:1]


def test_a_folder_above_the_project_makes_nothing_a_behaviour(pytester, project):
    inner = project.path / "behaviours" / "project"
    inner.mkdir(parents=True)
    (inner / "pytest.ini").write_text("[pytest]")
    (inner / "compose.yaml").write_text("services: {}")
    pytester.chdir()
    result = project.run(str(inner), "--rootdir", str(inner), "-c", str(inner / "pytest.ini"))
    assert result.ret == 5, result.stdout.str()


def test_the_folder_can_be_the_root(project):
    project.behaviour()
    root = str(project.path / "behaviours")
    assert project.ids(root, "--rootdir", root) == ["ab.yaml::nano-attn-2l::logit_diff"]


def test_ini_names_other_folders(project):
    text = project.behaviour()
    project.write("claims/of/ours/ab.yaml", text.replace("name: ab", "name: other"))
    project.write("claims/ab.yaml", "{")
    project.ini("mi_behaviours = claims/of/ours/ elsewhere")
    assert project.ids() == ["claims/of/ours/ab.yaml::nano-attn-2l::logit_diff"]


def test_collecting_loads_no_model(project):
    """Neither torch nor what needs it: the whole suite is collected in a second or two."""
    project.whole()
    code = (
        "import sys, pytest\n"
        "assert pytest.main(['--collect-only', '-q']) == 0\n"
        "assert 'mi_checks.plugin.session' in sys.modules\n"
        "print('heavy:', sorted({'torch', 'transformer_lens', 'transformers', 'scipy'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=project.path, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 tests collected" in done.stdout
    assert "heavy: []" in done.stdout


def test_collecting_writes_no_report(project):
    project.behaviour()
    result = project.run("--collect-only")
    assert result.ret == 0
    assert not list(project.path.glob("**/*.html"))
    assert "report:" not in result.stdout.str()


def test_two_behaviours_of_one_name(project):
    text = project.behaviour("ab")
    project.copy("second", text)
    result = project.run()
    assert result.ret == 2
    result.stdout.fnmatch_lines(
        [
            "*behaviours/second.yaml:1:1: behaviour 'ab' is already defined in behaviours/ab.yaml; rename one of them",
        ]
    )
    result.assert_outcomes(errors=1)
