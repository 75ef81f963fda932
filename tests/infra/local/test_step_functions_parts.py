"""The parts of the Step Functions service that need no emulator."""

import asyncio
import contextlib
import functools
import json
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.emulator import StateMachineRecords
from infra.local.step_functions.actions.version_actions import check_room_for_version
from infra.local.step_functions.arns import Arn
from infra.local.step_functions.callbacks import Callbacks
from infra.local.step_functions.deletions import Deletions
from infra.local.step_functions.engine import Engine
from infra.local.step_functions.errors import ApiError
from infra.local.step_functions.integrations import names
from infra.local.step_functions.integrations.resource import Resource
from infra.local.step_functions.integrations.shapes import UnfitArgumentError, iso_time, to_output, to_request
from infra.local.step_functions.machines import Machine, Machines
from infra.local.step_functions.paging import page
from infra.local.step_functions.records import ExecutionRecord
from infra.local.step_functions.settings import check_name
from infra.local.step_functions.store import INTERRUPTED, Store
from infra.local.step_functions.tags import Tags
from workflows.interpreter import Journal, StatesError

MACHINE_ARN = "arn:aws:states:us-east-1:000000000000:stateMachine:m"
EXECUTION_ARN = "arn:aws:states:us-east-1:000000000000:execution:m:e"


@pytest.mark.parametrize(
    ("api", "sdk"),
    [
        ("ETag", "ETag"),
        ("ACL", "Acl"),
        ("SSEKMSKeyId", "SsekmsKeyId"),
        ("DBInstanceIdentifier", "DbInstanceIdentifier"),
        ("jobName", "JobName"),
        ("S", "S"),
        ("SS", "Ss"),
        ("NULL", "Nul"),
        ("BOOL", "Bool"),
    ],
)
def test_members_are_named_as_the_java_sdk_names_them(api, sdk):
    assert names.member(api) == sdk


@pytest.mark.parametrize(
    ("service_id", "prefix"),
    [
        ("DynamoDB", "DynamoDb"),
        ("S3", "S3"),
        ("SFN", "Sfn"),
        ("Secrets Manager", "SecretsManager"),
        ("CloudWatch Logs", "CloudWatchLogs"),
        ("EventBridge", "EventBridge"),
        ("SESv2", "SesV2"),
        ("WAFV2", "Wafv2"),
        ("Config Service", "Config"),
        ("Directory Service Data", "DirectoryServiceData"),
    ],
)
def test_errors_are_prefixed_with_the_class_of_the_service(service_id, prefix):
    assert names.service_class(service_id) == prefix


@pytest.mark.parametrize(
    ("name", "service"),
    [
        ("sfn", "stepfunctions"),
        ("cloudwatchlogs", "logs"),
        ("secretsmanager", "secretsmanager"),
        ("s3", "s3"),
        ("applicationdiscovery", "discovery"),
        ("config", "config"),
        ("directoryservicedata", "ds-data"),
        ("lexmodelsv2", "lexv2-models"),
        ("lexruntimev2", "lexv2-runtime"),
        ("marketplaceentitlement", "marketplace-entitlement"),
        ("marketplacemetering", "meteringmarketplace"),
        ("nope", None),
        ("stepfunctions", None),
        ("logs", None),
        ("events", None),
        ("configservice", None),
    ],
)
def test_every_service_of_a_resource_arn_is_found(name, service):
    assert names.botocore_service(name) == service


@pytest.mark.parametrize(
    ("arn", "kind", "service", "action", "pattern"),
    [
        ("arn:aws:states:::batch:submitJob.sync", "optimized", "batch", "submitJob", "sync"),
        ("arn:aws:states:::states:startExecution.sync:2", "optimized", "states", "startExecution", "sync:2"),
        ("arn:aws:states:::aws-sdk:s3:getObject", "aws-sdk", "s3", "getObject", ""),
        ("arn:aws:states:::lambda:invoke.waitForTaskToken", "optimized", "lambda", "invoke", "waitForTaskToken"),
        ("arn:aws:lambda:us-east-1:000000000000:function:f:live", "function", "lambda", "invoke", ""),
        ("arn:aws:states:us-east-1:000000000000:activity:a", "activity", "", "", ""),
        ("arn:aws:sqs:us-east-1:000000000000:q", "unknown", "", "", ""),
    ],
)
def test_resources_are_taken_apart(arn, kind, service, action, pattern):
    assert Resource.parse(arn) == Resource(arn, kind, service, action, pattern)


@functools.cache
def shape(service, operation, direction="input"):
    model = botocore.session.get_session().get_service_model(service).operation_model(operation)
    return model.input_shape if direction == "input" else model.output_shape


