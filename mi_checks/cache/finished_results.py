"""The finished results of a behaviour on a model, stored so that a run that changes nothing loads no model.

An entry is read or written as a whole. Its key is a digest of everything that the results depend on and that is known
without torch, which this module therefore does not import.
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from mi_checks.cache.cache_store import CacheStore
from mi_checks.cache.code_digest import code_digest, data_sha256
from mi_checks.results.evidence import Evidence
from mi_checks.results.read_run import record_from_data
from mi_checks.results.run import CheckResult, Lint, ModelGuards
from mi_checks.results.write_run import as_data
from mi_checks.spec.load_file import LoadedBehaviour

# The code that reads behaviours and models, draws prompts, measures, judges, and words what a result says.
RESULT_SOURCES = (
    *("cache", "checks", "compare", "engine", "errors.py", "faults", "files.py", "models/load_model.py"),
    *("models/loaded_model.py", "models/loaders", "models/model_files.py", "models/model_names.py"),
    *("models/model_paths.py", "models/sources", "output", "plugin/build_suite.py", "plugin/result_cache.py"),
    *("plugin/run_items.py", "prompts", "results", "roles", "spec", "stats", "suite"),
)
RESULT_LIBRARIES = (
    *("jinja2", "numpy", "safetensors", "scipy", "tokenizers", "torch", "transformer_lens", "transformers"),
)
OPTIONAL_LIBRARIES = ("gguf", "protobuf", "sentencepiece")  # for some layouts of models
RESULTS_ARRAY = "results"  # the array of the stored entry that holds the results, as UTF-8 of their JSON


@dataclass(frozen=True)
class FinishedResults:
    """What one behaviour on one model added to a run.

    Attributes:
        results: the results of its checks; of a message, the last lines are left out, which say where the check is
            claimed and how to run it again.
        evidence: what was measured for the report.
        lints: the reasons to doubt it.
        provenance: where the model comes from, and the engine that measured.
        guards: the guards of the model; None if it has none.
    """

    results: tuple[CheckResult, ...]
    evidence: Evidence
    lints: tuple[Lint, ...]
    provenance: dict[str, str]
    guards: ModelGuards | None


def behaviour_digest(loaded: LoadedBehaviour) -> str:
    """Return the sha256 of a behaviour: its file as written and as read, with the contents of data files and pools.

    Raises:
        ValueError: it is scored by a function of the project, and what that reads is unknown.
    """
    if loaded.is_scored_by_project:
        raise ValueError(f"{loaded.behaviour.name} is scored by the project")
    source = loaded.source
    return data_sha256([repr(loaded.behaviour), loaded.text, loaded.case, source.display_path, list(source.files)])


def results_key(
    behaviour: str,
    model: Sequence[str],
    files: Mapping[str, str],
    settings: Mapping[str, object],
    roles: Mapping[str, Mapping[str, float]],
    items: Sequence[str],
) -> str:
    """Return the sha256 of everything that the results of a behaviour on a model depend on.

    Args:
        behaviour: the digest of the behaviour.
        model: the names of the model.
        files: the digests of the model's files.
        settings: the settings of the run that change what is measured.
        roles: the nodes that the lock file records for each role.
        items: the names of the selected items of the behaviour on the model; the evidence shows what they measured.
    """
    code = [
        code_digest(RESULT_SOURCES, RESULT_LIBRARIES),
        _optional_versions(),
        platform.python_version(),
        platform.machine(),
    ]
    return data_sha256([behaviour, list(model), dict(files), dict(settings), dict(roles), sorted(items), code])


def read_results(store: CacheStore, key: str) -> FinishedResults | None:
    """Return the results that are stored under a key; None if there are none or they cannot be read."""
    arrays = store.read(key)
    if RESULTS_ARRAY not in arrays:
        return None
    try:
        return record_from_data(FinishedResults, json.loads(arrays[RESULTS_ARRAY].tobytes()))
    except ValueError:  # pydantic's error is one too
        return None


def write_results(store: CacheStore, key: str, finished: FinishedResults) -> None:
    """Store results under a key, unless a number is not finite, which JSON cannot represent."""
    try:
        text = json.dumps(as_data(finished), allow_nan=False)
    except ValueError:
        return
    store.write(key, {RESULTS_ARRAY: np.frombuffer(text.encode(), dtype=np.uint8)})


@cache
def _optional_versions() -> tuple[str, ...]:
    versions = []
    for library in OPTIONAL_LIBRARIES:
        try:
            versions.append(importlib.metadata.version(library))
        except importlib.metadata.PackageNotFoundError:
            versions.append("")
    return tuple(versions)
