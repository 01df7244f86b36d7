"""Pools that a conftest.py adds."""

import pytest

CONFTEST = """\
def pytest_mi_pools(config):
    return {"mine": [" time", " name", " value", " file", " test"]}
"""


@pytest.fixture
def pools(project):
    text = project.behaviour().replace("B: {tokens: random,", "B: {pool: mine, rows: fixed,")
    project.copy("ab", text)
    project.write("behaviours/conftest.py", CONFTEST)
    return project


def test_a_pool_of_the_project_is_drawn_from(pools):
    result = pools.run("--mi-count", "64", "--mi-report", "report.html")
    result.assert_outcomes(passed=1)


def test_a_pool_holds_in_its_folder_and_below(pools):
    text = (pools.path / "behaviours/ab.yaml").read_text()
    pools.write("behaviours/sub/cd.yaml", text.replace("name: ab", "name: cd"))
    pools.write("behaviours/sub/conftest.py", "def pytest_mi_pools(config):\n    return {'other': ['a']}\n")
    assert len(pools.ids()) == 2
    pools.write("behaviours/ab.yaml", text.replace("pool: mine", "pool: other"))
    result = pools.run()
    assert result.ret == 2
    result.stdout.fnmatch_lines(
        [
            "*behaviours/ab.yaml:9:15: unknown pool 'other'; pools: adjectives, first_names, identifiers, modules, "
            "words, mine",
        ]
    )


def test_an_unknown_pool_may_be_meant_for_the_projects(pools):
    path = pools.path / "behaviours/ab.yaml"
    path.write_text(path.read_text().replace("pool: mine", "pool: mien"))
    result = pools.run()
    assert result.ret == 2
    result.stdout.fnmatch_lines(["*unknown pool 'mien'; pools: *, words, mine; did you mean 'mine'?"])


def test_what_is_no_pool_ends_the_run(pools):
    pools.write("behaviours/conftest.py", CONFTEST.replace("mine", "words"))
    result = pools.run()
    assert result.ret == 2
    result.stdout.fnmatch_lines(
        [
            "*pytest_mi_pools in behaviours/conftest.py: the pool 'words' is already part of mi-checks; "
            "choose another name"
        ]
    )
