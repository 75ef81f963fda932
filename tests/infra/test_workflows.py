"""The state machine, and its role against what the definition calls."""

import json
import re
from collections.abc import Iterator

import jsonschema
import pytest

from infra.errors import DefinitionMissing
from infra.naming import WORKFLOW_FUNCTIONS, WORKFLOWS
from tasks.run_request import SCHEMA
from tests.infra.assembly import ACCOUNT, NAMES

MACHINE = f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:{NAMES.state_machine('batch-inference')}"
CHILDREN = MACHINE.replace(":stateMachine:", ":execution:")
QUEUE = f"arn:aws:batch:us-east-1:{ACCOUNT}:job-queue/{NAMES.job_queue}"
JOB = f"arn:aws:batch:us-east-1:{ACCOUNT}:job-definition/{NAMES.job_definition('score')}"
OBJECTS = f"arn:aws:s3:::{NAMES.bucket('results')}"
ANY_LOG = {
    ("logs:CreateLogDelivery", "*"),
    ("logs:GetLogDelivery", "*"),
    ("logs:UpdateLogDelivery", "*"),
    ("logs:DeleteLogDelivery", "*"),
    ("logs:ListLogDeliveries", "*"),
    ("logs:PutResourcePolicy", "*"),
    ("logs:DescribeResourcePolicies", "*"),
    ("logs:DescribeLogGroups", "*"),
}
TRACES = {
    ("xray:PutTraceSegments", "*"),
    ("xray:PutTelemetryRecords", "*"),
    ("xray:GetSamplingRules", "*"),
    ("xray:GetSamplingTargets", "*"),
}


def machine(assembly):
    return assembly.one("AWS::StepFunctions::StateMachine").properties


def definition(assembly):
    """The ASL as Step Functions gets it: placeholders replaced."""
    properties = machine(assembly)
    substitutions = assembly.resolve(properties["DefinitionSubstitutions"], "workflows")
    text = re.sub(r"\$\{(\w+)\}", lambda match: substitutions[match[1]], properties["DefinitionString"])
    return json.loads(text)


def states(machine_or_branch) -> Iterator[dict]:
    for state in machine_or_branch["States"].values():
        yield state
        for nested in (*state.get("Branches", []), *([state["ItemProcessor"]] if "ItemProcessor" in state else [])):
            yield from states(nested)


def needed(asl) -> set[tuple[str, str]]:
    """Action and resource of every call that the states of a definition make (Step Functions developer guide,
    "IAM policies for integrated services" and "… for using Distributed Map states")."""
    pairs: set[tuple[str, str]] = set()
    for state in states(asl):
        resource, parameters = state.get("Resource", ""), state.get("Parameters", {})
        if resource == "arn:aws:states:::lambda:invoke":
            function = parameters["FunctionName"]
            pairs |= {("lambda:InvokeFunction", function), ("lambda:InvokeFunction", f"{function}:$LATEST")}
        elif resource == "arn:aws:states:::batch:submitJob.sync":
            pairs |= {("batch:SubmitJob", r) for r in (JOB, f"{JOB}:*", QUEUE)}
            pairs |= {
                ("batch:DescribeJobs", "*"),
                ("batch:TerminateJob", f"arn:aws:batch:us-east-1:{ACCOUNT}:job/*"),
            }
            rule = f"arn:aws:events:us-east-1:{ACCOUNT}:rule/StepFunctionsGetEventsForBatchJobsRule"
            pairs |= {(f"events:{action}", rule) for action in ("PutTargets", "PutRule", "DescribeRule")}
            assert (parameters["JobDefinition"], parameters["JobQueue"]) == (JOB, QUEUE)
        elif resource == "arn:aws:states:::sns:publish":
            pairs |= {("sns:Publish", parameters["TopicArn"])}
        elif resource.startswith("arn:aws:states:::aws-sdk:glue:"):
            action = resource.rpartition(":")[2]
            crawler = f"arn:aws:glue:us-east-1:{ACCOUNT}:crawler/{parameters['Name']}"
            pairs |= {(f"glue:{action[0].upper()}{action[1:]}", crawler)}
        else:
            assert not resource, f"the permissions for {resource} are not known here"
        if state["Type"] == "Map":
            assert state["ItemProcessor"]["ProcessorConfig"]["Mode"] == "DISTRIBUTED"
            pairs |= {
                ("states:StartExecution", MACHINE),
                *((f"states:{a}", f"{CHILDREN}:*") for a in ("DescribeExecution", "StopExecution")),
                *((f"states:{a}", f"{CHILDREN}/*") for a in ("DescribeExecution", "StopExecution", "RedriveExecution")),
                ("s3:GetObject", f"{OBJECTS}/runs/*/manifest/*"),
                *(
                    (f"s3:{a}", f"{OBJECTS}/runs/*/map-results/*")
                    for a in ("GetObject", "PutObject", "ListMultipartUploadParts", "AbortMultipartUpload")
                ),
            }
    return pairs


