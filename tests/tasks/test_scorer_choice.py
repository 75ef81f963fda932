"""Who evaluates the model in the jobs of a run, and what the run says of it."""

from dataclasses import replace

import botocore.session
import pytest
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import AccessRefused, PlanMissing, ServiceUnavailable, VersionNotServed
from tasks.reading.shards import Shard
from tasks.runs.layout import RunFolder
from tasks.runs.planning import plan_shards
from tasks.runs.request import RunRequest
from tasks.runs.scorer_choice import ScorerChoice, choose_scorer
from tasks.runs.served_versions import ServedVersions
from tasks.runs.summary import summarise
from tests.tasks.conftest import GOOD, RUN

FOLDER = RunFolder.of(RUN, "results")


class Serves:
    """An endpoint whose variant ModelB serves v1, unless it has a failure."""

    def __init__(self, failure=None):
        self.failure = failure

    def variant_with(self, version_id, *, even_if_busy=False):
        if self.failure:
            raise self.failure
        return "ModelB"


def shards(*rows, known=True):
    return [
        Shard(f"{n:05d}", "large", "data", "k", "e", "parquet", None, None, 1, count if known else None, 1, count)
        for n, count in enumerate(rows)
    ]


def choose(run=RUN, of=None, served=None):
    of = shards(400) if of is None else of
    return choose_scorer(run, of, of, served or Serves())


def test_few_rows_go_to_the_endpoint_if_a_variant_serves_the_version():
    assert choose(of=shards(300, 100)) == ScorerChoice(
        "endpoint", "auto: 400 rows for AWS Batch, no more than 10,000, and ModelB serves v1: endpoint", "ModelB", 5.0
    )


def test_many_rows_stay_with_the_container_and_the_endpoint_is_not_looked_at():
    choice = choose(of=shards(10_000, 1), served=Serves(AssertionError("looked")))

    assert choice == ScorerChoice("container", "auto: 10,001 rows for AWS Batch, more than 10,000: container")


def test_rows_that_are_estimated_are_called_so():
    assert choose(of=shards(10_000, known=False)).reason.startswith("auto: about 10,000 rows for AWS Batch, no more")


@pytest.mark.parametrize("failure", [VersionNotServed("why"), ServiceUnavailable("why"), AccessRefused("why")])
def test_auto_does_without_an_endpoint_that_cannot_score_and_says_why(failure):
    choice = choose(served=Serves(failure))

    assert choice.scorer == "container"
    assert choice.reason == "auto: 400 rows for AWS Batch, no more than 10,000, but why: container"


def test_where_functions_score_all_there_is_nothing_to_choose():
    choice = choose(of=[], served=Serves(AssertionError("looked")))

    assert choice == ScorerChoice("container", "auto: functions score all shards, with the artifact: container")


def test_what_is_asked_for_is_done_or_refused():
    assert choose(replace(RUN, scorer="container"), served=Serves(AssertionError("looked"))).scorer == "container"
    asked = choose(replace(RUN, scorer="endpoint"), of=shards(10**6))
    assert (asked.scorer, asked.reason) == ("endpoint", "endpoint: as asked; ModelB serves v1")
    with pytest.raises(VersionNotServed):
        choose(replace(RUN, scorer="endpoint"), served=Serves(VersionNotServed("why")))


@given(st.integers(1, 50), st.integers(1, 40), st.floats(0.1, 1000))
def test_all_jobs_at_once_together_keep_to_the_calls_that_the_run_may_make(concurrency, count, calls):
    run = replace(RUN, scorer="endpoint", concurrency=concurrency, endpoint_calls_per_second=calls)

    each = choose(run, of=shards(*[1] * count)).calls_per_second

    assert each * min(concurrency, count) == pytest.approx(calls)


def test_models_that_functions_cannot_evaluate_go_to_jobs_however_small(world, json_lines):
    world.upload("input/a.jsonl", json_lines(GOOD))

    for framework, lane in (("lightgbm", "small"), ("xgboost", "large"), ("onnx", "large")):
        run = replace(RUN, framework=framework, run_id=framework)
        plan = plan_shards(run, RunFolder.of(run, "results"), world.storage, Serves())
        assert [(shard.lane, shard.about_rows) for shard in plan.shards] == [(lane, 1)]


@pytest.fixture
def planned(world, json_lines):
    """A run of two shards for jobs, chosen to be scored by the endpoint."""
    for key in ("input/a.jsonl", "input/b.jsonl"):
        world.upload(key, json_lines(GOOD, GOOD))

    def plan(served, scorer="auto") -> tuple[RunRequest, list[Shard]]:
        run = replace(RUN, small_shard_rows=1, scorer=scorer)
        return run, plan_shards(run, FOLDER, world.storage, served).outstanding

    return plan


def test_the_plan_records_the_choice_and_the_summary_tells_it_with_what_was_done(world, planned):
    run, outstanding = planned(Serves())
    for shard, fallback in zip(outstanding, ["EndpointUnavailable: throttled", None], strict=True):
        world.score(shard, run, fallback=fallback)

    assert ScorerChoice.recorded(run, FOLDER, world.storage).calls_per_second == 5
    assert summarise(run, FOLDER, world.storage, {"verdict": "complete", "failed": 0, "failedShards": []})[
        "scorer"
    ] == {
        "asked": "auto",
        "chosen": "endpoint",
        "reason": "auto: about 4 rows for AWS Batch, no more than 10,000, and ModelB serves v1: endpoint",
        "variant": "ModelB",
        "shards": {"container": 2},
        "fallbacks": {"EndpointUnavailable: throttled": 1},
    }


