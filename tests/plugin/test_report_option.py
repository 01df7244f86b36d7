"""`--mi-report`, and its twin."""


def test_the_usual_place(project):
    project.behaviour()
    project.run().stdout.fnmatch_lines(["report: reports/report.html"])
    assert "<html" in (project.path / "reports/report.html").read_text(encoding="utf-8")


def test_a_folder_is_made(project):
    project.behaviour()
    project.run("--mi-report", "deep/er/run.html").stdout.fnmatch_lines(["report: deep/er/run.html"])
    assert (project.path / "deep/er/run.html").exists()
    assert not (project.path / "reports").exists()


def test_ini(project, tmp_path_factory):
    project.behaviour()
    elsewhere = tmp_path_factory.mktemp("reports") / "run.html"
    project.ini(f"mi_report = {elsewhere}")
    project.run().stdout.fnmatch_lines([f"report: {elsewhere}"])
    assert elsewhere.exists()
    project.run("--mi-report", "here.html").stdout.fnmatch_lines(["report: here.html"])


def test_a_place_that_cannot_be_written(project):
    project.behaviour()
    project.write("file", "not a folder")
    result = project.run("--mi-report", "file/run.html")
    assert result.ret == 4
    assert result.stderr.lines[0].startswith("ERROR: --mi-report: cannot make the folder '")
    assert "collected" not in result.stdout.str()


def test_a_folder_gets_a_page_per_behaviour(project):
    project.behaviour()
    result = project.run("--mi-report", "all/")
    result.stdout.fnmatch_lines(["report: all/index.html", "run: all/run.json"])
    assert {path.name for path in (project.path / "all").iterdir()} == {"index.html", "ab.html", "run.json"}
    again = project.run("--mi-report", "all", "--mi-run", "kept.json")
    again.stdout.fnmatch_lines(["report: all/index.html", "run: kept.json"])


def test_a_folder_that_cannot_be_made(project):
    project.behaviour()
    project.write("file", "not a folder")
    result = project.run("--mi-report", "file/")
    assert result.ret == 4
    assert result.stderr.lines[0].startswith("ERROR: --mi-report: cannot make the folder '")
    assert "collected" not in result.stdout.str()


def test_the_usual_place_cannot_be_written(project):
    """Nobody asked for it, so it is told when there is something to report: still before anything runs."""
    project.behaviour()
    project.write("reports", "a file")
    result = project.run()
    assert result.ret == 2
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["--mi-report: cannot make the folder '*reports': File exists"])


def test_nothing_to_report(project):
    project.write("test_other.py", "def test_other(): pass")
    result = project.run("--mi-report", "run.html")
    result.assert_outcomes(passed=1)
    assert "report:" not in result.stdout.str()
    assert not (project.path / "run.html").exists()
