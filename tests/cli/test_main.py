"""`mi-checks`, outside pytest."""

import hashlib
import subprocess
import sys
from dataclasses import replace

import pytest

from mi_checks import __version__
from mi_checks.cli.main import main
from mi_checks.models.model_names import bundled_models
from mi_checks.models.sources.hub_model import TOY_MODELS
from mi_checks.models.sources.packaged_model import PACKAGED_MODELS, SMOLLM2


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MI_CHECKS_CACHE", str(tmp_path))
    return tmp_path


def usage(capsys, *arguments):
    with pytest.raises(SystemExit) as left:
        main(arguments)
    return left.value.code, capsys.readouterr()


@pytest.mark.parametrize(
    "verb", [[], ["models"], ["models", "list"], ["models", "fetch"], ["mine"], ["mine", "trigrams"]]
)
def test_help_everywhere(capsys, verb):
    code, said = usage(capsys, *verb, "--help")
    assert code == 0
    assert said.out.startswith(f"usage: {' '.join(['mi-checks', *verb])} ")
    assert said.err == ""


def test_version(capsys):
    assert usage(capsys, "--version")[1].out == f"mi-checks {__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["models"], ["nothing"], ["models", "fetch"]])
def test_a_verb_that_is_none_or_half(capsys, arguments):
    code, said = usage(capsys, *arguments)
    assert code == 2
    assert said.err.startswith("usage: mi-checks")


def test_130_when_it_is_interrupted(monkeypatch):
    def interrupted(chosen):
        raise KeyboardInterrupt

    monkeypatch.setattr("mi_checks.cli.models.list_models", interrupted)
    assert main(["models", "list"]) == 130


def test_the_list_has_every_name_and_its_shape(capsys):
    assert main(["models", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = {line.split()[0]: line.split() for line in lines if line}
    assert {*bundled_models(), *TOY_MODELS, "smollm2-135m"} <= set(rows)
    assert rows["nano-attn-2l"][1:4] == ["2", "6", "–"]
    assert rows["gelu-3l"][1:4] == ["3", "8", "2048"]
    assert rows["smollm2-135m"][1:4] == ["30", "9/3", "1536"]
    assert " ".join(rows["smollm2-135m"][4:]) == "mi-checks models fetch smollm2-135m (93 MB)"
    assert " ".join(rows["nano-attn-2l"][4:]).startswith("bundled, with checkpoints @200, ")


def test_the_list_tells_what_was_fetched(capsys, cache):
    SMOLLM2.path.parent.mkdir(parents=True)
    SMOLLM2.path.write_bytes(b"")
    main(["models", "list"])
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("smollm2-135m")]
    assert line.endswith(" fetched")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (
            "smolm2-135m",
            "no model 'smolm2-135m' can be fetched; use smollm2-135m; did you mean 'smollm2-135m'?",
        ),
        ("nano-attn-1l", "model 'nano-attn-1l' need not be fetched: it is bundled"),
        (
            "gelu-1l",
            "model 'gelu-1l' need not be fetched: it is downloaded on first use: hf:NeelNanda/GELU_1L512W_C4_Code",
        ),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(capsys, name, told):
    assert main(["models", "fetch", name]) == 2
    assert capsys.readouterr() == ("", f"mi-checks: {told}\n")


def test_fetching_says_where_it_is(capsys, monkeypatch):
    SMOLLM2.path.parent.mkdir(parents=True)
    SMOLLM2.path.write_bytes(b"weights")
    known = replace(SMOLLM2, sha256=hashlib.sha256(b"weights").hexdigest())
    monkeypatch.setitem(PACKAGED_MODELS, SMOLLM2.name, known)
    assert main(["models", "fetch", "smollm2-135m"]) == 0
    assert capsys.readouterr() == (f"{SMOLLM2.path}\n", "")


def test_the_list_needs_no_torch():
    code = (
        "import sys\nfrom mi_checks.cli.main import main\nmain(['models', 'list'])\nassert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
