"""The models and prompts of a suite: each model is loaded once, and prompts are drawn once per tokenizer."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

from mi_checks.cache.cache_keys import prompts_key
from mi_checks.cache.cache_store import CacheStore
from mi_checks.cache.cached_prompts_and_guards import cached_prompts, with_guards
from mi_checks.errors import MiChecksError
from mi_checks.faults.unexpected import AlreadyReportedError, report_errors_at
from mi_checks.models.load_model import load
from mi_checks.models.loaded_model import LoadedModel, PromptDependencies
from mi_checks.models.sources.model_source import NotFetched
from mi_checks.prompts.batch import PromptBatch
from mi_checks.prompts.build_prompts import build_prompts
from mi_checks.results.run import GuardResult, ModelGuards
from mi_checks.spec.load_file import LoadedBehaviour

SMALLER_MODEL = "use --mi-dtype bfloat16, which takes half the memory, or a smaller model"
# a behaviour, the properties of a model that its prompts depend on, a count
PromptsKey = tuple[tuple[str, str], PromptDependencies, int | None]


@dataclass(frozen=True)
class SuiteSettings:
    """The settings of a run that are not part of a behaviour."""

    count: int | None = None  # prompt pairs; None if each behaviour decides
    seed: int | None = None
    device: str = "auto"
    dtype: str = "float32"
    engine: str = "auto"  # or "replay", "reference"
    memory: int | None = None  # bytes that the replay engine may use; None for a quarter of the free memory
    update: bool = False  # whether roles are bound again, whatever the lock file says


class LoadedModels:
    """Loads each model once and draws each behaviour's prompts once."""

    def __init__(self, settings: SuiteSettings, store: CacheStore | None) -> None:
        """Load nothing yet; with a store, prompts and guard results of earlier runs are read from it."""
        self.settings = settings
        self.store = store
        self.loaded: dict[str, LoadedModel] = {}  # by the requested name
        self._unloadable: set[str] = set()  # not tried again, because failing takes long
        self._batches: dict[PromptsKey, PromptBatch] = {}
        self._prompt_errors: dict[PromptsKey, MiChecksError] = {}  # not tried again either

    def loaded_model(self, model: str) -> LoadedModel:
        """Return a model, loaded on first use.

        Raises:
            AlreadyReportedError: an earlier attempt to load it failed and was reported.
            MiChecksError: the model cannot be loaded.
        """
        if model in self._unloadable:
            raise AlreadyReportedError(f"{model} could not be loaded; see the first error")
        if model not in self.loaded:
            try:
                with report_errors_at(f"loading {model}", SMALLER_MODEL):
                    loaded = load(model, device=self.settings.device, dtype=self.settings.dtype)
                    self.loaded[model] = with_guards(loaded, self.store)
            except NotFetched:  # found out at once, and reported each time
                raise
            except MiChecksError:
                self._unloadable.add(model)
                raise
        return self.loaded[model]

    def prompts(self, loaded: LoadedBehaviour, loaded_model: LoadedModel) -> PromptBatch:
        """Return the prompts of a behaviour on a model, drawn on first use.

        Raises:
            MiChecksError: there are too few prompts; later calls raise the same error.
        """
        count = self.settings.count or loaded.behaviour.pairs_for(loaded_model.name)
        key = (loaded.key, loaded_model.prompt_dependencies, count)  # models with the same tokenizer share prompts
        if key in self._prompt_errors:
            raise self._prompt_errors[key].with_traceback(None)
        if key not in self._batches:
            try:
                self._batches[key] = self._draw(loaded, loaded_model, count)
            except MiChecksError as error:
                self._prompt_errors[key] = error
                raise
        return self._batches[key]

    def _draw(self, loaded: LoadedBehaviour, loaded_model: LoadedModel, count: int | None) -> PromptBatch:
        prompts, seed = loaded.behaviour.prompts, self.settings.seed

        def build() -> PromptBatch:
            return build_prompts(
                prompts,
                loaded_model.tokenization,
                behaviour=loaded.behaviour.name,
                count=count,
                seed=seed,
                n_ctx=loaded_model.n_ctx,
            )

        if self.store is None:
            return build()
        key = prompts_key(prompts, loaded_model, count=prompts.pairs if count is None else count, seed=seed)
        return cached_prompts(self.store, key, loaded_model.tokenization, build)

    def guards(self) -> dict[str, ModelGuards]:
        """Return the results of the guards of each loaded model, by name."""
        guards: dict[str, ModelGuards] = {}
        for loaded_model in self.loaded.values():
            results = tuple(
                GuardResult(one.name, one.error if isfinite(one.error) else None, one.limit, one.refuses, one.reason)
                for one in loaded_model.guards.results
            )
            if results:
                guards[loaded_model.name] = ModelGuards(loaded_model.guards.about, results)
        return guards
