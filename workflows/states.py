"""The states of the `stepfunctions` SDK, with what Amazon States Language has gained since.

The SDK (2.3.0) knows the language as of 2021. These classes add the fields of Distributed Map, jitter and result
selection by subclassing, and close traps of the SDK: a mistyped attribute raises instead of being None, a Task needs a
resource, a Choice needs rules. All of this is authoring: imported to render a workflow, never to run one.

Source of the fields: Amazon States Language, https://states-language.net, and the AWS Step Functions developer guide,
"Using Map state in Distributed mode" and "Handling errors in Step Functions workflows".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workflows.errors import InvalidState
from workflows.sdk import Block, Chain, Graph, State, steps

Asl = dict[str, Any]

#: What AWS Lambda answers when the service is at fault, not the function (AWS Step Functions developer guide,
#: "Best practices": handle Lambda service exceptions).
LAMBDA_TRANSIENT = (
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
)

#: What AWS Lambda answers for a function in a VPC whose network interface it took away because nobody called for
#: weeks, and then while it makes a new one, which takes about a minute (AWS Lambda developer guide, "Lambda function
#: states"; API reference, "Invoke"). Functions that run when something failed are called that seldom.
LAMBDA_WAKING = ("Lambda.ResourceNotReadyException", "Lambda.ResourceConflictException")

#: What our functions raise when a service that they called was throttled or away for a while.
TASK_TRANSIENT = ("ServiceUnavailable",)


class _CurrentFields:
    """Lets a block of the SDK carry the fields named in `EXTRA_FIELDS`, and no misspelt one."""

    EXTRA_FIELDS: frozenset[str] = frozenset()

    def is_field_allowed(self, field_name: str) -> bool:
        return field_name in self.EXTRA_FIELDS or bool(super().is_field_allowed(field_name))  # type: ignore[misc]

    def __getattr__(self, name: str) -> Any:
        # The SDK answers None for any name, which turns a typing mistake into a missing field.
        fields = self.__dict__.get("fields", {})
        if name in fields:
            return fields[name]
        if self.is_field_allowed(name):
            return None
        raise AttributeError(f"{type(self).__name__} has no field {name!r}")


class Retry(_CurrentFields, steps.Retry):  # type: ignore[misc]
    """A retrier that may bound its delay (`max_delay_seconds`, seconds) and spread it (`jitter_strategy`)."""

    EXTRA_FIELDS = frozenset({"max_delay_seconds", "jitter_strategy"})


class Catch(_CurrentFields, steps.Catch):  # type: ignore[misc]
    """A catcher, as the SDK has it."""


class Pass(_CurrentFields, steps.Pass):  # type: ignore[misc]
    """A Pass state, as the SDK has it."""


class Wait(_CurrentFields, steps.Wait):  # type: ignore[misc]
    """A Wait state, as the SDK has it."""


class Succeed(_CurrentFields, steps.Succeed):  # type: ignore[misc]
    """A Succeed state, as the SDK has it."""


class Fail(_CurrentFields, steps.Fail):  # type: ignore[misc]
    """A Fail state whose cause may be made from its input, by a path or a function (`cause_path`)."""

    EXTRA_FIELDS = frozenset({"cause_path"})


class Task(_CurrentFields, steps.Task):  # type: ignore[misc]
    """A Task state with `result_selector` and `credentials`.

    Raises
    ------
    InvalidState
        When it is rendered without a `resource`.
    """

    EXTRA_FIELDS = frozenset({"result_selector", "credentials"})

    def to_dict(self) -> Asl:
        """Render the state."""
        if not self.fields.get("resource"):
            raise InvalidState(f"Task {self.state_id!r} names no resource")
        return _rendered_state(super().to_dict())


class LambdaTask(Task):
    """Invoke one of our Lambda functions and wait for its answer, and for the function itself if it has to wake up.

    Parameters
    ----------
    state_id
        Name of the state.
    function
        Name of the placeholder that deployment replaces by the function's ARN, `"PlanShards"` for
        `${PlanShardsFunction}`.
    payload
        The event, a payload template.
    timeout_seconds
        Longest duration of one attempt, in seconds.
    fields
        Further fields of a Task.
    """

    def __init__(
        self, state_id: str, *, function: str, payload: Mapping[str, Any], timeout_seconds: int, **fields: Any
    ) -> None:
        super().__init__(
            state_id,
            resource="arn:aws:states:::lambda:invoke",
            parameters={"FunctionName": f"${{{function}Function}}", "Payload": dict(payload)},
            timeout_seconds=timeout_seconds,
            **fields,
        )
        self.add_retry(while_waking(*LAMBDA_WAKING))


class BatchTask(Task):
    """Run a container job on AWS Batch and wait for its end; a stopped execution terminates the job.

    Parameters
    ----------
    state_id
        Name of the state.
    job
        Name of the job definition's placeholder, `"Score"` for `${ScoreJobDefinition}`.
    job_name
        Payload expression of the job's name, 1 to 128 characters when evaluated.
    command
        Payload expression of the container's command, a list of strings when evaluated.
    timeout_seconds
        Longest duration of one state attempt with all its job attempts, in seconds.
    fields
        Further fields of a Task.
    """

    def __init__(
        self, state_id: str, *, job: str, job_name: str, command: str, timeout_seconds: int, **fields: Any
    ) -> None:
        super().__init__(
            state_id,
            resource="arn:aws:states:::batch:submitJob.sync",
            parameters={
                "JobName.$": job_name,
                "JobDefinition": f"${{{job}JobDefinition}}",
                "JobQueue": "${JobQueue}",
                "ContainerOverrides": {"Command.$": command},
            },
            timeout_seconds=timeout_seconds,
            **fields,
        )


class Choice(_CurrentFields, steps.Choice):  # type: ignore[misc]
    """A Choice state from its rules.

    Parameters
    ----------
    state_id
        Name of the state.
    rules
        Pairs of a rule and the step to go to where it holds, in order.
    default
        The step where none holds.
    """

    def __init__(
        self,
        state_id: str,
        *,
        rules: Sequence[tuple[Any, State | Chain]],
        default: State | Chain,
        **fields: Any,
    ) -> None:
        super().__init__(state_id, **fields)
        if not rules:
            raise InvalidState(f"Choice {state_id!r} has no rules")
        for rule, step in rules:
            self.add_choice(rule, step)
        self.default_choice(default)

    def accept(self, visitor: Any) -> None:
        """Visit this state, its rules in order, and its default last, so that a rendering reads like the picture."""
        if visitor.is_visited(self):
            return
        visitor.visit(self)
        for _, step in self.choices:
            step.accept(visitor)
        self.default.accept(visitor)


class Parallel(_CurrentFields, steps.Parallel):  # type: ignore[misc]
    """A Parallel state from its branches, with `result_selector`."""

    EXTRA_FIELDS = frozenset({"result_selector"})

    def __init__(self, state_id: str, *, branches: Sequence[State | Chain], **fields: Any) -> None:
        super().__init__(state_id, **fields)
        for branch in branches:
            self.add_branch(branch)

    def to_dict(self) -> Asl:
        """Render the state with its branches."""
        return _rendered_state(super().to_dict())


class SequentialMap(_CurrentFields, steps.Map):  # type: ignore[misc]
    """A Map that runs its iterations one after the other, and none after one that failed.

    Parameters
    ----------
    state_id
        Name of the state.
    items_path
        Reference path of the items, a list.
    item_selector
        Payload template of an iteration's input.
    each
        The step or chain that an iteration runs.
    fields
        Further fields of a Map.
    """

    EXTRA_FIELDS = frozenset({"item_selector", "result_selector"})

    def __init__(
        self,
        state_id: str,
        *,
        items_path: str,
        item_selector: Mapping[str, Any],
        each: State | Chain,
        **fields: Any,
    ) -> None:
        super().__init__(
            state_id, items_path=items_path, item_selector=dict(item_selector), max_concurrency=1, **fields
        )
        self.attach_iterator(each)

    def to_dict(self) -> Asl:
        """Render the state; what the SDK calls Iterator is the ItemProcessor of today's language."""
        rendered = _rendered_state(super().to_dict())
        rendered["ItemProcessor"] = {"ProcessorConfig": {"Mode": "INLINE"}, **rendered.pop("Iterator")}
        return rendered


