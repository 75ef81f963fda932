"""The alarms, as data: what is watched, from when on it is wrong, and what to do then."""

from collections.abc import Iterator
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.monitoring.metrics import Metrics
from infra.naming import ENDED_RUNS, FOLLOWED_VERSION, VARIANTS, WORKFLOWS, Names
from infra.settings import Alarms

_HOUR = cdk.Duration.hours(1)
_DAY = cdk.Duration.days(1)


@dataclass(frozen=True)
class Watch:
    """One alarm.

    Parameters
    ----------
    purpose
        What is watched; part of the alarm's name.
    dashboard
        Dashboard that shows its state.
    metric
        What is measured.
    threshold
        In the unit of the metric.
    meaning
        What it means that the alarm is on, and what to do; it is in the message that people get.
    fires
        How the metric compares with the threshold when something is wrong.
    periods, breaching
        Of how many periods how many must be wrong.
    no_data
        What a period without data means.
    """

    purpose: str
    dashboard: str
    metric: cloudwatch.IMetric
    threshold: float
    meaning: str
    fires: cloudwatch.ComparisonOperator = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
    periods: int = 1
    breaching: int = 1
    # Most metrics have no data while nothing happens, and where nothing happens nothing fails.
    no_data: cloudwatch.TreatMissingData = cloudwatch.TreatMissingData.NOT_BREACHING


def watches(settings: Alarms, metrics: Metrics) -> list[Watch]:
    """Everything that is watched.

    Parameters
    ----------
    settings
        From when on each is wrong.
    metrics
        Metrics of the deployment.
    """
    return [
        *_serving(settings, metrics),
        *_stream(settings, metrics),
        *_runs(metrics),
        *_schedules(settings, metrics),
        _drift(settings, metrics),
    ]


def _serving(settings: Alarms, metrics: Metrics) -> Iterator[Watch]:
    slow = f"p99 above {settings.latency_p99_seconds:g} s for 15 minutes"
    failing = f"more than {settings.error_percent:g}% failed in 10 of 15 minutes"
    for variant in VARIANTS:
        # The percentile of few requests is their slowest. It is evaluated all the same (the default), for a variant
        # with little traffic would never have the 1,000 that CloudWatch asks for.
        yield Watch(
            f"latency-{variant.lower()}",
            "serving",
            metrics.endpoint("ModelLatency", variant, "p99"),
            settings.latency_p99_seconds * 1_000_000,
            f"{variant}: {slow}. Compare with the other variant on the dashboard. If only this one is slow, take its "
            "traffic away; if both, see whether instances are being added.",
            periods=3,
            breaching=3,
        )
        # 1 for each invocation that failed and 0 for each other one, so the average is the rate.
        yield Watch(
            f"errors-{variant.lower()}",
            "serving",
            metrics.endpoint("Invocation5XXErrors", variant, "Average"),
            settings.error_percent / 100,
            f"{variant}: {failing}. Read the log of the variant's container; if its model is new, roll it back.",
            periods=3,
            breaching=2,
        )
    yield Watch(
        "latency-api",
        "serving",
        metrics.api("Latency", "p99"),
        settings.latency_p99_seconds * 1000,
        f"API: {slow}. If the variants are fast, the function is slow: look at its duration and cold starts.",
        periods=3,
        breaching=3,
    )
    yield Watch(
        "errors-api",
        "serving",
        metrics.api("5XXError", "Average"),
        settings.error_percent / 100,
        f"API: {failing}. Look up a request id of the access log in the log of the function predict.",
        periods=3,
        breaching=2,
    )
    if settings.fewest_invocations:
        yield Watch(
            "few-invocations",
            "serving",
            metrics.api("Count", "Sum", _HOUR),
            settings.fewest_invocations,
            f"API: fewer than {settings.fewest_invocations} requests in an hour. Nobody calls, or nobody gets through: "
            "send a request with a known key, then ask the callers.",
            fires=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
            no_data=cloudwatch.TreatMissingData.BREACHING,
        )
    yield Watch(
        "active-version",
        "serving",
        metrics.own("ActiveVersionFailures", "Sum"),
        0,
        "The functions behind the API or the stream cannot use the active version. They go on with the last good one; "
        "a fresh process that finds none refuses requests. Their log says why. `ml-pipeline models list` shows what "
        "the parameter says, and `ml-pipeline models rollback` sets it right.",
        # A look that failed once is repeated after seconds.
        periods=3,
        breaching=2,
    )
    yield _function_errors("predict", "serving", metrics)


