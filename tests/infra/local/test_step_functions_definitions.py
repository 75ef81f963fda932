"""State machines: what is refused, and what versions and aliases of them run."""

import json

import pytest

from tests.infra.local.state_machine_world import INVOKE, World, refused, single

PASS = single({"Type": "Pass", "End": True})


@pytest.fixture
def world(client):
    return World(client)


def test_an_invalid_definition_is_refused_when_it_is_created_and_when_it_is_updated(world):
    states = world.states
    machine = world.machine(PASS)
    answer = (
        "InvalidDefinition",
        "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: These fields are required: [States] at /'",
    )

    bad = json.dumps({"StartAt": "A"})

    assert refused(states.create_state_machine, name=world.unique, definition=bad, roleArn=world.role()) == answer
    assert refused(states.update_state_machine, stateMachineArn=machine, definition=bad) == answer
    assert json.loads(states.describe_state_machine(stateMachineArn=machine)["definition"]) == PASS


def test_an_express_machine_that_waits_for_a_token_is_refused(world):
    state = {**INVOKE, "Resource": INVOKE["Resource"] + ".waitForTaskToken", "End": True}

    code, message = refused(
        world.states.create_state_machine,
        name=world.unique,
        definition=json.dumps(single(state)),
        roleArn=world.role(),
        type="EXPRESS",
    )

    assert code == "InvalidDefinition"
    assert "Express state machine does not support '.waitForTaskToken' service integration" in message


def test_the_same_machine_again_is_the_same_and_another_one_is_refused(world):
    create = world.states.create_state_machine
    request = {"name": f"m-{world.unique}", "definition": json.dumps(PASS), "roleArn": world.role()}

    first = create(**request)
    again = create(**request)

    assert (again["stateMachineArn"], again["creationDate"]) == (first["stateMachineArn"], first["creationDate"])
    assert refused(create, **{**request, "definition": json.dumps(PASS, indent=1)}) == (
        "StateMachineAlreadyExists",
        f"State Machine Already Exists: '{first['stateMachineArn']}'",
    )


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"name": "a b"}, "InvalidName"),
        ({"loggingConfiguration": {"level": "ALL"}}, "InvalidLoggingConfiguration"),
        ({"loggingConfiguration": {"level": "ALL", "destinations": [{}]}}, "InvalidLoggingConfiguration"),
        ({"type": "SLOW"}, "ValidationException"),
    ],
)
def test_bad_settings_of_a_machine_are_refused(world, change, code):
    request = {"name": world.unique, "definition": json.dumps(PASS), "roleArn": world.role(), **change}

    assert refused(world.states.create_state_machine, **request)[0] == code


def test_a_machine_is_described_with_its_settings(world):
    machine = world.machine(PASS, tracingConfiguration={"enabled": True})

    described = world.states.describe_state_machine(stateMachineArn=machine)

    assert described["tracingConfiguration"] == {"enabled": True}
    assert described["loggingConfiguration"] == {"level": "OFF", "includeExecutionData": False}
    assert (described["status"], described["type"]) == ("ACTIVE", "STANDARD")


def test_an_update_that_changes_something_has_a_new_revision(world):
    update, machine = world.states.update_state_machine, world.machine(PASS)

    changed = update(stateMachineArn=machine, definition=json.dumps(single({"Type": "Succeed"})))
    same = update(stateMachineArn=machine, definition=json.dumps(single({"Type": "Succeed"})))

    assert changed["revisionId"] == same["revisionId"]
    assert refused(update, stateMachineArn=machine)[0] == "MissingRequiredParameter"


