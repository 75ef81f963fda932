"""What the API shows by name and never changes: models, endpoint configurations."""

from typing import Any

from infra.local.sagemaker.addresses import Place
from infra.local.sagemaker.errors import ValidationError

Record = dict[str, Any]


class Catalog:
    """Records of one kind in one account and region.

    Parameters
    ----------
    place
        Account and region.
    kind
        Of the ARNs, e.g. ``endpoint-config``.
    noun
        What messages call one, e.g. ``endpoint configuration``.
    prefix
        What its members are called by, e.g. ``EndpointConfig`` for ``EndpointConfigName``.

    Attributes
    ----------
    records
        By name.
    """

    def __init__(self, place: Place, kind: str, noun: str, prefix: str) -> None:
        self._place = place
        self._kind = kind
        self._noun = noun
        self._prefix = prefix
        self.records: dict[str, Record] = {}

    def new_arn(self, name: str) -> str:
        """Return the ARN of one that is to be made.

        Raises
        ------
        ValidationError
            If the name is taken.
        """
        arn = self._place.arn(self._kind, name)
        if name in self.records:
            raise ValidationError(f'Cannot create already existing {self._noun} "{arn}".')
        return arn

    def get(self, name: str) -> Record:
        """Return one.

        Raises
        ------
        ValidationError
            If there is none of this name.
        """
        if name not in self.records:
            raise ValidationError(f'Could not find {self._noun} "{self._place.arn(self._kind, name)}".')
        return self.records[name]

    def delete(self, name: str) -> str:
        """Delete one and return its ARN; endpoints that use it go on.

        Raises
        ------
        ValidationError
            If there is none of this name.
        """
        arn: str = self.get(name)[f"{self._prefix}Arn"]
        del self.records[name]
        return arn

    def summaries(self) -> list[Record]:
        """Return the entries of the List operation."""
        members = (f"{self._prefix}Name", f"{self._prefix}Arn", "CreationTime")
        return [{member: record[member] for member in members} for record in list(self.records.values())]
