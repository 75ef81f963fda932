"""What a Map state is given to map over, and by which machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workflows.interpreter import paths
from workflows.interpreter.errors import StatesError
from workflows.interpreter.interfaces import Json
from workflows.interpreter.visit import Machine, Visit


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a Map.

    Attributes
    ----------
    value
        The element of the array, the row of the file or the member of the object.
    key
        Name of the member, where a Map iterates over an object.
    source
        Where a distributed Map has it from: ``STATE_DATA``, or the S3 URI of the object.

    Notes
    -----
    Facts: Step Functions developer guide, "ItemsPath (Map, JSONPath only)" and "Accessing execution data from the
    Context object in Step Functions", section "Context object data for Map states".
    """

    value: Json
    key: str | None = None
    source: str = "STATE_DATA"

    @property
    def input(self) -> Json:
        """What an iteration gets without an ItemSelector: the element, or the pair of key and value."""
        return self.value if self.key is None else {"Key": self.key, "Value": self.value}

    def context(self, index: int) -> dict[str, Json]:
        """Describe the item as `$$.Map.Item` does."""
        about: dict[str, Json] = {"Index": index, "Value": self.value}
        return about if self.key is None else {**about, "Key": self.key}


def items_from(value: Json, source: str = "STATE_DATA") -> list[Item] | None:
    """Give the elements of an array, or the members of an object; None of anything else."""
    if isinstance(value, list):
        return [Item(element, source=source) for element in value]
    if isinstance(value, dict):
        return [Item(member, key, source) for key, member in value.items()]
    return None


def processor_of(state: Mapping[str, Any]) -> Machine:
    """Give the machine that a Map runs for each item, under its present or its former name."""
    machine: Machine = state["ItemProcessor"] if "ItemProcessor" in state else state["Iterator"]
    return machine


def is_distributed(state: Mapping[str, Any]) -> bool:
    """Tell whether a Map runs its items as executions of their own."""
    return bool(processor_of(state).get("ProcessorConfig", {}).get("Mode") == "DISTRIBUTED")


def selector_field(state: Mapping[str, Any]) -> str | None:
    """Name the field that makes the input of an iteration from its item, under its present or its former name."""
    return next((field for field in ("ItemSelector", "Parameters") if field in state), None)


def items_of(visit: Visit, document: Json) -> list[Item]:
    """Give the items in the state's input.

    Raises
    ------
    StatesError
        ``States.Runtime`` when ItemsPath leads to anything but an array or an object.
    """
    path: str = visit.state.get("ItemsPath", "$")
    items = items_from(paths.read(path, document, visit.context, field="ItemsPath"))
    if items is None:
        raise StatesError("States.Runtime", f'Reference path "{path}" must point to array.')
    return items
