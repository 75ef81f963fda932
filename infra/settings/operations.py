"""What starts by itself, and who is told when something is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from infra.naming import SCHEDULED_WORKFLOWS
from infra.settings.rules import above_zero, at_least, between, email, matching, one_of
from infra.settings.schedule_expressions import schedule_expression
from tasks.runs.periods import HOUR, LONGEST_LATENESS


@dataclass(frozen=True)
class Schedule:
    """When a workflow starts by itself.

    `expression` is EventBridge's, `cron(…)` or `rate(…)`, in UTC. `prefix` is what the run scores, below the data
    bucket; `{date}` and `{hour}` in it are those of the last period that had ended when the run was due: with `{hour}`
    the hour before, else the day before. `late_periods` is how many earlier folders the run looks through for objects
    that came late, and that no run of the schedule took; 0: none. The rule is in `workflows/asl/batch_inference.md`.
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
    late_periods: Annotated[int, between(0, LONGEST_LATENESS // HOUR)]
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
    the stream; `runs_without_input` of each schedule that there may not be in a day, 0 where its files need not come.
    """

    emails: tuple[Annotated[str, email], ...]
    slack: Slack | None
    latency_p99_seconds: Annotated[float, above_zero]
    error_percent: Annotated[float, between(0.01, 100)]
    psi: Annotated[float, above_zero]
    fewest_invocations: Annotated[int, at_least(0)]
    iterator_age_seconds: Annotated[int, at_least(1)]
    runs_without_input: Mapping[str, Annotated[int, at_least(0)]]