def test_nested_members_are_renamed_and_the_keys_of_maps_are_not():
    arguments = {
        "JobName": "j",
        "Parameters": {"userKey": "v"},
        "ContainerOverrides": {"Command": ["a"], "Environment": [{"Name": "N", "Value": "V"}]},
    }

    request = to_request(shape("batch", "SubmitJob"), arguments, names.capitalized, texts_take_scalars=True)

    assert request == {
        "jobName": "j",
        "parameters": {"userKey": "v"},
        "containerOverrides": {"command": ["a"], "environment": [{"name": "N", "value": "V"}]},
    }


def test_nulls_are_members_that_are_not_set():
    request = to_request(shape("sqs", "SendMessage"), {"MessageBody": None}, names.member, texts_take_scalars=False)

    assert request == {}


def test_texts_take_objects_always_and_scalars_where_step_functions_says_so():
    publish = shape("sns", "Publish")

    def request(message, scalars):
        return to_request(publish, {"Message": message}, names.capitalized, texts_take_scalars=scalars)

    assert request({"a": 1}, False) == {"Message": '{"a":1}'}
    assert request(1, True) == {"Message": "1"}
    with pytest.raises(UnfitArgumentError, match="The value for the field 'Message' must be a STRING"):
        request(1, False)


MEMBERS = st.sampled_from(["MessageBody", "QueueUrl", "messageBody", "Nonesuch"])


@given(st.dictionaries(MEMBERS, st.one_of(st.text(), st.integers(), st.none())))
def test_no_argument_gets_lost_or_renamed_silently(arguments):
    try:
        request = to_request(shape("sqs", "SendMessage"), arguments, names.member, texts_take_scalars=True)
    except UnfitArgumentError:
        assert set(arguments) & {"messageBody", "Nonesuch"}
    else:
        assert set(request) == {name for name, value in arguments.items() if value is not None}


def test_times_in_answers_keep_their_milliseconds():
    listed = {"CreationDate": datetime(2026, 1, 2, 3, 4, 5, 60_000, UTC)}

    output = to_output(shape("s3", "GetObject", "output"), {"LastModified": listed["CreationDate"]}, str, iso_time)

    assert output == {"LastModified": "2026-01-02T03:04:05.060Z"}
    assert iso_time(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) == "2026-01-02T03:04:05Z"


@given(st.lists(st.integers(), max_size=30), st.integers(1, 7), st.booleans())
def test_pages_hold_every_entry_once_in_order_whatever_is_added_meanwhile(entries, size, latest_first):
    seen, request, present = [], {"maxResults": size}, list(entries)
    while True:
        shown, more = page(present, request, "scope", latest_first=latest_first)
        present = ["new", *present] if latest_first else present
        seen += shown
        assert len(shown) <= size
        if not more:
            break
        request = {"maxResults": size, **more}
    assert seen == entries


@pytest.mark.parametrize("token", ["", "x", "bm9uZQ=="])
def test_a_made_up_page_token_is_refused(token):
    if token:
        with pytest.raises(ApiError, match="InvalidToken"):
            page([1, 2], {"nextToken": token}, "scope")
    assert page([1, 2], {"nextToken": ""}, "scope") == ([1, 2], {})


def test_arns_are_read_and_written():
    text = "arn:aws:states:eu-west-1:111111111111:express:m:name:id"

    assert str(Arn.parse(text, "express")) == text
    with pytest.raises(ApiError, match="Resource type not valid in this context: express"):
        Arn.parse(text, "execution")


@pytest.mark.parametrize(
    ("arn", "kinds", "qualifier"),
    [
        ("arn:aws:states:us-east-1:000000000000:stateMachine:m", ("stateMachine",), None),
        ("arn:aws:states:us-east-1:000000000000:stateMachine:m:7", ("stateMachine",), "7"),
        ("arn:aws:states:us-east-1:000000000000:stateMachine:m/label", ("stateMachine",), "label"),
    ],
)
def test_a_qualifier_is_told_from_the_name(arn, kinds, qualifier):
    assert Arn.parse(arn, *kinds).qualifier == qualifier


@pytest.mark.parametrize("character", [*' \t<>{}[]?*"#%\\^|~`$&,;:/', "\x00", "\x7f", "\x9f", "\ufffe", "\U0010ffff"])
def test_names_have_none_of_the_characters_that_aws_forbids(character):
    check_name("run-1_é.(2)@x+y='!")
    with pytest.raises(ApiError, match="InvalidName"):
        check_name(f"a{character}b")


def test_a_deletion_is_finished_after_a_restart():
    machines = {MACHINE_ARN: {"name": "m"}}
    services = SimpleNamespace(scope=lambda account, region: contextlib.nullcontext())
    tags = {MACHINE_ARN: [{"key": "a", "value": "b"}]}
    store = Store()
    deletions = Deletions(services, Machines(StateMachineRecords(machines, {}, {}, {}, {}, tags)), store, Tags(tags))

    deletions.load(json.loads(json.dumps([MACHINE_ARN])))
    assert deletions.save() == [MACHINE_ARN]
    deletions.settle()

    assert (machines, tags, store.deleting) == ({}, {}, set())


