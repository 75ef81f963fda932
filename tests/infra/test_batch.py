import dataclasses
import json

import aws_cdk as cdk
import pytest
from aws_cdk import assertions

from infra import settings
from infra.errors import SettingsError
from infra.local.batch import retries
from infra.naming import JOBS
from infra.stacks.batch import BatchStack
from infra.stacks.network import NetworkStack
from infra.stacks.storage import StorageStack
from tests.infra.assembly import ACCOUNT, NAMES


def job(assembly, command):
    return assembly.one("AWS::Batch::JobDefinition", JobDefinitionName=NAMES.job_definition(command)).properties


def compute(assembly, kind):
    (found,) = (
        environment
        for environment in assembly.of_type("AWS::Batch::ComputeEnvironment")
        if environment.properties["ComputeResources"]["Type"] == kind
    )
    return found


@pytest.fixture
def batch_stack(context):
    """Builds the batch stack of the staging environment with some settings changed."""

    def build(**changes):
        chosen = settings.load(context, {"ML_PIPELINE_ENVIRONMENT": "staging", "CDK_DEFAULT_ACCOUNT": ACCOUNT})
        chosen = dataclasses.replace(chosen, **changes)
        app = cdk.App(context=context)
        where = cdk.Environment(account=ACCOUNT, region="us-east-1")
        storage = StorageStack(app, chosen, NAMES, env=where)
        network = NetworkStack(app, chosen, NAMES, storage, env=where)
        return BatchStack(app, chosen, NAMES, storage, network, env=where)

    return build


def test_jobs_run_on_fargate_in_the_isolated_subnets(assembly):
    for kind in ("FARGATE", "FARGATE_SPOT"):
        resources = compute(assembly, kind).properties["ComputeResources"]

        assert len(resources["Subnets"]) == 2
        assert len(resources["SecurityGroupIds"]) == 1


def test_the_queue_tries_spot_first(assembly):
    queue = assembly.one("AWS::Batch::JobQueue", JobQueueName=NAMES.job_queue).properties
    tried = {e["Order"]: e["ComputeEnvironment"]["Fn::GetAtt"][0] for e in queue["ComputeEnvironmentOrder"]}

    assert tried == {1: compute(assembly, "FARGATE_SPOT").logical_id, 2: compute(assembly, "FARGATE").logical_id}
    assert queue["State"] == "ENABLED"


def test_spot_and_on_demand_stay_within_the_limit_together(assembly):
    vcpus = {
        kind: compute(assembly, kind).properties["ComputeResources"]["MaxvCpus"] for kind in ("FARGATE", "FARGATE_SPOT")
    }

    assert vcpus == {"FARGATE": 4, "FARGATE_SPOT": 12}


def test_without_spot_all_jobs_run_on_demand(batch_stack):
    template = assertions.Template.from_stack(batch_stack(batch_spot=False))

    (environment,) = template.find_resources("AWS::Batch::ComputeEnvironment").values()
    assert environment["Properties"]["ComputeResources"]["Type"] == "FARGATE"
    assert environment["Properties"]["ComputeResources"]["MaxvCpus"] == 16
    assert environment["Properties"]["ComputeEnvironmentName"] == NAMES.compute_environment


def test_a_limit_in_which_the_largest_job_would_wait_for_ever_is_refused(batch_stack):
    with pytest.raises(SettingsError, match=r"batch_max_vcpus is 1\. Allowed with batch_spot: 2 or more"):
        batch_stack(batch_spot=True, batch_max_vcpus=1)


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
    ("attempt", "retried"),
    [
        pytest.param({"exit_code": 75}, True, id="a service was throttled"),
        pytest.param({"exit_code": 137, "reason": "OutOfMemoryError: Container killed"}, True, id="out of memory"),
        pytest.param({"exit_code": 143}, True, id="told to stop"),
        pytest.param({"status_reason": "Your Spot Task was interrupted."}, True, id="spot was taken away"),
        pytest.param({"status_reason": "Timeout waiting for network interface provisioning"}, True, id="no network"),
        pytest.param({"status_reason": "Task failed to start", "reason": "CannotPullContainerError"}, True, id="image"),
        pytest.param({"exit_code": 1, "status_reason": "Essential container in task exited"}, False, id="defect"),
        pytest.param({"exit_code": 2}, False, id="usage"),
        pytest.param({"exit_code": 65}, False, id="bad data"),
        pytest.param({"exit_code": 70}, False, id="defect that was told"),
        pytest.param({"exit_code": 74}, False, id="disk"),
    ],
)
@pytest.mark.parametrize("command", JOBS)
def test_what_another_attempt_may_mend_is_retried_and_nothing_else(assembly, command, attempt, retried):
    facts = {"exit_code": None, "reason": "", "status_reason": ""} | attempt

    assert retries.is_retried(strategy(assembly, command), 1, **facts) is retried


def test_attempts_come_to_an_end(assembly):
    assert not retries.is_retried(strategy(assembly, "score"), 3, 75, "", "")


@pytest.mark.parametrize("command", JOBS)
def test_batch_takes_the_rules(assembly, command):
    """Five at most, each in Batch's form."""
    retries.check_retry_strategy(strategy(assembly, command))


def strategy(assembly, command):
    """The retry strategy as the API has it: CloudFormation writes the same keys in capitals."""
    written = job(assembly, command)["RetryStrategy"]
    rules = [{key[0].lower() + key[1:]: value for key, value in rule.items()} for rule in written["EvaluateOnExit"]]
    return {"attempts": written["Attempts"], "evaluateOnExit": rules}


@pytest.mark.parametrize(("section", "stage"), [("batch", "jobs"), ("models", "server")])
def test_jobs_and_model_servers_run_their_stages_of_one_dockerfile(assembly, section, stage):
    manifest = json.loads((assembly.directory / f"{NAMES.stack(section)}.assets.json").read_text())

    (image,) = manifest["dockerImages"].values()

    assert image["source"]["dockerFile"] == "batch_jobs/Dockerfile"
    assert image["source"]["dockerBuildTarget"] == stage


def test_every_image_is_built_for_x86_64_in_the_form_that_sagemaker_runs(assembly):
    """Apple silicon builds for itself, current engines build OCI manifests: both fail at the first deployment only."""
    sources = [
        image["source"]
        for path in assembly.directory.glob("*.assets.json")
        for image in json.loads(path.read_text())["dockerImages"].values()
    ]

    assert len(sources) == 2
    for source in sources:
        assert source["platform"] == "linux/amd64"
        (output,) = source["dockerOutputs"]
        assert {"type=docker", "oci-mediatypes=false", "compression=gzip", "force-compression=true"} == set(
            output.split(",")
        )
    for definition in assembly.of_type("AWS::Batch::JobDefinition"):
        platform = definition.properties["ContainerProperties"].get("RuntimePlatform", {})
        assert platform.get("CpuArchitecture", "X86_64") == "X86_64"


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
