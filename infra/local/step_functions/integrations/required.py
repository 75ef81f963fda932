"""Members that a call must have: refused as the service would refuse them, where the emulator does not."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

_CHECKED = frozenset({"dynamodb"})


def refuse_missing(service: str, operation: Any, arguments: Mapping[str, Any]) -> None:
    """Refuse a call of `service` that lacks required members.

    Symptom: the emulator takes a PutItem without an item for one without a key; AWS answers ``1 validation error
    detected: Value null at 'item' failed to satisfy constraint: Member must not be null``.

    Raises
    ------
    ClientError
        ``ValidationException``, as botocore raises it.
    """
    if service not in _CHECKED or operation.input_shape is None:
        return
    missing = [name for name in operation.input_shape.required_members if name not in arguments]
    if missing:
        problems = [
            f"Value null at '{name[:1].lower()}{name[1:]}' failed to satisfy constraint: Member must not be null"
            for name in missing
        ]
        errors = "validation error" if len(problems) == 1 else "validation errors"
        message = f"{len(problems)} {errors} detected: {'; '.join(problems)}"
        answer: Any = {
            "Error": {"Code": "ValidationException", "Message": message},
            "ResponseMetadata": {"HTTPStatusCode": 400, "RequestId": str(uuid.uuid4())},
        }
        raise ClientError(answer, operation.name)