def _stream(settings: Alarms, metrics: Metrics) -> Iterator[Watch]:
    yield Watch(
        "stream-age",
        "stream",
        metrics.function("IteratorAge", "score-stream", "Maximum"),
        settings.iterator_age_seconds * 1000,
        f"Stream: records wait longer than {settings.iterator_age_seconds} s. If the function fails, its log says why; "
        "if it is well, add shards.",
        periods=3,
        breaching=3,
    )
    yield Watch(
        "stream-failures",
        "stream",
        metrics.failure_queue("ApproximateNumberOfMessagesVisible", "Maximum"),
        0,
        "Stream: a batch was given up. Its message in the queue names shard and sequence numbers; mend the cause and "
        "put the records into the stream again while it still has them.",
    )
    yield _function_errors("score-stream", "stream", metrics)


def _runs(metrics: Metrics) -> Iterator[Watch]:
    for workflow in WORKFLOWS:
        for metric, ended in (
            ("ExecutionsFailed", "failed"),
            ("ExecutionsTimedOut", "ran out of time"),
            ("ExecutionsAborted", "was stopped"),
        ):
            yield Watch(
                f"{workflow}-{metric.removeprefix('Executions').lower()}",
                "runs",
                metrics.workflow(metric, workflow, "Sum"),
                0,
                f"{workflow}: a run {ended}. `ml-pipeline executions` says which and why; `ml-pipeline replay` runs "
                "again what did not succeed.",
            )
    yield Watch(
        "notices-undelivered",
        "runs",
        metrics.rule("FailedInvocations", ENDED_RUNS, "Sum"),
        0,
        "EventBridge could not tell about a run that ended badly. Look at `ml-pipeline executions`, and at the role "
        "with which EventBridge publishes.",
    )
    yield Watch(
        "version-not-followed",
        "runs",
        metrics.rule("FailedInvocations", FOLLOWED_VERSION, "Sum"),
        0,
        "The active version was changed, and EventBridge could not start the rollback to it: what is served may be "
        "another. Start `model-rollback` with that version by hand, then look at the rule's role and at the alias.",
    )


def _schedules(settings: Alarms, metrics: Metrics) -> Iterator[Watch]:
    yield Watch(
        "schedules-dropped",
        "runs",
        metrics.schedules("InvocationDroppedCount", "Sum"),
        0,
        "A schedule could not start its workflow for an hour and gave up. Start the run by hand with the schedule's "
        "input, then look at the scheduler's role and at the alias.",
    )
    for schedule, runs in settings.runs_without_input.items():
        if runs:
            yield Watch(
                f"runs-without-input-{schedule}",
                "runs",
                metrics.own("RunsWithoutInput", "Sum", _DAY, schedule=schedule),
                runs,
                f"Schedule {schedule}: {runs} or more runs of a day found nothing to score, neither of their period "
                "nor late. Ask who delivers the files, and compare the folders that the runs' summaries name with "
                "where the files are. What comes within the window of late files is scored by the next run.",
                fires=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            )


def _drift(settings: Alarms, metrics: Metrics) -> Watch:
    """The index is published once without the name of a feature; the highest of a day counts."""
    return Watch(
        "drift",
        "serving",
        metrics.own("PopulationStabilityIndex", "Maximum", _DAY),
        settings.psi,
        f"Data: the population stability index of a feature or of the score is above {settings.psi:g}. The report of "
        "the drift check names it; see whether the input changed its meaning, else train on newer data.",
        # It is measured once in a while; until the next time, what was found stays true.
        no_data=cloudwatch.TreatMissingData.IGNORE,
    )


def _function_errors(function: str, dashboard: str, metrics: Metrics) -> Watch:
    return Watch(
        f"errors-{function}",
        dashboard,
        metrics.function("Errors", function, "Sum"),
        0,
        f"Function {function} ended with an error or ran out of time or memory: a defect, for it answers bad input "
        "and failing services in words. Its log has the trace.",
    )


def make(scope: Construct, watch: Watch, names: Names, topic: sns.ITopic) -> cloudwatch.Alarm:
    """Make the alarm of a watch, which tells a topic when it comes on and when it goes off."""
    alarm = cloudwatch.Alarm(
        scope,
        watch.purpose,
        alarm_name=names.alarm(watch.purpose),
        alarm_description=watch.meaning,
        metric=watch.metric,
        threshold=watch.threshold,
        comparison_operator=watch.fires,
        evaluation_periods=watch.periods,
        datapoints_to_alarm=watch.breaching,
        treat_missing_data=watch.no_data,
    )
    action = actions.SnsAction(topic)
    alarm.add_alarm_action(action)
    alarm.add_ok_action(action)
    return alarm
