"""Alarms, dashboards, and who hears of them."""

import ast
import copy
import json
import re
from pathlib import Path

import pytest

from infra.naming import DEPLOYMENT_FUNCTIONS, FUNCTIONS, VARIANTS, WORKFLOW_FUNCTIONS, WORKFLOWS, Names
from infra.settings import CONTEXT_KEY, load
from tasks.handlers import telemetry
from tests.infra.assembly import ACCOUNT, NAMES, Assembly

HANDLERS = Path(telemetry.__file__).parent
MACHINE, *_ = MACHINES = [
    f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:{NAMES.state_machine(workflow)}" for workflow in WORKFLOWS
]
#: Functions whose errors their workflow, or the job of one, hears of.
CALLED_BY_RUNS = (*WORKFLOW_FUNCTIONS, *DEPLOYMENT_FUNCTIONS, "preprocess")


def alarms(assembly):
    return {a.properties["AlarmName"]: a.properties for a in assembly.of_type("AWS::CloudWatch::Alarm")}


def dashboard(assembly, purpose):
    """Body of a dashboard."""
    found = assembly.one("AWS::CloudWatch::Dashboard", DashboardName=NAMES.dashboard(purpose))
    return json.loads(assembly.resolve(found.properties["DashboardBody"], "monitoring"))


def graphed(assembly, purpose):
    """Metrics of a dashboard's graphs: namespace, name, dimensions and statistic of each."""
    rows = [w["properties"]["metrics"] for w in dashboard(assembly, purpose)["widgets"] if w["type"] == "metric"]
    for namespace, name, *rest in (metric for row in rows for metric in row):
        options = rest.pop() if isinstance(rest[-1], dict) else {}
        yield namespace, name, dict(zip(rest[::2], rest[1::2], strict=True)), options.get("stat", "Average")


def watched(assembly):
    """Metrics of the alarms, as those of graphs."""
    for alarm in alarms(assembly).values():
        dimensions = {d["Name"]: assembly.resolve(d["Value"], "monitoring") for d in alarm["Dimensions"]}
        statistic = alarm.get("Statistic") or alarm["ExtendedStatistic"]
        yield alarm["Namespace"], alarm["MetricName"], dimensions, statistic


PROD = Names("prod", "us-east-1", ACCOUNT)
PURPOSES = ("serving", "stream", "runs", "costs")


@pytest.mark.parametrize(
    ("purpose", "metric", "statistic", "period", "threshold", "no_data"),
    [
        ("latency-modela", "ModelLatency", "p99", 300, 2_000_000, "notBreaching"),  # microseconds
        ("latency-modelb", "ModelLatency", "p99", 300, 2_000_000, "notBreaching"),
        ("latency-api", "Latency", "p99", 300, 2000, "notBreaching"),  # milliseconds
        ("errors-modela", "Invocation5XXErrors", "Average", 300, 0.05, "notBreaching"),
        ("errors-modelb", "Invocation5XXErrors", "Average", 300, 0.05, "notBreaching"),
        ("errors-api", "5XXError", "Average", 300, 0.05, "notBreaching"),
        ("active-version", "ActiveVersionFailures", "Sum", 300, 0, "notBreaching"),
        ("errors-predict", "Errors", "Sum", 300, 0, "notBreaching"),
        ("errors-score-stream", "Errors", "Sum", 300, 0, "notBreaching"),
        ("drift", "PopulationStabilityIndex", "Maximum", 86_400, 0.2, "ignore"),
        ("stream-age", "IteratorAge", "Maximum", 300, 300_000, "notBreaching"),
        ("stream-failures", "ApproximateNumberOfMessagesVisible", "Maximum", 300, 0, "notBreaching"),
        ("batch-inference-failed", "ExecutionsFailed", "Sum", 300, 0, "notBreaching"),
        ("batch-inference-timedout", "ExecutionsTimedOut", "Sum", 300, 0, "notBreaching"),
        ("batch-inference-aborted", "ExecutionsAborted", "Sum", 300, 0, "notBreaching"),
        *(
            (f"{workflow}-{end.lower()}", f"Executions{end}", "Sum", 300, 0, "notBreaching")
            for workflow in ("model-deploy", "model-rollback", "traffic-shift")
            for end in ("Failed", "TimedOut", "Aborted")
        ),
        ("version-not-followed", "FailedInvocations", "Sum", 300, 0, "notBreaching"),
        ("schedules-dropped", "InvocationDroppedCount", "Sum", 300, 0, "notBreaching"),
        ("notices-undelivered", "FailedInvocations", "Sum", 300, 0, "notBreaching"),
    ],
)
def test_an_alarm_comes_on_above_the_threshold_of_the_settings(
    assembly, purpose, metric, statistic, period, threshold, no_data
):
    alarm = alarms(assembly)[NAMES.alarm(purpose)]

    assert alarm["MetricName"] == metric
    assert statistic in (alarm.get("Statistic"), alarm.get("ExtendedStatistic"))
    assert (alarm["Period"], alarm["Threshold"]) == (period, threshold)
    assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
    assert alarm["TreatMissingData"] == no_data