def test_a_machine_has_no_revision_until_it_changes(world):
    states, machine = world.states, world.machine(PASS)

    before = states.describe_state_machine(stateMachineArn=machine)
    unchanged = states.update_state_machine(stateMachineArn=machine, definition=json.dumps(PASS))
    changed = states.update_state_machine(stateMachineArn=machine, definition=json.dumps(single({"Type": "Succeed"})))
    execution = states.start_execution(stateMachineArn=machine)["executionArn"]

    assert not {"revisionId", "description"} & before.keys()
    assert "revisionId" not in unchanged
    ran = states.describe_state_machine_for_execution(executionArn=execution)
    assert ran["revisionId"] == changed["revisionId"]


def test_deleting_a_machine_that_is_not_there_is_fine_and_one_that_is_there_is_gone(world):
    machine = world.machine(PASS)

    world.states.delete_state_machine(stateMachineArn=machine)
    world.states.delete_state_machine(stateMachineArn=machine)

    assert refused(world.states.describe_state_machine, stateMachineArn=machine) == (
        "StateMachineDoesNotExist",
        f"State Machine Does Not Exist: '{machine}'",
    )


def test_machines_are_listed_in_pages(world):
    made = {world.machine(PASS) for _ in range(3)}

    pages = world.states.get_paginator("list_state_machines").paginate(PaginationConfig={"PageSize": 1})

    listed = [machine["stateMachineArn"] for page in pages for machine in page["stateMachines"]]
    assert made <= set(listed)
    assert len(listed) == len(set(listed))


def test_validation_tells_every_finding_with_its_place(world):
    validate = world.states.validate_state_machine_definition
    bad = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "Nowhere"}}}

    assert validate(definition=json.dumps(PASS))["result"] == "OK"
    answer = validate(definition=json.dumps(bad))
    assert answer["result"] == "FAIL"
    assert answer["diagnostics"][0]["severity"] == "ERROR"
    assert answer["diagnostics"][0]["location"].startswith("/States/A")
    twice = {"StartAt": "A", "States": {name: {"Type": "Pass", "Next": 1} for name in "AB"}}
    first = validate(definition=json.dumps(twice), maxResults=1, severity="WARNING")
    assert (len(first["diagnostics"]), first["truncated"]) == (1, True)


def versions(world):
    """Return a machine with two versions that differ."""
    states, machine = world.states, world.machine(PASS)
    first = states.publish_state_machine_version(stateMachineArn=machine)["stateMachineVersionArn"]
    changed = json.dumps(single({"Type": "Succeed"}))
    second = states.update_state_machine(stateMachineArn=machine, definition=changed, publish=True)
    return machine, first, second["stateMachineVersionArn"]


def test_a_revision_is_published_once(world):
    machine, first, second = versions(world)
    publish = world.states.publish_state_machine_version

    assert (first, second) == (f"{machine}:1", f"{machine}:2")
    assert publish(stateMachineArn=machine)["stateMachineVersionArn"] == second
    code, message = refused(publish, stateMachineArn=machine, revisionId="stale")
    assert code == "ConflictException"
    assert message.startswith("Failed to publish the State Machine version for revision stale. The current State")
    same = json.dumps(single({"Type": "Succeed"}))
    again = world.states.update_state_machine(stateMachineArn=machine, definition=same, publish=True)
    assert again["stateMachineVersionArn"] == second


def test_tags_are_put_listed_and_taken_away(world):
    states = world.states
    machine = world.machine(PASS, tags=[{"key": "team", "value": "a"}, {"key": "empty"}])

    def tags():
        return {tag["key"]: tag["value"] for tag in states.list_tags_for_resource(resourceArn=machine)["tags"]}

    assert tags() == {"team": "a", "empty": ""}
    states.tag_resource(resourceArn=machine, tags=[{"key": "team", "value": "b"}, {"key": "new", "value": "ü"}])
    states.untag_resource(resourceArn=machine, tagKeys=["empty", "nonesuch"])
    assert tags() == {"team": "b", "new": "ü"}
    too_many = [{"key": f"k{number}", "value": ""} for number in range(49)]
    assert refused(states.tag_resource, resourceArn=machine, tags=too_many)[0] == "TooManyTags"
    reserved = [{"key": "AWS:x", "value": ""}]
    assert refused(states.tag_resource, resourceArn=machine, tags=reserved)[0] == "ValidationException"
    assert tags() == {"team": "b", "new": "ü"}


