"""Every pytest run in the environment imports the plugin, most of them for nothing."""

import subprocess
import sys

HEAVY = {"torch", "transformer_lens", "pydantic", "jinja2", "numpy", "scipy", "yaml", "tokenizers"}


def python(code, path):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=path, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_plugin_is_light(tmp_path):
    code = f"import sys, mi_checks.plugin; print(sorted({HEAVY} & set(sys.modules)))"
    assert python(code, tmp_path) == "[]\n"


def test_a_run_without_behaviours_stays_light(tmp_path):
    (tmp_path / "test_other.py").write_text("def test_other(): pass")
    (tmp_path / "other.yaml").write_text("a: b")
    # Other plugins of this environment have imports of their own.
    code = (
        "import os, sys, pytest\n"
        "os.environ['PYTEST_DISABLE_PLUGIN_AUTOLOAD'] = '1'\n"
        "assert pytest.main(['-q', '-p', 'mi_checks.plugin', '-p', 'no:cacheprovider']) == 0\n"
        "mine = {name for name in sys.modules if name.startswith('mi_checks')}\n"
        f"print('heavy:', sorted({HEAVY} & set(sys.modules)), sorted(mine))\n"
    )
    light = [
        *("errors", "files", "plugin", "plugin.collectors", "plugin.hooks", "plugin.hookspecs"),
        *("plugin.measured_seconds", "plugin.yaml_files", "spec", "spec.additions", "spec.recognition"),
    ]
    assert f"heavy: [] {['mi_checks', *(f'mi_checks.{name}' for name in light)]}" in python(code, tmp_path)
