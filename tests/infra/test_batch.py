import pytest

from infra.naming import JOBS
from tests.infra.assembly import NAMES


def job(assembly, command):
    return assembly.one("AWS::Batch::JobDefinition", JobDefinitionName=NAMES.job_definition(command)).properties


def outcome(retry_strategy, *, exit_code=None, reason="", status_reason=""):
    """What AWS Batch does after an attempt: the action of the first rule that matches, else RETRY."""

    def fits(pattern, value):
        return value is not None and (value.startswith(pattern[:-1]) if pattern.endswith("*") else value == pattern)

    for rule in retry_strategy["EvaluateOnExit"]:
        facts = {"OnExitCode": exit_code, "OnReason": reason, "OnStatusReason": status_reason}
        if all(fits(rule[condition], fact) for condition, fact in facts.items() if condition in rule):
            return rule["Action"]
    return "RETRY"


def test_jobs_run_on_fargate_in_the_isolated_subnets(assembly):
    compute = assembly.one("AWS::Batch::ComputeEnvironment").properties

    assert compute["ComputeResources"]["Type"] == "FARGATE"
    assert compute["ComputeResources"]["MaxvCpus"] == 16
    assert len(compute["ComputeResources"]["Subnets"]) == 2


def test_the_queue_feeds_the_compute_environment(assembly):
    queue = assembly.one("AWS::Batch::JobQueue", JobQueueName=NAMES.job_queue).properties

    assert [entry["Order"] for entry in queue["ComputeEnvironmentOrder"]] == [1]
    assert queue["State"] == "ENABLED"


@pytest.mark.parametrize("command", JOBS)
def test_each_command_of_the_image_has_a_job_definition(assembly, command):
    properties = job(assembly, command)
    container = properties["ContainerProperties"]

    assert container["Command"] == [command]
    assert {r["Type"]: r["Value"] for r in container["ResourceRequirements"]} == {"MEMORY": "2048", "VCPU": "1"}
    assert properties["Timeout"]["AttemptDurationSeconds"] >= 3600
    assert container["LogConfiguration"]["LogDriver"] == "awslogs"
    assert {e["Name"] for e in container["Environment"]} >= {"AWS_REGION", "ML_PIPELINE_DATA_BUCKET"}


def test_both_jobs_run_the_same_image(assembly):
    score, train = (job(assembly, command)["ContainerProperties"]["Image"] for command in JOBS)

    assert score == train


@pytest.mark.parametrize(
    ("attempt", "action"),
    [
        ({"exit_code": "75"}, "RETRY"),
        ({"exit_code": "137", "reason": "OutOfMemoryError: Container killed due to memory usage"}, "RETRY"),
        ({"status_reason": "Timeout waiting for network interface provisioning to complete."}, "RETRY"),
        ({"status_reason": "Task failed to start", "reason": "CannotPullContainerError: timeout"}, "RETRY"),
        ({"exit_code": "1", "reason": "", "status_reason": "Essential container in task exited"}, "EXIT"),
        ({"exit_code": "64"}, "EXIT"),
    ],
)
def test_only_failures_that_pass_by_themselves_are_retried(assembly, attempt, action):
    strategy = job(assembly, "score")["RetryStrategy"]

    assert strategy["Attempts"] == 3
    assert outcome(strategy, **attempt) == action


def test_batch_takes_no_more_than_five_rules(assembly):
    assert all(len(job(assembly, command)["RetryStrategy"]["EvaluateOnExit"]) <= 5 for command in JOBS)


def test_training_may_register_versions_and_activate_one(assembly):
    parameters = {
        resource.split(":parameter/")[1]
        for action, resource in assembly.allowed(NAMES.role("batch-train"))
        if action == "ssm:PutParameter"
    }

    assert parameters == {"ml-pipeline/models/active-version", "ml-pipeline/models/versions/*"}


def test_scoring_as_a_job_may_do_what_scoring_in_a_function_may(assembly):
    def data_access(role):
        return {pair for pair in assembly.allowed(role) if pair[0].split(":")[0] in ("s3", "dynamodb", "ssm", "kms")}

    assert data_access(NAMES.role("batch-score")) == data_access(NAMES.role("score-shard"))
