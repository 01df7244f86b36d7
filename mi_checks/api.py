"""What users may import; `import mi_checks` offers the same names and imports this module on first use.

Everything else in the package is private and may change without notice.

    import mi_checks as mi

    behaviour = mi.load_behaviour("behaviours/induction.yaml")
    measured = mi.Suite(mi.SuiteSettings()).measurements(behaviour, "nano-attn-2l")
    measured.sweep("head").estimates
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from mi_checks.checks.measurements import Measurements, Sweep
from mi_checks.checks.verdict import Verdict
from mi_checks.engine.interventions import Intervention, ablate, denoise, noise
from mi_checks.engine.nodes import Node, parse_node
from mi_checks.errors import MiChecksError
from mi_checks.models.load_model import load
from mi_checks.models.loaded_model import LoadedModel
from mi_checks.results import read_run as _read_run
from mi_checks.results.claim import Claim
from mi_checks.results.run import CheckResult, Run
from mi_checks.spec import load_file
from mi_checks.spec.load_file import LoadedBehaviour
from mi_checks.spec.problems import SpecError
from mi_checks.stats.estimate import Estimate
from mi_checks.suite.loaded_models import SuiteSettings
from mi_checks.suite.suite import Suite

__all__ = [
    "CheckResult",
    "Claim",
    "Estimate",
    "Intervention",
    "LoadedBehaviour",
    "LoadedModel",
    "Measurements",
    "MiChecksError",
    "Node",
    "Run",
    "SpecError",
    "Suite",
    "SuiteSettings",
    "Sweep",
    "Verdict",
    "ablate",
    "denoise",
    "load_behaviour",
    "load_behaviours",
    "load_model",
    "noise",
    "parse_node",
    "read_run",
]


def load_behaviour(path: str | PathLike[str], case: str | None = None) -> LoadedBehaviour:
    """Read and validate a file that is one behaviour, or one case of a file with a table of cases.

    Args:
        path: the YAML file.
        case: the name of the case; None for a file without cases.

    Raises:
        SpecError: the file has mistakes; all are listed with their lines and columns.
        MiChecksError: the file cannot be read, does not have the case, or has several cases and none is named.
    """
    return load_file.load_behaviour(Path(path), case=case)


def load_behaviours(path: str | PathLike[str]) -> tuple[LoadedBehaviour, ...]:
    """Read and validate a file, and return its one behaviour, or one for each of its cases.

    Args:
        path: the YAML file.

    Raises:
        SpecError: the file has mistakes; all are listed with their lines and columns.
        MiChecksError: the file cannot be read.
    """
    return load_file.load_behaviours(Path(path))


def load_model(name: str, *, device: str = "auto", dtype: str = "float32") -> LoadedModel:
    """Load a model: the name of a bundled or fetched one, `name@checkpoint`, or `name=folder`.

    Args:
        name: the model, as on the command line after `--mi-model`.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        dtype: the type of the weights: `float32`, `bfloat16` or `float16`.

    Raises:
        MiChecksError: there is no such model, or it cannot be loaded.
    """
    return load(name, device=device, dtype=dtype)


def read_run(path: str | PathLike[str]) -> Run:
    """Read the record of a run, such as `reports/report.json`; that of an older version as it would be written now.

    Args:
        path: the JSON file.

    Raises:
        MiChecksError: there is no such file, or it does not hold a run.
    """
    return _read_run.read_run(Path(path))
