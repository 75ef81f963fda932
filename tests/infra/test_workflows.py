"""The state machines, and their roles against what the definitions call."""

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatch

import jsonschema
import pytest

from infra.errors import DefinitionMissing
from infra.naming import DEPLOYMENT_FUNCTIONS, DEPLOYMENT_WORKFLOWS, WORKFLOW_FUNCTIONS, WORKFLOWS
from tasks.deployment.requests import Naming
from tasks.runs.request import SCHEMA, complete, parse_user_input
from tests.infra.assembly import ACCOUNT, NAMES

QUEUE = f"arn:aws:batch:us-east-1:{ACCOUNT}:job-queue/{NAMES.job_queue}"
JOB = f"arn:aws:batch:us-east-1:{ACCOUNT}:job-definition/{NAMES.job_definition('score')}"
OBJECTS = f"arn:aws:s3:::{NAMES.bucket('results')}"
SAGEMAKER = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}"
ENDPOINT = f"{SAGEMAKER}:endpoint/{NAMES.endpoint}"
MADE_CONFIGS = f"{SAGEMAKER}:endpoint-config/ml-pipeline-sagemaker-config-staging-us-east-1-*"
MADE_MODELS = f"{SAGEMAKER}:model/ml-pipeline-sagemaker-model-staging-us-east-1-*"
FIRST_CONFIG = f"{SAGEMAKER}:endpoint-config/{NAMES.of('sagemaker-first-config')}"
#: What the calls of SageMaker need, tags and role of what is created among it (Service Authorization Reference).
OF_SAGEMAKER = {
    "createModel": {
        ("sagemaker:CreateModel", MADE_MODELS),
        ("sagemaker:AddTags", MADE_MODELS),
        ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/{NAMES.role('endpoint')}"),
    },
    "createEndpointConfig": {("sagemaker:CreateEndpointConfig", MADE_CONFIGS), ("sagemaker:AddTags", MADE_CONFIGS)},
    "updateEndpoint": {("sagemaker:UpdateEndpoint", arn) for arn in (ENDPOINT, FIRST_CONFIG, MADE_CONFIGS)},
    "updateEndpointWeightsAndCapacities": {("sagemaker:UpdateEndpointWeightsAndCapacities", ENDPOINT)},
    "describeEndpoint": {("sagemaker:DescribeEndpoint", ENDPOINT)},
}
each_workflow = pytest.mark.parametrize("workflow", WORKFLOWS)
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


def arn(workflow, kind="stateMachine"):
    return f"arn:aws:states:us-east-1:{ACCOUNT}:{kind}:{NAMES.state_machine(workflow)}"


def machine(assembly, workflow="batch-inference"):
    return assembly.one("AWS::StepFunctions::StateMachine", StateMachineName=NAMES.state_machine(workflow)).properties


def of_machine(assembly, kind, workflow):
    """The version or the alias of a workflow."""
    (found,) = (r for r in assembly.of_type(kind) if r.logical_id.startswith(workflow.replace("-", "")))
    return found


def definition(assembly, workflow="batch-inference"):
    """The ASL as Step Functions gets it: placeholders replaced."""
    properties = machine(assembly, workflow)
    substitutions = assembly.resolve(properties["DefinitionSubstitutions"], "workflows")
    text = re.sub(r"\$\{(\w+)\}", lambda match: substitutions[match[1]], properties["DefinitionString"])
    return json.loads(text)


def states(machine_or_branch) -> Iterator[dict]:
    for state in machine_or_branch["States"].values():
        yield state
        for nested in (*state.get("Branches", []), *([state["ItemProcessor"]] if "ItemProcessor" in state else [])):
            yield from states(nested)


