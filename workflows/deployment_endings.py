"""How deployments, rollbacks and shifts end: settled, told, and, after a failure, with everything put back.

What is served decides the outcome (decision 4). A failure before that is settled is undone, told, and fails the
execution under its own name. Once traffic and active version are as planned, the execution succeeds: that the lock
could not be given back, old configurations not be removed or nobody be told is noted in its output.
"""

from __future__ import annotations

from dataclasses import dataclass

from workflows.endings import halt_run, tell, tell_failure
from workflows.endpoint_changes import set_weights, update_endpoint
from workflows.sdk import Chain, ChoiceRule, State
from workflows.states import (
    LAMBDA_TRANSIENT,
    TASK_TRANSIENT,
    Catch,
    Choice,
    LambdaTask,
    Pass,
    Succeed,
    Task,
    on_transient,
)

#: `SsmException` is how the SDK reports an answer that the service's model does not name.
SSM_TRANSIENT = (
    "Ssm.InternalServerErrorException",
    "Ssm.SdkClientException",
    "Ssm.SsmException",
    "Ssm.ThrottlingException",
    "Ssm.TooManyUpdatesException",
)

#: Longest duration of one call of a function of deployments.
LAMBDA_TIMEOUT_SECONDS = 300


@dataclass(frozen=True)
class Endings:
    """Where the steps of a workflow go when they are through, and when they fail.

    Attributes
    ----------
    success
        First step of the success: all is served as planned.
    rolled_back
        First step of the other success: a comparison has ended in a rollback.
    nothing_to_do
        First step where all is served as planned already. Only who took the lock for that, and may have stopped
        another, is told of: the news of an active version that a workflow has set is no news.
    refused
        For the failure of the plan: nothing was done, and there is no plan.
    nothing_changed
        For failures before the first change of the endpoint.
    endpoint_changed
        For failures from then on: configuration and weights are put back.
    version_changed
        For failures while the active version is set: it is put back, too.
    halt
        Last step of every failure. It goes on after a redrive: its next step is the first of the workflow.
    """

    success: State
    rolled_back: State
    nothing_to_do: State
    refused: Pass
    nothing_changed: Pass
    endpoint_changed: Pass
    version_changed: Pass
    halt: LambdaTask


def endings(what: str) -> Endings:
    """The ends of a workflow.

    Parameters
    ----------
    what
        What messages call it: `"Model deployment"`.
    """
    halt = halt_run()
    told = tell_failure(subject=f"{what}: failed", then=halt)
    settle = _settle("failed", told)
    Chain([settle, told, halt])
    restore = _restore(then=settle)
    done = Succeed("Done", output_path="$.settled.summary")
    refused = Pass(
        "Note refusal",
        parameters={
            "execution.$": "$$.Execution.Id",
            "failure.$": "$",
            "failedAtRedrive.$": "$$.Execution.RedriveCount",
        },
    )
    refused.next(told)
    return Endings(
        success=_success(what, "succeeded", done),
        rolled_back=_success(what, "rolled-back", done),
        nothing_to_do=_nothing_to_do(what, done),
        refused=refused,
        nothing_changed=_note("nothing changed", restore, endpoint=False, version=False),
        endpoint_changed=_note("endpoint changed", restore, endpoint=True, version=False),
        version_changed=_note("version changed", restore, endpoint=True, version=True),
        halt=halt,
    )


def caught(go_to: State) -> Catch:
    """Every error, noted under `$.failure`."""
    return Catch(error_equals=["States.ALL"], result_path="$.failure", next_step=go_to)


def put_active_version(name: str, *, version: str, catch: Catch) -> Task:
    """Write the parameter of the active version.

    Parameters
    ----------
    name
        Name of the state.
    version
        Reference path of the version.
    catch
        What to do where it cannot be written.
    """
    return Task(
        name,
        resource="arn:aws:states:::aws-sdk:ssm:putParameter",
        parameters={"Name": "${ActiveVersionParameter}", "Value.$": version, "Type": "String", "Overwrite": True},
        result_path=None,
        timeout_seconds=60,
        retry=on_transient(*SSM_TRANSIENT),
        catch=catch,
    )


