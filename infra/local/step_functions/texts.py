"""JSON texts in requests."""

from __future__ import annotations

from workflows.interpreter.errors import StatesError
from workflows.interpreter.interfaces import Json
from workflows.interpreter.json_text import JsonError, parse
from workflows.interpreter.payload import check_depth, text_of


class NoJsonError(ValueError):
    """A text that is no JSON; the message says why in Step Functions' words."""


def json_of(text: str) -> Json:
    """Read a text that must be JSON, and of a size and depth that can be handed on.

    Raises
    ------
    NoJsonError
        Also for numbers that no JSON text can say again, and for values that are nested too deeply.
    """
    try:
        check_depth(text)
        value = parse(text)
        text_of(value)
    except JsonError as problem:
        raise NoJsonError(problem.message) from problem
    except StatesError as problem:
        raise NoJsonError(str(problem.cause)) from problem
    except ValueError as problem:  # Python reads no integer of thousands of digits
        raise NoJsonError("Numeric value out of range") from problem
    return value