class DistributedMap(_CurrentFields, steps.Map):  # type: ignore[misc]
    """A Map whose items come from S3 and whose iterations are child executions.

    Parameters
    ----------
    state_id
        Name of the state.
    label
        Part of the child executions' ARN, at most 40 characters, unique in the state machine.
    each
        The step or chain that a child execution runs.
    execution_type
        `"STANDARD"` (may wait for jobs) or `"EXPRESS"` (cheap, at most five minutes).
    fields
        Further fields of a Map: `item_reader`, `item_selector`, `item_batcher`, `result_writer`,
        `tolerated_failure_percentage` and the other fields of the language.
    """

    EXTRA_FIELDS = frozenset(
        {
            "item_batcher",
            "item_reader",
            "item_selector",
            "label",
            "max_concurrency_path",
            "result_selector",
            "result_writer",
            "tolerated_failure_count",
            "tolerated_failure_count_path",
            "tolerated_failure_percentage",
            "tolerated_failure_percentage_path",
        }
    )

    def __init__(self, state_id: str, *, label: str, each: State | Chain, execution_type: str, **fields: Any) -> None:
        super().__init__(state_id, label=label, **fields)
        self.execution_type = execution_type
        self.attach_iterator(each)

    def to_dict(self) -> Asl:
        """Render the state; what the SDK calls Iterator is the ItemProcessor of today's language."""
        rendered = _rendered_state(super().to_dict())
        iterator = rendered.pop("Iterator")
        rendered["ItemProcessor"] = {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": self.execution_type},
            **iterator,
        }
        return rendered


