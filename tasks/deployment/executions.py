"""Executions of the workflows that change what is served; the one module of the tasks that calls Step Functions."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from tasks.aws import client, error_code, named_failures
from tasks.errors import ServiceUnavailable

_UNKNOWN = {"ExecutionDoesNotExist", "InvalidArn"}
_SECONDS_BETWEEN_LOOKS = 0.2
_MOST_LOOKS = 50


class Executions:
    """Looks at executions and stops them.

    Parameters
    ----------
    states
        A botocore client of `stepfunctions`; default: the process's own.
    """

    def __init__(self, states: Any = None, sleep: Callable[[float], None] = time.sleep) -> None:
        self._states = states if states is not None else client("stepfunctions")
        self._sleep = sleep

    def is_running(self, arn: str) -> bool:
        """Whether an execution goes on; one that is not known, for it is long past, does not."""
        with named_failures(f"look at the execution {arn}"):
            try:
                status: str = self._states.describe_execution(executionArn=arn)["status"]
            except ClientError as error:
                if error_code(error) in _UNKNOWN:
                    return False
                raise
        return status in ("RUNNING", "PENDING_REDRIVE")

    def stop(self, arn: str, cause: str) -> None:
        """Stop an execution and see that it has ended.

        Raises
        ------
        ServiceUnavailable
            If it goes on nevertheless.
        """
        with named_failures(f"stop the execution {arn}"):
            self._states.stop_execution(executionArn=arn, error="RolledBack", cause=cause)
        for _ in range(_MOST_LOOKS):
            if not self.is_running(arn):
                return
            self._sleep(_SECONDS_BETWEEN_LOOKS)
        raise ServiceUnavailable(f"the execution {arn} was stopped, but goes on")