def test_a_machine_has_a_thousand_versions_and_no_more():
    versions = {f"{MACHINE_ARN}:{n}": {"stateMachineArn": MACHINE_ARN} for n in range(1, 1000)}
    machines = Machines(StateMachineRecords({}, versions, {}, {}, {}, {}))

    check_room_for_version(machines, MACHINE_ARN)
    versions[f"{MACHINE_ARN}:1000"] = {"stateMachineArn": MACHINE_ARN}
    with pytest.raises(ApiError, match="ServiceQuotaExceededException") as refusal:
        check_room_for_version(machines, MACHINE_ARN)
    assert refusal.value.status == 402


def test_a_report_after_the_end_of_the_wait_reaches_nobody():
    callbacks = Callbacks()

    async def wait_and_give_up():
        with callbacks.expect("token", lambda: None) as answer:
            callbacks.succeed("token", 1)
            assert await answer == 1
        with pytest.raises(ApiError, match="TaskTimedOut"):
            callbacks.fail("token", None, None)

    asyncio.run(wait_and_give_up())


class Notebook:
    """Tasks that fail until they are allowed, and count."""

    def __init__(self):
        self.calls = []
        self.allowed = False

    async def run(self, call):
        self.calls.append(call.resource)
        if call.resource.endswith("wait"):
            await asyncio.sleep(600)
        if call.resource.endswith("fail") and not self.allowed:
            raise StatesError("Not.Yet", "later")
        return {}


def record_of(*resources):
    """Return an execution of a machine whose tasks run one after the other."""
    states = {}
    for number, resource in enumerate(resources):
        last = number == len(resources) - 1
        states[str(number)] = {
            "Type": "Task",
            "Resource": f"arn:aws:states:::aws-sdk:s3:{resource}",
            "Parameters": {},
            **({"End": True} if last else {"Next": str(number + 1)}),
        }
    machine = Machine(
        MACHINE_ARN, "m", json.dumps({"StartAt": "0", "States": states}), "arn:aws:iam::0:role/r", "STANDARD"
    )
    started = datetime.now(UTC)
    return ExecutionRecord(EXECUTION_ARN, "e", machine, "{}", started, journal=Journal(EXECUTION_ARN))


@pytest.fixture
def tasks():
    return Notebook()


@pytest.fixture
def engine(tasks):
    engine = Engine(tasks, Store(), lambda record: None)
    yield engine
    engine.close()


def restarted(record):
    """Save an execution and load it as the next start does."""
    store, text = Store(), json.dumps([record.save()])
    store.load(json.loads(text))
    return store.get(record.arn)


def test_a_failed_execution_can_be_redriven_after_a_restart(engine, tasks):
    record = record_of("ok", "fail")
    engine.start(record).result(timeout=10)
    assert (record.status, record.error) == ("FAILED", "Not.Yet")

    loaded = restarted(record)
    assert loaded.describe() == record.describe()
    tasks.allowed = True
    loaded.begin_again()
    engine.start(loaded).result(timeout=10)

    assert loaded.status == "SUCCEEDED"
    assert [call.rsplit(":", 1)[-1] for call in tasks.calls] == ["ok", "fail", "fail"]


def test_an_execution_that_ran_when_everything_stopped_is_aborted_and_can_be_redriven(engine, tasks):
    record = record_of("ok", "wait")
    engine.start(record)
    deadline = time.monotonic() + 10
    while len(tasks.calls) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    saved = engine.call(record.save)
    engine.submit(engine.abort(record, None, None)).result(timeout=10)

    store = Store()
    store.load([json.loads(json.dumps(saved))])
    loaded = store.get(record.arn)

    assert (loaded.status, loaded.cause) == ("ABORTED", INTERRUPTED)
    assert loaded.not_redrivable() is None
    assert loaded.journal.types()[-1] == "ExecutionAborted"
    assert loaded.progress.state == "1"


def test_after_fourteen_days_an_execution_cannot_be_redriven(engine):
    record = record_of("fail")
    engine.start(record).result(timeout=10)

    record.stopped -= timedelta(days=14, seconds=1)

    assert record.not_redrivable() == "Execution redrivable period exceeded"


def test_a_defect_of_the_interpreter_fails_the_execution_instead_of_leaving_it_running(tasks, caplog):
    class Defective(Notebook):
        async def run(self, call):
            raise ZeroDivisionError("a bug")

    engine = Engine(Defective(), Store(), lambda record: None)
    record = record_of("ok")

    engine.start(record).result(timeout=10)
    engine.close()

    assert (record.status, record.error) == ("FAILED", "States.Runtime")
    assert "a bug" in record.cause
