"""What API Gateway says of a body that breaks its model, and of each call in the access log."""

import datetime as dt
import json
from typing import Any

import pytest

from infra.local.emulator import Exchange
from infra.local.rest_apis.access_logs import line
from infra.local.rest_apis.validation import NOT_JSON, explain


@pytest.mark.parametrize(
    ("schema", "document", "problem"),
    [
        ({"required": ["b", "a"]}, {}, 'object has missing required properties (["a","b"])'),
        (
            {"properties": {"a": {}}, "additionalProperties": False},
            {"a": 1, "c": 1, "b": 1},
            'object instance has properties which are not allowed by the schema: ["b","c"]',
        ),
        (
            {"type": ["number", "integer"]},
            "x",
            'instance type (string) does not match any allowed primitive type (allowed: ["integer","number"])',
        ),
        (
            {"type": "object"},
            None,
            'instance type (null) does not match any allowed primitive type (allowed: ["object"])',
        ),
        ({"enum": ["a", "b"]}, "c", 'instance value ("c") not found in enum (possible values: ["a","b"])'),
        ({"maxItems": 1}, [1, 2], "array is too long: must have at most 1 elements but instance has 2 elements"),
        ({"minItems": 1}, [], "array is too short: must have at least 1 elements but instance has 0 elements"),
        ({"maximum": 3}, 4, "numeric instance is greater than the required maximum (maximum: 3, found: 4)"),
        ({"minimum": 3}, 2.5, "numeric instance is lower than the required minimum (minimum: 3, found: 2.5)"),
        (
            {"anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
            {},
            'object has missing required properties (["a"])',
        ),
        ({"pattern": "^a$"}, "b", "'b' does not match '^a$'"),
    ],
)
def test_each_way_to_break_a_schema_has_its_words(schema: dict[str, Any], document: Any, problem: str) -> None:
    assert explain(schema, json.dumps(document).encode()) == f"[{problem}]"


def test_several_problems_stand_in_one_pair_of_brackets_each_once() -> None:
    schema = {"items": {"type": "object", "required": ["a"]}}

    assert explain(schema, b"[{}, {}, 1]") == (
        '[object has missing required properties (["a"]), '
        'instance type (integer) does not match any allowed primitive type (allowed: ["object"])]'
    )


def test_what_is_no_json_is_just_that() -> None:
    assert explain({}, b"{") == NOT_JSON


def exchange(**changes: Any) -> Exchange:
    told: dict[str, Any] = {
        "request_id": "r-1",
        "api": "a1",
        "stage": "v1",
        "account": "000000000000",
        "region": "us-east-1",
        "destination": "arn:aws:logs:us-east-1:000000000000:log-group:g",
        "format": "",
        "method": "GET",
        "resource_path": "/predict",
        "path": "/v1/predict",
        "source_ip": "127.0.0.1",
        "user_agent": "curl",
        "api_key": "",
        "status": 200,
        "length": 12,
        "seconds": 0.0304,
        "error": "",
        "error_type": "",
        "explanation": "",
    }
    return Exchange(**(told | changes))


def test_a_line_is_the_stages_format_filled_in() -> None:
    text = '{"at": "$context.requestTime", "ms": ${context.responseLatency}, "n": $context.x}'
    now = dt.datetime(2026, 11, 3, 4, 5, 6, tzinfo=dt.UTC)

    assert line(exchange(format=text), now) == '{"at": "03/Nov/2026:04:05:06 +0000", "ms": 30, "n": -}'


def test_where_the_gateway_answered_there_is_no_status_of_the_integration() -> None:
    refused = exchange(
        format="$context.status $context.integration.status $context.error.responseType $context.identity.apiKeyId",
        status=403,
        error="Forbidden",
        error_type="INVALID_API_KEY",
    )

    assert line(refused) == "403 - INVALID_API_KEY -"
