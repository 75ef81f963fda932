"""All settings of a deployment, with the rules that hold between them."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from infra.errors import SettingsError
from infra.naming import FUNCTIONS, JOBS, VARIANTS
from infra.settings.operations import Alarms, Schedule
from infra.settings.rules import at_least, check, matching
from infra.settings.serving import Api, Endpoint, FirstModel, Stream
from infra.settings.sizes import FARGATE_MEMORY, FunctionSize, JobSize, Retention
from tasks.aws_limits import PARAMETER_LEVELS, PARAMETER_NAME
from tasks.runs.periods import DAY, HOUR, LONGEST_LATENESS

_PREFIX_LIST = matching(r"pl-[0-9a-f]+", "the id of a prefix list, such as pl-63a5400a")
_PROFILE = matching(r"[a-z][a-z0-9-]{0,19}", "names of schedules of at most 20 characters of a-z 0-9 and -")
#: Parameter Store keeps `aws` and `ssm` for itself. The registry adds three levels, and with the ARN around it, whose
#: length counts, 150 characters at most.
_LEVELS, _LONGEST_PATH = PARAMETER_LEVELS.value - 3, PARAMETER_NAME.value - 150
_PATH = matching(
    rf"(?=.{{1,{_LONGEST_PATH}}}$)(?!/(?i:aws|ssm))(/[A-Za-z0-9_.-]+){{1,{_LEVELS}}}",
    "a path such as /ml-pipeline/models, without / at its end, "
    f"of at most {_LEVELS} levels and {_LONGEST_PATH} characters",
)
#: AWS Billing user guide, "User-defined tag restrictions".
_TAG_KEY = matching(
    r"(?!(?i:aws:))[\w .:/=+@-]{1,128}", "tag keys of at most 128 letters, digits, blanks and . : / = + @ - _"
)
_TAG_VALUE = matching(r"[\w .:/=+@-]{0,256}", "tag values of at most 256 letters, digits, blanks and . : / = + @ - _")
#: A resource has 50, of which two are `Project` and `Environment`.
_MOST_TAGS = 48


@dataclass(frozen=True)
class PrefixLists:
    """Ids of the AWS-managed prefix lists of the gateway endpoints in a region.

    They name the addresses behind the endpoints, so that security groups can allow these and no others.
    Shown by `aws ec2 describe-managed-prefix-lists`.
    """

    s3: Annotated[str, _PREFIX_LIST]
    dynamodb: Annotated[str, _PREFIX_LIST]


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
        If two values do not go together; the message says what does. What one value may be stands beside its type.
    """

    environment: str
    account: str | None
    region: str
    zones: tuple[Annotated[str, matching("[a-z]", "letters of availability zones, such as a, b")], ...]
    vpc_cidr: str
    prefix_lists: Mapping[str, PrefixLists]
    retention: Retention
    functions: Mapping[str, FunctionSize]
    jobs: Mapping[str, JobSize]
    batch_max_vcpus: Annotated[int, at_least(1)]
    batch_spot: bool
    models_root: Annotated[str, _PATH]
    first_model: FirstModel
    endpoint: Endpoint
    api: Api
    stream: Stream
    schedules: Mapping[Annotated[str, _PROFILE], Schedule]
    alarms: Alarms
    athena_scan_gb: Annotated[int, at_least(1)]
    tags: Mapping[Annotated[str, _TAG_KEY], Annotated[str, _TAG_VALUE]]

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
        check(set(self.functions) == set(FUNCTIONS), "functions", sorted(self.functions), f"exactly {FUNCTIONS}")
        check(set(self.jobs) == set(JOBS), "jobs", sorted(self.jobs), f"exactly {JOBS}")
        check(len(self.tags) <= _MOST_TAGS, "tags", len(self.tags), f"at most {_MOST_TAGS}")
        for name, job in self.jobs.items():
            memory = FARGATE_MEMORY[job.vcpus]
            check(
                job.memory_mib in memory,
                f"jobs.{name}.memory_mib",
                job.memory_mib,
                f"what Fargate offers for {job.vcpus:g} vCPUs, {memory[0]} to {memory[-1]} in steps of "
                f"{memory[1] - memory[0]}",
            )
            check(
                job.vcpus <= self.batch_max_vcpus,
                f"jobs.{name}.vcpus",
                job.vcpus,
                f"at most batch_max_vcpus ({self.batch_max_vcpus}), or the job never starts",
            )
        weights, scaling = self.endpoint.weights, self.endpoint.scaling
        check(set(weights) == set(VARIANTS), "endpoint.weights", sorted(weights), f"exactly {VARIANTS}")
        check(scaling.min <= scaling.max, "endpoint.scaling.min", scaling.min, f"at most max ({scaling.max})")
        for name, schedule in self.schedules.items():
            late, of = schedule.late_periods, f"schedules.{name}"
            dated = "{date}" in schedule.prefix
            check(dated or not late, f"{of}.late_periods", late, "0, or {date} in prefix: a folder for each period")
            most = LONGEST_LATENESS // (HOUR if "{hour}" in schedule.prefix else DAY)
            check(late <= most, f"{of}.late_periods", late, f"at most {most} days, as prefix has no {{hour}}")
        unknown = set(self.alarms.runs_without_input) - set(self.schedules)
        check(not unknown, "alarms.runs_without_input", sorted(unknown), f"schedules, {', '.join(self.schedules)}")

    @property
    def availability_zones(self) -> list[str]:
        """Names of the availability zones, such as `us-east-1a`."""
        return [f"{self.region}{zone}" for zone in self.zones]
