"""How the variants of an endpoint do, by their metrics; the one module of the tasks that reads CloudWatch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from tasks.aws import client, named_failures

#: Statistics by what they are called here. Counts are added up, latencies are those of the worst period.
_ASKED = {
    "invocations": ("Invocations", "Sum"),
    "errors4xx": ("Invocation4XXErrors", "Sum"),
    "errors5xx": ("Invocation5XXErrors", "Sum"),
    "latencyP50": ("ModelLatency", "p50"),
    "latencyP99": ("ModelLatency", "p99"),
}
#: The metrics have a point each minute, for 15 days (SageMaker developer guide, "Metrics for monitoring Amazon
#: SageMaker AI with Amazon CloudWatch"; CloudWatch user guide, "Metrics retention").
_MINUTE = 60
_MOST_PERIODS = 500
#: The longest period (CloudWatch API reference, "MetricStat").
_MINUTES_OF_A_DAY = 1440


@dataclass(frozen=True)
class VariantTraffic:
    """What a variant did in a time. Latencies are those of the model, in milliseconds; None without an invocation."""

    invocations: int
    errors: int
    latency_p50_ms: float | None
    latency_p99_ms: float | None

    @property
    def error_percent(self) -> float:
        """Share of the invocations that failed, whoever was at fault."""
        return 100 * self.errors / self.invocations if self.invocations else 0.0

    def to_json(self) -> dict[str, Any]:
        """For people and states."""
        kept = asdict(self)
        return {
            "invocations": kept["invocations"],
            "errors": kept["errors"],
            "errorPercent": round(self.error_percent, 3),
            "latencyP50Ms": kept["latency_p50_ms"],
            "latencyP99Ms": kept["latency_p99_ms"],
        }


class EndpointMetrics:
    """The metrics of one endpoint.

    Parameters
    ----------
    endpoint
        Name of the endpoint.
    cloudwatch
        A botocore client; default: the process's own.
    """

    def __init__(self, endpoint: str, cloudwatch: Any = None) -> None:
        self._endpoint = endpoint
        self._cloudwatch = cloudwatch if cloudwatch is not None else client("cloudwatch")

    def traffic(
        self, variants: Sequence[str], since: datetime, until: datetime, *, most_periods: int = _MOST_PERIODS
    ) -> dict[str, VariantTraffic]:
        """What each variant did between two times, to the minute.

        CloudWatch shows a minute's metrics a minute or two later, so the last ones may be missing. The latencies are
        those of the worst of `most_periods` periods at most; these last a day at the longest.
        """
        minutes = min(ceil(max(1.0, (until - since).total_seconds() / _MINUTE) / most_periods), _MINUTES_OF_A_DAY)
        queries = [
            {
                "Id": f"{key}{place}",
                "MetricStat": {
                    "Metric": {
                        "Namespace": "AWS/SageMaker",
                        "MetricName": metric,
                        "Dimensions": [
                            {"Name": "EndpointName", "Value": self._endpoint},
                            {"Name": "VariantName", "Value": variant},
                        ],
                    },
                    "Period": minutes * _MINUTE,
                    "Stat": statistic,
                },
            }
            for place, variant in enumerate(variants)
            for key, (metric, statistic) in _ASKED.items()
        ]
        pages = self._cloudwatch.get_paginator("get_metric_data").paginate(
            MetricDataQueries=queries, StartTime=since, EndTime=until + timedelta(seconds=1)
        )
        values: dict[str, list[float]] = {}
        with named_failures(f"read the metrics of the endpoint {self._endpoint}"):
            for page in pages:
                for result in page["MetricDataResults"]:
                    values.setdefault(result["Id"], []).extend(result["Values"])
        return {
            variant: _traffic({key: values.get(f"{key}{place}", []) for key in _ASKED})
            for place, variant in enumerate(variants)
        }


def _traffic(values: Mapping[str, Sequence[float]]) -> VariantTraffic:
    return VariantTraffic(
        invocations=round(sum(values["invocations"])),
        errors=round(sum(values["errors4xx"]) + sum(values["errors5xx"])),
        latency_p50_ms=_worst_milliseconds(values["latencyP50"]),
        latency_p99_ms=_worst_milliseconds(values["latencyP99"]),
    )


def _worst_milliseconds(microseconds: Sequence[float]) -> float | None:
    return round(max(microseconds) / 1e3, 3) if microseconds else None