def test_the_role_allows_what_the_states_call_and_nothing_else(assembly):
    allowed = {pair for pair in assembly.allowed(NAMES.role("sfn-batch-inference")) if not pair[0].startswith("kms:")}

    assert allowed - ANY_LOG - TRACES == needed(definition(assembly))
    assert allowed >= ANY_LOG | TRACES


def test_the_role_may_use_the_keys_of_what_it_reads_and_sends(assembly):
    keys = {r for action, r in assembly.allowed(NAMES.role("sfn-batch-inference")) if action == "kms:Decrypt"}

    assert {key.rsplit("/", 1)[1].rstrip("0123456789ABCDEF") for key in keys} == {"DataKey", "MessagesKey"}


def test_every_placeholder_is_filled_and_every_value_is_used(assembly):
    properties = machine(assembly)

    assert set(re.findall(r"\$\{(\w+)\}", properties["DefinitionString"])) == set(properties["DefinitionSubstitutions"])


def test_the_placeholders_of_functions_lead_to_the_functions_of_their_names(assembly):
    substitutions = assembly.resolve(machine(assembly)["DefinitionSubstitutions"], "workflows")

    for name in WORKFLOW_FUNCTIONS:
        placeholder = "".join(word.capitalize() for word in name.split("-")) + "Function"
        assert substitutions[placeholder].endswith(f":function:{NAMES.function(name)}")


def test_lambda_ends_before_its_state_gives_up_on_it(assembly):
    """Otherwise a state would time out while its function still writes."""
    timeouts = {
        f.properties["FunctionName"]: f.properties["Timeout"] for f in assembly.of_type("AWS::Lambda::Function")
    }
    for state in states(definition(assembly)):
        if state.get("Resource") == "arn:aws:states:::lambda:invoke":
            assert timeouts[state["Parameters"]["FunctionName"].rsplit(":", 1)[1]] < state["TimeoutSeconds"]


def test_a_job_with_all_its_attempts_ends_before_its_state_gives_up_on_it(assembly):
    job = assembly.one("AWS::Batch::JobDefinition", JobDefinitionName=NAMES.job_definition("score")).properties
    longest = job["RetryStrategy"]["Attempts"] * job["Timeout"]["AttemptDurationSeconds"]
    for state in states(definition(assembly)):
        if state.get("Resource") == "arn:aws:states:::batch:submitJob.sync":
            assert longest <= state["TimeoutSeconds"]


def test_callers_get_an_alias_that_points_to_the_version_of_this_deployment(assembly):
    alias = assembly.one("AWS::StepFunctions::StateMachineAlias").properties
    version = assembly.one("AWS::StepFunctions::StateMachineVersion")

    assert alias["Name"] == "live"
    assert alias["RoutingConfiguration"] == [
        {"StateMachineVersionArn": {"Fn::GetAtt": [version.logical_id, "Arn"]}, "Weight": 100}
    ]


