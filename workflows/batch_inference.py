"""Score everything below an S3 prefix with one model version.

Input
-----
All keys are optional; `{}`, the console's default input and an EventBridge scheduled event (whose `detail` may
hold the same keys) are accepted. `runId` (default: the execution's name), `input` (`s3://bucket/prefix`),
`modelVersion` (default: the active one), `scorer` (below), `shardRows`, `smallShardRows`,
`toleratedFailurePercentage` (percent of a lane's shards that may fail), `concurrency` (children of a lane at once),
`endpointRecords` (records of a call) and `endpointCallsPerSecond` (of all jobs together), if the endpoint is asked;
`schedule`, `scheduledTime` and `latePeriods`, if a schedule starts the run (below).

Schedules
---------
A schedule's `input` may have `{date}` and `{hour}`: those of the last period that had fully ended at `scheduledTime`,
in UTC. With `{hour}` it is the hour before (due at 06:05: 05; at 00:05: 23 of the day before), with `{date}` alone the
day before. A run that a schedule starts and that finds nothing to score succeeds, with zero rows and a warning; it
starts no job and no crawler, and is counted by the metric `RunsWithoutInput`.

Late objects: the runs of a schedule take each object once, by its key. A run takes what is in the folder of its period,
and of the `latePeriods` folders before what none of them took yet: an object that came when its own run had looked
already is scored by the next run. So are those of a run that never started. The first run of a new schedule takes the
whole window. What a failed run took stays its own: replay it. An object that is overwritten after it was taken is not
scored again. For that, and for what comes later than the window, start a run by hand, which asks nobody what was taken:
`ml-pipeline run batch-inference --input '{"input": "s3://bucket/folder/"}'`. Schedules know nothing of each other: two
on one folder score it twice.

Scorers
-------
Who evaluates the model; the predictions are the same to the last bit. `container`: all shards go to AWS Batch, whose
jobs fetch the artifact. `endpoint`: all shards go to AWS Batch, whose jobs have records preprocessed by a function and
ask the variant of the endpoint that serves the version, in mini-batches. `auto` (default): small shards go to Lambda
functions, which fetch the artifact, if they can evaluate the model (LightGBM); what is left for AWS Batch is scored by
the endpoint if that is up to 10,000 rows and a variant in service has the version, else with the artifact. A job that
the endpoint fails then goes on with the artifact. The summary tells what was chosen and why.

Output
------
The run's summary: rows, predictions, quarantined rows by reason, failed shards, the scorer with its reason, and where
the results are; of a schedule's run the period, and how many objects came late.

Errors
------
`InvalidRunRequest`, `NoInputFound`, `NoSuchVersion`, `InvalidRegistration`, `RunIdConflict`: the request cannot be
served; nothing was scored. Nothing below the prefix is `NoInputFound` only if no schedule started the run: a person may
have mistyped it.
`VersionNotServed`: the scorer `endpoint` is asked for, and no variant serves the version.
`ShardsFailed`: more shards failed than tolerated; the cause names them with their reasons.
`CatalogFailed`: all is scored, but the Glue crawler did not catalog it.

Side effects
------------
Writes results, quarantine files, markers, manifests, a summary and what a schedule's run took to the results bucket;
items to the predictions table; partitions to the Glue database; one message to the runs topic, for a failure too.

Redrive
-------
Every step may run again: shards with a valid marker are not planned anew. A failed execution stops in the task
"Halt run", because a redrive of a Fail state only fails again; redriven, "Halt run" finds that the failure is from
before the redrive and sends the run back to its start, where just the missing shards are planned.
"""

from __future__ import annotations

from tasks.runs.request import SCHEMA
from workflows.endings import halt_run, tell, tell_failure
from workflows.sdk import Chain, ChoiceRule
from workflows.states import (
    LAMBDA_TRANSIENT,
    TASK_TRANSIENT,
    BatchTask,
    Catch,
    Choice,
    DistributedMap,
    LambdaTask,
    Parallel,
    Pass,
    Succeed,
    Task,
    Wait,
    manifest_reader,
    on_transient,
    once_more,
    result_writer,
    while_busy,
)
from workflows.workflow import Workflow, catch_failures

#: The worker died under the function: killed, out of memory, or too slow. Another worker may do better, once.
WORKER_LOST = ("Runtime.ExitError", "Lambda.Unknown", "Sandbox.Timedout")
BATCH_TRANSIENT = (
    "Batch.ServerException",
    "Batch.BatchException",
    "Batch.AWSBatchException",
    "Batch.SdkClientException",
)
#: `GlueException` is how the SDK reports an answer that the service's model does not name, throttling among them.
GLUE_TRANSIENT = (
    "Glue.GlueException",
    "Glue.InternalServiceException",
    "Glue.OperationTimeoutException",
    "Glue.SdkClientException",
    "Glue.ThrottlingException",
)

