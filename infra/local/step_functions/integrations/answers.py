"""Whether a made-up answer of a service could be one, by botocore's model of the service.

Facts: AWS's recorded refusals of mocks (TestState).
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from infra.local.service_model import service
from infra.local.step_functions.integrations import names
from infra.local.step_functions.integrations.resource import Resource
from infra.local.step_functions.integrations.shapes import Naming
from workflows.interpreter.interfaces import Json

_NUMBERS = ("integer", "long", "float", "double")
_TEXTS = ("string", "timestamp", "blob", "character")
# Services that optimized integrations do not name as SDK integrations do: botocore's names.
_OPTIMIZED = {"events": "events", "states": "stepfunctions"}


class UnfitAnswerError(Exception):
    """The answer could not be one; the message says why in Step Functions' words."""


def check_answer(resource: Resource, answer: Json, *, complete: bool) -> None:
    """Check the answer of a request-response integration; others answer what no model describes.

    Members that the model does not know are let through, as AWS does.

    Parameters
    ----------
    complete
        Whether members that the service always answers must be there.

    Raises
    ------
    UnfitAnswerError
        If a member is missing or of another kind.
    """
    if resource.kind not in ("aws-sdk", "optimized") or resource.pattern:
        return
    name = _OPTIMIZED.get(resource.service) if resource.kind == "optimized" else None
    name = name or names.botocore_service(resource.service)
    model = service(name) if name else None
    if model is None or resource.operation not in model.operation_names:
        return
    shape = model.operation_model(resource.operation).output_shape
    if shape is not None and isinstance(answer, dict):
        naming = names.member if resource.kind == "aws-sdk" else names.capitalized
        _check(shape, answer, naming, complete, "")


def _check(shape: Any, value: Json, naming: Naming, complete: bool, field: str) -> None:
    inner = functools.partial(_check, naming=naming, complete=complete)
    if value is None:
        return
    if shape.type_name == "structure" and not shape.is_document_type:
        _require(isinstance(value, Mapping), field, "must be an object")
        for name in shape.required_members:
            if complete and naming(name) not in value:
                raise UnfitAnswerError(f"Required field '{naming(name)}' is missing")
        for name, member in shape.members.items():
            if naming(name) in value:
                inner(member, value[naming(name)], field=naming(name))
    elif shape.type_name == "list":
        _require(isinstance(value, list), field, "must be an array")
        for item in value:
            inner(shape.member, item, field=field)
    elif shape.type_name == "map":
        _require(isinstance(value, Mapping), field, "must be an object")
        for item in value.values():
            inner(shape.value, item, field=field)
    elif shape.type_name == "boolean":
        _require(isinstance(value, bool), field, "must be a boolean")
    elif shape.type_name in _NUMBERS:
        _require(isinstance(value, int | float) and not isinstance(value, bool), field, "must be a number")
        _require(value >= shape.metadata.get("min", value), field, "is less than the minimum value")
        _require(value <= shape.metadata.get("max", value), field, "exceeds the maximum value")
    elif shape.type_name in _TEXTS:
        _require(isinstance(value, str), field, "must be a string")
        _require(not getattr(shape, "enum", None) or value in shape.enum, field, "is not an expected value")
        _require(len(value) >= shape.metadata.get("min", 0), field, "is smaller than the minimum length")
        _require(len(value) <= shape.metadata.get("max", len(value)), field, "exceeds the maximum length")


def _require(fits: bool, field: str, problem: str) -> None:
    if not fits:
        raise UnfitAnswerError(f"Field '{field}' {problem}")