def test_a_replay_chooses_anew_for_what_is_left(world, planned):
    run, outstanding = planned(Serves())
    world.score(outstanding[0], run)

    planned(Serves(VersionNotServed("ModelB serves v2")))

    assert ScorerChoice.recorded(run, FOLDER, world.storage).scorer == "container"


def test_where_nothing_is_left_the_reason_of_what_was_done_stays(world, planned):
    run, outstanding = planned(Serves(), "endpoint")
    for shard in outstanding:
        world.score(shard, run)

    planned(Serves(VersionNotServed("it is gone")), "endpoint")

    assert ScorerChoice.recorded(run, FOLDER, world.storage).variant == "ModelB"


def test_a_run_that_may_not_ask_the_endpoint_fails_at_its_plan(world, planned):
    with pytest.raises(VersionNotServed, match="the deployment has no endpoint; score with the scorer container"):
        planned(ServedVersions(""), "endpoint")


def test_a_job_without_a_plan_has_the_artifact_but_no_variant(world):
    assert ScorerChoice.recorded(RUN, FOLDER, world.storage).scorer == "container"
    with pytest.raises(PlanMissing, match="says which variant to ask"):
        ScorerChoice.recorded(replace(RUN, scorer="endpoint"), FOLDER, world.storage)


def sagemaker(*, status="InService", versions=("v1", "v2"), instances=(1, 1), error=None):
    """SageMaker's control plane with the endpoint `flights`."""
    client = botocore.session.get_session().create_client("sagemaker", region_name="us-east-1")
    stubber = Stubber(client)
    arn, now = "arn:aws:sagemaker:us-east-1:000000000000:x/y-1", 1_700_000_000
    if error:
        stubber.add_client_error("describe_endpoint", *error)
        stubber.activate()
        return client
    names = ("ModelA", "ModelB")
    stubber.add_response(
        "describe_endpoint",
        {
            "EndpointName": "flights",
            "EndpointArn": arn,
            "EndpointConfigName": "config",
            "EndpointStatus": status,
            "CreationTime": now,
            "LastModifiedTime": now,
            "ProductionVariants": [
                {"VariantName": name, "DesiredWeight": 1.0, "DesiredInstanceCount": count}
                for name, count in zip(names, instances, strict=True)
            ],
        },
    )
    stubber.add_response(
        "describe_endpoint_config",
        {
            "EndpointConfigName": "config",
            "EndpointConfigArn": arn,
            "CreationTime": now,
            "ProductionVariants": [
                {"VariantName": name, "ModelName": name, "InitialInstanceCount": 1, "InitialVariantWeight": 1.0}
                for name in names
            ],
        },
    )
    for name, version in zip(names, versions, strict=True):
        environment = {"ML_PIPELINE_MODEL_VERSION": version}
        model = {"ModelName": name, "ModelArn": arn, "CreationTime": now}
        stubber.add_response("describe_model", model | {"PrimaryContainer": {"Environment": environment}})
    stubber.activate()
    return client


@pytest.mark.parametrize(
    ("facts", "variant"),
    [
        ({}, "ModelA"),
        ({"versions": ("v0", "v1")}, "ModelB"),
        ({"versions": ("v1", "v1"), "instances": (1, 3)}, "ModelB"),
    ],
)
def test_the_variant_that_serves_the_version_is_found(settings, facts, variant):
    assert ServedVersions("flights", sagemaker(**facts)).variant_with("v1") == variant


def test_an_endpoint_that_is_being_changed_can_be_asked_by_who_insists(settings):
    busy = {"status": "Updating", "versions": ("v2", "v1")}

    assert ServedVersions("flights", sagemaker(**busy)).variant_with("v1", even_if_busy=True) == "ModelB"
    with pytest.raises(VersionNotServed, match="flights is Updating"):
        ServedVersions("flights", sagemaker(**busy)).variant_with("v1")


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"versions": ("v2", "v3")}, r"serves v1 \(ModelA serves v2, ModelB serves v3\)\. .* the scorer container"),
        ({"status": "Failed"}, "flights is Failed"),
        (
            {"error": ("ValidationException", 'Could not find endpoint "arn"', 400)},
            r"there is no endpoint flights.*the scorer container",
        ),
    ],
)
def test_without_such_a_variant_the_error_says_what_is_served_and_what_else_would_do(settings, facts, message):
    with pytest.raises(VersionNotServed, match=message):
        ServedVersions("flights", sagemaker(**facts)).variant_with("v1")


def test_an_answer_that_sagemaker_withholds_is_not_taken_for_a_version_that_is_not_served(settings):
    with pytest.raises(ServiceUnavailable) as failure:
        ServedVersions("flights", sagemaker(error=("ThrottlingException", "slow down", 400))).variant_with("v1")
    assert not isinstance(failure.value, VersionNotServed)