SECONDS_BETWEEN_CRAWL_CHECKS = 2
LAMBDA_TIMEOUT_SECONDS = 300
JOB_TIMEOUT_SECONDS = 6 * 3600
RUN_TIMEOUT_SECONDS = 24 * 3600


def build() -> Workflow:
    """Author the workflow."""
    halt = halt_run()
    told = tell_failure(subject="Batch inference failed", then=halt)
    note_failure = Pass(
        "Note failure",
        parameters={
            "execution.$": "$$.Execution.Id",
            "failure.$": "$.failure",
            "failedAtRedrive.$": "$$.Execution.RedriveCount",
        },
    )
    Chain([note_failure, told, halt])
    not_normalised = Pass("Input not normalised", parameters={"failure.$": "$"})
    not_normalised.next(note_failure)

    normalise = LambdaTask(
        "Normalise input",
        function="NormaliseRun",
        payload={
            "input.$": "$$.Execution.Input",
            "execution": {
                "id.$": "$$.Execution.Id",
                "name.$": "$$.Execution.Name",
                "startTime.$": "$$.Execution.StartTime",
            },
        },
        output_path="$.Payload",
        timeout_seconds=60,
        retry=on_transient(*LAMBDA_TRANSIENT, *TASK_TRANSIENT),
        # The failure takes the input's place: an input that is no object has no room for a `$.failure`.
        catch=Catch(error_equals=["States.ALL"], next_step=not_normalised),
    )
    plan = LambdaTask(
        "Plan shards",
        function="PlanShards",
        payload={"run.$": "$.run"},
        result_selector={
            "bucket.$": "$.Payload.plan.bucket",
            "shards.$": "$.Payload.plan.shards",
            "small.$": "$.Payload.plan.small",
            "large.$": "$.Payload.plan.large",
        },
        result_path="$.plan",
        timeout_seconds=LAMBDA_TIMEOUT_SECONDS,
        retry=on_transient(*LAMBDA_TRANSIENT, *TASK_TRANSIENT),
    )
    lanes = Parallel(
        "Score in two lanes",
        branches=[_small_lane(), _large_lane()],
        result_path="$.lanes",
    )
    check = LambdaTask(
        "Check shards",
        function="CheckShards",
        payload={"run.$": "$.run", "plan.$": "$.plan", "lanes.$": "$.lanes"},
        result_selector={
            "verdict.$": "$.Payload.verdict",
            "failed.$": "$.Payload.failed",
            "failedShards.$": "$.Payload.failedShards",
            "cause.$": "$.Payload.cause",
        },
        result_path="$.check",
        timeout_seconds=LAMBDA_TIMEOUT_SECONDS,
        retry=on_transient(*LAMBDA_TRANSIENT, *TASK_TRANSIENT),
    )
    shards_failed = Pass(
        "Shards failed",
        parameters={"failure": {"Error": "ShardsFailed", "Cause.$": "$.check.cause"}},
    )
    shards_failed.next(note_failure)
    summarise = _summarise_and_tell()
    enough = Choice(
        "Enough shards scored?",
        rules=[(ChoiceRule.StringEquals("$.check.verdict", "failed"), shards_failed)],
        default=_catalog(then=summarise, or_else=note_failure),
    )
    Chain([lanes, check, enough])
    nothing = Pass(
        "Nothing to score",
        result={"verdict": "complete", "failed": 0, "failedShards": []},
        result_path="$.check",
    )
    nothing.next(summarise)
    anything = Choice(
        "Anything to score?",
        rules=[(ChoiceRule.NumericGreaterThan("$.plan.shards", 0), lanes)],
        default=nothing,
    )
    Chain([normalise, plan, anything])
    catch_failures(normalise, go_to=note_failure)
    halt.next(normalise)

    return Workflow(
        name="batch-inference",
        comment="Score everything below an S3 prefix with one model version",
        start=normalise,
        timeout_seconds=RUN_TIMEOUT_SECONDS,
        input_schema=SCHEMA,
        documentation=__doc__ or "",
    )


def _small_lane() -> Choice:
    return _lane(
        "small",
        LambdaTask(
            "Score small shard",
            function="ScoreShard",
            payload={"run.$": "$.run", "shard.$": "$.shard"},
            output_path="$.Payload",
            timeout_seconds=LAMBDA_TIMEOUT_SECONDS,
            retry=[on_transient(*LAMBDA_TRANSIENT, *TASK_TRANSIENT), once_more(*WORKER_LOST)],
        ),
        execution_type="EXPRESS",
    )


