"""How a body breaks a model's JSON schema, in the words of API Gateway.

API Gateway validates with a library whose messages ``$context.error.validationErrorString`` shows, several in one pair
of brackets (developer guide, "Request validation for REST APIs"; the messages are those of json-schema-validator).
"""

import json
from typing import Any

from jsonschema import Draft4Validator, ValidationError
from jsonschema.exceptions import best_match

NOT_JSON = "Invalid request body"

TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}


def explain(schema: Any, body: bytes) -> str:
    """Say what is wrong with a body.

    Parameters
    ----------
    schema
        JSON schema, draft 4, without references to other models.
    body
        A body that does not satisfy it.

    Returns
    -------
    ``[first problem, second problem]``, or API Gateway's general message if the body is no JSON.
    """
    try:
        document = json.loads(body)
    except ValueError:
        return NOT_JSON
    errors = sorted(Draft4Validator(schema).iter_errors(document), key=lambda error: list(map(str, error.path)))
    return f"[{', '.join(dict.fromkeys(_message(error) for error in errors))}]" if errors else NOT_JSON


def _message(error: ValidationError) -> str:
    value: Any = error.instance
    limit: Any = error.validator_value
    match error.validator:
        case "required":
            missing = [name for name in limit if name not in value]
            return f"object has missing required properties ({_shown(sorted(missing))})"
        case "additionalProperties":
            schema: Any = error.schema
            unknown = sorted(value.keys() - schema.get("properties", {}).keys())
            return f"object instance has properties which are not allowed by the schema: {_shown(unknown)}"
        case "type":
            allowed = [limit] if isinstance(limit, str) else sorted(limit)
            return (
                f"instance type ({TYPES.get(type(value), 'null')}) does not match any allowed primitive type "
                f"(allowed: {_shown(allowed)})"
            )
        case "enum":
            return f"instance value ({_shown(value)}) not found in enum (possible values: {_shown(limit)})"
        case "maxItems":
            return f"array is too long: must have at most {limit} elements but instance has {len(value)} elements"
        case "minItems":
            return f"array is too short: must have at least {limit} elements but instance has {len(value)} elements"
        case "maximum":
            return f"numeric instance is greater than the required maximum (maximum: {limit}, found: {_shown(value)})"
        case "minimum":
            return f"numeric instance is lower than the required minimum (minimum: {limit}, found: {_shown(value)})"
        case _:
            nested = best_match(error.context or [])
            return _message(nested) if nested else error.message


def _shown(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
