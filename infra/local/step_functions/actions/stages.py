"""What the data of a state looks like between the steps of its processing, as TestState's `inspectionData` shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflows.interpreter import Json, data_flow, paths, templates
from workflows.interpreter.payload import text_of


class Stages:
    """The data of one state, step by step.

    Every method does one step and remembers what came out of it, so that what was reached can still be shown when
    a later step fails.

    Parameters
    ----------
    state
        The state.
    given
        Its input.
    context
        Its context object.
    """

    def __init__(self, state: Mapping[str, Any], given: Json, context: Json) -> None:
        self._state = state
        self._given = given
        self._context = context
        self._seen: dict[str, Json] = {"input": given}

    def texts(self) -> dict[str, str]:
        """Give every stage that was reached, as JSON texts."""
        return {stage: text_of(value) for stage, value in self._seen.items()}

    def select(self) -> Json:
        """Apply InputPath."""
        return self.see("afterInputPath", self._read("InputPath", self._given))

    def fill_parameters(self, selected: Json) -> Json:
        """Apply Parameters."""
        return self.see("afterParameters", self._fill("Parameters", selected))

    def items(self, selected: Json, path: str) -> Json:
        """Read the items of a Map at `path`."""
        return self.see("afterItemsPath", paths.read(path, selected, self._context, field="ItemsPath"))

    def end_with(self, result: Json) -> Json:
        """Apply ResultSelector, ResultPath and OutputPath; give the output of the state."""
        chosen = self.see("afterResultSelector", self._fill("ResultSelector", result))
        combined = data_flow.combine(self._state.get("ResultPath", "$"), self._given, chosen)
        return self._read("OutputPath", self.see("afterResultPath", combined))

    def see(self, stage: str, value: Json) -> Json:
        """Remember `value` as what a stage looks like."""
        self._seen[stage] = value
        return value

    def forget(self, stage: str) -> None:
        """Take a stage back that turned out not to be one."""
        del self._seen[stage]

    def _read(self, field: str, document: Json) -> Json:
        path = self._state.get(field, "$")
        return {} if path is None else paths.read(path, document, self._context, field=field)

    def _fill(self, field: str, document: Json) -> Json:
        if field not in self._state:
            return document
        return templates.fill(self._state[field], document, self._context, field=field)
