"""The dashboards, as data: graphs in rows, under the state of the alarms that belong to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.monitoring.metrics import FIVE_MINUTES, MINUTE, Metrics, fargate_vcpus
from infra.naming import DEPLOYMENT_FUNCTIONS, VARIANTS, WORKFLOW_FUNCTIONS, WORKFLOWS, Names
from infra.settings import Settings

_HOUR = cdk.Duration.hours(1)
_DAY = cdk.Duration.days(1)
_COLUMNS = 24

#: Functions that workflows call, or the jobs of one.
_CALLED_BY_RUNS = (*WORKFLOW_FUNCTIONS, *DEPLOYMENT_FUNCTIONS, "preprocess")


@dataclass(frozen=True)
class Graph:
    """One graph: its title, its metrics by side, and at most one line for the eye to compare them with."""

    title: str
    left: Sequence[cloudwatch.IMetric]
    right: Sequence[cloudwatch.IMetric] = ()
    line: tuple[float, str] | None = None


#: Rows of a dashboard.
Rows = Sequence[Sequence[Graph]]


def dashboards(settings: Settings, metrics: Metrics) -> Mapping[str, Rows]:
    """All dashboards by what they show.

    Parameters
    ----------
    settings
        Settings of the deployment, for what is normal.
    metrics
        Metrics of the deployment.
    """
    return {
        "serving": _serving(settings, metrics),
        "stream": _stream(settings, metrics),
        "runs": _runs(settings, metrics),
        "costs": _costs(metrics),
    }


def _serving(settings: Settings, metrics: Metrics) -> Rows:
    limit = settings.alarms.latency_p99_seconds
    scaling = settings.endpoint.scaling
    errors = settings.alarms.error_percent / 100
    return [
        [
            Graph(
                "Latency of the model (µs)",
                [metrics.endpoint("ModelLatency", variant, s) for variant in VARIANTS for s in ("p50", "p99")],
                line=(limit * 1_000_000, "p99 alarm"),
            ),
            Graph("Invocations", [metrics.endpoint("Invocations", variant, "Sum") for variant in VARIANTS]),
            Graph(
                "Error rate of the model (left: 5xx, right: 4xx)",
                [metrics.endpoint("Invocation5XXErrors", variant, "Average") for variant in VARIANTS],
                [metrics.endpoint("Invocation4XXErrors", variant, "Average") for variant in VARIANTS],
                line=(errors, "alarm"),
            ),
        ],
        [
            Graph(
                f"Instances ({scaling.min} to {scaling.max})",
                [metrics.instances(variant) for variant in VARIANTS],
            ),
            Graph(
                "Invocations a minute and instance",
                [metrics.endpoint("InvocationsPerInstance", variant, "Sum", MINUTE) for variant in VARIANTS],
                line=(scaling.target, "scaling target"),
            ),
            Graph(
                "Overhead of SageMaker (µs)",
                [metrics.endpoint("OverheadLatency", variant, s) for variant in VARIANTS for s in ("p50", "p99")],
            ),
        ],
        [
            Graph("API: requests", [metrics.api("Count", "Sum")]),
            Graph(
                "API: latency (ms)",
                [
                    *(metrics.api("Latency", statistic) for statistic in ("p50", "p99")),
                    metrics.api("IntegrationLatency", "p99"),
                ],
                line=(limit * 1000, "p99 alarm"),
            ),
            Graph(
                "API: error rate (left: 5xx, right: 4xx)",
                [metrics.api("5XXError", "Average")],
                [metrics.api("4XXError", "Average")],
                line=(errors, "alarm"),
            ),
            Graph("API: cache", [metrics.api(name, "Sum") for name in ("CacheHitCount", "CacheMissCount")]),
        ],
        [
            Graph(
                "Predictions by variant",
                [metrics.own("Predictions", "Sum", variant=variant) for variant in VARIANTS],
            ),
            Graph(
                "Refused and failed",
                [metrics.own(name, "Sum") for name in ("InvalidRecords", "FailedRequests")],
                [metrics.function(name, "predict", "Sum") for name in ("Errors", "Throttles")],
            ),
            Graph("Duration of predict (ms)", [metrics.function("Duration", "predict", s) for s in ("p50", "p99")]),
            Graph(
                "Drift (population stability index)",
                [metrics.own("PopulationStabilityIndex", "Maximum")],
                line=(settings.alarms.psi, "alarm"),
            ),
        ],
    ]


def _stream(settings: Settings, metrics: Metrics) -> Rows:
    return [
        [
            Graph("Records that come in", [metrics.stream("IncomingRecords", "Sum")]),
            Graph(
                "Age of the oldest record (ms)",
                [
                    metrics.function("IteratorAge", "score-stream", "Maximum"),
                    metrics.stream("GetRecords.IteratorAgeMilliseconds", "Maximum"),
                ],
                line=(settings.alarms.iterator_age_seconds * 1000, "alarm"),
            ),
            Graph(
                "Refused by the stream (more shards needed)",
                [metrics.stream(f"{way}ProvisionedThroughputExceeded", "Sum") for way in ("Write", "Read")],
            ),
        ],
        [
            Graph(
                "score-stream: duration (ms)", [metrics.function("Duration", "score-stream", s) for s in ("p50", "p99")]
            ),
            Graph(
                "score-stream: errors",
                [metrics.function(name, "score-stream", "Sum") for name in ("Errors", "Throttles")],
            ),
            Graph(
                "Records set aside, and tried again",
                [metrics.own(n, "Sum") for n in ("PoisonRecords", "UnhandledRecords")],
            ),
            Graph(
                "Batches given up, in the failure queue",
                [metrics.failure_queue("ApproximateNumberOfMessagesVisible", "Maximum")],
            ),
        ],
    ]


def _runs(settings: Settings, metrics: Metrics) -> Rows:
    ends = ("Started", "Succeeded", "Failed", "TimedOut", "Aborted")
    return [
        [
            Graph(
                "Runs",
                [metrics.workflow(f"Executions{end}", workflow, "Sum") for workflow in WORKFLOWS for end in ends],
            ),
            Graph("Duration of runs (ms)", [metrics.workflow("ExecutionTime", w, "Maximum") for w in WORKFLOWS]),
            Graph(
                "Starts by schedule",
                [
                    metrics.schedules(name, "Sum")
                    for name in ("InvocationAttemptCount", "TargetErrorCount", "InvocationDroppedCount")
                ],
            ),
            Graph(
                "Scheduled runs a day that found nothing to score",
                [metrics.own("RunsWithoutInput", "Sum", _DAY, schedule=schedule) for schedule in settings.schedules],
            ),
        ],
        [
            Graph(
                "Rows in small shards (large ones are in the runs' summaries)",
                [metrics.own(name, "Sum") for name in ("Predictions", "QuarantinedRows")],
            ),
            Graph("Shards", [metrics.own(name, "Sum") for name in ("ShardsPlanned", "ShardsFailed")]),
            Graph(
                "vCPUs on Fargate (whole account)",
                [fargate_vcpus(purchase, FIVE_MINUTES) for purchase in ("OnDemand", "Spot")],
            ),
        ],
        [
            Graph(
                f"Functions: {title}",
                [metrics.function(name, function, statistic) for function in _CALLED_BY_RUNS],
            )
            for title, name, statistic in (
                ("errors", "Errors", "Sum"),
                ("throttles", "Throttles", "Sum"),
                ("duration (ms)", "Duration", "p99"),
            )
        ],
    ]


def _costs(metrics: Metrics) -> Rows:
    """What the bill is made of. Fixed costs are not here: endpoints of the network, the cache, shards."""
    functions = (*_CALLED_BY_RUNS, "predict", "score-stream")
    return [
        [
            Graph("Instance minutes an hour", [metrics.instances(variant, _HOUR) for variant in VARIANTS]),
            Graph("vCPUs on Fargate (whole account)", [fargate_vcpus(p, _HOUR) for p in ("OnDemand", "Spot")]),
            Graph("Runs an hour", [metrics.workflow("ExecutionsStarted", w, "Sum", _HOUR) for w in WORKFLOWS]),
        ],
        [
            Graph("Invocations an hour", [metrics.function("Invocations", name, "Sum", _HOUR) for name in functions]),
            Graph("Requests an hour", [metrics.api("Count", "Sum", _HOUR)]),
            Graph("Bytes into the stream an hour", [metrics.stream("IncomingBytes", "Sum", _HOUR)]),
        ],
        [
            Graph("Write units of the table an hour", [metrics.table("ConsumedWriteCapacityUnits", "Sum", _HOUR)]),
            Graph("Bytes stored", [metrics.bucket_size(purpose) for purpose in ("data", "models", "results")]),
            Graph("Bytes scanned by queries an hour", [metrics.scanned(_HOUR)]),
        ],
    ]


def make(
    scope: Construct, purpose: str, rows: Rows, alarms: Sequence[cloudwatch.IAlarm], names: Names
) -> cloudwatch.Dashboard:
    """Make a dashboard of its graphs, with the state of some alarms at its top."""
    status = [cloudwatch.AlarmStatusWidget(title="Alarms", alarms=list(alarms), width=_COLUMNS)] if alarms else []
    return cloudwatch.Dashboard(
        scope,
        f"{purpose}-dashboard",
        dashboard_name=names.dashboard(purpose),
        # A graph of an hour and one of a month show the same periods; else counts by the minute would change with both.
        period_override=cloudwatch.PeriodOverride.INHERIT,
        widgets=[status, *([_widget(graph, _COLUMNS // len(row)) for graph in row] for row in rows)],
    )


def _widget(graph: Graph, width: int) -> cloudwatch.GraphWidget:
    lines = [cloudwatch.HorizontalAnnotation(value=graph.line[0], label=graph.line[1])] if graph.line else []
    return cloudwatch.GraphWidget(
        title=graph.title,
        left=list(graph.left),
        right=list(graph.right),
        left_annotations=lines,
        left_y_axis=cloudwatch.YAxisProps(min=0, show_units=False),
        right_y_axis=cloudwatch.YAxisProps(min=0, show_units=False),
        width=width,
    )
