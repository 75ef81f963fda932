"""Arguments that a service refuses and the emulator takes, refused as the service would refuse them."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

_SECRET_NAME = re.compile(r"[A-Za-z0-9/_+=.@!-]+")


def refuse(service: str, operation: Any, arguments: Mapping[str, Any]) -> None:
    """Refuse a call of `service` that AWS refuses.

    Symptoms: the emulator takes a PutItem without an item for one without a key; AWS answers ``1 validation error
    detected: Value null at 'item' failed to satisfy constraint: Member must not be null``. The emulator creates
    secrets of any name (Secrets Manager API reference, "CreateSecret").

    Raises
    ------
    ClientError
        ``ValidationException``, as botocore raises it.
    """
    problem = None
    if service == "dynamodb":
        problem = _missing(operation, arguments)
    elif operation.name == "CreateSecret" and not _SECRET_NAME.fullmatch(str(arguments.get("Name"))):
        problem = (
            "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!"
        )
    if problem is not None:
        answer: Any = {
            "Error": {"Code": "ValidationException", "Message": problem},
            "ResponseMetadata": {"HTTPStatusCode": 400, "RequestId": str(uuid.uuid4())},
        }
        raise ClientError(answer, operation.name)


def _missing(operation: Any, arguments: Mapping[str, Any]) -> str | None:
    required = operation.input_shape.required_members if operation.input_shape else ()
    problems = [
        f"Value null at '{name[:1].lower()}{name[1:]}' failed to satisfy constraint: Member must not be null"
        for name in required
        if name not in arguments
    ]
    if not problems:
        return None
    errors = "validation error" if len(problems) == 1 else "validation errors"
    return f"{len(problems)} {errors} detected: {'; '.join(problems)}"
