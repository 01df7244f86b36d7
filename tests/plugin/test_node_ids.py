"""Cases 17 and 39: items keep their file whatever the root directory is; folders named on the command line run."""

import os
import re
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from mi_checks.results.pytest_ids import repeated_options, rerun_command

FAILING = "  - logit_diff: {at_least: 50}\n  - accuracy: {at_least: 0.1}"


@pytest.fixture
def scattered(project):
    """Two files of one name in two folders, and an ini file in a third one."""
    text = project.behaviour("ab", checks=FAILING)
    (project.path / "behaviours/ab.yaml").unlink()
    project.write("one/behaviours/x.yaml", text)
    project.write("two/behaviours/x.yaml", text.replace("name: ab", "name: cd"))
    project.write("elsewhere/pytest.ini", "[pytest]\n")
    return project


def test_case_17_files_outside_the_root_directory(scattered):
    ids = [
        f"../{folder}/behaviours/x.yaml::nano-attn-2l::{check}"
        for folder in ("one", "two")
        for check in ("logit_diff", "accuracy")
    ]
    for options in (("-c", "elsewhere/pytest.ini"), ("--rootdir=elsewhere",)):
        assert scattered.ids(*options, "one", "two") == ids
        assert scattered.ids(*options, "one/behaviours", "two/behaviours") == ids
        assert scattered.ids(*options, "one/behaviours/x.yaml", "two/behaviours/x.yaml") == ids
    assert scattered.ids("-c", "elsewhere/pytest.ini") == ids


def test_case_17_ids_from_another_working_directory(scattered, monkeypatch):
    ids = [f"{folder}/behaviours/x.yaml::nano-attn-2l::logit_diff" for folder in ("one", "two")]
    found = {}
    for folder, root in (("one", ".."), ("elsewhere", ".."), ("one/behaviours", "../..")):
        monkeypatch.chdir(scattered.path / folder)
        found[folder] = scattered.ids("-k", "logit_diff", f"--rootdir={root}", f"{root}/one", f"{root}/two")
    assert found == dict.fromkeys(found, ids)


def test_case_17_junit_has_each_test_case_once(scattered):
    scattered.run("-c", "elsewhere/pytest.ini", "--junit-xml", "out.xml", "one", "two")
    cases = ElementTree.parse(scattered.path / "out.xml").iter("testcase")  # noqa: S314  # made a line ago
    names = [(case.get("classname"), case.get("name")) for case in cases]
    assert len(names) == len(set(names)) == 4


ASKED = [
    (".", ("-c", "elsewhere/pytest.ini", "one", "two")),
    (".", ("--rootdir=elsewhere", "-o", "mi_behaviours=one two", "one/behaviours/x.yaml")),
    ("two", ("behaviours", "../one", "--mi-model", "nano-attn-1l", "--mi-count", "8")),
    ("elsewhere", ("../one/behaviours", "-p", "no:randomly")),
]


def first_command(said):
    """The command of the first failure."""
    return re.search("re-run    (pytest .*)", said)[1]


@pytest.mark.parametrize(("folder", "options"), ASKED)
def test_case_17_the_command_of_a_failure_works_where_pytest_was_started(scattered, monkeypatch, folder, options):
    monkeypatch.chdir(scattered.path / folder)
    command = first_command(scattered.run(*options).stdout.str())
    again = scattered.run(*shlex.split(command)[1:])
    again.assert_outcomes(failed=1)
    assert first_command(again.stdout.str()) == command


