"""Settings of the deployment: typed, checked, and read from `cdk.json` and the environment alone.

`cdk.json` holds, under the context key `ml-pipeline`, the `defaults` of all environments and under `environments`
what each of them changes. `ML_PIPELINE_ENVIRONMENT` (or `-c environment=…`) chooses the environment,
`ML_PIPELINE_REGION` (or `-c region=…`) another region than the profile's; the account is the one of the caller's
credentials, which the CDK command line passes on as `CDK_DEFAULT_ACCOUNT`.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.errors import SettingsError
from infra.naming import FUNCTIONS, JOBS

CONTEXT_KEY = "ml-pipeline"

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
    tags: Mapping[str, str]

    def __post_init__(self) -> None:
        _check(2 <= len(set(self.zones)) <= 3, "zones", self.zones, "two or three different letters, such as a, b")
        try:
            length = ipaddress.ip_network(self.vpc_cidr).prefixlen
        except ValueError as error:
            raise SettingsError(f"Setting vpc_cidr: {error}.") from error
        _check(16 <= length <= 20, "vpc_cidr", self.vpc_cidr, "an address range from /16 to /20")
        _check(
            self.region in self.prefix_lists,
            "region",
            self.region,
            f"one whose prefix lists are in cdk.json ({', '.join(self.prefix_lists)}); "
            "add others as `aws ec2 describe-managed-prefix-lists` shows them",
        )
        _check(self.retention.logs in LOG_RETENTIONS, "retention.logs", self.retention.logs, f"one of {LOG_RETENTIONS}")
        _check(self.retention.runs >= 14, "retention.runs", self.retention.runs, "14 days or more, to be redrivable")
        _check(self.retention.old_versions >= 1, "retention.old_versions", self.retention.old_versions, "1 day or more")
        _check(self.retention.predictions >= 1, "retention.predictions", self.retention.predictions, "1 day or more")
        _check(set(self.functions) == set(FUNCTIONS), "functions", sorted(self.functions), f"exactly {FUNCTIONS}")
        _check(set(self.jobs) == set(JOBS), "jobs", sorted(self.jobs), f"exactly {JOBS}")
        for name, size in self.functions.items():
            _check(128 <= size.memory_mb <= 10_240, f"functions.{name}.memory_mb", size.memory_mb, "128 to 10240")
            _check(
                1 <= size.timeout_seconds <= 900, f"functions.{name}.timeout_seconds", size.timeout_seconds, "1 to 900"
            )
        for name, job in self.jobs.items():
            _check(1 <= job.attempts <= 10, f"jobs.{name}.attempts", job.attempts, "1 to 10")
            _check(job.timeout_minutes >= 1, f"jobs.{name}.timeout_minutes", job.timeout_minutes, "1 or more")
            _check(
                job.vcpus <= self.batch_max_vcpus,
                f"jobs.{name}.vcpus",
                job.vcpus,
                f"at most batch_max_vcpus ({self.batch_max_vcpus}), or the job never starts",
            )

    @property
    def availability_zones(self) -> list[str]:
        """Names of the availability zones, such as `us-east-1a`."""
        return [f"{self.region}{zone}" for zone in self.zones]


def load(context: Mapping[str, Any], environment_variables: Mapping[str, str]) -> Settings:
    """Read the settings of one environment.

    Parameters
    ----------
    context
        The CDK context: the object `ml-pipeline` of `cdk.json`, and `environment` and `region` if given with `-c`.
    environment_variables
        Usually `os.environ`.

    Raises
    ------
    SettingsError
        If the environment is unknown, or a setting is missing, unknown, of another type or out of its range.
    """
    profiles = context.get(CONTEXT_KEY)
    if not isinstance(profiles, Mapping):
        raise SettingsError(f"The CDK context has no `{CONTEXT_KEY}`. Run the CDK in infra/, where cdk.json is.")
    environments: Mapping[str, Any] = profiles["environments"]
    environment = context.get("environment") or environment_variables.get("ML_PIPELINE_ENVIRONMENT") or "dev"
    if environment not in environments:
        raise SettingsError(f"Unknown environment '{environment}'. Allowed: {', '.join(sorted(environments))}.")
    values = _merged(profiles["defaults"], environments[environment])
    region = context.get("region") or environment_variables.get("ML_PIPELINE_REGION")
    if region:
        values["region"] = region
    values["environment"] = environment
    values["account"] = environment_variables.get("CDK_DEFAULT_ACCOUNT") or None
    settings: Settings = _typed(Settings, values, where="")
    return settings


def _check(condition: bool, name: str, value: object, allowed: str) -> None:
    if not condition:
        raise SettingsError(f"Setting {name} is {value!r}. Allowed: {allowed}.")


def _merged(base: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """The base with the values of `override` in it, object by object."""
    merged = dict(base)
    for key, value in override.items():
        both_objects = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merged(merged[key], value) if both_objects else value
    return merged


def _typed(kind: Any, value: Any, where: str) -> Any:
    """Turn a JSON value into the type that a field is annotated with, or refuse it with its place and what fits."""
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        _check(isinstance(value, Mapping), where, value, "an object")
        for key in value:
            _check(key in hints, f"{where}{'.' if where else ''}{key}", value[key], f"only {', '.join(hints)}")
        for key in hints:
            _check(key in value, f"{where}{'.' if where else ''}{key}", None, "a value, in cdk.json")
        fields = {key: _typed(hint, value[key], f"{where}{'.' if where else ''}{key}") for key, hint in hints.items()}
        return typing.cast("Any", kind)(**fields)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        _check(isinstance(value, list), where, value, "a list")
        return tuple(_typed(arguments[0], item, where) for item in value)
    if origin is Mapping:
        _check(isinstance(value, Mapping), where, value, "an object")
        return types.MappingProxyType({k: _typed(arguments[1], v, f"{where}.{k}") for k, v in value.items()})
    allowed = {float: (int, float)}.get(kind, arguments or (kind,))
    fits = isinstance(value, allowed) and not isinstance(value, bool)
    _check(fits, where, value, "a value of type " + " or ".join(t.__name__ for t in allowed))
    return value
