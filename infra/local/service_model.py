"""AWS's own descriptions of its APIs, as botocore ships them: members, types and constraints of each operation.

Requests are checked and refused in AWS's words; properties of templates become requests.
"""

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StringShape, StructureShape
from botocore.validate import ParamValidator


class InvalidRequestError(ValueError):
    """A request breaks its operation's description; the message is the one that AWS gives."""


@cache
def service(name: str) -> ServiceModel:
    """Return botocore's description of a service, e.g. ``sagemaker``; large ones take 0.2 s the first time."""
    session = botocore.session.get_session()
    return ServiceModel(session.get_component("data_loader").load_service_model(name, "service-2"), name)


def check(service_name: str, operation: str, members: dict[str, Any]) -> None:
    """Check required members, types, names and constraints of a request.

    Raises
    ------
    InvalidRequestError
        Naming each member that is wrong.
    """
    shape = _input(service_name, operation)
    report = ParamValidator().validate(members, shape)
    if report.has_errors():
        raise InvalidRequestError(report.generate_report())
    problems = list(_violations(shape, members, ""))
    if problems:
        noun = "validation error" if len(problems) == 1 else "validation errors"
        raise InvalidRequestError(f"{len(problems)} {noun} detected: {'; '.join(problems)}")


def known_members(service_name: str, operation: str) -> frozenset[str]:
    """Return the names of an operation's members."""
    return frozenset(_input(service_name, operation).members)


def from_template(service_name: str, operation: str, properties: dict[str, Any]) -> dict[str, Any]:
    """Turn properties of a CloudFormation resource into the request of the operation that makes it.

    CloudFormation spells the members as the operation does, but for a capital at their beginning, and hands every
    scalar over as text.

    Raises
    ------
    InvalidRequestError
        If a property is none of the operation's members, or a value has the wrong type.
    """
    request: dict[str, Any] = _from_template(properties, _input(service_name, operation), operation)
    return request


def _input(service_name: str, operation: str) -> StructureShape:
    model: OperationModel = service(service_name).operation_model(operation)
    assert model.input_shape is not None  # noqa: S101  (every operation here takes members)
    return model.input_shape


def _violations(shape: Shape, value: Any, path: str) -> Iterator[str]:
    if isinstance(shape, StructureShape):
        for name, member in value.items():
            yield from _violations(shape.members[name], member, f"{path}.{name[:1].lower()}{name[1:]}".lstrip("."))
    elif isinstance(shape, ListShape):
        yield from _length_violations(shape, value, path)
        for number, item in enumerate(value, 1):
            yield from _violations(shape.member, item, f"{path}.{number}.member")
    elif isinstance(shape, MapShape):
        for key, item in value.items():
            yield from _violations(shape.key, key, path)
            yield from _violations(shape.value, item, f"{path}.{key}")
    elif isinstance(value, str | bytes):
        yield from _length_violations(shape, value, path)
        yield from _text_violations(shape, value, path)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _limit_violations(shape, value, value, path, "value")


def _length_violations(shape: Shape, value: Any, path: str) -> Iterator[str]:
    shown = value if isinstance(value, str) else f"<{len(value)} long>"
    yield from _limit_violations(shape, len(value), shown, path, "length")


def _limit_violations(shape: Shape, size: float, shown: Any, path: str, what: str) -> Iterator[str]:
    if size > shape.metadata.get("max", size):
        yield _violation(shown, path, f"Member must have {what} less than or equal to {shape.metadata['max']}")
    if size < shape.metadata.get("min", size):
        yield _violation(shown, path, f"Member must have {what} greater than or equal to {shape.metadata['min']}")


def _text_violations(shape: Shape, value: str | bytes, path: str) -> Iterator[str]:
    pattern = _pattern(shape.metadata.get("pattern", ""))
    if pattern and isinstance(value, str) and not pattern.fullmatch(value):
        yield _violation(value, path, f"Member must satisfy regular expression pattern: {pattern.pattern}")
    if isinstance(shape, StringShape) and shape.enum and value not in shape.enum:
        yield _violation(value, path, f"Member must satisfy enum value set: [{', '.join(shape.enum)}]")


@lru_cache(maxsize=256)
def _pattern(text: str) -> re.Pattern[str] | None:
    """Compile a pattern of the model; what only Java understands (classes of characters, surrogates) is not checked."""
    try:
        return re.compile(text) if text else None
    except re.error:
        return None


def _violation(value: Any, path: str, constraint: str) -> str:
    return f"Value '{value}' at '{path}' failed to satisfy constraint: {constraint}"


def _from_template(value: Any, shape: Shape, where: str) -> Any:
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        members = {key if key in shape.members else key[:1].lower() + key[1:]: key for key in value}
        unknown = [members[name] for name in members.keys() - shape.members.keys()]
        if unknown:
            raise InvalidRequestError(f"{where} has no member {', '.join(sorted(unknown))}.")
        return {
            name: _from_template(value[key], shape.members[name], f"{where}.{key}") for name, key in members.items()
        }
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [_from_template(item, shape.member, f"{where}[{index}]") for index, item in enumerate(value)]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {key: _from_template(item, shape.value, f"{where}.{key}") for key, item in value.items()}
    return _scalar(value, shape, where)


def _scalar(value: Any, shape: Shape, where: str) -> Any:
    try:
        match shape.type_name:
            case "integer" | "long":
                return int(str(value))
            case "float" | "double":
                return float(str(value))
            case "boolean":
                return {"true": True, "false": False}[str(value).lower()]
            case "string" if not isinstance(value, dict | list):
                return str(value)
    except (KeyError, ValueError):
        pass
    raise InvalidRequestError(f"{where} must be of type {shape.type_name}, not {value!r}.")