def needed(asl, workflow) -> set[tuple[str, str]]:
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
        elif resource.startswith("arn:aws:states:::aws-sdk:sagemaker:"):
            pairs |= OF_SAGEMAKER[resource.rpartition(":")[2]]
            assert parameters.get("EndpointName", NAMES.endpoint) == NAMES.endpoint
        elif resource == "arn:aws:states:::aws-sdk:ssm:putParameter":
            pairs |= {("ssm:PutParameter", f"arn:aws:ssm:us-east-1:{ACCOUNT}:parameter{parameters['Name']}")}
        else:
            assert not resource, f"the permissions for {resource} are not known here"
        if state["Type"] == "Map" and state["ItemProcessor"]["ProcessorConfig"]["Mode"] == "DISTRIBUTED":
            children = arn(workflow, "execution")
            pairs |= {
                ("states:StartExecution", arn(workflow)),
                *((f"states:{a}", f"{children}:*") for a in ("DescribeExecution", "StopExecution")),
                *((f"states:{a}", f"{children}/*") for a in ("DescribeExecution", "StopExecution", "RedriveExecution")),
                ("s3:GetObject", f"{OBJECTS}/runs/*/manifest/*"),
                *(
                    (f"s3:{a}", f"{OBJECTS}/runs/*/map-results/*")
                    for a in ("GetObject", "PutObject", "ListMultipartUploadParts", "AbortMultipartUpload")
                ),
            }
    return pairs


@each_workflow
def test_the_role_allows_what_the_states_call_and_nothing_else(assembly, workflow):
    allowed = {pair for pair in assembly.allowed(NAMES.role(f"sfn-{workflow}")) if not pair[0].startswith("kms:")}

    assert allowed - ANY_LOG - TRACES == needed(definition(assembly, workflow), workflow)
    assert allowed >= ANY_LOG | TRACES


def keys(assembly, workflow, action):
    allowed = assembly.allowed(NAMES.role(f"sfn-{workflow}"))
    return {r.rsplit("/", 1)[1].rstrip("0123456789ABCDEF") for a, r in allowed if a == f"kms:{action}"}


def test_the_role_may_use_the_keys_of_what_it_reads_and_sends(assembly):
    assert keys(assembly, "batch-inference", "Decrypt") == {"DataKey", "MessagesKey"}


@pytest.mark.parametrize("workflow", DEPLOYMENT_WORKFLOWS)
def test_who_starts_instances_lets_sagemaker_use_the_key_of_their_volumes_and_reads_nothing_with_it(assembly, workflow):
    (grants,) = (s for s in assembly.statements(NAMES.role(f"sfn-{workflow}")) if "kms:CreateGrant" in s["Action"])

    assert grants["Condition"] == {"Bool": {"kms:GrantIsForAWSResource": "true"}}
    assert keys(assembly, workflow, "CreateGrant") == keys(assembly, workflow, "DescribeKey") == {"DataKey"}
    assert keys(assembly, workflow, "Decrypt") == {"MessagesKey"}


