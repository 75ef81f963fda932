import importlib.util

import pytest

from infra.naming import FUNCTIONS
from tests.infra.assembly import ACCOUNT, NAMES

IN_THE_NETWORK = sorted(set(FUNCTIONS) - {"ship-model"})


def function(assembly, name):
    return assembly.one("AWS::Lambda::Function", FunctionName=NAMES.function(name)).properties


def touched(assembly, name, verb):
    """Keys that a function may read (`s3:GetObject*`) or write (`s3:PutObject`), bucket and prefix."""
    return {
        resource.removeprefix("arn:aws:s3:::").replace(f"-{NAMES.account}-staging-us-east-1", "")
        for action, resource in assembly.allowed(NAMES.role(name))
        if action == verb and resource.endswith("*")
    }


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_run_the_handlers_of_the_tasks_package(assembly, name):
    properties = function(assembly, name)
    module, _, attribute = properties["Handler"].rpartition(".")

    assert attribute == "handler"
    assert importlib.util.find_spec(module) is not None, f"{module} is not there"


@pytest.mark.parametrize("name", IN_THE_NETWORK)
def test_functions_run_in_the_isolated_subnets(assembly, name):
    assert len(function(assembly, name)["VpcConfig"]["SubnetIds"]) == 2


def test_the_function_that_answers_cloudformation_is_outside_the_network_and_cannot_enter_it(assembly):
    actions = {action for action, _ in assembly.allowed(NAMES.role("ship-model"))}

    assert "VpcConfig" not in function(assembly, "ship-model")
    assert not [action for action in actions if action.startswith("ec2:")]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_of_one_kind_and_traced(assembly, name):
    properties = function(assembly, name)

    assert properties["Runtime"] == "python3.11"
    assert properties["Architectures"] == ["x86_64"]
    assert properties["TracingConfig"] == {"Mode": "Active"}
    assert len(properties["Layers"]) == 1


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_find_their_settings_in_the_environment(assembly, name):
    variables = function(assembly, name)["Environment"]["Variables"]

    assert variables["ML_PIPELINE_ENVIRONMENT"] == "staging"
    assert variables["ML_PIPELINE_RESULTS_BUCKET"] == NAMES.bucket("results")
    assert variables["ML_PIPELINE_PREDICTIONS_TABLE"] == NAMES.table
    assert variables["ML_PIPELINE_RETENTION_DAYS"] == "30"
    assert variables["ML_PIPELINE_ENDPOINT"] == NAMES.endpoint
    assert variables["ML_PIPELINE_PARAMETER_ROOT"] == "/ml-pipeline/models"
    assert variables["ML_PIPELINE_MOST_RECORDS"] == "100"
    assert variables["POWERTOOLS_SERVICE_NAME"] == NAMES.service


def test_each_function_has_a_role_of_its_own(assembly):
    roles = [assembly.resolve(function(assembly, name)["Role"], "tasks") for name in FUNCTIONS]

    assert [role.rsplit("/", 1)[1] for role in roles] == [NAMES.role(name) for name in FUNCTIONS]


def test_scoring_in_a_function_has_one_vcpu_and_ends_within_an_express_execution(assembly):
    properties = function(assembly, "score-shard")

    assert properties["MemorySize"] == 1769
    assert properties["Timeout"] < 300


INPUT, MODELS = "ml-pipeline-s3-data/*", "ml-pipeline-s3-models/*"
OUTCOMES = "ml-pipeline-s3-data/outcomes/online/*"
SIGNATURES = "ml-pipeline-s3-models/versions/*/signature-*"
VERSIONS, POISON = "ml-pipeline-s3-models/versions/*", "ml-pipeline-s3-results/quarantine/stream/*"
PREDICTIONS, QUARANTINE, RUNS, TAKINGS = (
    f"ml-pipeline-s3-results/{prefix}/*" for prefix in ("predictions", "quarantine", "runs", "schedules")
)


