"""What is known of the two variants since they serve what they serve: traffic, scores, quality, and the comparison."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from infra.cli.registry.serving import Serving
from infra.cli.runs.scores import ScoreTally
from infra.cli.terminal.target import Target
from tasks.deployment.outcomes import NOTHING_JUDGED, Judged, Served, judge_predictions
from tasks.deployment.sequential import Comparison, Sample, compare
from tasks.deployment.serving import Variant
from tasks.deployment.traffic import EndpointMetrics, VariantTraffic
from tasks.storage import Storage

MOST_ITEMS = 200_000
"""Items of the table that are looked at for the scores. A scan follows the hashes of the keys, so that its first items
are as good as drawn by lot."""


@dataclass(frozen=True)
class Arm:
    """One variant of the experiment: its scores, and its predictions whose outcome is known."""

    variant: Variant
    traffic: VariantTraffic
    scores: ScoreTally
    judged: Judged

    @property
    def quality(self) -> ScoreTally:
        """The predictions with known outcomes, counted."""
        tally = ScoreTally()
        tally.add(self.judged.scores, self.judged.labels)
        return tally


@dataclass(frozen=True)
class Experiment:
    """Both variants since `since`, with `looked_at` items of the table and whether these were all of it.

    `alpha` is for both tests together, half of it for each.
    """

    serving: Serving
    since: datetime
    alpha: float
    arms: tuple[Arm, Arm]
    looked_at: int
    looked_at_all: bool

    @property
    def errors(self) -> Comparison:
        """Share of errors of ModelB minus that of ModelA."""
        # The two counts are put by CloudWatch at different moments.
        a, b = (
            Sample.of_counts(min(arm.traffic.errors, arm.traffic.invocations), arm.traffic.invocations)
            for arm in self.arms
        )
        return compare(a, b, self.alpha / 2)

    @property
    def brier(self) -> Comparison:
        """Brier score of ModelB minus that of ModelA; smaller is better."""
        a, b = (arm.judged.squared_errors for arm in self.arms)
        return compare(a, b, self.alpha / 2)


def gather_experiment(target: Target, serving: Serving, earliest: datetime, alpha: float) -> Experiment:
    """Gather what is known of both variants, from the later of two times on: `earliest`, and their deployment.

    Raises
    ------
    InvalidOutcomes
        If an object of outcomes is not of the form that outcomes have.
    """
    since = max(earliest, serving.since)
    dynamodb, names = target.client("dynamodb"), target.names
    variants = serving.served.variants
    tallies = {Served(each.name, each.version or ""): ScoreTally() for each in variants}
    looked_at, all_of_them = _tally_scores(dynamodb, names.table, since, tallies)
    judged = judge_predictions(Storage(target.client("s3")), dynamodb, names.bucket("data"), names.table, since)
    # One period, as far as CloudWatch has periods that long: percentiles cannot be put together from parts.
    metrics = EndpointMetrics(names.endpoint, target.client("cloudwatch"))
    begin = since.replace(second=0, microsecond=0)
    traffic = metrics.traffic([each.name for each in variants], begin, datetime.now(UTC), most_periods=1)
    first, second = (
        Arm(variant, traffic[variant.name], tallies[served], judged.get(served, NOTHING_JUDGED))
        for variant, served in zip(variants, tallies, strict=True)
    )
    return Experiment(serving, since, alpha, (first, second), looked_at, all_of_them)


def _tally_scores(dynamodb: Any, table: str, since: datetime, tallies: Mapping[Served, ScoreTally]) -> tuple[int, bool]:
    """Count the scores of online predictions; gives how many items were looked at, and whether these were all."""
    looked_at = 0
    pages = dynamodb.get_paginator("scan").paginate(
        TableName=table,
        ProjectionExpression="score, variant, modelVersion",
        FilterExpression="attribute_exists(variant) AND createdAt >= :since",
        ExpressionAttributeValues={":since": {"N": str(int(since.timestamp()))}},
    )
    for page in pages:
        looked_at += page["ScannedCount"]
        for served, tally in tallies.items():
            scores = [
                float(item["score"]["N"])
                for item in page["Items"]
                if (item["variant"]["S"], item["modelVersion"]["S"]) == served
            ]
            tally.add(np.array(scores), np.full(len(scores), np.nan))
        if looked_at >= MOST_ITEMS:
            return looked_at, "LastEvaluatedKey" not in page
    return looked_at, True
