"""One at a time: who may change what the endpoint serves.

The lock is a parameter whose writes are numbered by Parameter Store. Each write names the number of the write that it
follows; one that does not follow what it meant to, because somebody else was faster, does not count. So among any
number of executions that find the lock free, or held by an execution that has ended, exactly one gets it, and nobody
has to tidy up after the others. Nothing is ever deleted: a deleted parameter must not be made anew for 30 seconds (AWS
Systems Manager API reference, "DeleteParameter").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from botocore.exceptions import ClientError

from tasks.aws import client, error_code, named_failures
from tasks.deployment.executions import Executions
from tasks.errors import DeploymentInProgress, ServiceUnavailable

_ATTEMPTS = 10


@dataclass(frozen=True)
class Hold:
    """Who holds the lock: an execution's ARN, its kind and start, and the version that it is to make active, if one."""

    execution: str
    kind: str
    started_at: str
    version: str | None


class DeploymentLock:
    """The lock of one registry.

    Parameters
    ----------
    root
        Path of the registry, such as `/ml-pipeline/models`; the parameter is `{root}/deployment-lock`.
    executions
        Tells which executions go on.
    ssm
        A botocore client; default: the process's own.
    """

    def __init__(self, root: str, executions: Executions, ssm: Any = None) -> None:
        self._name = f"{root}/deployment-lock"
        self._executions = executions
        self._ssm = ssm if ssm is not None else client("ssm")

    def hold(self) -> Hold | None:
        """The last hold, whether or not its execution goes on; None if the lock is free."""
        return self._read()[0]

    def acquire(self, wanted: Hold, *, stop_holder: bool = False) -> None:
        """Take the lock. Nothing happens if the execution has it.

        Parameters
        ----------
        stop_holder
            Whether to stop the execution that holds it instead of giving way.

        Raises
        ------
        DeploymentInProgress
            If an execution that goes on holds it; names that.
        """
        for _ in range(_ATTEMPTS):
            held, number = self._read()
            if held is not None and held.execution == wanted.execution:
                return
            if held is not None and self._executions.is_running(held.execution):
                if not stop_holder:
                    raise DeploymentInProgress(
                        f"the execution {held.execution} ({held.kind}"
                        + (f" of {held.version}" if held.version else "")
                        + f", since {held.started_at}) is changing what is served; wait for its end, or roll back, "
                        "which stops it"
                    )
                self._executions.stop(held.execution, f"a rollback took over: {wanted.execution}")
            if self._write(wanted, follows=number):
                return
        raise ServiceUnavailable(f"too many others want the lock {self._name}")

    def release(self, execution: str) -> bool:
        """Give the lock back; says whether the execution had it."""
        for _ in range(_ATTEMPTS):
            held, number = self._read()
            if held is None or held.execution != execution:
                return False
            if self._write(None, follows=number):
                return True
        raise ServiceUnavailable(f"too many others want the lock {self._name}")

    def _write(self, hold: Hold | None, *, follows: int) -> bool:
        """Whether the write counts."""
        document: dict[str, Any] = {"execution": None}
        if hold is not None:
            document = {
                "execution": hold.execution,
                "kind": hold.kind,
                "version": hold.version,
                "startedAt": hold.started_at,
            }
        value = orjson.dumps(document | {"follows": follows}).decode()
        with named_failures(f"write the parameter {self._name}"):
            answer = self._ssm.put_parameter(Name=self._name, Value=value, Type="String", Overwrite=True)
        return bool(answer["Version"] == follows + 1)

    def _read(self) -> tuple[Hold | None, int]:
        """The last hold that counts, and the number of the last write."""
        counting: dict[str, Any] = {}
        number = 0
        for write in self._history():
            number = write["Version"]
            document = orjson.loads(write["Value"])
            if document["follows"] == number - 1:
                counting = document
        if not counting.get("execution"):
            return None, number
        return Hold(counting["execution"], counting["kind"], counting["startedAt"], counting["version"]), number

    def _history(self) -> list[dict[str, Any]]:
        pages = self._ssm.get_paginator("get_parameter_history").paginate(Name=self._name)
        with named_failures(f"read the history of the parameter {self._name}"):
            try:
                writes = [write for page in pages for write in page["Parameters"]]
            except ClientError as error:
                if error_code(error) == "ParameterNotFound":
                    return []
                raise
        return sorted(writes, key=lambda write: int(write["Version"]))