@pytest.mark.parametrize(
    ("name", "reads", "writes", "deletes"),
    [
        ("normalise-run", {RUNS}, set(), set()),
        ("plan-shards", {INPUT, PREDICTIONS, QUARANTINE, RUNS, TAKINGS}, {RUNS, TAKINGS}, set()),
        ("score-shard", {INPUT, MODELS, PREDICTIONS, QUARANTINE, RUNS}, {PREDICTIONS, QUARANTINE, RUNS}, {QUARANTINE}),
        ("check-shards", {PREDICTIONS, QUARANTINE, RUNS}, set(), set()),
        ("summarise-run", {PREDICTIONS, QUARANTINE, RUNS}, {RUNS}, set()),
        ("halt-run", set(), set(), set()),
        ("plan-deployment", {MODELS}, set(), set()),
        ("smoke-test", {MODELS}, set(), set()),
        ("judge-traffic", {OUTCOMES}, set(), set()),
        ("settle-deployment", set(), set(), set()),
        ("preprocess", {SIGNATURES}, set(), set()),
        ("predict", {SIGNATURES}, set(), set()),
        ("score-stream", {SIGNATURES}, {POISON}, set()),
        ("ship-model", set(), {VERSIONS}, set()),
    ],
)
def test_each_function_touches_the_objects_that_its_job_needs_and_no_others(assembly, name, reads, writes, deletes):
    assert touched(assembly, name, "s3:GetObject*") == reads
    assert touched(assembly, name, "s3:PutObject") == writes
    assert touched(assembly, name, "s3:DeleteObject*") == deletes


def actions(assembly, name, service):
    return {
        (action.split(":")[1], resource)
        for action, resource in assembly.allowed(NAMES.role(name))
        if action.startswith(f"{service}:")
    }


def users(assembly, service):
    return {name for name in FUNCTIONS if actions(assembly, name, service)}


def test_whatever_predicts_puts_items_into_the_table_and_reads_none(assembly):
    table = f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/{NAMES.table}"

    assert users(assembly, "dynamodb") == {"score-shard", "predict", "score-stream", "judge-traffic"}
    for name in users(assembly, "dynamodb") - {"judge-traffic"}:
        assert actions(assembly, name, "dynamodb") == {("BatchWriteItem", table), ("PutItem", table)}
    assert actions(assembly, "judge-traffic", "dynamodb") == {("BatchGetItem", table)}


SAGEMAKER = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}"
ENDPOINT = f"{SAGEMAKER}:endpoint/{NAMES.endpoint}"
CONFIGS, MODELS_MADE = (
    f"{SAGEMAKER}:{kind}/ml-pipeline-sagemaker-{what}-staging-us-east-1-*"
    for kind, what in (("endpoint-config", "config"), ("model", "model"))
)
SEE = {
    ("DescribeEndpoint", ENDPOINT),
    ("DescribeEndpointConfig", CONFIGS),
    ("DescribeEndpointConfig", f"{SAGEMAKER}:endpoint-config/{NAMES.of('sagemaker-first-config')}"),
    ("DescribeModel", MODELS_MADE),
    ("DescribeModel", f"{SAGEMAKER}:model/{NAMES.of('sagemaker-first-model')}"),
}


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("predict", {("InvokeEndpoint", ENDPOINT)}),
        ("score-stream", {("InvokeEndpoint", ENDPOINT)}),
        ("smoke-test", {("InvokeEndpoint", ENDPOINT)}),
        ("plan-shards", SEE),
        ("plan-deployment", {*SEE, ("ListEndpointConfigs", "*")}),
        (
            "settle-deployment",
            {
                *SEE,
                ("ListEndpointConfigs", "*"),
                ("ListModels", "*"),
                ("DeleteEndpointConfig", CONFIGS),
                ("DeleteModel", MODELS_MADE),
            },
        ),
    ],
)
def test_functions_see_and_change_what_serves_as_their_job_needs(assembly, name, allowed):
    assert actions(assembly, name, "sagemaker") == allowed