def test_case_17_the_command_of_a_failure_can_be_pasted(scattered):
    """Into a shell, in another process."""
    command = first_command(scattered.run(*ASKED[0][1]).stdout.str())
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(  # noqa: S602
        command, shell=True, cwd=scattered.path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "= 1 failed in " in done.stdout
    assert f"re-run    {command}\n" in done.stdout


def test_case_17_links_to_a_folder_are_collected_once(scattered):
    (scattered.path / "one/behaviours/again").symlink_to(scattered.path / "one/behaviours", target_is_directory=True)
    (scattered.path / "one/linked").symlink_to(scattered.path / "one/behaviours", target_is_directory=True)
    own = [f"one/behaviours/x.yaml::nano-attn-2l::{check}" for check in ("logit_diff", "accuracy")]
    assert scattered.ids("one") == own
    assert scattered.ids("one/behaviours") == own
    linked = scattered.ids("one/linked/x.yaml")
    assert linked == [each.replace("behaviours", "linked") for each in own]
    result = scattered.run("--collect-only", "one/behaviours", "one/linked/x.yaml")
    assert result.ret == 2
    result.stdout.fnmatch_lines(
        ["one/linked/x.yaml:1:1: the same file as one/behaviours/x.yaml, which is already collected; name only one *"]
    )


def test_case_17_models_whose_names_would_split_an_id(scattered, folder):
    model = folder("nano-attn-1l")
    odd = [model.parent / name for name in ("a[1]", "a(1)", "a::b", "a b")]
    for path in odd:
        path.symlink_to(model, target_is_directory=True)
    ids = [
        item
        for path in odd
        for item in scattered.ids("one/behaviours/x.yaml", "-k", "logit_diff", "--mi-model", f"nano-attn-2l={path}")
    ]
    assert [item.partition("::nano-attn-2l=")[2].rpartition("/")[2] for item in ids] == [
        f"{name}::logit_diff" for name in ("a(1)", "a(1)", "a:b", "a_b")
    ]
    for path, item in zip(odd, ids, strict=True):
        assert scattered.ids(item, "--mi-model", f"nano-attn-2l={path}") == [item]


def test_the_command_of_an_item():
    root = Path("/project/elsewhere")
    command = rerun_command("../b c/x.yaml::m::patching[a]", root, Path("/project/b c"), ("--mi-count", "8"))
    assert command == "pytest 'x.yaml::m::patching[a]' --mi-count 8"
    assert rerun_command("x.yaml::m::a", root, Path("/project"), ()) == "pytest elsewhere/x.yaml::m::a"


def test_pytests_own_options_that_go_with_it():
    given = [
        "-c",
        "a.ini",
        "-x",
        "--rootdir",
        "b",
        "-omi_behaviours=c",
        "-o",
        "junit_family=xunit1",
        "-pmine",
        "d",
        "-k",
        "e",
    ]
    assert repeated_options(given) == ("-c", "a.ini", "--rootdir=b", "-o", "mi_behaviours=c", "-p", "mine")
    assert repeated_options(["--config-file=a.ini", "--override-ini=addopts=-x", "-p", "no:cacheprovider"]) == (
        *("-c", "a.ini", "-o", "addopts=-x"),
    )
    assert repeated_options(["behaviours", "-n", "2", "--mi-count", "8", "-c"]) == ()


def test_case_39_a_folder_on_the_command_line(scattered):
    """Whatever its name is, and whatever else lies in it."""
    text = (scattered.path / "one/behaviours/x.yaml").read_text()
    scattered.write("claims/deeper/ab.yaml", text)
    scattered.write("claims/cd.yml", text.replace("name: ab", "name: cd"))
    scattered.write("claims/_base.yaml", text)
    scattered.write("claims/ci.yaml", "name: ci\non: push\njobs: {}\n")
    scattered.write("claims/prompts.yaml", "description: another tool's\nprompts: [a, b]\nproviders: [c]\ntests: []\n")
    scattered.write("claims/dbt.yaml", "name: another\nmodels: {a: b}\nversion: 2\n")
    scattered.write("claims/broken.yaml", "{")
    ids = [f"claims/{file}::nano-attn-2l::logit_diff" for file in ("cd.yml", "deeper/ab.yaml")]
    assert scattered.ids("claims", "-k", "logit_diff") == ids
    assert scattered.ids("claims/", "-k", "logit_diff") == ids
    assert scattered.ids("claims/deeper", "-k", "logit_diff") == ids[1:]
    assert scattered.ids("claims/cd.yml::nano-attn-2l::logit_diff") == ids[:1]
    scattered.run("claims", "-k", "logit_diff").assert_outcomes(failed=2, deselected=2)


def test_case_39_a_folder_that_has_behaviours_stands_for_them(scattered):
    """As the root of a project does."""
    text = (scattered.path / "one/behaviours/x.yaml").read_text()
    scattered.write("one/examples/cd.yaml", text.replace("name: ab", "name: cd"))
    assert scattered.ids("one", "-k", "logit_diff") == ["one/behaviours/x.yaml::nano-attn-2l::logit_diff"]


def test_case_39_nothing_is_taken_from_folders_that_are_not_named(scattered):
    text = (scattered.path / "one/behaviours/x.yaml").read_text()
    scattered.write("claims/ab.yaml", text.replace("name: ab", "name: ef"))
    assert [item for item in scattered.ids() if "claims" in item] == []
    scattered.ini("testpaths = claims")
    assert scattered.ids() == []


@pytest.mark.parametrize("key", ["name", "summary", "prompts", "checks", "models"])
def test_case_39_a_mistake_in_a_key_does_not_hide_a_file(scattered, key):
    text = (scattered.path / "one/behaviours/x.yaml").read_text()
    scattered.write("claims/ab.yaml", re.sub(f"^{key}:", f"{key}x:", text, flags=re.MULTILINE))
    result = scattered.run("claims")
    assert result.ret == 2
    result.stdout.fnmatch_lines([f"claims/ab.yaml:*:1: unknown key '{key}x'; *did you mean '{key}'?"])


def test_case_39_a_file_on_the_command_line_is_held_to_be_one(scattered):
    scattered.write("claims/a.yaml", "name: x\n")
    result = scattered.run("claims/a.yaml")
    assert result.ret == 2
    result.stdout.fnmatch_lines(["claims/a.yaml:1:1: missing key 'checks'", "claims/a.yaml:1:1: missing key 'prompts'"])
    scattered.write("claims/_base.yaml", "name: x\n")
    result = scattered.run("claims/_base.yaml")
    assert result.ret == 2
    result.stdout.fnmatch_lines(
        ["claims/_base.yaml:1:1: a template, because its name begins with '_': * is never collected; *"]
    )


def test_case_39_nothing_is_passed_over_in_silence(scattered):
    scattered.write("claims/a.yaml", "name: x\n")
    result = scattered.run("claims")
    assert result.ret == 5
    result.stdout.fnmatch_lines(["claims/a.yaml was not collected: it does not look like a behaviour, *"])
    scattered.write("claims/test_a.py", "def test_a():\n    pass\n")
    result = scattered.run("claims")  # another tool's file, beside tests of its own
    assert result.ret == 0
    result.stdout.no_fnmatch_line("*was not collected*")