def test_a_version_has_no_tags(world):
    _, first, _ = versions(world)

    assert refused(world.states.tag_resource, resourceArn=first, tags=[]) == (
        "ResourceNotFound",
        f"Resource not found: '{first}'",
    )


@pytest.mark.parametrize("kind", ["versions", "aliases"])
def test_versions_and_aliases_are_listed_in_pages_whose_tokens_are_theirs_alone(world, kind):
    machine, first, second = versions(world)
    for name, version in (("a.b", first), ("live", second)):
        route = [{"stateMachineVersionArn": version, "weight": 100}]
        world.states.create_state_machine_alias(name=name, routingConfiguration=route)
    listing, member, arn, expected = {
        "versions": (
            world.states.list_state_machine_versions,
            "stateMachineVersions",
            "stateMachineVersionArn",
            [second, first],
        ),
        "aliases": (
            world.states.list_state_machine_aliases,
            "stateMachineAliases",
            "stateMachineAliasArn",
            [f"{machine}:a.b", f"{machine}:live"],
        ),
    }[kind]

    page = listing(stateMachineArn=machine, maxResults=1)
    rest = listing(stateMachineArn=machine, nextToken=page["nextToken"])

    assert [entry[arn] for entry in page[member] + rest[member]] == expected
    assert "nextToken" not in rest
    assert refused(listing, stateMachineArn=world.machine(PASS), nextToken=page["nextToken"])[0] == "InvalidToken"


def test_aliases_of_a_version_are_those_that_route_to_it(world):
    machine, first, second = versions(world)
    route = [{"stateMachineVersionArn": first, "weight": 100}]
    alias = world.states.create_state_machine_alias(name="one", routingConfiguration=route)["stateMachineAliasArn"]

    listed = world.states.list_state_machine_aliases(stateMachineArn=first)["stateMachineAliases"]

    assert [entry["stateMachineAliasArn"] for entry in listed] == [alias]
    assert not world.states.list_state_machine_aliases(stateMachineArn=second)["stateMachineAliases"]
    assert machine in alias


def test_an_alias_is_changed_and_described(world):
    _, first, second = versions(world)
    states = world.states
    route = [{"stateMachineVersionArn": first, "weight": 100}]
    alias = states.create_state_machine_alias(name="live", routingConfiguration=route)["stateMachineAliasArn"]
    other = versions(world)[1]
    elsewhere = [{"stateMachineVersionArn": other, "weight": 100}]

    assert "description" not in states.describe_state_machine_alias(stateMachineAliasArn=alias)
    states.update_state_machine_alias(
        stateMachineAliasArn=alias,
        description="d",
        routingConfiguration=[{"stateMachineVersionArn": second, "weight": 100}],
    )
    described = states.describe_state_machine_alias(stateMachineAliasArn=alias)
    assert described["routingConfiguration"][0]["stateMachineVersionArn"] == second
    assert (described["description"], described["name"]) == ("d", "live")
    update = states.update_state_machine_alias
    assert refused(update, stateMachineAliasArn=alias)[0] == "ValidationException"
    assert refused(update, stateMachineAliasArn=alias, routingConfiguration=elsewhere)[0] == "ValidationException"
    states.delete_state_machine_alias(stateMachineAliasArn=alias)
    states.delete_state_machine_alias(stateMachineAliasArn=alias)
    assert refused(states.describe_state_machine_alias, stateMachineAliasArn=alias)[0] == "ResourceNotFound"


