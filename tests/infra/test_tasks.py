import importlib.util

import pytest

from infra.naming import FUNCTIONS
from tests.infra.assembly import NAMES


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


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_run_in_the_isolated_subnets_and_are_traced(assembly, name):
    properties = function(assembly, name)

    assert properties["Runtime"] == "python3.11"
    assert properties["Architectures"] == ["x86_64"]
    assert len(properties["VpcConfig"]["SubnetIds"]) == 2
    assert properties["TracingConfig"] == {"Mode": "Active"}
    assert len(properties["Layers"]) == 1


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_find_their_settings_in_the_environment(assembly, name):
    variables = function(assembly, name)["Environment"]["Variables"]

    assert variables["ML_PIPELINE_ENVIRONMENT"] == "staging"
    assert variables["ML_PIPELINE_RESULTS_BUCKET"] == NAMES.bucket("results")
    assert variables["ML_PIPELINE_PREDICTIONS_TABLE"] == NAMES.table
    assert variables["ML_PIPELINE_RETENTION_DAYS"] == "30"
    assert variables["POWERTOOLS_SERVICE_NAME"] == name


def test_each_function_has_a_role_of_its_own(assembly):
    roles = [assembly.resolve(function(assembly, name)["Role"], "tasks") for name in FUNCTIONS]

    assert [role.rsplit("/", 1)[1] for role in roles] == [NAMES.role(name) for name in FUNCTIONS]


def test_scoring_in_a_function_has_one_vcpu_and_ends_within_an_express_execution(assembly):
    properties = function(assembly, "score-shard")

    assert properties["MemorySize"] == 1769
    assert properties["Timeout"] < 300


INPUT, MODELS = "ml-pipeline-s3-data/*", "ml-pipeline-s3-models/*"
PREDICTIONS, QUARANTINE, RUNS = (
    f"ml-pipeline-s3-results/{prefix}/*" for prefix in ("predictions", "quarantine", "runs")
)


@pytest.mark.parametrize(
    ("name", "reads", "writes", "deletes"),
    [
        ("normalise-run", {RUNS}, set(), set()),
        ("plan-shards", {INPUT, PREDICTIONS, QUARANTINE, RUNS}, {RUNS}, set()),
        ("score-shard", {INPUT, MODELS, PREDICTIONS, QUARANTINE, RUNS}, {PREDICTIONS, QUARANTINE, RUNS}, {QUARANTINE}),
        ("check-shards", {PREDICTIONS, QUARANTINE, RUNS}, set(), set()),
        ("summarise-run", {PREDICTIONS, QUARANTINE, RUNS}, {RUNS}, set()),
        ("halt-run", set(), set(), set()),
    ],
)
def test_each_function_touches_the_objects_that_its_job_needs_and_no_others(assembly, name, reads, writes, deletes):
    assert touched(assembly, name, "s3:GetObject*") == reads
    assert touched(assembly, name, "s3:PutObject") == writes
    assert touched(assembly, name, "s3:DeleteObject*") == deletes


def test_only_scoring_writes_predictions_to_the_table(assembly):
    writers = {
        name
        for name in FUNCTIONS
        if any(action.startswith("dynamodb:") for action, _ in assembly.allowed(NAMES.role(name)))
    }

    assert writers == {"score-shard"}


def test_functions_read_the_registry_of_models_but_never_change_it(assembly):
    actions = {
        action for name in FUNCTIONS for action, _ in assembly.allowed(NAMES.role(name)) if action.startswith("ssm:")
    }

    assert actions == {"ssm:GetParameter", "ssm:GetParametersByPath"}
