"""How models are served: the endpoint, the API before it, and the stream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from infra.settings.rules import above_zero, at_least, between, matching, one_of

#: Sizes of the cache that API Gateway offers, in GB (API Gateway API reference, "CreateStage").
CACHE_SIZES = (0.5, 1.6, 6.1, 13.5, 28.4, 58.2, 118, 237)

_MONTH = "(0?[1-9]|1[0-2])"
_MONTHS = f"{_MONTH}(-{_MONTH})?"


@dataclass(frozen=True)
class FirstModel:
    """The example model that is trained and shipped with the first deployment.

    `months` of 2013, such as 1-6, are what it learns from.
    """

    version: Annotated[str, matching(r"[A-Za-z0-9_.-]{1,64}", "1 to 64 characters of A-Z a-z 0-9 _ . and -")]
    months: Annotated[str, matching(f"{_MONTHS}(,{_MONTHS})*", "months such as 1-6 or 1,2,12")]


@dataclass(frozen=True)
class Scaling:
    """Target tracking of each variant of the endpoint.

    `target` is invocations a minute and instance (Application Auto Scaling, `SageMakerVariantInvocationsPerInstance`),
    `min` and `max` are instances, the cooldowns seconds.
    """

    target: Annotated[int, at_least(1)]
    min: Annotated[int, at_least(1)]
    max: Annotated[int, at_least(1)]
    scale_in_cooldown_seconds: Annotated[int, between(0, 3600)]
    scale_out_cooldown_seconds: Annotated[int, between(0, 3600)]


@dataclass(frozen=True)
class Endpoint:
    """The SageMaker endpoint: its instances, and the share of traffic (relative weight) of each variant at first."""

    instance_type: Annotated[
        str,
        matching(
            r"ml\.[a-z][a-z0-9]*(-[a-z0-9]+)*\.(medium|large|xlarge|[1-9]\d?xlarge)",
            "an instance type of SageMaker such as ml.c6i.large",
        ),
    ]
    weights: Mapping[str, Annotated[float, above_zero]]
    scaling: Scaling


@dataclass(frozen=True)
class Api:
    """The REST API: size of its cache in GB, seconds that an answer is cached, and limits of its usage plan.

    `rate` is requests a second, `burst` requests at once, `quota` requests a day; `most_records` is how many records
    one POST may hold. An answer that is cached for 0 seconds is not.
    """

    cache_gb: Annotated[float, one_of(CACHE_SIZES)]
    cache_seconds: Annotated[int, between(0, 3600)]
    rate: Annotated[int, at_least(1)]
    burst: Annotated[int, at_least(1)]
    quota: Annotated[int, at_least(1)]
    most_records: Annotated[int, between(1, 10_000)]


@dataclass(frozen=True)
class Stream:
    """The Kinesis stream and how Lambda reads it.

    A batch that keeps failing is halved, tried `attempts` times and for `most_age_seconds`, then described in the
    failure queue; its records stay in the stream for `retention_hours`. The ranges are those of Lambda and Kinesis
    (Lambda API reference, "CreateEventSourceMapping"; Kinesis Data Streams developer guide, "Change the data
    retention period"), but without "for ever".
    """

    shards: Annotated[int, at_least(1)]
    retention_hours: Annotated[int, between(24, 8760)]
    batch_records: Annotated[int, between(1, 10_000)]
    window_seconds: Annotated[int, between(0, 300)]
    attempts: Annotated[int, between(1, 10_000)]
    most_age_seconds: Annotated[int, between(60, 604_800)]