def test_a_change_of_the_definition_makes_a_new_version_and_keeps_the_old_one(assembly):
    version = assembly.one("AWS::StepFunctions::StateMachineVersion")

    assert version.properties["StateMachineRevisionId"]["Fn::GetAtt"][1] == "StateMachineRevisionId"
    assert version.body["UpdateReplacePolicy"] == "Retain"


def test_runs_are_logged_and_traced_without_their_data(assembly):
    properties = machine(assembly)

    assert properties["LoggingConfiguration"]["Level"] == "ALL"
    assert properties["LoggingConfiguration"]["IncludeExecutionData"] is False
    assert properties["TracingConfiguration"] == {"Enabled": True}


def test_there_is_a_state_machine_for_each_workflow_that_has_a_name(assembly):
    machines = {m.properties["StateMachineName"] for m in assembly.of_type("AWS::StepFunctions::StateMachine")}

    assert machines == {NAMES.state_machine(workflow) for workflow in WORKFLOWS}


def schedules(assembly):
    return {s.properties["Name"]: s.properties for s in assembly.of_type("AWS::Scheduler::Schedule")}


def test_each_profile_of_the_settings_is_a_schedule_that_is_on_where_the_settings_say_so(assembly):
    found = {
        name: (s["ScheduleExpression"], s["ScheduleExpressionTimezone"], s["State"], s["GroupName"])
        for name, s in schedules(assembly).items()
    }

    assert found == {
        "batch-inference-daily-staging": ("cron(0 6 * * ? *)", "Etc/UTC", "ENABLED", NAMES.schedule_group),
        "batch-inference-hourly-staging": ("cron(5 * * * ? *)", "Etc/UTC", "DISABLED", NAMES.schedule_group),
    }


def test_a_schedule_starts_the_alias_on_time_with_a_request_that_the_workflow_accepts(assembly):
    alias = assembly.one("AWS::StepFunctions::StateMachineAlias")
    schedule = schedules(assembly)["batch-inference-daily-staging"]
    request = json.loads(assembly.resolve(schedule["Target"]["Input"], "workflows"))

    assert schedule["Target"]["Arn"] == {"Fn::GetAtt": [alias.logical_id, "Arn"]}
    assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert request == {
        "schedule": "daily",
        "scheduledTime": "<aws.scheduler.scheduled-time>",
        "input": f"s3://{NAMES.bucket('data')}/input/daily/{{date}}/",
    }
    jsonschema.validate({**request, "scheduledTime": "2026-11-23T06:00:00Z"}, SCHEMA)


def test_a_start_that_is_refused_is_tried_again_for_an_hour(assembly):
    for schedule in schedules(assembly).values():
        assert schedule["Target"]["RetryPolicy"] == {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 10}


def test_the_scheduler_may_start_the_alias_and_not_the_state_machine_itself(assembly):
    machine = f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:{NAMES.state_machine('batch-inference')}"
    role = assembly.one("AWS::IAM::Role", RoleName=NAMES.role("scheduler"))
    (trust,) = role.properties["AssumeRolePolicyDocument"]["Statement"]

    assert assembly.allowed(NAMES.role("scheduler")) == {("states:StartExecution", f"{machine}:live")}
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert trust["Condition"]["StringEquals"] == {
        "aws:SourceAccount": ACCOUNT,
        "aws:SourceArn": f"arn:aws:scheduler:us-east-1:{ACCOUNT}:schedule-group/{NAMES.schedule_group}",
    }
    assert {s["Target"]["RoleArn"]["Fn::GetAtt"][0] for s in schedules(assembly).values()} == {role.logical_id}


def test_a_definition_that_was_not_rendered_is_named_with_what_to_do(tmp_path):
    from infra.stacks.workflows import read_definition

    with pytest.raises(DefinitionMissing, match=r"batch_inference\.asl\.json is missing\. Render"):
        read_definition(tmp_path / "batch_inference.asl.json")
