"""`--mi-device`, `--mi-dtype` and `--mi-memory`, and their twins."""

import pytest
import torch


def test_cpu(project):
    project.behaviour()
    project.run("--mi-device", "cpu").assert_outcomes(passed=1)


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a GPU")
def test_a_gpu_that_is_not_there(project):
    project.behaviour()
    result = project.run("--mi-device", "cuda")
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "device 'cuda' was requested, but this machine has no CUDA device; use cpu or auto",
            "  claimed   behaviours/ab.yaml:18",
            "  re-run    pytest behaviours/ab.yaml::nano-attn-2l::logit_diff*",
            "ab  ! 0/1",
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_device_of_no_kind(project):
    project.behaviour()
    project.ini("mi_device = warp")
    result = project.run()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["unknown device 'warp'; use auto, cpu, cuda or cuda:N"])
    project.run("--mi-device", "cpu").assert_outcomes(passed=1)


def test_bfloat16(project):
    project.behaviour()
    result = project.run("--mi-dtype", "bfloat16")
    result.assert_outcomes(passed=1)
    assert "bfloat16" in (project.path / "reports/report.html").read_text(encoding="utf-8")


def test_dtype_changes_what_is_measured(project):
    project.behaviour(checks="  - logit_diff: {at_least: 90}")
    project.ini("mi_dtype = bfloat16")
    half = project.run().stdout.str()
    full = project.run("--mi-dtype", "float32").stdout.str()
    assert "fail: measured 5." in half
    assert "fail: measured 5." in full
    assert half.split("fail: measured ")[1][:30] != full.split("fail: measured ")[1][:30]
    assert "re-run    pytest behaviours/ab.yaml::nano-attn-2l::logit_diff --mi-dtype bfloat16\n" in half


@pytest.mark.parametrize(("value", "near"), [("bfloat", "; did you mean 'bfloat16'?"), ("int8", "")])
def test_a_dtype_of_no_kind(project, value, near):
    project.behaviour()
    by_option = project.run("--mi-dtype", value)
    project.ini(f"mi_dtype = {value}")
    by_ini = project.run()
    for result in (by_option, by_ini):
        assert result.ret == 4
        assert result.stderr.lines[0] == f"ERROR: --mi-dtype '{value}': use one of float32, bfloat16, float16{near}"


def test_memory_changes_nothing_that_is_measured(project):
    project.behaviour(checks="  - mediators: {component: head, above: 0.2, include: [L1H2]}")
    measured = [run.stdout.str() for run in (project.run(), project.run("--mi-memory", "1kB"))]
    project.ini("mi_memory = 0.5 MiB")
    measured.append(project.run().stdout.str())
    assert all(" 1 passed" in output for output in measured)


@pytest.mark.parametrize("value", ["much", "-1", "0", "GB", "0.1", "1e9"])
def test_a_memory_of_no_size(project, value):
    project.behaviour()
    by_option = project.run(f"--mi-memory={value}")
    project.ini(f"mi_memory = {value}")
    by_ini = project.run()
    for result in (by_option, by_ini):
        assert result.ret == 4
        assert (
            result.stderr.lines[0]
            == f"ERROR: --mi-memory '{value}': use a size such as 2GB, 512MiB, or a number of bytes"
        )