def _large_lane() -> Choice:
    return _lane(
        "large",
        BatchTask(
            "Score large shard",
            job="Score",
            job_name="States.Format('{}-{}', $.run.runId, $.shard.shardId)",
            command=(
                "States.Array('score', '--run', States.JsonToString($.run), '--shard', States.JsonToString($.shard))"
            ),
            result_selector={"jobId.$": "$.JobId"},
            timeout_seconds=JOB_TIMEOUT_SECONDS,
            retry=on_transient(*BATCH_TRANSIENT),
        ),
        execution_type="STANDARD",
    )


def _lane(lane: str, score: Task, *, execution_type: str) -> Choice:
    """One lane: its shards as a Distributed Map, or nothing where it has none.

    A lane never fails: it ends with its error, so that the other lane finishes its shards, and "Check shards"
    judges both.
    """
    failed = Pass(
        f"Note {lane} shards failed",
        parameters={"lane": lane, "error.$": "$.error"},
    )
    shards = DistributedMap(
        f"Score {lane} shards",
        label=lane,
        item_reader=manifest_reader(bucket="$.plan.bucket", key=f"$.plan.{lane}.key"),
        item_selector={"run.$": "$.run", "shard.$": "$$.Map.Item.Value"},
        max_concurrency_path="$.run.concurrency",
        tolerated_failure_percentage_path="$.run.toleratedFailurePercentage",
        each=score,
        execution_type=execution_type,
        result_writer=result_writer(
            bucket="$.plan.bucket", prefix=f"States.Format('runs/{{}}/map-results/{lane}', $.run.runId)"
        ),
        result_selector={"lane": lane, "mapRunArn.$": "$.MapRunArn"},
        catch=Catch(error_equals=["States.ALL"], result_path="$.error", next_step=failed),
    )
    return Choice(
        f"Any {lane} shards?",
        rules=[(ChoiceRule.NumericGreaterThan(f"$.plan.{lane}.shards", 0), shards)],
        default=Pass(f"No {lane} shards", result={"lane": lane}),
    )


def _catalog(*, then: Task, or_else: Pass) -> Chain:
    """Let the Glue crawler catalog the results, and wait for it."""
    start = Task(
        "Start crawler",
        resource="arn:aws:states:::aws-sdk:glue:startCrawler",
        parameters={"Name": "${CrawlerName}"},
        result_path=None,
        timeout_seconds=60,
        # A crawl under way may have listed the bucket before this run's results: wait for it, then crawl anew.
        retry=[on_transient(*GLUE_TRANSIENT), while_busy("Glue.CrawlerRunningException")],
    )
    wait = Wait("Await crawler", seconds=SECONDS_BETWEEN_CRAWL_CHECKS)
    look = Task(
        "Look at crawler",
        resource="arn:aws:states:::aws-sdk:glue:getCrawler",
        parameters={"Name": "${CrawlerName}"},
        result_path="$.catalog",
        timeout_seconds=60,
        retry=on_transient(*GLUE_TRANSIENT),
    )
    failed = Pass(
        "Catalog failed",
        parameters={
            "failure": {
                "Error": "CatalogFailed",
                "Cause.$": (
                    "States.Format('the Glue crawler {} ended: {}', "
                    "$.catalog.Crawler.Name, States.JsonToString($.catalog.Crawler.LastCrawl))"
                ),
            }
        },
    )
    failed.next(or_else)
    done = Choice(
        "Cataloged?",
        rules=[
            (ChoiceRule.Not(ChoiceRule.StringEquals("$.catalog.Crawler.State", "READY")), wait),
            # A new crawler that does not show its start yet is READY without a crawl to judge.
            (ChoiceRule.IsPresent("$.catalog.Crawler.LastCrawl", False), wait),
            (ChoiceRule.StringEquals("$.catalog.Crawler.LastCrawl.Status", "SUCCEEDED"), then),
        ],
        default=failed,
    )
    return Chain([start, wait, look, done])


def _summarise_and_tell() -> LambdaTask:
    summarise = LambdaTask(
        "Summarise run",
        function="SummariseRun",
        payload={"run.$": "$.run", "plan.$": "$.plan", "check.$": "$.check"},
        output_path="$.Payload",
        timeout_seconds=LAMBDA_TIMEOUT_SECONDS,
        retry=on_transient(*LAMBDA_TRANSIENT, *TASK_TRANSIENT),
    )
    told = tell("Tell success", subject="Batch inference succeeded", message="States.JsonToString($.summary)")
    Chain([summarise, told, Succeed("Done", output_path="$.summary")])
    return summarise