@pytest.mark.parametrize("workflow", ["model-deploy", "model-rollback"])
def test_models_are_given_the_role_of_the_endpoint_and_to_sagemaker_alone(assembly, workflow):
    (passed,) = (s for s in assembly.statements(NAMES.role(f"sfn-{workflow}")) if "iam:PassRole" in s["Action"])

    assert passed["Condition"] == {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
    assert passed["Resource"] == [f"arn:aws:iam::{ACCOUNT}:role/{NAMES.role('endpoint')}"]


def test_workflows_make_models_by_the_names_that_the_plans_give_them():
    made = Naming("staging", "us-east-1")

    for kind, pattern in (("config", MADE_CONFIGS), ("model", MADE_MODELS)):
        assert fnmatch(f"{pattern.rpartition('/')[0]}/{made.name(kind, 'flights-2013-h1', {})}", pattern)


@each_workflow
def test_every_placeholder_is_filled_and_every_value_is_used(assembly, workflow):
    properties = machine(assembly, workflow)

    assert set(re.findall(r"\$\{(\w+)\}", properties["DefinitionString"])) == set(properties["DefinitionSubstitutions"])


@each_workflow
def test_the_placeholders_of_functions_lead_to_the_functions_of_their_names(assembly, workflow):
    substitutions = assembly.resolve(machine(assembly, workflow)["DefinitionSubstitutions"], "workflows")
    functions = {
        "".join(word.capitalize() for word in name.split("-")) + "Function": NAMES.function(name)
        for name in (*WORKFLOW_FUNCTIONS, *DEPLOYMENT_FUNCTIONS)
    }

    filled = {name: value for name, value in substitutions.items() if name.endswith("Function")}
    assert filled
    assert all(value.endswith(f":function:{functions[name]}") for name, value in filled.items())


@pytest.mark.parametrize("workflow", DEPLOYMENT_WORKFLOWS)
def test_deployments_change_our_endpoint_and_the_registry_that_the_tasks_read(assembly, workflow):
    substitutions = machine(assembly, workflow)["DefinitionSubstitutions"]
    variables = assembly.one("AWS::Lambda::Function", FunctionName=NAMES.function("predict")).properties["Environment"]

    assert substitutions["EndpointName"] == NAMES.endpoint
    root = variables["Variables"]["ML_PIPELINE_PARAMETER_ROOT"]
    assert substitutions["ActiveVersionParameter"] == f"{root}/active-version"


@each_workflow
def test_lambda_ends_before_its_state_gives_up_on_it(assembly, workflow):
    """Otherwise a state would time out while its function still writes."""
    timeouts = {
        f.properties["FunctionName"]: f.properties["Timeout"] for f in assembly.of_type("AWS::Lambda::Function")
    }
    for state in states(definition(assembly, workflow)):
        if state.get("Resource") == "arn:aws:states:::lambda:invoke":
            assert timeouts[state["Parameters"]["FunctionName"].rsplit(":", 1)[1]] < state["TimeoutSeconds"]


def test_a_job_with_all_its_attempts_ends_before_its_state_gives_up_on_it(assembly):
    job = assembly.one("AWS::Batch::JobDefinition", JobDefinitionName=NAMES.job_definition("score")).properties
    longest = job["RetryStrategy"]["Attempts"] * job["Timeout"]["AttemptDurationSeconds"]
    for state in states(definition(assembly)):
        if state.get("Resource") == "arn:aws:states:::batch:submitJob.sync":
            assert longest <= state["TimeoutSeconds"]


@each_workflow
def test_callers_get_an_alias_that_points_to_the_version_of_this_deployment(assembly, workflow):
    alias = of_machine(assembly, "AWS::StepFunctions::StateMachineAlias", workflow).properties
    version = of_machine(assembly, "AWS::StepFunctions::StateMachineVersion", workflow)

    assert alias["Name"] == "live"
    assert alias["RoutingConfiguration"] == [
        {"StateMachineVersionArn": {"Fn::GetAtt": [version.logical_id, "Arn"]}, "Weight": 100}
    ]


@each_workflow
def test_a_change_of_the_definition_makes_a_new_version_and_keeps_the_old_one(assembly, workflow):
    version = of_machine(assembly, "AWS::StepFunctions::StateMachineVersion", workflow)

    assert version.properties["StateMachineRevisionId"]["Fn::GetAtt"][1] == "StateMachineRevisionId"
    assert assembly.resolve(version.properties["StateMachineArn"], "workflows") == arn(workflow)
    assert version.body["UpdateReplacePolicy"] == "Retain"


@each_workflow
def test_runs_are_logged_and_traced_without_their_data(assembly, workflow):
    properties = machine(assembly, workflow)

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
    alias = of_machine(assembly, "AWS::StepFunctions::StateMachineAlias", "batch-inference")
    schedule = schedules(assembly)["batch-inference-daily-staging"]
    request = json.loads(assembly.resolve(schedule["Target"]["Input"], "workflows"))

    assert schedule["Target"]["Arn"] == {"Fn::GetAtt": [alias.logical_id, "Arn"]}
    assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert request == {
        "schedule": "daily",
        "scheduledTime": "<aws.scheduler.scheduled-time>",
        "input": f"s3://{NAMES.bucket('data')}/input/daily/{{date}}/",
        "latePeriods": 3,
    }
    jsonschema.validate({**request, "scheduledTime": "2026-11-23T06:00:00Z"}, SCHEMA)


@pytest.mark.parametrize(
    ("profile", "time", "folder", "earliest"),
    [
        ("daily", "2026-11-23T06:00:00Z", "input/daily/2026-11-22/", "input/daily/2026-11-19/"),
        ("hourly", "2026-11-23T06:05:00Z", "input/hourly/2026-11-23/05/", "input/hourly/2026-11-22/05/"),
    ],
)
def test_a_schedule_scores_the_period_that_ended_and_looks_through_its_window(
    assembly, profile, time, folder, earliest
):
    schedule = schedules(assembly)[f"batch-inference-{profile}-staging"]
    text = assembly.resolve(schedule["Target"]["Input"], "workflows")
    asked = parse_user_input(json.loads(text.replace("<aws.scheduler.scheduled-time>", time)))
    run = complete(asked, run_id="r", started_at=time, data_bucket="", model_version="v1", framework="onnx")

    data = f"s3://{NAMES.bucket('data')}"
    assert run.input == f"{data}/{folder}"
    assert list(run.folders.values())[-1] == f"{data}/{earliest}"


def test_a_start_that_is_refused_is_tried_again_for_an_hour(assembly):
    for schedule in schedules(assembly).values():
        assert schedule["Target"]["RetryPolicy"] == {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 10}


def by_alias(workflow):
    """The one statement with which Step Functions lets a role start an alias and nothing else (developer guide,
    "Authorization for versions and aliases in Step Functions workflows")."""
    return {
        "Action": ["states:StartExecution"],
        "Effect": "Allow",
        "Resource": [arn(workflow)],
        "Condition": {"ForAnyValue:StringEquals": {"states:StateMachineQualifier": ["live"]}},
    }


def test_the_scheduler_may_start_the_alias_and_not_the_state_machine_itself(assembly):
    role = assembly.one("AWS::IAM::Role", RoleName=NAMES.role("scheduler"))
    (trust,) = role.properties["AssumeRolePolicyDocument"]["Statement"]

    assert assembly.statements(NAMES.role("scheduler")) == [by_alias("batch-inference")]
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert trust["Condition"]["StringEquals"] == {
        "aws:SourceAccount": ACCOUNT,
        "aws:SourceArn": f"arn:aws:scheduler:us-east-1:{ACCOUNT}:schedule-group/{NAMES.schedule_group}",
    }
    assert {s["Target"]["RoleArn"]["Fn::GetAtt"][0] for s in schedules(assembly).values()} == {role.logical_id}


def test_a_change_of_the_active_version_starts_the_rollback_to_it(assembly):
    rule = assembly.one("AWS::Events::Rule", Name=NAMES.rule("followed-version"))
    alias = of_machine(assembly, "AWS::StepFunctions::StateMachineAlias", "model-rollback")
    (target,) = rule.properties["Targets"]

    assert rule.properties["EventPattern"] == {
        "source": ["aws.ssm"],
        "detail-type": ["Parameter Store Change"],
        "detail": {"name": ["/ml-pipeline/models/active-version"], "operation": ["Update", "Delete"]},
    }
    assert rule.properties["State"] == "ENABLED"
    assert assembly.resolve(target["Arn"], "workflows") == f"{arn('model-rollback')}:live"
    assert not {"Input", "InputPath", "InputTransformer"} & target.keys(), "the workflow reads the event as it is"
    assert alias.logical_id in rule.body["DependsOn"]


def test_the_rule_may_start_the_rollback_by_its_alias_and_nothing_else(assembly):
    role = assembly.one("AWS::IAM::Role", RoleName=NAMES.role("followed-version"))
    rule = assembly.one("AWS::Events::Rule", Name=NAMES.rule("followed-version")).properties
    (trust,) = role.properties["AssumeRolePolicyDocument"]["Statement"]

    assert rule["Targets"][0]["RoleArn"]["Fn::GetAtt"][0] == role.logical_id
    assert assembly.statements(NAMES.role("followed-version")) == [by_alias("model-rollback")]
    assert trust["Principal"] == {"Service": "events.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}


def test_a_definition_that_was_not_rendered_is_named_with_what_to_do(tmp_path):
    from infra.stacks.workflows import read_definition

    with pytest.raises(DefinitionMissing, match=r"batch_inference\.asl\.json is missing\. Render"):
        read_definition(tmp_path / "batch_inference.asl.json")
