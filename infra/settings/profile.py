"""What can be set, with the ranges of the values."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass

from infra.errors import SettingsError
from infra.naming import FUNCTIONS, JOBS, VARIANTS

#: Retentions that CloudWatch Logs accepts, in days (CloudWatch Logs API, "PutRetentionPolicy"), up to a year.
LOG_RETENTIONS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365)


@dataclass(frozen=True)
class FunctionSize:
    """Size of a Lambda function. 1,769 MB are one vCPU (Lambda developer guide, "Configure memory")."""

    memory_mb: int
    timeout_seconds: int


@dataclass(frozen=True)
class JobSize:
    """Size of a Batch job: vCPUs, memory in MiB, attempts (1 to 10) and minutes until an attempt is stopped."""

    vcpus: float
    memory_mib: int
    attempts: int
    timeout_minutes: int


@dataclass(frozen=True)
class PrefixLists:
    """Ids of the AWS-managed prefix lists of the gateway endpoints in a region.

    They name the addresses behind the endpoints, so that security groups can allow these and no others.
    Shown by `aws ec2 describe-managed-prefix-lists`.
    """

    s3: str
    dynamodb: str


@dataclass(frozen=True)
class Retention:
    """Days to keep what is not kept for ever."""

    logs: int
    #: Manifests, markers and summaries of runs. A run can be redriven for 14 days.
    runs: int
    #: Replaced or deleted versions of input data and models.
    old_versions: int
    #: Items of the predictions table.
    predictions: int


@dataclass(frozen=True)
class FirstModel:
    """The example model that is trained and shipped with the first deployment.

    `months` of 2013, such as 1-6, are what it learns from.
    """

    version: str
    months: str


@dataclass(frozen=True)
class Scaling:
    """Target tracking of each variant of the endpoint.

    `target` is invocations a minute and instance (Application Auto Scaling, `SageMakerVariantInvocationsPerInstance`),
    `min` and `max` are instances, the cooldowns seconds.
    """

    target: int
    min: int
    max: int
    scale_in_cooldown_seconds: int
    scale_out_cooldown_seconds: int


@dataclass(frozen=True)
class Endpoint:
    """The SageMaker endpoint: its instances, and the share of traffic (relative weight) of each variant at first."""

    instance_type: str
    weights: Mapping[str, float]
    scaling: Scaling


@dataclass(frozen=True)
class Api:
    """The REST API: size of its cache in GB, seconds that an answer is cached, and limits of its usage plan.

    `rate` is requests a second, `burst` requests at once, `quota` requests a day; `most_records` is how many records
    one POST may hold.
    """

    cache_gb: float
    cache_seconds: int
    rate: int
    burst: int
    quota: int
    most_records: int


@dataclass(frozen=True)
class Stream:
    """The Kinesis stream and how Lambda reads it.

    A batch that keeps failing is halved, tried `attempts` times and for `most_age_seconds`, then described in the
    failure queue; its records stay in the stream for `retention_hours`.
    """

    shards: int
    retention_hours: int
    batch_records: int
    window_seconds: int
    attempts: int
    most_age_seconds: int


@dataclass(frozen=True)
class Schedule:
    """When a workflow starts by itself.

    `expression` is EventBridge's, `cron(…)` or `rate(…)`, in UTC; `prefix` is what the run scores, below the data
    bucket.
    """

    workflow: str
    expression: str
    prefix: str
    enabled: bool


@dataclass(frozen=True)
class Slack:
    """Where AWS Chatbot posts alarms: ids as Slack shows them."""

    workspace_id: str
    channel_id: str


@dataclass(frozen=True)
class Alarms:
    """Who is told, and from when on.

    `latency_p99_seconds`; `error_percent` of requests; `psi`, the population stability index from which on a feature
    has drifted; `fewest_invocations` an hour; `iterator_age_seconds` of the stream.
    """

    emails: tuple[str, ...]
    slack: Slack | None
    latency_p99_seconds: float
    error_percent: float
    psi: float
    fewest_invocations: int
    iterator_age_seconds: int


@dataclass(frozen=True)
class Settings:
    """Everything in which one deployment differs from another.

    Parameters
    ----------
    environment
        Name of the profile.
    account
        AWS account id; None if no credentials are at hand: the templates then fit any account.
    region
        AWS region.
    zones
        Letters of the two or three availability zones. Fixed, because looking them up needs AWS access.
    vpc_cidr
        Address range of the VPC, /16 to /20.
    prefix_lists
        Prefix lists by region.
    retention
        Days to keep logs, runs, versions and predictions.
    functions
        Size of each Lambda function.
    jobs
        Size of each Batch job.
    batch_max_vcpus
        How many vCPUs Batch may use at once.
    batch_spot
        Whether jobs run on Fargate Spot while it has room, and on demand only when it has none.
    models_root
        Where the registry of models begins in the Parameter Store.
    first_model, endpoint, api, stream, schedules, alarms
        See there; `schedules` by the name of the profile, such as `daily`.
    athena_scan_gb
        Most that one Athena query may scan, in GB.
    tags
        Cost allocation tags, beside `Project` and `Environment`.

    Raises
    ------
    SettingsError
        If a value is out of its range; the message says what is allowed.
    """

    environment: str
    account: str | None
    region: str
    zones: tuple[str, ...]
    vpc_cidr: str
    prefix_lists: Mapping[str, PrefixLists]
    retention: Retention
    functions: Mapping[str, FunctionSize]
    jobs: Mapping[str, JobSize]
    batch_max_vcpus: int
    batch_spot: bool
    models_root: str
    first_model: FirstModel
    endpoint: Endpoint
    api: Api
    stream: Stream
    schedules: Mapping[str, Schedule]
    alarms: Alarms
    athena_scan_gb: int
    tags: Mapping[str, str]

    def __post_init__(self) -> None:
        check(2 <= len(set(self.zones)) <= 3, "zones", self.zones, "two or three different letters, such as a, b")
        try:
            length = ipaddress.ip_network(self.vpc_cidr).prefixlen
        except ValueError as error:
            raise SettingsError(f"Setting vpc_cidr: {error}.") from error
        check(16 <= length <= 20, "vpc_cidr", self.vpc_cidr, "an address range from /16 to /20")
        check(
            self.region in self.prefix_lists,
            "region",
            self.region,
            f"one whose prefix lists are in cdk.json ({', '.join(self.prefix_lists)}); "
            "add others as `aws ec2 describe-managed-prefix-lists` shows them",
        )
        check(self.retention.logs in LOG_RETENTIONS, "retention.logs", self.retention.logs, f"one of {LOG_RETENTIONS}")
        check(self.retention.runs >= 14, "retention.runs", self.retention.runs, "14 days or more, to be redrivable")
        check(self.retention.old_versions >= 1, "retention.old_versions", self.retention.old_versions, "1 day or more")
        check(self.retention.predictions >= 1, "retention.predictions", self.retention.predictions, "1 day or more")
        check(set(self.functions) == set(FUNCTIONS), "functions", sorted(self.functions), f"exactly {FUNCTIONS}")
        check(set(self.jobs) == set(JOBS), "jobs", sorted(self.jobs), f"exactly {JOBS}")
        for name, size in self.functions.items():
            check(128 <= size.memory_mb <= 10_240, f"functions.{name}.memory_mb", size.memory_mb, "128 to 10240")
            check(
                1 <= size.timeout_seconds <= 900, f"functions.{name}.timeout_seconds", size.timeout_seconds, "1 to 900"
            )
        for name, job in self.jobs.items():
            check(1 <= job.attempts <= 10, f"jobs.{name}.attempts", job.attempts, "1 to 10")
            check(job.timeout_minutes >= 1, f"jobs.{name}.timeout_minutes", job.timeout_minutes, "1 or more")
            check(
                job.vcpus <= self.batch_max_vcpus,
                f"jobs.{name}.vcpus",
                job.vcpus,
                f"at most batch_max_vcpus ({self.batch_max_vcpus}), or the job never starts",
            )

        weights = self.endpoint.weights
        check(set(weights) == set(VARIANTS), "endpoint.weights", sorted(weights), f"exactly {VARIANTS}")

    @property
    def availability_zones(self) -> list[str]:
        """Names of the availability zones, such as `us-east-1a`."""
        return [f"{self.region}{zone}" for zone in self.zones]


def check(condition: bool, name: str, value: object, allowed: str) -> None:
    """Refuse a value.

    Raises
    ------
    SettingsError
        If the condition does not hold; names the setting, its value and what is allowed.
    """
    if not condition:
        raise SettingsError(f"Setting {name} is {value!r}. Allowed: {allowed}.")
