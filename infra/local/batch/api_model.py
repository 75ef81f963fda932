"""AWS's own description of the Batch API, as botocore ships it: which operation a path is, which members it has."""

from functools import cache
from typing import Any, cast

import botocore.session
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape
from botocore.validate import ParamValidator

from infra.local.batch.errors import RequestRefusedError


@cache
def _service() -> ServiceModel:
    session = botocore.session.get_session()
    # The request's shape is what is needed of the model, so the documentation of 48 operations stays unparsed.
    return ServiceModel(session.get_component("data_loader").load_service_model("batch", "service-2"), "batch")


@cache
def _operations_by_path() -> dict[tuple[str, str], str]:
    operations = {}
    for name in _service().operation_names:
        http = _service().operation_model(name).http
        operations[http["method"], http["requestUri"].split("{")[0].rstrip("/")] = name
    return operations


def operation_name(method: str, path: str) -> str:
    """Return the operation that a request names, e.g. ``SubmitJob`` for ``POST /v1/submitjob``.

    Raises
    ------
    RequestRefusedError
        If AWS Batch has no such operation.
    """
    path = path.rstrip("/")
    if path.startswith("/v1/tags/"):
        path = "/v1/tags"
    name = _operations_by_path().get((method, path))
    if name is None:
        raise RequestRefusedError(f"AWS Batch has no operation {method} {path}.")
    return name


def check_parameters(operation: str, parameters: dict[str, Any]) -> None:
    """Check required members, types and member names of a request.

    Raises
    ------
    RequestRefusedError
        Naming each member that is wrong.
    """
    report = ParamValidator().validate(parameters, _input(operation))
    if report.has_errors():
        raise RequestRefusedError(f"Error executing request, Exception : {report.generate_report()}")


def from_template(operation: str, properties: dict[str, Any]) -> dict[str, Any]:
    """Turn properties of a CloudFormation resource into the request of the operation that makes it.

    CloudFormation spells members in PascalCase, in free-form maps as they are, and hands every scalar over as text.

    Raises
    ------
    RequestRefusedError
        If a property is none of the operation's members, or a value has the wrong type.
    """
    return cast("dict[str, Any]", _from_template(properties, _input(operation), operation))


def _input(operation: str) -> Shape:
    model: OperationModel = _service().operation_model(operation)
    if model.input_shape is None:
        raise RequestRefusedError(f"{operation} takes no members.")
    return model.input_shape


def _from_template(value: Any, shape: Shape, where: str) -> Any:
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        members = {}
        for key, item in value.items():
            name = key[:1].lower() + key[1:]
            if name not in shape.members:
                raise RequestRefusedError(f"{where} has no member {key}.")
            members[name] = _from_template(item, shape.members[name], f"{where}.{key}")
        return members
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [_from_template(item, shape.member, f"{where}[{index}]") for index, item in enumerate(value)]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {key: _from_template(item, shape.value, f"{where}.{key}") for key, item in value.items()}
    return _scalar(value, shape, where)


def _scalar(value: Any, shape: Shape, where: str) -> Any:
    try:
        match shape.type_name:
            case "integer" | "long":
                return int(value)
            case "boolean":
                return {"true": True, "false": False}[str(value).lower()]
            case "string" if not isinstance(value, dict | list):
                return str(value)
    except (KeyError, TypeError, ValueError):
        pass
    raise RequestRefusedError(f"{where} must be of type {shape.type_name}, not {value!r}.")
