"""The verdict on a shift: guard-rails, and the comparison of champion and challenger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tasks.aws import client
from tasks.deployment.judging import judge
from tasks.deployment.sequential import Sample
from tasks.deployment.traffic import EndpointMetrics, VariantTraffic

SINCE = datetime(2026, 11, 23, 10, tzinfo=UTC)
STEPPED = {
    "automatic": False,
    "champion": "ModelA",
    "challenger": "ModelB",
    "guardRails": {"errorPercent": 5.0, "latencyP99Ms": 2000.0, "fewestInvocations": 20},
    "longestSeconds": None,
}
AUTOMATIC = STEPPED | {"automatic": True, "longestSeconds": 86_400}
WELL = VariantTraffic(1000, 10, 5.0, 20.0)
NOTHING = Sample.of([])


def brier(error, count=4000):
    """Squared errors of predictions that are wrong by about `error`."""
    return Sample.of(np.clip(np.random.default_rng(1).normal(error, 0.05, count), 0, 1) ** 2)


def judged(plan, a=WELL, b=WELL, quality=(NOTHING, NOTHING), seconds=600):
    return judge(
        plan, {"ModelA": a, "ModelB": b}, quality=lambda: quality, since=SINCE, now=SINCE + timedelta(seconds=seconds)
    )


def test_a_step_whose_guard_rails_hold_goes_on():
    assert judged(STEPPED).verdict == "go-on"


@pytest.mark.parametrize("plan", [STEPPED, AUTOMATIC])
@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (VariantTraffic(1000, 51, 5.0, 20.0), "5.1 % of the 1,000 invocations of ModelB failed; allowed are 5 %"),
        (VariantTraffic(1000, 0, 5.0, 2001.0), "the latency of ModelB is 2,001 ms (p99); allowed are 2000 ms"),
        (VariantTraffic(20, 2, 5.0, 20.0), "10.0 % of the 20 invocations of ModelB failed; allowed are 5 %"),
    ],
)
def test_a_broken_guard_rail_rolls_back_and_says_which(plan, bad, reason):
    found = judged(plan, b=bad)

    assert (found.verdict, found.reason) == ("roll-back", reason)


def test_at_its_limit_a_guard_rail_holds():
    assert judged(STEPPED, b=VariantTraffic(1000, 50, 5.0, 2000.0)).verdict == "go-on"


def test_a_few_invocations_are_not_judged():
    found = judged(STEPPED, b=VariantTraffic(19, 19, 5.0, 9999.0))

    assert (found.verdict, found.reason) == ("go-on", "too few invocations to judge ModelB (19)")


def test_without_a_difference_the_comparison_goes_on():
    found = judged(AUTOMATIC, quality=(brier(0.3), brier(0.3)))

    assert found.verdict == "go-on"
    assert found.reason == "undecided after 1,000 and 1,000 invocations, 4,000 and 4,000 outcomes"


def test_a_challenger_that_predicts_better_is_promoted():
    found = judged(AUTOMATIC, quality=(brier(0.4), brier(0.3)))

    assert found.verdict == "promote"
    assert found.reason.startswith("ModelB predicts better than ModelA: Brier score -0.069")


def test_a_challenger_that_predicts_worse_is_rolled_back():
    found = judged(AUTOMATIC, quality=(brier(0.3), brier(0.4)))

    assert found.verdict == "roll-back"
    assert found.reason.startswith("ModelB predicts worse than ModelA: Brier score +0.069")


def test_a_challenger_that_fails_more_often_is_rolled_back_though_it_predicts_better():
    worse = VariantTraffic(100_000, 3_000, 5.0, 20.0)

    found = judged(AUTOMATIC, a=VariantTraffic(100_000, 100, 5.0, 20.0), b=worse, quality=(brier(0.4), brier(0.3)))

    assert found.verdict == "roll-back"
    assert found.reason.startswith("ModelB fails more often than ModelA: error rate +0.029")


def test_a_challenger_that_fails_less_often_is_promoted_only_where_no_outcome_is_known():
    better = {"a": VariantTraffic(100_000, 3_000, 5.0, 20.0), "b": VariantTraffic(100_000, 100, 5.0, 20.0)}

    assert judged(AUTOMATIC, **better).verdict == "promote"
    assert judged(AUTOMATIC, **better, quality=(brier(0.3), brier(0.3))).verdict == "go-on"


def test_the_challenger_of_a_champion_in_the_other_variant_is_judged_from_its_side():
    turned = AUTOMATIC | {"champion": "ModelB", "challenger": "ModelA"}

    assert judged(turned, quality=(brier(0.4), brier(0.3))).reason.startswith("ModelA predicts better than ModelB")


def test_after_the_longest_time_the_challenger_is_rolled_back():
    found = judged(AUTOMATIC, seconds=86_400)

    assert (found.verdict, found.reason) == ("roll-back", "no difference was found within 86,400 s")


def test_the_metrics_of_cloudwatch_are_taken_by_variant(world):
    now = datetime.now(UTC).replace(microsecond=0)
    dimensions = {
        name: [{"Name": "EndpointName", "Value": "flights"}, {"Name": "VariantName", "Value": name}]
        for name in ("ModelA", "ModelB")
    }
    for variant, metric, values in (
        ("ModelA", "Invocations", [1.0] * 40),
        ("ModelA", "Invocation4XXErrors", [1.0]),
        ("ModelA", "Invocation5XXErrors", [1.0, 1.0]),
        ("ModelB", "Invocations", [1.0]),
    ):
        client("cloudwatch").put_metric_data(
            Namespace="AWS/SageMaker",
            MetricData=[
                {"MetricName": metric, "Dimensions": dimensions[variant], "Timestamp": now, "Value": value}
                for value in values
            ],
        )

    found = EndpointMetrics("flights").traffic(("ModelA", "ModelB"), now - timedelta(hours=1), now)

    assert (found["ModelA"].invocations, found["ModelA"].errors) == (40, 3)
    assert found["ModelA"].error_percent == 7.5
    assert (found["ModelB"].invocations, found["ModelB"].errors) == (1, 0)


class Metrics:
    """CloudWatch that answers queries with the values of each statistic."""

    def __init__(self, **values):
        self.values, self.queries = values, []

    def get_paginator(self, operation):
        assert operation == "get_metric_data"
        return self

    def paginate(self, MetricDataQueries, StartTime, EndTime):  # noqa: N803
        self.queries += MetricDataQueries
        for query in MetricDataQueries:  # a page each
            stat = query["MetricStat"]
            values = self.values.get(f"{stat['Metric']['MetricName']}_{stat['Stat']}", [])
            yield {"MetricDataResults": [{"Id": query["Id"], "Values": values}]}


def test_latencies_are_those_of_the_worst_period_in_milliseconds():
    metrics = Metrics(ModelLatency_p99=[1500.0, 20_000.0], ModelLatency_p50=[900.0], Invocations_Sum=[10.0, 5.0])

    found = EndpointMetrics("flights", metrics).traffic(("ModelA",), SINCE, SINCE + timedelta(minutes=2))["ModelA"]

    assert found.to_json() == {
        "invocations": 15,
        "errors": 0,
        "errorPercent": 0.0,
        "latencyP50Ms": 0.9,
        "latencyP99Ms": 20.0,
    }


def test_a_long_time_is_asked_for_in_periods_that_cloudwatch_gives():
    metrics = Metrics()

    found = EndpointMetrics("flights", metrics).traffic(("ModelA",), SINCE, SINCE + timedelta(days=7))

    assert {query["MetricStat"]["Period"] for query in metrics.queries} == {21 * 60}
    assert found["ModelA"] == VariantTraffic(0, 0, None, None)