def test_no_alarm_is_left_out_of_the_test_above_unseen(assembly):
    assert len(alarms(assembly)) == 27


def test_each_alarm_tells_people_when_it_comes_on_and_when_it_goes_off_and_what_to_do(assembly):
    topic = assembly.one("AWS::SNS::Topic", TopicName=NAMES.alarms_topic).logical_id

    for alarm in alarms(assembly).values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": topic}]
        assert 80 < len(alarm["AlarmDescription"]) <= 1024


def test_latency_of_a_variant_with_little_traffic_is_judged_too(assembly):
    """With `ignore`, a variant with fewer than 1,000 invocations in 15 minutes would never raise its alarm."""
    alarm = alarms(assembly)[NAMES.alarm("latency-modelb")]

    assert alarm.get("EvaluateLowSampleCountPercentile", "evaluate") == "evaluate"
    assert (alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"]) == (3, 3)


def names_of(assembly, kind, key):
    return {resource.properties[key] for resource in assembly.of_type(kind)}


def test_every_metric_is_of_a_resource_that_is_deployed(assembly):
    """A name that is misspelt would show no data for ever, and an alarm on it would never come on."""
    deployed = {
        "EndpointName": names_of(assembly, "AWS::SageMaker::Endpoint", "EndpointName"),
        "VariantName": set(VARIANTS),
        "ApiName": names_of(assembly, "AWS::ApiGateway::RestApi", "Name"),
        "Stage": names_of(assembly, "AWS::ApiGateway::Stage", "StageName"),
        "FunctionName": names_of(assembly, "AWS::Lambda::Function", "FunctionName"),
        "StreamName": names_of(assembly, "AWS::Kinesis::Stream", "Name"),
        "QueueName": names_of(assembly, "AWS::SQS::Queue", "QueueName"),
        "StateMachineArn": set(MACHINES),
        "ScheduleGroup": names_of(assembly, "AWS::Scheduler::ScheduleGroup", "Name"),
        "RuleName": names_of(assembly, "AWS::Events::Rule", "Name"),
        "TableName": names_of(assembly, "AWS::DynamoDB::Table", "TableName"),
        "BucketName": names_of(assembly, "AWS::S3::Bucket", "BucketName"),
        "WorkGroup": names_of(assembly, "AWS::Athena::WorkGroup", "Name"),
    }
    metrics = [*watched(assembly), *(metric for purpose in PURPOSES for metric in graphed(assembly, purpose))]
    used = {
        (key, value) for _, _, dimensions, _ in metrics for key, value in dimensions.items() if "ml-pipeline" in value
    }
    ours = {(key, value) for key, value in used if key != "service"}

    assert {key for key, _ in ours} | {"VariantName", "Stage"} == set(deployed)
    assert not {(key, value) for key, value in ours if value not in deployed[key]}
    assert {d["VariantName"] for _, _, d, _ in metrics if "VariantName" in d} == set(VARIANTS)
    assert {d["Stage"] for _, _, d, _ in metrics if "Stage" in d} <= deployed["Stage"]


def emitted():
    """Names of the metrics that the handlers emit."""
    for path in HANDLERS.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if name in ("add_metric", "single_metric"):
                    yield node.args[0].value


def test_what_is_shown_of_our_own_metrics_is_what_the_functions_emit(assembly):
    shown = [*watched(assembly), *(metric for purpose in PURPOSES for metric in graphed(assembly, purpose))]
    own = [(name, dimensions) for namespace, name, dimensions, _ in shown if namespace == telemetry.metrics.namespace]

    assert {name for name, _ in own} <= {*emitted(), "PopulationStabilityIndex"}
    services = {
        function.properties["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]
        for function in assembly.of_type("AWS::Lambda::Function")
    }
    assert {dimensions["service"] for _, dimensions in own} == services, "powertools takes the dimension from there"


@pytest.mark.parametrize("variant", VARIANTS)
def test_serving_shows_latency_throughput_errors_and_scaling_of_each_variant(assembly, variant):
    shown = {
        (name, statistic)
        for _, name, dimensions, statistic in graphed(assembly, "serving")
        if dimensions.get("VariantName") == variant
    }

    assert shown >= {
        ("ModelLatency", "p50"),
        ("ModelLatency", "p99"),
        ("Invocations", "Sum"),
        ("Invocation5XXErrors", "Average"),
        ("Invocation4XXErrors", "Average"),
        ("InvocationsPerInstance", "Sum"),
        ("CPUUtilization", "SampleCount"),
    }


def test_serving_shows_the_api_and_its_cache(assembly):
    shown = {(name, s) for namespace, name, _, s in graphed(assembly, "serving") if namespace == "AWS/ApiGateway"}

    assert shown == {
        ("Count", "Sum"),
        ("4XXError", "Average"),
        ("5XXError", "Average"),
        ("Latency", "p50"),
        ("Latency", "p99"),
        ("IntegrationLatency", "p99"),
        ("CacheHitCount", "Sum"),
        ("CacheMissCount", "Sum"),
    }


def test_stream_shows_age_traffic_failures_and_what_was_set_aside(assembly):
    shown = {name for _, name, _, _ in graphed(assembly, "stream")}

    assert shown >= {
        "IncomingRecords",
        "IteratorAge",
        "GetRecords.IteratorAgeMilliseconds",
        "Errors",
        "ApproximateNumberOfMessagesVisible",
        "PoisonRecords",
    }


def test_runs_shows_how_each_workflow_ends_and_each_of_its_functions(assembly):
    shown = list(graphed(assembly, "runs"))
    ends = {name for namespace, name, _, _ in shown if namespace == "AWS/States"}
    functions = {(d["FunctionName"], name) for _, name, d, _ in shown if "FunctionName" in d}

    assert ends == {f"Executions{end}" for end in ("Started", "Succeeded", "Failed", "TimedOut", "Aborted")} | {
        "ExecutionTime"
    }
    assert functions == {
        (NAMES.function(function), name) for function in CALLED_BY_RUNS for name in ("Errors", "Throttles", "Duration")
    }


def test_costs_shows_what_is_paid_by_use(assembly):
    assert {namespace for namespace, _, _, _ in graphed(assembly, "costs")} == {
        "/aws/sagemaker/Endpoints",
        "AWS/Usage",
        "AWS/States",
        "AWS/Lambda",
        "AWS/ApiGateway",
        "AWS/Kinesis",
        "AWS/DynamoDB",
        "AWS/S3",
        "AWS/Athena",
    }


def test_each_alarm_is_shown_on_one_dashboard(assembly):
    shown = [
        alarm
        for purpose in PURPOSES
        for widget in dashboard(assembly, purpose)["widgets"]
        if widget["type"] == "alarm"
        for alarm in widget["properties"]["alarms"]
    ]

    assert sorted(shown) == sorted(f"{a.logical_id}.Arn" for a in assembly.of_type("AWS::CloudWatch::Alarm"))


def test_counts_of_instances_are_by_the_minute_however_long_the_time_that_is_shown(assembly):
    body = dashboard(assembly, "serving")
    (widget,) = (w for w in body["widgets"] if w["properties"]["title"].startswith("Instances"))

    assert body["periodOverride"] == "inherit"
    assert {metric[-1]["period"] for metric in widget["properties"]["metrics"]} == {60}


def test_the_topic_takes_messages_of_our_alarms_over_tls_alone(assembly):
    topic = assembly.one("AWS::SNS::Topic", TopicName=NAMES.alarms_topic)
    (policy,) = (p for p in assembly.of_type("AWS::SNS::TopicPolicy", "monitoring"))
    deny, allow = policy.properties["PolicyDocument"]["Statement"]

    assert "MessagesKey" in str(topic.properties["KmsMasterKeyId"])
    assert (deny["Effect"], deny["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    assert (allow["Action"], allow["Principal"]) == ("sns:Publish", {"Service": "cloudwatch.amazonaws.com"})
    assert allow["Condition"] == {
        "ArnLike": {"aws:SourceArn": f"arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm:{NAMES.alarm('*')}"},
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
    }
    pattern = re.compile(NAMES.alarm("*").replace("*", ".+"))
    assert all(pattern.fullmatch(name) for name in alarms(assembly))


def test_cloudwatch_may_use_the_key_of_the_topic(assembly):
    """Otherwise every alarm would come on unheard."""
    (key,) = (key for key in assembly.of_type("AWS::KMS::Key") if key.logical_id.startswith("MessagesKey"))
    services = {
        statement["Principal"]["Service"]: set(statement["Action"])
        for statement in key.properties["KeyPolicy"]["Statement"]
        if "Service" in statement["Principal"]
    }

    assert services["cloudwatch.amazonaws.com"] == {"kms:Decrypt", "kms:GenerateDataKey*"}


def ended_runs(assembly):
    return assembly.one("AWS::Events::Rule", Name=NAMES.rule("ended-runs")).properties


def test_runs_that_end_badly_are_told_of_but_not_the_children_of_their_maps(assembly):
    pattern = assembly.resolve(ended_runs(assembly)["EventPattern"], "monitoring")

    assert pattern == {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {"status": ["FAILED", "TIMED_OUT", "ABORTED"], "stateMachineArn": MACHINES},
    }


def test_the_message_about_a_run_is_a_sentence_with_what_to_do_and_where_to_look(assembly):
    (target,) = ended_runs(assembly)["Targets"]
    transformer = assembly.resolve(target["InputTransformer"], "monitoring")
    detail = {"name": "nightly-7", "status": "TIMED_OUT", "executionArn": f"{MACHINE}:nightly-7"}
    message = json.loads(transformer["InputTemplate"])
    for variable, path in transformer["InputPathsMap"].items():
        message = message.replace(f"<{variable}>", detail[path.removeprefix("$.detail.")])

    assert message == (
        "Run nightly-7 ended as TIMED_OUT. To run again what did not succeed: "
        "ml-pipeline replay nightly-7 --target aws --environment staging. Why it ended: "
        "https://us-east-1.console.aws.amazon.com/states/home?region=us-east-1#/v2/executions/details/"
        f"{MACHINE}:nightly-7"
    )


def test_eventbridge_may_publish_to_the_topic_and_nothing_else(assembly):
    allowed = assembly.allowed(NAMES.role("ended-runs"))
    (target,) = ended_runs(assembly)["Targets"]
    role = assembly.one("AWS::IAM::Role", RoleName=NAMES.role("ended-runs"))

    assert {pair for pair in allowed if not pair[0].startswith("kms:")} == {
        ("sns:Publish", f"arn:aws:sns:us-east-1:{ACCOUNT}:{NAMES.alarms_topic}")
    }
    assert all("MessagesKey" in resource for action, resource in allowed if action.startswith("kms:"))
    assert target["RoleArn"] == {"Fn::GetAtt": [role.logical_id, "Arn"]}


@pytest.fixture(scope="module")
def told(context, tmp_path_factory):
    """Monitoring of production, with an address and a Slack channel, under all rules of the app."""
    import aws_cdk as cdk
    from cdk_nag import AwsSolutionsChecks, ServerlessChecks

    from infra import aspects
    from infra.stacks.monitoring import MonitoringStack
    from infra.stacks.storage import StorageStack

    changed = copy.deepcopy(context)
    changed[CONTEXT_KEY]["defaults"]["alarms"]["slack"] = {"workspace_id": "T01234567", "channel_id": "C01234567"}
    variables = {"CDK_DEFAULT_ACCOUNT": ACCOUNT, "ML_PIPELINE_ALARM_EMAIL": "ml@example.com"}
    settings = load(changed, {**variables, "ML_PIPELINE_ENVIRONMENT": "prod"})
    directory = tmp_path_factory.mktemp("told")
    app = cdk.App(outdir=str(directory), context=changed)
    where = cdk.Environment(account=ACCOUNT, region=settings.region)
    storage = StorageStack(app, settings, PROD, env=where)
    MonitoringStack(app, settings, PROD, storage, env=where)
    aspects.apply(app, settings)
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app), ServerlessChecks(app))
    app.synth()
    return Assembly(directory)


def test_addresses_of_the_settings_are_subscribed(told, assembly):
    subscription = told.one("AWS::SNS::Subscription").properties

    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "ml@example.com")
    assert not assembly.of_type("AWS::SNS::Subscription")


def test_slack_hears_of_alarms_through_a_role_that_reads_metrics_and_nothing_else(told, assembly):
    slack = told.one("AWS::Chatbot::SlackChannelConfiguration").properties
    topic = told.one("AWS::SNS::Topic", TopicName=PROD.alarms_topic).logical_id
    allowed = told.allowed(PROD.role("chatbot"))

    assert (slack["SlackWorkspaceId"], slack["SlackChannelId"]) == ("T01234567", "C01234567")
    assert slack["SnsTopicArns"] == [{"Ref": topic}]
    assert "CloudWatchReadOnlyAccess" in str(slack["GuardrailPolicies"])
    assert all(re.match("cloudwatch:(Describe|Get|List)", action) for action, _ in allowed)
    assert not assembly.of_type("AWS::Chatbot::SlackChannelConfiguration")


def test_silence_of_the_callers_is_told_of_in_production_alone(told, assembly):
    alarm = alarms(told)[PROD.alarm("few-invocations")]

    assert (alarm["MetricName"], alarm["Statistic"], alarm["Period"]) == ("Count", "Sum", 3600)
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 100)
    assert alarm["TreatMissingData"] == "breaching", "an API that nobody calls has no data"
    assert NAMES.alarm("few-invocations") not in alarms(assembly)


