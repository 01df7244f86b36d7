"""The suite of a pytest run, whose imports (torch, TransformerLens) take seconds. Light to import itself."""

from __future__ import annotations

import gc
import io
from typing import TYPE_CHECKING

from mi_checks.errors import MiChecksError
from mi_checks.models.model_names import resolve
from mi_checks.models.sources.model_source import NotFetched
from mi_checks.output.progress import no_progress, progress_bar
from mi_checks.plugin.options import Options
from mi_checks.suite.threads import limit_to_one_thread

if TYPE_CHECKING:
    from mi_checks.suite.suite import Suite

GC_THRESHOLDS = (50_000, 20, 20)  # of Python's garbage collector: new objects, then collections, per generation


def build_suite(options: Options, terminal: io.TextIOBase | None) -> Suite:
    """Return the suite with the options of a run.

    Args:
        options: the options.
        terminal: the stream that progress is shown on; None to show none.
    """
    limit_to_one_thread()
    from mi_checks.cache.cache_store import CacheStore
    from mi_checks.suite.loaded_models import SuiteSettings
    from mi_checks.suite.suite import Suite

    collect_garbage_rarely()
    settings = SuiteSettings(
        options.count,
        options.seed,
        options.device,
        options.dtype,
        options.engine,
        options.memory,
        options.update,
    )
    return Suite(
        settings,
        no_progress if terminal is None else progress_bar(terminal),
        None if options.cache_folder is None else CacheStore(options.cache_folder),
    )


def collect_garbage_rarely() -> None:
    """Keep the garbage collector from walking, again and again, through what is never freed.

    The imports leave half a million objects, and a run creates little garbage.
    """
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


def require_fetched(model: str) -> None:
    """Raise if a model must be downloaded first, before the suite is imported for nothing; it finds other problems.

    Raises:
        NotFetched: it must be downloaded.
    """
    try:
        resolve(model).check_loadable()
    except NotFetched:
        raise
    except MiChecksError:
        return
