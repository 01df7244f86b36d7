"""What a measured value is held to."""

from __future__ import annotations

from typing import Self

from pydantic import ConfigDict, Field, model_validator

from mi_checks.spec.part import Part


class Bound(Part):
    """One or both sides of an interval that the measured value must lie in, whole confidence interval and all."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": ["at_least"]}, {"required": ["at_most"]}]})

    at_least: float | None = Field(None, allow_inf_nan=False)
    at_most: float | None = Field(None, allow_inf_nan=False)

    @model_validator(mode="after")
    def _some_side(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError("a bound needs 'at_least' or 'at_most'")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError(f"at_least {self.at_least:g} is above at_most {self.at_most:g}: nothing could pass")
        return self

    def __str__(self) -> str:
        sides = [f"at least {self.at_least:g}"] if self.at_least is not None else []
        sides += [f"at most {self.at_most:g}"] if self.at_most is not None else []
        return " and ".join(sides)

    @property
    def sides(self) -> dict[str, float | None]:
        """Both, by their keys."""
        return {"at_least": self.at_least, "at_most": self.at_most}