@pytest.mark.parametrize(("schedule", "runs"), [("daily", 1), ("hourly", 24)])
def test_a_day_without_input_is_told_of_for_each_schedule_in_production_alone(told, assembly, schedule, runs):
    name = f"runs-without-input-{schedule}"
    alarm = alarms(told)[PROD.alarm(name)]

    assert (alarm["MetricName"], alarm["Statistic"], alarm["Period"]) == ("RunsWithoutInput", "Sum", 86_400)
    assert {d["Name"]: d["Value"] for d in alarm["Dimensions"]} == {"service": PROD.service, "schedule": schedule}
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanOrEqualToThreshold", runs)
    assert alarm["TreatMissingData"] == "notBreaching", "runs that found something are not counted"
    assert 80 < len(alarm["AlarmDescription"]) <= 1024
    assert NAMES.alarm(name) not in alarms(assembly)


def test_runs_shows_of_each_schedule_how_often_it_found_nothing(assembly):
    shown = {d["schedule"] for _, name, d, _ in graphed(assembly, "runs") if name == "RunsWithoutInput"}

    assert shown == {"daily", "hourly"}


def test_alarms_ask_for_no_metric_mathematics(assembly):
    """The embedded AWS evaluates plain metrics alone."""
    assert not [name for name, alarm in alarms(assembly).items() if "Metrics" in alarm]


def test_there_is_an_alarm_for_the_errors_of_each_function_that_no_workflow_watches(assembly):
    watched_functions = {d["FunctionName"] for _, name, d, _ in watched(assembly) if name == "Errors"}
    # CloudFormation tells of `ship-model`: a deployment fails with it.
    unwatched = set(FUNCTIONS) - set(CALLED_BY_RUNS) - {"ship-model"}

    assert watched_functions == {NAMES.function(function) for function in unwatched}
