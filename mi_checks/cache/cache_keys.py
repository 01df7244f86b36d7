"""Cache keys: digests of everything that prompts and measurements depend on, so that any change invalidates them."""

from __future__ import annotations

from mi_checks.cache.code_digest import code_digest, data_sha256
from mi_checks.models.loaded_model import LoadedModel
from mi_checks.prompts.batch import PromptBatch
from mi_checks.spec.behaviour import AnyPrompts

# The folders and files of this package, and the libraries they use, whose changes invalidate cached results.
PROMPT_SOURCES = ("prompts", "cache", "spec")
PROMPT_LIBRARIES = ("jinja2", "numpy", "tokenizers")
MEASUREMENT_SOURCES = ("engine", "models/load_model.py", "models/loaders", "cache")
MEASUREMENT_LIBRARIES = ("numpy", "tokenizers", "torch", "transformer_lens", "transformers")
INTERVAL_SOURCES = ("stats", "prompts/factors.py")
INTERVAL_LIBRARIES = ("numpy", "scipy")


def prompts_key(prompts: AnyPrompts, loaded_model: LoadedModel, *, count: int, seed: int | None) -> str:
    """Return the sha256 of the prompt specification, the tokenizer, the maximum length and the code that draws prompts.

    Args:
        prompts: the part of a behaviour that describes prompts, with the contents of its data files and pools.
        loaded_model: a model that reads the prompts.
        count: number of prompt pairs.
        seed: the seed to use instead of the behaviour's own, or None.
    """
    dependencies = [repr(prompts), *loaded_model.prompt_dependencies, count, seed]
    return data_sha256([*dependencies, code_digest(PROMPT_SOURCES, PROMPT_LIBRARIES)])


def measurement_key(loaded_model: LoadedModel, batch: PromptBatch, engine: str) -> str:
    """Return the sha256 of the model, its prompts, the requested engine, the measuring code and the libraries it uses.

    Args:
        loaded_model: the model, including its weights, configuration, device and dtype.
        batch: its prompts.
        engine: the requested engine; which engine `auto` chooses follows from the rest.
    """
    return data_sha256(
        [*_model(loaded_model), batch.sha256, engine, code_digest(MEASUREMENT_SOURCES, MEASUREMENT_LIBRARIES)]
    )


def guards_key(loaded_model: LoadedModel) -> str:
    """Return the sha256 of the model, the code that guards it and the libraries this code uses."""
    return data_sha256([*_model(loaded_model), "guards", code_digest(MEASUREMENT_SOURCES, MEASUREMENT_LIBRARIES)])


def _model(loaded_model: LoadedModel) -> list[object]:
    model = loaded_model.provenance
    bridge = loaded_model.bridge
    return [
        *(model.weights_sha256, model.tokenizer_sha256, model.dtype, model.device, model.mode),
        {name: repr(value) for name, value in sorted(vars(bridge.cfg).items())},
        repr(getattr(bridge.original_model, "config", None)),  # holds what TransformerLens' config leaves out
    ]
