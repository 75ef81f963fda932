"""From requests of each protocol to an operation and its members."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from infra.local.limits.calls import read
from infra.local.service_model import InvalidRequestError, blob_bytes, check_constraints
from infra.local.wire import Request


def request(method: str = "POST", path: str = "/", body: bytes = b"", query: Any = None, **headers: str) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(method, path, named, body, query or {}, "000000000000", "us-east-1")


def form(**values: str) -> Request:
    return request(body=urlencode(values).encode(), content_type="application/x-www-form-urlencoded; charset=utf-8")


def test_a_json_request_names_its_operation_in_a_header() -> None:
    call = read("ssm", request(body=b'{"Name": "n"}', x_amz_target="AmazonSSM.PutParameter"))

    assert call is not None
    assert (call.operation, call.members) == ("PutParameter", {"Name": "n"})


def test_a_query_request_is_a_form_of_numbered_members() -> None:
    call = read(
        "sns",
        form(
            **{
                "Action": "PublishBatch",
                "TopicArn": "t",
                "PublishBatchRequestEntries.member.2.Id": "second",
                "PublishBatchRequestEntries.member.1.Id": "first",
                "PublishBatchRequestEntries.member.1.MessageAttributes.entry.1.Name": "a",
                "PublishBatchRequestEntries.member.1.MessageAttributes.entry.1.Value.StringValue": "v",
            }
        ),
    )

    assert call is not None
    assert call.members == {
        "TopicArn": "t",
        "PublishBatchRequestEntries": [
            {"Id": "first", "MessageAttributes": {"a": {"StringValue": "v"}}},
            {"Id": "second"},
        ],
    }


def test_numbers_of_a_form_are_numbers_so_that_their_range_can_be_checked() -> None:
    call = read("iam", form(Action="CreateRole", RoleName="r", MaxSessionDuration="60"))

    assert call is not None
    with pytest.raises(InvalidRequestError, match="Value '60' at 'maxSessionDuration'"):
        check_constraints("iam", call.operation, dict(call.members))


def test_a_rest_request_has_members_in_path_query_headers_and_body() -> None:
    invoked = read(
        "lambda",
        request(
            path="/2015-03-31/functions/f/invocations",
            body=b"{}",
            query={"Qualifier": ["live"]},
            x_amz_invocation_type="Event",
        ),
    )
    scheduled = read("scheduler", request(path="/schedules/nightly", body=json.dumps({"State": "ENABLED"}).encode()))

    assert invoked is not None
    assert invoked.operation == "Invoke"
    assert invoked.members == {
        "FunctionName": "f",
        "Qualifier": "live",
        "InvocationType": "Event",
        "Payload": b"{}",
    }
    assert scheduled is not None
    assert (scheduled.operation, scheduled.members) == ("CreateSchedule", {"Name": "nightly", "State": "ENABLED"})


@pytest.mark.parametrize(
    ("service", "asked"),
    [
        ("ssm", request(body=b"{", x_amz_target="AmazonSSM.PutParameter")),
        ("ssm", request(body=b"[]", x_amz_target="AmazonSSM.PutParameter")),
        ("ssm", request(body=b"{}", x_amz_target="AmazonSSM.Nothing")),
        ("sns", form(Action="Nothing")),
        ("lambda", request(path="/2015-03-31/nothing")),
        ("scheduler", request(path="/schedules/nightly", body=b"\xff")),
    ],
)
def test_what_is_no_call_is_the_services_own_business(service: str, asked: Request) -> None:
    assert read(service, asked) is None


@pytest.mark.parametrize("size", range(8))
def test_the_size_of_binary_data_is_told_without_decoding_it(size: int) -> None:
    import base64

    assert blob_bytes(base64.b64encode(bytes(size)).decode()) == blob_bytes(bytes(size)) == size


def test_a_violation_shows_the_value_in_awss_words() -> None:
    entries = {"Records": [{"Data": "eA==", "PartitionKey": ""}]}

    place = r"'records\.1\.member\.partitionKey' failed to satisfy constraint"
    with pytest.raises(
        InvalidRequestError, match=f"^1 validation error detected: Value '' at {place}: Member must have"
    ):
        check_constraints("kinesis", "PutRecords", entries)
    with pytest.raises(
        InvalidRequestError, match=r"Value '\[PutEventsRequestEntry\(source=s\), PutEvents.*at 'entries'"
    ):
        check_constraints("events", "PutEvents", {"Entries": [{"Source": "s"}] * 11})
