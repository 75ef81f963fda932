"""The committed batch inference, executed on the interpreter with stub tasks and a virtual clock."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.workflows.virtual_run import Run
from workflows.interpreter import Outcome, StatesError, TaskCall


class StubAws:
    """The services that batch inference calls, as simple as the workflow can tell them apart.

    A shard is scored when its id is in `scored`; `failures` says which shard, function or service fails, how, and
    (where a number is given) how often.
    """

    def __init__(self, small: int = 3, large: int = 2) -> None:
        self.shards = {"small": [f"s{n}" for n in range(small)], "large": [f"l{n}" for n in range(large)]}
        self.request: dict[str, Any] = {"runId": "r1", "concurrency": 2, "toleratedFailurePercentage": 0}
        self.objects: dict[str, str] = {}
        self.scored: list[str] = []
        self.called: list[str] = []
        self.told: list[dict[str, Any]] = []
        self.crawls: list[str] = ["SUCCEEDED"]
        self.crawler_state = "READY"
        self.hidden_crawls = 0
        self.failures: dict[str, list[StatesError]] = {}

    def fail(self, name: str, error: str, cause: str = "because", times: int = 1_000) -> None:
        self.failures[name] = [StatesError(error, cause)] * times

    async def run(self, call: TaskCall) -> Any:
        service = call.resource.split(":::")[1]
        name = call.arguments.get("FunctionName", service) if isinstance(call.arguments, dict) else service
        name = name.removeprefix("${").removesuffix("Function}")
        self.called.append(name)
        if self.failures.get(name):
            raise self.failures[name].pop()
        match name:
            case "s3:getObject":
                return {"Body": self.objects[call.arguments["Key"]]}
            case "s3:putObject":
                self.objects[call.arguments["Key"]] = call.arguments["Body"]
                return {}
            case "batch:submitJob.sync":
                shard = json.loads(call.arguments["ContainerOverrides"]["Command"][4])
                call.submitted({"JobId": "j"})
                return {"JobId": "j", "Status": "SUCCEEDED", "Shard": self.score(shard)}
            case "sns:publish":
                self.told.append({**call.arguments, "Message": json.loads(call.arguments["Message"])})
                return {"MessageId": "m"}
            case "aws-sdk:glue:startCrawler":
                self.crawler_state = "RUNNING"
                return {}
            case "aws-sdk:glue:getCrawler":
                if self.hidden_crawls:
                    self.hidden_crawls -= 1
                    return {"Crawler": {"Name": "crawler", "State": "READY"}}
                state, self.crawler_state = self.crawler_state, "READY"
                last = {"Status": self.crawls.pop(0)} if state == "READY" else None
                return {"Crawler": {"Name": "crawler", "State": state, **({"LastCrawl": last} if last else {})}}
        return {"Payload": getattr(self, f"on_{name.replace('-', '_')}")(call.arguments["Payload"]), "StatusCode": 200}

    def on_NormaliseRun(self, event: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"run": {**self.request, "startedAt": event["execution"]["startTime"]}}

    def on_PlanShards(self, event: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        plan: dict[str, Any] = {"bucket": "results", "shards": sum(map(len, self.shards.values()))}
        for lane, shards in self.shards.items():
            missing = [shard for shard in shards if shard not in self.scored]
            key = f"runs/{event['run']['runId']}/manifest/{lane}.jsonl"
            self.objects[key] = "".join(json.dumps({"shardId": shard}) + "\n" for shard in missing)
            plan[lane] = {"shards": len(missing), "key": key}
        return {"plan": plan}

    def on_ScoreShard(self, event: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"shardId": self.score(event["shard"])}

    def on_CheckShards(self, event: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        missing = sorted({shard for lane in self.shards.values() for shard in lane} - set(self.scored))
        failed_lanes = [lane for lane in event["lanes"] if "error" in lane]
        verdict = "failed" if missing and failed_lanes else "tolerated" if missing else "complete"
        cause = f"{len(missing)} shards failed: {', '.join(missing)}"
        return {"verdict": verdict, "failed": len(missing), "failedShards": missing, "cause": cause}

    def on_SummariseRun(self, event: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"summary": {"runId": event["run"]["runId"], "failed": event["check"]["failed"]}}

    def on_HaltRun(self, event: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        if event["redriveCount"] > event["failedAtRedrive"]:
            return {}
        raise StatesError(event["failure"]["Error"], event["failure"]["Cause"])

    def score(self, shard: dict[str, Any]) -> str:
        name = shard["shardId"]
        if self.failures.get(name):
            raise self.failures[name].pop()
        self.scored.append(name)
        return name


def run_of(aws: StubAws, given: object = None) -> Run:
    return Run("batch_inference", aws, {"runId": "r1"} if given is None else given, name="r1")


def test_every_shard_is_scored_once_and_success_is_told() -> None:
    aws = StubAws(small=3, large=2)

    outcome = run_of(aws).start()

    assert outcome == Outcome("SUCCEEDED", output={"runId": "r1", "failed": 0})
    assert sorted(aws.scored) == ["l0", "l1", "s0", "s1", "s2"]
    assert [message["Subject"] for message in aws.told] == ["Batch inference succeeded"]


def test_a_run_with_nothing_to_score_starts_no_job_and_no_crawler_and_is_told_as_a_success() -> None:
    aws = StubAws(small=0, large=0)
    run = run_of(aws)

    assert run.start() == Outcome("SUCCEEDED", output={"runId": "r1", "failed": 0})
    assert aws.called == ["NormaliseRun", "PlanShards", "SummariseRun", "sns:publish"]
    assert [message["Subject"] for message in aws.told] == ["Batch inference succeeded"]


def test_a_summary_of_nothing_that_fails_is_written_by_a_redrive() -> None:
    aws = StubAws(small=0, large=0)
    aws.fail("SummariseRun", "AccessRefused", times=1)
    run = run_of(aws)

    assert [run.start().status, run.redrive().status] == ["FAILED", "SUCCEEDED"]
    assert "aws-sdk:glue:startCrawler" not in aws.called


@pytest.mark.parametrize(("small", "large"), [(2, 0), (0, 2)])
def test_a_lane_without_shards_runs_nothing(small: int, large: int) -> None:
    aws = StubAws(small=small, large=large)

    assert run_of(aws).start().status == "SUCCEEDED"
    assert aws.called.count("ScoreShard") == small
    assert aws.called.count("batch:submitJob.sync") == large


def test_a_failed_shard_lets_the_other_lane_finish_and_fails_the_run_after_telling() -> None:
    aws = StubAws(small=3, large=2)
    aws.fail("l1", "UnreadableObject", "input/b.parquet is no Parquet")

    outcome = run_of(aws).start()

    assert (outcome.status, outcome.error) == ("FAILED", "ShardsFailed")
    assert outcome.cause is not None
    assert "l1" in outcome.cause
    assert {"s0", "s1", "s2"} <= set(aws.scored)
    assert [message["Subject"] for message in aws.told] == ["Batch inference failed"]
    assert aws.told[0]["Message"]["failure"]["Cause"] == outcome.cause


def test_a_redrive_runs_only_the_missing_shards_and_ends_like_a_clean_run() -> None:
    aws = StubAws(small=3, large=2)
    aws.fail("s1", "UnreadableObject")
    run = run_of(aws)
    assert run.start().status == "FAILED"
    before = set(aws.scored)
    aws.failures.clear()

    redriven = run.redrive()

    assert redriven == run_of(StubAws(small=3, large=2)).start()
    # Past the tolerance of the first attempt the Map starts no more children, so they are missing too.
    assert sorted(aws.scored) == ["l0", "l1", "s0", "s1", "s2"]
    assert "s1" not in before


def test_a_redrive_fails_again_while_the_reason_stays_and_can_be_redriven_again() -> None:
    aws = StubAws()
    aws.fail("s1", "UnreadableObject")
    run = run_of(aws)

    assert [run.start().status, run.redrive().status, run.redrive().status] == ["FAILED", "FAILED", "FAILED"]
    aws.failures.clear()
    assert run.redrive().status == "SUCCEEDED"
    assert len(aws.told) == 4


def test_failures_within_the_tolerance_do_not_fail_the_run() -> None:
    aws = StubAws(small=10, large=0)
    aws.request["toleratedFailurePercentage"] = 10
    aws.fail("s4", "UnreadableObject")

    outcome = run_of(aws).start()

    assert outcome == Outcome("SUCCEEDED", output={"runId": "r1", "failed": 1})


@pytest.mark.parametrize(
    "error",
    [
        "Lambda.TooManyRequestsException",
        "Lambda.ServiceException",
        "Lambda.ClientExecutionTimeoutException",
        "ServiceUnavailable",
    ],
)
def test_a_transient_error_is_retried_until_it_passes(error: str) -> None:
    aws = StubAws()
    aws.fail("s1", error, times=5)

    assert run_of(aws).start().status == "SUCCEEDED"
    assert sorted(aws.scored) == ["l0", "l1", "s0", "s1", "s2"]


@pytest.mark.parametrize("function", ["NormaliseRun", "PlanShards", "ScoreShard", "CheckShards", "SummariseRun"])
@pytest.mark.parametrize("error", ["Lambda.ResourceNotReadyException", "Lambda.ResourceConflictException"])
def test_a_function_whose_network_was_reclaimed_is_given_minutes_to_come_back(function: str, error: str) -> None:
    aws = StubAws(small=1, large=0)
    aws.fail(function, error, times=7)
    run = run_of(aws)

    assert run.start().status == "SUCCEEDED"
    assert run.seconds > 60


def test_a_run_that_failed_ends_under_its_own_error_though_the_function_that_halts_it_was_asleep() -> None:
    aws = StubAws()
    aws.fail("PlanShards", "NoInputFound", "nothing below s3://data/input/")
    aws.fail("HaltRun", "Lambda.ResourceNotReadyException", times=7)

    outcome = run_of(aws).start()

    assert (outcome.error, outcome.cause) == ("NoInputFound", "nothing below s3://data/input/")


@pytest.mark.parametrize("given", [[1], "s3://data/input/", 7, True])
def test_an_input_that_is_no_object_fails_the_run_under_its_own_error_after_telling(given: object) -> None:
    aws = StubAws()
    aws.fail("NormaliseRun", "InvalidRunRequest", "the input must be a JSON object")

    outcome = run_of(aws, given).start()

    assert (outcome.error, outcome.cause) == ("InvalidRunRequest", "the input must be a JSON object")
    assert len(aws.told) == 1


def test_a_permanent_error_is_not_retried() -> None:
    aws = StubAws()
    aws.fail("NormaliseRun", "InvalidRunRequest", "shardRow: unknown key")

    outcome = run_of(aws).start()

    assert (outcome.status, outcome.error, outcome.cause) == ("FAILED", "InvalidRunRequest", "shardRow: unknown key")
    assert aws.called == ["NormaliseRun", "sns:publish", "HaltRun"]


def test_a_dead_worker_gets_one_more_chance() -> None:
    aws = StubAws()
    aws.fail("s0", "Runtime.ExitError", times=1)
    assert run_of(aws).start().status == "SUCCEEDED"

    aws = StubAws()
    aws.fail("s0", "Runtime.ExitError", times=2)
    assert run_of(aws).start().status == "FAILED"


def test_a_topic_out_of_reach_does_not_hide_why_the_run_failed() -> None:
    aws = StubAws()
    aws.fail("NormaliseRun", "InvalidRunRequest", "no such key")
    aws.fail("sns:publish", "SNS.AuthorizationErrorException")

    outcome = run_of(aws).start()

    assert (outcome.error, outcome.cause) == ("InvalidRunRequest", "no such key")


def test_a_crawler_in_use_is_waited_for_and_then_started_for_this_run() -> None:
    aws = StubAws()
    aws.fail("aws-sdk:glue:startCrawler", "Glue.CrawlerRunningException", times=8)
    run = run_of(aws)

    assert run.start().status == "SUCCEEDED"
    assert aws.called.count("aws-sdk:glue:startCrawler") == 9
    assert run.seconds > 10


def test_a_crawler_that_does_not_show_its_first_crawl_yet_is_looked_at_again() -> None:
    aws = StubAws()
    aws.hidden_crawls = 2

    assert run_of(aws).start().status == "SUCCEEDED"
    assert aws.called.count("aws-sdk:glue:getCrawler") == 4


@pytest.mark.parametrize("call", ["aws-sdk:glue:startCrawler", "aws-sdk:glue:getCrawler"])
@pytest.mark.parametrize("error", ["Glue.ThrottlingException", "Glue.GlueException"])
def test_a_throttled_catalog_is_asked_again(call: str, error: str) -> None:
    aws = StubAws()
    aws.fail(call, error, times=3)

    assert run_of(aws).start().status == "SUCCEEDED"


def test_a_failed_crawl_fails_the_run_and_its_redrive_scores_nothing_again() -> None:
    aws = StubAws()
    aws.crawls = ["FAILED", "SUCCEEDED"]
    run = run_of(aws)

    failed = run.start()
    scored = list(aws.scored)

    assert (failed.status, failed.error) == ("FAILED", "CatalogFailed")
    assert "crawler" in (failed.cause or "")
    assert run.redrive().status == "SUCCEEDED"
    assert aws.scored == scored


def test_standard_transitions_stay_within_three_thousand_for_a_million_rows() -> None:
    """A million rows in shards of 1,000 rows: what a Standard execution is billed for."""
    aws = StubAws(small=1_000, large=0)
    aws.request["concurrency"] = 100
    run = run_of(aws)

    assert run.start().status == "SUCCEEDED"
    transitions = sum(event.type.endswith("StateEntered") for event in run.journal)
    # The children of the small lane are Express: AWS bills them by time, and one start each.
    assert transitions + 1_000 <= 3_000
