"""What every source of a model can say before it is loaded."""

from __future__ import annotations

from abc import ABC, abstractmethod

from mi_checks.errors import MiChecksError
from mi_checks.spec.model_shape import ModelShape


class Unloadable(MiChecksError):
    """Why a source gives no model; whoever knows the name that the user wrote puts it before the reason."""


class NotFetched(Unloadable):
    """The model has to be fetched once, by its user's own decision."""


class Source(ABC):
    """Files of weights, on this machine or to be asked for elsewhere."""

    @property
    @abstractmethod
    def described(self) -> str:
        """What provenance calls it."""

    @property
    @abstractmethod
    def shape(self) -> ModelShape | None:
        """Layers, heads and neurons, or None where only loading can tell.

        Raises:
            MiChecksError: what should say it is missing or broken.
        """

    def require(self) -> None:
        """Nothing, if loading can be tried.

        Raises:
            Unloadable: something must be fetched or installed first.
        """
        return