def test_a_route_to_a_version_that_is_not_there_or_another_machines_is_refused(world):
    (machine, first, _), (_, other, _) = versions(world), versions(world)
    create = world.states.create_state_machine_alias

    def code(*arns):
        routes = [{"stateMachineVersionArn": arn, "weight": 100 // len(arns)} for arn in arns]
        return refused(create, name="a", routingConfiguration=routes)[0]

    assert code(f"{machine}:9") == "ResourceNotFound"
    assert code(first, other) == "ValidationException"
    assert code("nonsense") == "InvalidArn"


def test_a_machine_has_a_hundred_aliases_and_no_more(world):
    _, first, _ = versions(world)
    create = world.states.create_state_machine_alias
    route = [{"stateMachineVersionArn": first, "weight": 100}]
    for number in range(100):
        create(name=f"a{number}", routingConfiguration=route)

    assert refused(create, name="one-more", routingConfiguration=route)[0] == "ServiceQuotaExceededException"
    create(name="a0", routingConfiguration=route)


def test_a_machine_and_its_versions_tell_their_encryption_and_tracing(world):
    key = world.client("kms").create_key()["KeyMetadata"]["KeyId"]
    settings = {
        "encryptionConfiguration": {"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": key},
        "tracingConfiguration": {"enabled": True},
    }
    machine = world.machine(PASS, **settings)
    version = world.states.publish_state_machine_version(stateMachineArn=machine)["stateMachineVersionArn"]

    for arn in (machine, version):
        described = world.states.describe_state_machine(stateMachineArn=arn)
        assert described["tracingConfiguration"] == {"enabled": True}
        expected = settings["encryptionConfiguration"] | {"kmsDataKeyReusePeriodSeconds": 300}
        assert described["encryptionConfiguration"] == expected
    metadata = world.states.describe_state_machine(stateMachineArn=machine, includedData="METADATA_ONLY")
    assert metadata["definition"] == "{}"


def test_another_tracing_makes_it_another_machine_another_role_or_tag_does_not(world):
    create = world.states.create_state_machine
    request = {"name": world.unique, "definition": json.dumps(PASS), "roleArn": world.role()}
    first = create(**request)

    assert create(**{**request, "roleArn": world.role(), "tags": [{"key": "a", "value": "b"}]}) | {
        "ResponseMetadata": None
    } == first | {"ResponseMetadata": None}
    assert refused(create, **request, tracingConfiguration={"enabled": True})[0] == "StateMachineAlreadyExists"
    described = world.states.describe_state_machine(stateMachineArn=first["stateMachineArn"])
    assert described["roleArn"] == request["roleArn"]
    assert not world.states.list_tags_for_resource(resourceArn=first["stateMachineArn"])["tags"]


def test_a_machine_that_is_deleted_while_it_runs_is_there_until_its_executions_have_ended(world):
    states = world.states
    again = {"Type": "Choice", "Choices": [{"Variable": "$.stop", "IsPresent": True, "Next": "End"}], "Default": "Wait"}
    wait = {"Type": "Wait", "Seconds": 1, "Next": "Again"}
    loop = {"StartAt": "Wait", "States": {"Wait": wait, "Again": again, "End": {"Type": "Succeed"}}}
    execution = world.start(loop)
    machine = execution.replace(":execution:", ":stateMachine:").rpartition(":")[0]
    name, role = machine.rpartition(":")[2], world.role()

    states.delete_state_machine(stateMachineArn=machine)

    assert states.describe_state_machine(stateMachineArn=machine)["status"] == "DELETING"
    assert refused(states.start_execution, stateMachineArn=machine)[0] == "StateMachineDeleting"
    recreate = {"name": name, "definition": json.dumps(PASS), "roleArn": role}
    assert refused(states.create_state_machine, **recreate)[0] == "StateMachineDeleting"
    assert world.end_of(execution)["status"] == "ABORTED"
    assert refused(states.describe_state_machine, stateMachineArn=machine)[0] == "StateMachineDoesNotExist"
    states.create_state_machine(**recreate)


@pytest.mark.parametrize(
    ("resource", "parameters", "problem", "place"),
    [
        ("foo:bar", {}, "is not recognized", "Resource"),
        ("aws-sdk:nonesuch:listThings", {}, "is not recognized", "Resource"),
        ("aws-sdk:s3:listThings", {}, "is not recognized", "Resource"),
        ("aws-sdk:s3:listBuckets.sync", {}, "is not recognized", "Resource"),
        ("dynamodb:getItem.waitForTaskToken", {}, "is not recognized", "Resource"),
        ("sqs:sendMessage.sync", {}, "is not recognized", "Resource"),
        (
            "aws-sdk:s3:getObject",
            {"bucket": "b"},
            "The field 'bucket' is not supported by Step Functions",
            "Parameters",
        ),
        (
            "aws-sdk:sqs:sendMessage",
            {"Queue.$": "$"},
            "The field 'Queue' is not supported by Step Functions",
            "Parameters",
        ),
        ("sqs:sendMessage", {"QueueUrl": "q"}, "The field 'MessageBody' is required but was missing", "Parameters"),
    ],
)
def test_integrations_that_do_not_exist_are_refused_when_the_machine_is_created(
    world, resource, parameters, problem, place
):
    work = {"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "Parameters": parameters, "End": True}
    branch = {"Type": "Parallel", "Branches": [{"StartAt": "W", "States": {"W": work}}], "End": True}

    code, message = refused(
        world.states.create_state_machine,
        name=world.unique,
        definition=json.dumps(single(branch)),
        roleArn=world.role(),
    )

    assert code == "InvalidDefinition"
    assert problem in message
    assert message.endswith(f"at /States/Only/Branches[0]/States/W/{place}'")


def test_an_alias_takes_only_versions_whose_weights_add_up(world):
    machine, first, second = versions(world)
    create = world.states.create_state_machine_alias

    def routes(**weights):
        arns = {"machine": machine, "first": first, "second": second}
        return [{"stateMachineVersionArn": arns[name], "weight": weight} for name, weight in weights.items()]

    assert refused(create, name="a", routingConfiguration=routes(machine=100)) == (
        "ValidationException",
        f"Routing configuration must contain state machine version ARNs. Received: [{machine}]",
    )
    assert refused(create, name="a", routingConfiguration=routes(first=70, second=29)) == (
        "ValidationException",
        "Sum of routing configuration weights must equal 100. Received: [70, 29]",
    )
    assert refused(create, name="a b", routingConfiguration=routes(first=100))[0] == "ValidationException"
    code, message = refused(create, name="a", routingConfiguration=routes(first=50, second=30, machine=20))
    assert code == "ValidationException"
    assert f"[RoutingConfigurationListItem(stateMachineVersionArn={first}, weight=50), " in message
    assert message.endswith(
        "at 'routingConfiguration' failed to satisfy constraint: Member must have length less than or equal to 2"
    )
    made = create(name="a", routingConfiguration=routes(first=70, second=30))
    again = create(name="a", routingConfiguration=routes(first=70, second=30))
    assert again["stateMachineAliasArn"] == made["stateMachineAliasArn"] == f"{machine}:a"
    assert refused(create, name="a", routingConfiguration=routes(first=100))[0] == "ConflictException"
    code, message = refused(world.states.delete_state_machine_version, stateMachineVersionArn=first)
    assert code == "ConflictException"
    assert message.endswith("Current list of aliases referencing this version: [a]")


def test_versions_and_aliases_go_with_their_machine(world):
    machine, first, _ = versions(world)
    alias = world.states.create_state_machine_alias(
        name="live", routingConfiguration=[{"stateMachineVersionArn": first, "weight": 100}]
    )["stateMachineAliasArn"]

    world.states.delete_state_machine(stateMachineArn=machine)

    for arn in (machine, first, alias):
        assert refused(world.states.start_execution, stateMachineArn=arn)[0] == "StateMachineDoesNotExist"
