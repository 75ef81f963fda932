"""Template values in the shapes that the services' APIs want.

CloudFormation hands every scalar on as a string.
"""

from collections.abc import Mapping
from typing import Any


def integer(value: Any) -> int:
    """Return a template's number."""
    return int(str(value))


def boolean(value: Any) -> bool:
    """Return a template's boolean."""
    return str(value).lower() == "true"


def lower_first(value: Any) -> Any:
    """Return a structure with the first letter of every member in lower case (``LogGroupArn`` -> ``logGroupArn``)."""
    if isinstance(value, Mapping):
        return {name[:1].lower() + name[1:]: lower_first(member) for name, member in value.items()}
    if isinstance(value, list):
        return [lower_first(member) for member in value]
    return value


def present(**members: Any) -> dict[str, Any]:
    """Return the members that are not ``None``."""
    return {name: value for name, value in members.items() if value is not None}