def _success(what: str, outcome: str, done: Succeed) -> State:
    told = _tell(what, outcome, done)
    unsettled = _note_unsettled(outcome)
    settle = _settle(outcome, unsettled)
    unsettled.next(told)
    Chain([settle, told, done])
    return settle


def _nothing_to_do(what: str, done: Succeed) -> State:
    outcome = "nothing-to-do"
    told = _tell(what, outcome, done)
    held = Choice(
        "Was the lock held?",
        rules=[(ChoiceRule.BooleanEquals("$.settled.summary.released", True), told)],
        default=done,
    )
    unsettled = _note_unsettled(outcome)
    settle = _settle(outcome, unsettled)
    Chain([settle, held])
    unsettled.next(told)
    told.next(done)
    return settle


def _tell(what: str, outcome: str, done: Succeed) -> Task:
    words = outcome.replace("-", " ")
    return tell(
        f"Tell, {words}",
        subject=f"{what}: {words}",
        message="States.JsonToString($.settled.summary)",
        catch=Catch(error_equals=["States.ALL"], result_path="$.settled.summary.untold", next_step=done),
    )


def _note_unsettled(outcome: str) -> Pass:
    return Pass(
        f"Note what is not settled, {outcome.replace('-', ' ')}",
        parameters={
            "summary": {
                "id.$": "$.plan.id",
                "kind.$": "$.plan.kind",
                "version.$": "$.plan.version",
                "outcome": outcome,
                "unsettled.$": "$.unsettled",
            }
        },
        result_path="$.settled",
    )


def _settle(outcome: str, or_else: State) -> LambdaTask:
    """Give the lock back, and remove models and configurations that nobody will ask for any more."""
    return LambdaTask(
        f"Settle, {outcome.replace('-', ' ')}",
        function="SettleDeployment",
        payload={"plan.$": "$.plan", "outcome": outcome},
        result_selector={"summary.$": "$.Payload.summary"},
        result_path="$.settled",
        timeout_seconds=LAMBDA_TIMEOUT_SECONDS,
        retry=on_transient(*LAMBDA_TRANSIENT, *TASK_TRANSIENT),
        catch=Catch(error_equals=["States.ALL"], result_path="$.unsettled", next_step=or_else),
    )


def _note(what: str, then: State, *, endpoint: bool, version: bool) -> Pass:
    note = Pass(
        f"Note failure, {what}",
        parameters={
            "execution.$": "$$.Execution.Id",
            "plan.$": "$.plan",
            "failure.$": "$.failure",
            "failedAtRedrive.$": "$$.Execution.RedriveCount",
            "changed": {"endpoint": endpoint, "activeVersion": version},
            "unrestored": {},
        },
    )
    note.next(then)
    return note


def _restore(*, then: State) -> State:
    """Put back what served before: configuration, weights, active version, each though another could not be.

    What cannot be put back is noted under `$.unrestored`; it does not hide the failure that made it necessary.
    """
    activate = put_active_version(
        "Restore active version",
        version="$.plan.activeVersion.before",
        catch=Catch(error_equals=["States.ALL"], result_path="$.unrestored.activeVersion", next_step=then),
    )
    activate.next(then)
    written = ChoiceRule.Or(
        [
            ChoiceRule.BooleanEquals("$.changed.activeVersion", True),
            ChoiceRule.BooleanEquals("$.plan.activeVersion.set", True),
        ]
    )
    version = Choice(
        "Active version to restore?",
        rules=[(ChoiceRule.And([ChoiceRule.IsString("$.plan.activeVersion.before", True), written]), activate)],
        default=then,
    )
    weights = set_weights(
        "Restore weights",
        weights="$.plan.previous.weights",
        catch=Catch(error_equals=["States.ALL"], result_path="$.unrestored.weights", next_step=version),
    )
    weights.next(version)
    endpoint = update_endpoint(
        "Restore endpoint",
        config="$.plan.previous.config",
        catch=Catch(error_equals=["States.ALL"], result_path="$.unrestored.endpoint", next_step=weights),
    )
    endpoint.next(weights)
    return Choice(
        "Endpoint to restore?",
        rules=[(ChoiceRule.BooleanEquals("$.changed.endpoint", True), endpoint)],
        default=version,
    )
