"""The signature of a model: which fields a record must have, and in which order the model sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tasks.errors import InvalidSignature

Kind = Literal["number", "category"]


@dataclass(frozen=True)
class Feature:
    """One field of a record.

    A `number` is any finite number; a `category` is one of the texts in `categories`, whose positions the model was
    trained on. A `nullable` field may be empty: its value is then NaN in the model's eyes.
    """

    name: str
    kind: Kind
    nullable: bool = False
    categories: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As JSON; `categories` only where there are any."""
        document: dict[str, Any] = {"name": self.name, "kind": self.kind, "nullable": self.nullable}
        return document | ({"categories": list(self.categories)} if self.kind == "category" else {})


@dataclass(frozen=True)
class Signature:
    """The fields of a record in the order of the model's columns."""

    features: tuple[Feature, ...]

    def __post_init__(self) -> None:
        names = self.names
        if not names or len(set(names)) < len(names):
            raise InvalidSignature(
                f"a signature needs features, each with its own name; got {', '.join(names) or 'none'}"
            )
        for feature in self.features:
            if feature.kind not in ("number", "category"):
                raise InvalidSignature(f"{feature.name} is a {feature.kind!r}; allowed are number and category")
            if (feature.kind == "category") != bool(feature.categories):
                raise InvalidSignature(f"{feature.name}: a category, and only a category, lists its categories")
            if len(set(feature.categories)) < len(feature.categories):
                raise InvalidSignature(f"{feature.name} lists a category twice")

    @property
    def names(self) -> list[str]:
        """The names of the features."""
        return [feature.name for feature in self.features]

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Signature:
        """Take over what `to_json` gave.

        Raises
        ------
        InvalidSignature
            If it is not of that form or contradicts itself.
        """
        try:
            return cls(
                tuple(
                    Feature(entry["name"], entry["kind"], entry["nullable"], tuple(entry.get("categories", ())))
                    for entry in document["features"]
                )
            )
        except (KeyError, TypeError) as error:
            raise InvalidSignature(f"the signature is not of the form that training writes: {error!r}") from error

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {"features": [feature.to_json() for feature in self.features]}
