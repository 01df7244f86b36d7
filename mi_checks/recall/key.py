"""All that a measurement depends on, as one digest: change any of it and nothing kept is found."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from functools import cache
from pathlib import Path

from mi_checks.models.subject import Subject
from mi_checks.prompts.batch import PromptBatch

PACKAGE = Path(__file__).parents[1]
MEASURING = ("engine", "models/loaders", "recall")  # the code whose change may change a measurement
LIBRARIES = ("numpy", "tokenizers", "torch", "transformer_lens", "transformers")


def measurement_key(subject: Subject, batch: PromptBatch, engine: str) -> str:
    """sha256 over the model, its prompts, the engine asked for, the code that measures and the libraries it uses.

    Args:
        subject: the model: its weights, its configuration, where it runs and as what.
        batch: its prompts.
        engine: the engine asked for: what `auto` comes to follows from the rest.
    """
    model = subject.provenance
    bridge = subject.bridge
    return _sha256(
        [
            *(model.weights_sha256, model.tokenizer_sha256, model.dtype, model.device, model.mode),
            {name: repr(value) for name, value in sorted(vars(bridge.cfg).items())},
            repr(getattr(bridge.original_model, "config", None)),  # what TransformerLens' own configuration leaves out
            batch.sha256,
            engine,
            code(),
        ]
    )


@cache
def code() -> str:
    """sha256 of the files that measure and of the versions of what they use."""
    files = sorted(path for part in MEASURING for path in (PACKAGE / part).rglob("*.py"))
    sources = [(path.relative_to(PACKAGE).as_posix(), path.read_text()) for path in files]
    return _sha256([sources, {name: importlib.metadata.version(name) for name in LIBRARIES}])


def _sha256(data: object) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()
