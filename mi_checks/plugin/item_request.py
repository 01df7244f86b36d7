"""What an item asks for: a check of a behaviour on a model, or something about all of its checks. Light to import."""

from __future__ import annotations

from dataclasses import dataclass

from mi_checks.models.model_names import resolve
from mi_checks.results.build import ItemId
from mi_checks.results.run import FileLine
from mi_checks.spec.check import Check
from mi_checks.spec.load_file import LoadedBehaviour
from mi_checks.spec.yaml_source import Position


@dataclass(frozen=True)
class ItemRequest:
    """What an item measures: one check of a behaviour on a model, or something about all of its checks together.

    Attributes:
        loaded: the behaviour.
        model: the model, as the user names it.
        check: the check; None if the item is about all of them.
        node_id: pytest's id of the item.
        place: where the check is claimed.
    """

    loaded: LoadedBehaviour
    model: str
    check: Check | None
    node_id: str
    place: Position

    @property
    def single_check(self) -> Check:
        """Return the check.

        Raises:
            TypeError: the item is about all checks.
        """
        if self.check is None:
            raise TypeError(f"{self.node_id} is not about a single check")
        return self.check

    @property
    def claimed_at(self) -> FileLine:
        """Return the place of the claim, as results have it."""
        return FileLine(self.place.file, self.place.line)

    @property
    def location(self) -> str:
        """Return the place of the claim as `file:line`."""
        return str(self.claimed_at)

    def item_id(self, check: str) -> ItemId:
        """Return the identity of the result of an item that compares or lints all checks together."""
        return ItemId(*self.key, check, check, self.node_id, self.claimed_at)

    @property
    def key(self) -> tuple[str, str]:
        """Return the name of the behaviour, and the name whose claims the model runs under."""
        return self.loaded.behaviour.name, resolve(self.model).claims
