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

_NUMBERS = frozenset({"double", "float", "integer", "long"})


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
    check_constraints(service_name, operation, members)


def check_constraints(service_name: str, operation: str, members: dict[str, Any]) -> None:
    """Check lengths, ranges, patterns and enumerations of what is there and has the right type, and nothing else.

    Raises
    ------
    InvalidRequestError
        Naming each member that is wrong.
    """
    problems = list(_violations(_input(service_name, operation), members, ""))
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


def member_from_template(service_name: str, operation: str, name: str, value: Any) -> dict[str, Any]:
    """Turn one property into the member of that name; see `from_template`."""
    return from_template(service_name, operation, {name: value})


def _input(service_name: str, operation: str) -> StructureShape:
    model: OperationModel = service(service_name).operation_model(operation)
    assert model.input_shape is not None  # noqa: S101  (every operation here takes members)
    return model.input_shape


def _violations(shape: Shape, value: Any, path: str) -> Iterator[str]:
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        for name, member in value.items():
            if name in shape.members and member is not None:
                yield from _violations(shape.members[name], member, f"{path}.{name[:1].lower()}{name[1:]}".lstrip("."))
    elif isinstance(shape, ListShape) and isinstance(value, list):
        yield from _limit_violations(shape, len(value), _shown(shape, value), path, "length")
        for number, item in enumerate(value, 1):
            yield from _violations(shape.member, item, f"{path}.{number}.member")
    elif isinstance(shape, MapShape) and isinstance(value, dict):
        yield from _limit_violations(shape, len(value), value, path, "length")
        for key, item in value.items():
            yield from _violations(shape.key, key, path)
            yield from _violations(shape.value, item, f"{path}.{key}")
    elif shape.type_name == "blob" and isinstance(value, str | bytes):
        size = blob_bytes(value)
        yield from _limit_violations(shape, size, _shown_blob(size), path, "length")
    elif isinstance(shape, StringShape) and isinstance(value, str):
        yield from _limit_violations(shape, len(value), value, path, "length")
        yield from _text_violations(shape, value, path)
    elif shape.type_name in _NUMBERS and isinstance(value, int | float) and not isinstance(value, bool):
        yield from _limit_violations(shape, value, value, path, "value")


def blob_bytes(value: str | bytes) -> int:
    """Return the size of binary data, which JSON carries as Base64."""
    if isinstance(value, bytes):
        return len(value)
    return len(value) * 3 // 4 - value[-2:].count("=")


def _shown(shape: Shape, value: Any) -> str:
    """Show a value as AWS does, whose words those of Java are: ``[Route(arn=…, weight=50)]``."""
    if isinstance(shape, ListShape) and isinstance(value, list):
        return f"[{', '.join(_shown(shape.member, item) for item in value)}]"
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        members = (
            f"{name[:1].lower()}{name[1:]}={_shown(member, value[name])}"
            for name, member in shape.members.items()
            if name in value
        )
        return f"{shape.name}({', '.join(members)})"
    return (
        _shown_blob(blob_bytes(value)) if shape.type_name == "blob" and isinstance(value, str | bytes) else str(value)
    )


def _shown_blob(size: int) -> str:
    return f"java.nio.HeapByteBuffer[pos=0 lim={size} cap={size}]"


def _limit_violations(shape: Shape, size: float, shown: Any, path: str, what: str) -> Iterator[str]:
    if size > shape.metadata.get("max", size):
        yield _violation(shown, path, f"Member must have {what} less than or equal to {shape.metadata['max']}")
    if size < shape.metadata.get("min", size):
        yield _violation(shown, path, f"Member must have {what} greater than or equal to {shape.metadata['min']}")


def _text_violations(shape: StringShape, value: str, path: str) -> Iterator[str]:
    pattern = _pattern(shape.metadata.get("pattern", ""))
    if pattern and not pattern.fullmatch(value):
        yield _violation(value, path, f"Member must satisfy regular expression pattern: {pattern.pattern}")
    if shape.enum and value not in shape.enum:
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
