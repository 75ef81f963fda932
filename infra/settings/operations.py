"""What starts by itself, and who is told when something is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from infra.naming import SCHEDULED_WORKFLOWS
from infra.settings.rules import above_zero, at_least, between, email, matching, one_of
from infra.settings.schedule_expressions import schedule_expression


@dataclass(frozen=True)
class Schedule:
    """When a workflow starts by itself.

    `expression` is EventBridge's, `cron(…)` or `rate(…)`, in UTC; `prefix` is what the run scores, below the data
    bucket, with `{date}` and `{hour}` for those of the scheduled time, so that no run scores what an earlier one has.
    """

    workflow: Annotated[str, one_of(SCHEDULED_WORKFLOWS)]
    expression: Annotated[str, schedule_expression]
    prefix: Annotated[
        str,
        matching(
            r"(([\w!.*'()=+-]|\{date\}|\{hour\})+/)+",
            "folders such as input/daily/{date}/, with no slash before them and one at the end",
        ),
    ]
    enabled: bool


@dataclass(frozen=True)
class Slack:
    """Where AWS Chatbot posts alarms: ids as Slack shows them.

    The workspace is authorized once, by hand, in AWS Chatbot's console: Slack asks a person.
    """

    workspace_id: Annotated[str, matching(r"[TE][0-9A-Z]{2,}", "the id of a workspace, such as T01234567")]
    channel_id: Annotated[str, matching(r"[CG][0-9A-Z]{2,}", "the id of a channel, not its name, such as C01234567")]


@dataclass(frozen=True)
class Alarms:
    """Who is told, and from when on.

    `latency_p99_seconds`; `error_percent` of requests; `psi`, the population stability index from which on a feature
    has drifted; `fewest_invocations` of the API an hour, 0 where nobody need be calling it; `iterator_age_seconds` of
    the stream.
    """

    emails: tuple[Annotated[str, email], ...]
    slack: Slack | None
    latency_p99_seconds: Annotated[float, above_zero]
    error_percent: Annotated[float, between(0.01, 100)]
    psi: Annotated[float, above_zero]
    fewest_invocations: Annotated[int, at_least(0)]
    iterator_age_seconds: Annotated[int, at_least(1)]
