"""An error that nobody foresaw is one placed line, and the table does not look as if every check had run."""


def test_an_unforeseen_error(project, monkeypatch):
    from mi_checks.suite import suite

    run_check = suite.run_check

    def breaks(check, measured):
        if check.kind == "accuracy":
            raise ZeroDivisionError("of ours")
        return run_check(check, measured)

    monkeypatch.setattr(suite, "run_check", breaks)
    project.whole()
    result = project.run("--mi-model", "nano-attn-2l")
    assert result.ret == 1
    result.assert_outcomes(passed=4, failed=1)
    result.stdout.fnmatch_lines(
        [
            "behaviours/ab.yaml:19: accuracy on nano-attn-2l stopped with an unexpected ZeroDivisionError: of ours; "
            "run with --mi-debug to see where",
            "  claimed   behaviours/ab.yaml:19",
            "  re-run    pytest *::accuracy --mi-model nano-attn-2l",
            "ab  ! 4/5",
        ]
    )
    assert "Traceback" not in result.stdout.str()
    assert "test_defects.py" not in result.stdout.str()
    assert "ZeroDivisionError: of ours" in (project.path / "reports/report.html").read_text(encoding="utf-8")
