"""AWS's own description of the Batch API, as botocore ships it: which operation a path is, which members it has."""

from functools import cache
from typing import Any

from botocore.model import OperationModel, Shape
from botocore.validate import ParamValidator

from infra.local.batch.errors import RequestRefusedError
from infra.local.service_model import service


@cache
def _operations_by_path() -> dict[tuple[str, str], str]:
    operations = {}
    for name in service("batch").operation_names:
        http = service("batch").operation_model(name).http
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


def _input(operation: str) -> Shape:
    model: OperationModel = service("batch").operation_model(operation)
    if model.input_shape is None:
        raise RequestRefusedError(f"{operation} takes no members.")
    return model.input_shape
