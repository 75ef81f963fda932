"""Reading and writing values by path: InputPath, OutputPath, ResultPath, ItemsPath and every `.$` field.

"$…" reads the document, "$$…" the context object (Step Functions developer guide, "Processing input and output
in Step Functions"). Documents are treated as immutable: writing returns a document that shares what did not
change.
"""

from __future__ import annotations

from typing import Any

from workflows.interpreter.errors import StatesError
from workflows.interpreter.json_text import text_of
from workflows.interpreter.path_functions import NothingThere
from workflows.interpreter.path_syntax import PathSyntaxError, compile_path

_WORDED_AS_TEMPLATES = ("ErrorPath", "CausePath")
"""Fields outside payload templates whose paths fail in the words that those of templates fail in."""

__all__ = ["PathSyntaxError", "check", "exists", "is_reference", "read", "write"]


def read(path: str, document: Any, context: Any, *, field: str) -> Any:
    """Value that `path` selects.

    Parameters
    ----------
    path
        "$…" or "$$…".
    document, context
        What the path is read on.
    field
        Name of the field that holds the path, for the error. A payload template's end with ".$".

    Returns
    -------
    One value if the path names one node; the list of all that match, maybe empty, if it holds `..`, `*`, a
    filter, a slice or a union of indexes.

    Raises
    ------
    StatesError
        "States.Runtime" if the path selects nothing, worded as Step Functions words it for this field.
    """
    compiled = compile_path(path)
    try:
        return compiled.find(context if compiled.of_context else document)
    except NothingThere as nothing:
        if field.endswith(".$") or field in _WORDED_AS_TEMPLATES:
            cause = (
                f"The JSONPath '{path}' specified for the field '{field}' could not be found in the input "
                f"'{text_of(context if compiled.of_context else document)}'"
            )
        else:
            cause = f"Invalid path '{path}' : {nothing}"
        raise StatesError("States.Runtime", cause) from None


def exists(path: str, document: Any, context: Any) -> bool:
    """Whether `path` selects something, were it null. An indefinite path must match at least once."""
    compiled = compile_path(path)
    try:
        found = compiled.find(context if compiled.of_context else document)
    except NothingThere:
        return False
    return compiled.definite or bool(found)


def write(path: str, document: Any, value: Any) -> Any:
    """Copy of `document` in which the reference path `path` holds `value`; missing objects on the way are made.

    Raises
    ------
    StatesError
        "States.ResultPathMatchFailure" if the path crosses a value that is no object, or an index that the
        array does not have (Amazon States Language specification, "ResultPath").
    """
    keys = compile_path(path).keys or ()
    try:
        return _written(keys, 0, document, value)
    except _CannotWrite:
        cause = f"Unable to apply ReferencePath {path} to input {text_of(document)}"
        raise StatesError("States.ResultPathMatchFailure", cause) from None


def check(path: str) -> None:
    """Raise `PathSyntaxError` unless `path` is a JSONPath."""
    compile_path(path)


def is_reference(path: str) -> bool:
    """Whether `path`, which is a JSONPath, can only name a single node (a "reference path")."""
    compiled = compile_path(path)
    return compiled.keys is not None and not any(isinstance(key, int) and key < 0 for key in compiled.keys)


class _CannotWrite(Exception):
    pass


def _written(keys: tuple[str | int, ...], depth: int, target: Any, value: Any) -> Any:
    if depth == len(keys):
        return value
    key = keys[depth]
    if isinstance(key, str):
        if not isinstance(target, dict):
            raise _CannotWrite
        return {**target, key: _written(keys, depth + 1, target.get(key, {}), value)}
    if not isinstance(target, list) or not -len(target) <= key < len(target):
        raise _CannotWrite
    copy = list(target)
    copy[key] = _written(keys, depth + 1, target[key], value)
    return copy
