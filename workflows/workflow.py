"""A workflow as a value: its name, its definition in Amazon States Language, and what its input may be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from workflows.errors import DuplicateState
from workflows.sdk import Chain, State
from workflows.states import Asl, Catch, graph

# The order in which a reader wants to see the fields of a state; unknown ones follow by name.
_FIELD_ORDER = (
    "Comment", "Type", "Label", "Resource", "StartAt", "TimeoutSeconds", "States", "InputPath", "Parameters", "Seconds",
    "Choices", "Default", "Branches", "ItemsPath", "ItemReader", "ItemSelector", "MaxConcurrency", "MaxConcurrencyPath",
    "ToleratedFailurePercentage", "ToleratedFailurePercentagePath", "ItemProcessor", "ProcessorConfig", "ResultWriter",
    "Result", "ResultSelector", "ResultPath", "OutputPath", "Retry", "Catch", "Next", "End",
)  # fmt: skip
_RANK = {name: rank for rank, name in enumerate(_FIELD_ORDER)}
_CAN_FAIL = ("Task", "Parallel", "Map")


@dataclass(frozen=True)
class Workflow:
    """One state machine.

    Parameters
    ----------
    name
        Its name in kebab case, `"batch-inference"`.
    comment
        One sentence for the Step Functions console.
    start
        The first step.
    timeout_seconds
        Longest duration of an execution, in seconds.
    input_schema
        JSON Schema (draft 2020-12) of the documented input.
    documentation
        Inputs, outputs, errors and side effects, for people: the docstring of the authoring module.
    """

    name: str
    comment: str
    start: State | Chain
    timeout_seconds: int
    input_schema: dict[str, Any] = field(repr=False)
    documentation: str = field(repr=False)

    def definition(self) -> Asl:
        """Render the definition.

        Raises
        ------
        DuplicateState
            When two states have one name, be it in different branches: histories tell states apart by name.
        InvalidState
            When a state is incomplete.
        """
        rendered = graph(self.start)
        seen: set[str] = set()
        for name in _state_names(rendered):
            if name in seen:
                raise DuplicateState(f"workflow {self.name!r} has two states named {name!r}; give one another name")
            seen.add(name)
        return dict(_in_reading_order({"Comment": self.comment, "TimeoutSeconds": self.timeout_seconds, **rendered}))


def catch_failures(start: State | Chain, *, go_to: State) -> None:
    """Send the failure of every state from `start` on that has no catcher of its own to `go_to`.

    Parameters
    ----------
    start
        First step; the states that follow it are changed in place.
    go_to
        The state that receives the state's input with `{"Error", "Cause"}` under `$.failure`. It and what follows it
        are left alone: they are how a failure ends, and must not begin anew when they fail.
    """
    ending = _reachable(go_to)
    for name, state in _reachable(start).items():
        if name not in ending and state.state_type in _CAN_FAIL and not state.catches:
            state.add_catch(Catch(error_equals=["States.ALL"], result_path="$.failure", next_step=go_to))


class _Reachable:
    """Collects the states that a graph reaches, without those of its branches."""

    def __init__(self) -> None:
        self.states: dict[str, State] = {}

    def is_visited(self, state: State) -> bool:
        return state.state_id in self.states

    def visit(self, state: State) -> None:
        self.states[state.state_id] = state


def _reachable(start: State | Chain) -> dict[str, State]:
    visitor = _Reachable()
    start.accept(visitor)
    return visitor.states


def _state_names(machine: Asl) -> Iterator[str]:
    for name, state in machine["States"].items():
        yield name
        for branch in state.get("Branches", []):
            yield from _state_names(branch)
        if "ItemProcessor" in state:
            yield from _state_names(state["ItemProcessor"])


def _in_reading_order(value: Any, *, names: bool = False) -> Any:
    """Order the fields of states and machines for a reader; the states stay in the order of the flow."""
    if isinstance(value, list):
        return [_in_reading_order(item) for item in value]
    if not isinstance(value, dict):
        return value
    keys = list(value) if names else sorted(value, key=lambda key: (_RANK.get(key, len(_RANK)), list(value).index(key)))
    return {key: _in_reading_order(value[key], names=key == "States") for key in keys}
