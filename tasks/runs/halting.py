"""How a failed run stops, and how a redrive sets it going again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasks.errors import TaskError
from tasks.runs.verdict import reason_of


def halt(failure: Mapping[str, Any], *, failed_at_redrive: int, redrive_count: int) -> None:
    """Fail, unless the execution was redriven since the failure.

    Parameters
    ----------
    failure
        `{"Error", "Cause"}` of what failed.
    failed_at_redrive, redrive_count
        How often the execution had been redriven when it failed, and has been now.

    Raises
    ------
    TaskError
        A subclass named like the failure's error, so that the execution fails under that name.
    """
    if redrive_count > failed_at_redrive:
        return
    name = str(failure.get("Error") or "RunFailed")
    message = reason_of({"Cause": failure.get("Cause", "")}).removeprefix(f"{name}: ")
    raise type(name, (TaskError,), {})(message)
