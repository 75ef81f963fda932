"""How data flows through a state: InputPath, Parameters, ResultSelector, ResultPath, OutputPath, in this order.

Facts: Amazon States Language specification, "Input and Output Processing".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflows.interpreter import paths, templates
from workflows.interpreter.errors import StatesError
from workflows.interpreter.interfaces import Json
from workflows.interpreter.payload import limited_text_of, text_of
from workflows.interpreter.visit import Visit


def select(visit: Visit, field: str, document: Json) -> Json:
    """Apply InputPath or OutputPath to `document`: the whole of it by default, `{}` for null."""
    path = visit.state.get(field, "$")
    if path is None:
        return {}
    if path == "$":
        return document
    return paths.read(path, document, visit.context, field=field)


def effective_input(visit: Visit) -> Json:
    """Give the input after InputPath and Parameters.

    Raises
    ------
    StatesError
        ``States.DataLimitExceeded`` when Parameters make it larger than a payload may be (developer guide, "Handling
        errors in Step Functions workflows").
    """
    document = select(visit, "InputPath", visit.input)
    if "Parameters" in visit.state:
        document = templates.fill(visit.state["Parameters"], document, visit.context, field="Parameters")
        limited_text_of(document, visit.name)
    return document


def output_of(visit: Visit, result: Json) -> Json:
    """Make the output of the state from its result: ResultSelector, ResultPath, OutputPath."""
    if "ResultSelector" in visit.state:
        result = templates.fill(visit.state["ResultSelector"], result, visit.context, field="ResultSelector")
    combined = combine(visit.state.get("ResultPath", "$"), visit.input, result)
    return select(visit, "OutputPath", combined)


def combine(path: str | None, given: Json, result: Json) -> Json:
    """Put `result` at the reference path `path` of the input: in place of it for `$`, nowhere for null."""
    if path is None:
        return given
    if path == "$":
        return result
    return paths.write(path, given, result)


def evaluate(visit: Visit, field: str, document: Json) -> Json:
    """Evaluate a field that holds a path or an intrinsic function, e.g. `ErrorPath`."""
    expression: str = visit.state[field]
    if expression.startswith("States."):
        return templates.fill({"value.$": expression}, document, visit.context, field=field)["value"]
    return paths.read(expression, document, visit.context, field=field)


def integer(holder: Mapping[str, Any], field: str, visit: Visit, document: Json) -> int | None:
    """Give the integer that `field` states, or that its variant `<field>Path` points to.

    Raises
    ------
    StatesError
        ``States.Runtime`` when the path leads to anything but an integer.
    """
    if f"{field}Path" not in holder:
        stated: int | None = holder.get(field)
        return stated
    return int(_pointed_number(holder, field, visit, document, "integer"))


def number(holder: Mapping[str, Any], field: str, visit: Visit, document: Json) -> int | None:
    """Give the `integer` of a field that cannot be negative.

    Raises
    ------
    StatesError
        ``States.Runtime`` when the path leads to anything but an integer that is not negative.
    """
    value = integer(holder, field, visit, document)
    if value is not None and value < 0:
        raise StatesError("States.Runtime", f"{field} cannot be negative.")
    return value


def percentage(holder: Mapping[str, Any], field: str, visit: Visit, document: Json) -> float | None:
    """Give the percentage that `field` states, or that its variant `<field>Path` points to.

    Raises
    ------
    StatesError
        ``States.Runtime`` when the path leads to anything but a number from 0 to 100.
    """
    if f"{field}Path" not in holder:
        stated: float | None = holder.get(field)
        return stated
    value = _pointed_number(holder, field, visit, document, "float")
    if not 0 <= value <= 100:
        raise StatesError("States.Runtime", f"{field} must be between 0 and 100.")
    return value


def _pointed_number(holder: Mapping[str, Any], field: str, visit: Visit, document: Json, kind: str) -> float:
    path = holder[f"{field}Path"]
    value = paths.read(path, document, visit.context, field=f"{field}Path")
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or (kind == "integer" and value != int(value)):
        shown = value if isinstance(value, str) else text_of(value)
        raise StatesError(
            "States.Runtime",
            f'The {field}Path field refers to value "{shown}" which is not a valid {kind}: {path}',
        )
    number: float = value
    return number
