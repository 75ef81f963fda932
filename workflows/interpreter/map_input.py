"""What a Map state is given to map over, and by which machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflows.interpreter import paths
from workflows.interpreter.errors import StatesError
from workflows.interpreter.interfaces import Json
from workflows.interpreter.visit import Machine, Visit


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


def items_of(visit: Visit, document: Json) -> list[Json]:
    """Give the items in the state's input.

    Raises
    ------
    StatesError
        ``States.Runtime`` when ItemsPath leads to anything but an array.
    """
    path: str = visit.state.get("ItemsPath", "$")
    items = paths.read(path, document, visit.context, field="ItemsPath")
    if not isinstance(items, list):
        raise StatesError("States.Runtime", f'Reference path "{path}" must point to array.')
    return items
