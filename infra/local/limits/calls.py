"""From a request to the operation that it names and the operation's members, by AWS's own description of the API.

Facts: Smithy, "AWS JSON 1.0 protocol", "AWS query protocol", "AWS restJson1 protocol", "HTTP binding traits".
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qs, unquote

from botocore.model import ListShape, MapShape, Shape, StructureShape

from infra.local.service_model import service
from infra.local.wire import Request


@dataclass(frozen=True)
class Call:
    """A call of an operation.

    Attributes
    ----------
    service, operation
        botocore's name of the service, and the operation's name.
    members
        The members that were sent; binary data as Base64 where the protocol has it so.
    request
        Where they come from.
    """

    service: str
    operation: str
    members: Mapping[str, Any]
    request: Request


def read(service_name: str, request: Request) -> Call | None:
    """Return the call that a request makes; None if it is of no known operation or its body cannot be read."""
    try:
        if "x-amz-target" in request.headers:
            return _known(service_name, request.action, request, request.json())
        if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return _query(service_name, request)
        return _rest(service_name, request)
    except ValueError:
        return None  # the service says what is wrong with it


def _known(service_name: str, operation: str, request: Request, members: Mapping[str, Any]) -> Call | None:
    known = operation in service(service_name).operation_names
    return Call(service_name, operation, members, request) if known else None


def _query(service_name: str, request: Request) -> Call | None:
    form = parse_qs(request.body.decode(), keep_blank_values=True)
    values = {name: texts[0] for name, texts in form.items()}
    operation = values.get("Action", "")
    if operation not in service(service_name).operation_names:
        return None
    shape = service(service_name).operation_model(operation).input_shape
    members = _from_form(shape, values, "") if shape else {}
    return Call(service_name, operation, members or {}, request)


def _from_form(shape: Shape, values: Mapping[str, str], prefix: str) -> Any:
    """Return the part of a form below `prefix` as the shape has it; None if there is nothing."""
    if isinstance(shape, StructureShape):
        found = {
            name: _from_form(member, values, f"{prefix}{member.serialization.get('name', name)}.")
            for name, member in shape.members.items()
            if any(key.startswith(f"{prefix}{member.serialization.get('name', name)}") for key in values)
        }
        return {name: member for name, member in found.items() if member is not None} or None
    if isinstance(shape, ListShape):
        stem = prefix if shape.serialization.get("flattened") else f"{prefix}member."
        return [_from_form(shape.member, values, f"{stem}{number}.") for number in _numbers(values, stem)] or None
    if isinstance(shape, MapShape):
        stem = prefix if shape.serialization.get("flattened") else f"{prefix}entry."
        key, value = shape.key.serialization.get("name", "key"), shape.value.serialization.get("name", "value")
        return {
            values.get(f"{stem}{number}.{key}", ""): _from_form(shape.value, values, f"{stem}{number}.{value}.")
            for number in _numbers(values, stem)
        } or None
    text = values.get(prefix.removesuffix("."))
    return _number(shape, text) if text is not None else None


def _numbers(values: Mapping[str, str], stem: str) -> list[int]:
    found = {key[len(stem) :].partition(".")[0] for key in values if key.startswith(stem)}
    return sorted(int(number) for number in found if number.isdecimal())


def _number(shape: Shape, text: str) -> Any:
    """Return a scalar of a text: a number where it is one, so that its range can be checked."""
    try:
        if shape.type_name in ("integer", "long"):
            return int(text)
        return float(text) if shape.type_name in ("double", "float") else text
    except ValueError:
        return text


def _rest(service_name: str, request: Request) -> Call | None:
    path = request.path.rstrip("/")
    for method, pattern, operation in _routes(service_name):
        found = pattern.fullmatch(path) if method == request.method else None
        if found:
            shape = service(service_name).operation_model(operation).input_shape
            members = _from_http(shape, request, found.groupdict()) if shape else {}
            return Call(service_name, operation, members, request)
    return None


@cache
def _routes(service_name: str) -> list[tuple[str, re.Pattern[str], str]]:
    """Return method, path and operation; those with the fewest variables first."""
    routes = []
    for operation in service(service_name).operation_names:
        http = service(service_name).operation_model(operation).http
        template = http["requestUri"].partition("?")[0].rstrip("/")
        pattern = re.sub(r"\\\{(\w+)(\\\+)?\\\}", lambda label: f"(?P<{label[1]}>{'.+' if label[2] else '[^/]+'})",
                         re.escape(template))  # fmt: skip
        routes.append((http["method"], re.compile(pattern), operation))
    return sorted(routes, key=lambda route: route[1].groups)


def _from_http(shape: StructureShape, request: Request, labels: Mapping[str, str]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    payload = shape.serialization.get("payload")
    body = {} if payload else request.json()
    for name, member in shape.members.items():
        place, key = member.serialization.get("location"), member.serialization.get("name", name)
        if place == "uri" and key in labels:
            members[name] = unquote(labels[key])
        elif place == "header" and key.lower() in request.headers:
            members[name] = _number(member, request.headers[key.lower()])
        elif place == "querystring" and key in request.query:
            texts = request.query[key]
            members[name] = texts if isinstance(member, ListShape) else _number(member, texts[0])
        elif name == payload:
            members[name] = request.body if member.type_name == "blob" else json.loads(request.body or b"{}")
        elif place is None and key in body:
            members[name] = body[key]
    return members