def manifest_reader(*, bucket: str, key: str) -> Asl:
    """The ItemReader of a manifest in S3 with one JSON document a line.

    Parameters
    ----------
    bucket, key
        Reference paths into the Map's input.
    """
    return {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "JSONL"},
        "Parameters": {"Bucket.$": bucket, "Key.$": key},
    }


def result_writer(*, bucket: str, prefix: str) -> Asl:
    """The ResultWriter that exports the children's results below a prefix.

    Parameters
    ----------
    bucket
        Reference path of the bucket's name in the Map's input.
    prefix
        Payload expression of the prefix, without a slash at its end.
    """
    return {
        "Resource": "arn:aws:states:::s3:putObject",
        "Parameters": {"Bucket.$": bucket, "Prefix.$": prefix},
    }


def on_transient(*errors: str) -> Retry:
    """Retry errors that the passage of time may cure: 1 s, doubling, never more than 30 s, full jitter, six times."""
    return _retry(errors, first=1, rate=2.0, longest=30, attempts=6)


def once_more(*errors: str) -> Retry:
    """Retry errors that may be the machine's rather than the work's, a single time."""
    return _retry(errors, first=1, rate=1.0, longest=5, attempts=1)


def while_waking(*errors: str) -> Retry:
    """Retry while AWS prepares what it had put to sleep: 10 s at first, never more than 60 s, five minutes at most."""
    return _retry(errors, first=10, rate=1.5, longest=60, attempts=8)


def while_busy(*errors: str) -> Retry:
    """Retry while somebody else holds what we need: 10 s at first, never more than 60 s, for about half an hour."""
    return _retry(errors, first=10, rate=1.5, longest=60, attempts=60)


def while_updating(*errors: str) -> Retry:
    """Retry while an endpoint is being changed: 2 s at first, never more than 30 s, for about an hour."""
    return _retry(errors, first=2, rate=1.5, longest=30, attempts=240)


def _retry(errors: tuple[str, ...], *, first: int, rate: float, longest: int, attempts: int) -> Retry:
    return Retry(
        error_equals=list(errors),
        interval_seconds=first,
        backoff_rate=rate,
        max_attempts=attempts,
        max_delay_seconds=longest,
        jitter_strategy="FULL",
    )


def graph(start: State | Chain) -> Asl:
    """Render what begins at a step: `StartAt` and `States`."""
    return dict(Graph(start).to_dict())


def _rendered_state(state: Asl) -> Asl:
    return {name: _rendered(value) for name, value in state.items()}


def _rendered(value: Any) -> Any:
    """Turn nested blocks of the SDK into plain JSON values."""
    if isinstance(value, Block):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {key: _rendered(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rendered(item) for item in value]
    return value