def test_no_other_function_knows_of_the_endpoint_and_none_changes_it(assembly):
    assert users(assembly, "sagemaker") == {
        "predict",
        "score-stream",
        "smoke-test",
        "plan-shards",
        "plan-deployment",
        "settle-deployment",
    }


def test_a_rollback_can_stop_executions_of_the_workflows_that_change_what_serves_and_no_others(assembly):
    executions = f"arn:aws:states:us-east-1:{ACCOUNT}:execution"

    assert users(assembly, "states") == {"plan-deployment"}
    assert actions(assembly, "plan-deployment", "states") == {
        (action, f"{executions}:{NAMES.state_machine(workflow)}:*")
        for action in ("DescribeExecution", "StopExecution")
        for workflow in ("model-deploy", "model-rollback", "traffic-shift")
    }


def test_metrics_are_read_by_the_function_that_judges_by_them(assembly):
    assert users(assembly, "cloudwatch") == {"judge-traffic"}
    assert actions(assembly, "judge-traffic", "cloudwatch") == {("GetMetricData", "*")}


def test_the_lock_of_deployments_is_taken_and_given_back_by_the_functions_of_these(assembly):
    lock = f"arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/ml-pipeline/models/deployment-lock"
    with_lock = {name for name in FUNCTIONS if ("PutParameter", lock) in actions(assembly, name, "ssm")}

    assert with_lock == {"plan-deployment", "settle-deployment"}
    assert actions(assembly, "settle-deployment", "ssm") == {("PutParameter", lock), ("GetParameterHistory", lock)}


@pytest.mark.parametrize("name", ["predict", "score-stream"])
def test_who_serves_reads_the_registry_and_which_versions_were_active_before_and_writes_nothing_of_it(assembly, name):
    registry = f"arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/ml-pipeline/models"

    assert actions(assembly, name, "ssm") == {
        ("GetParameter", f"{registry}/active-version"),
        ("GetParameter", f"{registry}/versions/*"),
        ("GetParameterHistory", f"{registry}/active-version"),
        ("GetParametersByPath", f"{registry}/versions"),
        ("GetParametersByPath", f"{registry}/versions/*"),
    }


def test_only_score_stream_reads_the_stream_and_reports_to_its_failure_queue(assembly):
    stream = f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/{NAMES.stream}"
    queue = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{NAMES.stream_failures}"

    assert users(assembly, "kinesis") == users(assembly, "sqs") == {"score-stream"}
    assert actions(assembly, "score-stream", "kinesis") == {
        (action, stream)
        for action in ("DescribeStream", "DescribeStreamSummary", "GetRecords", "GetShardIterator", "ListShards")
    }
    assert ("SendMessage", queue) in actions(assembly, "score-stream", "sqs")
    assert {resource for _, resource in actions(assembly, "score-stream", "sqs")} == {queue}


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("judge-traffic", {"DataKey"}),
        ("predict", {"DataKey"}),
        ("preprocess", {"DataKey"}),
        ("score-stream", {"DataKey", "MessagesKey"}),
        ("ship-model", {"DataKey"}),
    ],
)
def test_functions_use_the_keys_of_what_they_touch(assembly, name, keys):
    decrypted = {resource for action, resource in actions(assembly, name, "kms") if action == "Decrypt"}

    assert len(decrypted) == len(keys)
    assert all(any(key in resource for resource in decrypted) for key in keys)


def test_only_the_function_that_ships_a_model_changes_the_registry(assembly):
    changing = {
        name
        for name in FUNCTIONS
        for action, resource in actions(assembly, name, "ssm")
        if action == "PutParameter" and not resource.endswith("/deployment-lock")
    }
    changed = {
        resource.split(":parameter/")[1]
        for action, resource in actions(assembly, "ship-model", "ssm")
        if action == "PutParameter"
    }

    assert changing == {"ship-model"}
    assert changed == {"ml-pipeline/models/active-version", "ml-pipeline/models/versions/*"}
