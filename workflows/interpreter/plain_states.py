"""The states that ask nobody for anything: Pass, Choice, Wait, Succeed, Fail."""

from __future__ import annotations

from workflows.interpreter import choice, data_flow, paths, timestamps
from workflows.interpreter.errors import StatesError
from workflows.interpreter.interfaces import Json
from workflows.interpreter.payload import text_of
from workflows.interpreter.visit import Visit


async def run_pass(visit: Visit) -> tuple[str | None, Json]:
    """Hand the input on, or the fixed `Result`."""
    given = data_flow.effective_input(visit)
    return visit.state.get("Next"), data_flow.output_of(visit, visit.state.get("Result", given))


async def run_succeed(visit: Visit) -> tuple[str | None, Json]:
    """End the line with the filtered input."""
    return None, data_flow.select(visit, "OutputPath", data_flow.select(visit, "InputPath", visit.input))


async def run_choice(visit: Visit) -> tuple[str | None, Json]:
    """Go where the first matching rule points."""
    given = data_flow.select(visit, "InputPath", visit.input)
    chosen = choice.choose(visit.state, given, visit.context)
    if chosen is None:
        raise StatesError(
            "States.NoChoiceMatched", "Failed to transition out of the state. The state does not point to a next state."
        )
    return chosen, data_flow.select(visit, "OutputPath", given)


async def run_fail(visit: Visit) -> tuple[str | None, Json]:
    """Fail with the error and the cause that the state names."""
    with visit.locating():
        error, cause = (_named(visit, field) for field in ("Error", "Cause"))
    raise StatesError(error, cause)


def _named(visit: Visit, field: str) -> str | None:
    """Give the error or the cause of a Fail state."""
    path = visit.state.get(f"{field}Path")
    if path is None:
        stated: str | None = visit.state.get(field)
        return stated
    value = data_flow.evaluate(visit, f"{field}Path", visit.input)
    if not isinstance(value, str):
        raise StatesError(
            "States.Runtime",
            f"The {field}Path parameter does not reference a string value: {path} == {text_of(value)}",
        )
    return value


async def run_wait(visit: Visit) -> tuple[str | None, Json]:
    """Let time pass."""
    given = data_flow.select(visit, "InputPath", visit.input)
    seconds = _seconds_to_wait(visit, given)
    if seconds > 0:
        await visit.world.clock.sleep(seconds)
    return visit.state.get("Next"), data_flow.select(visit, "OutputPath", given)


def _seconds_to_wait(visit: Visit, given: Json) -> float:
    state = visit.state
    if "Seconds" in state:
        return float(state["Seconds"])
    if "SecondsPath" in state:
        return _seconds_at(state["SecondsPath"], visit, given)
    field = "Timestamp" if "Timestamp" in state else "TimestampPath"
    path = state[field]
    value = path if field == "Timestamp" else _referenced(field, path, visit, given)
    seconds = _seconds_until(visit, value)
    if seconds is None:
        raise StatesError(
            "States.Runtime",
            f"The {field} parameter does not reference a valid ISO-8601 extended offset "
            f"date-time format string: {path} == {value if isinstance(value, str) else text_of(value)}",
        )
    return seconds


def _seconds_at(path: str, visit: Visit, given: Json) -> float:
    value = _referenced("SecondsPath", path, visit, given)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise StatesError(
            "States.Runtime",
            f"The SecondsPath parameter does not reference an integer value: {path} == {text_of(value)}",
        )
    if value < 0:
        raise StatesError(
            "States.Runtime",
            f"The SecondsPath parameter references a negative value: {path} == {text_of(value)}",
        )
    return float(value)


def _referenced(field: str, path: str, visit: Visit, given: Json) -> Json:
    try:
        return paths.read(path, given, visit.context, field=field)
    except StatesError as failure:
        cause = f"The {field} parameter does not reference an input value: {path}"
        raise StatesError("States.Runtime", cause) from failure


def _seconds_until(visit: Visit, timestamp: Json) -> float | None:
    """Seconds until a timestamp, negative when it is over; None if it is no timestamp."""
    parsed = timestamps.parse(timestamp)
    if parsed is None:
        return None
    second, nanoseconds = parsed
    return (second - visit.world.clock.now()).total_seconds() + nanoseconds / 1e9
