"""A project that takes warnings for errors can run behaviours, whatever TransformerLens warns of at import."""

import subprocess
import sys


def test_a_fresh_process_with_warnings_as_errors(project):
    project.behaviour()
    command = [sys.executable, "-m", "pytest", "-W", "error"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=project.path, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
    assert "warnings summary" not in done.stdout
