"""The steps that model deployment, model rollback and traffic shift share.

What is to be done is decided once, by the function `plan-deployment`; its plan says which calls are needed and what
they are to say. The workflow makes the calls, waits, and undoes what it has done where one of them fails.

What is served decides the outcome (decision 4). A failure before that is settled is undone, told, and fails the
execution under its own name. Once traffic and active version are as planned, the execution succeeds: that the lock
could not be given back, old configurations not be removed or nobody be told is noted in its output.
"""

from __future__ import annotations

from dataclasses import dataclass

from workflows.endings import halt_run, tell, tell_failure
from workflows.endpoint_changes import SAGEMAKER_TRANSIENT, set_weights, update_endpoint
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
    while_updating,
)

#: `SsmException` is how the SDK reports an answer that the service's model does not name.
SSM_TRANSIENT = (
    "Ssm.InternalServerErrorException",
    "Ssm.SdkClientException",
    "Ssm.SsmException",
    "Ssm.ThrottlingException",
    "Ssm.TooManyUpdatesException",
)

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


def plan_deployment(kind: str, ends: Endings) -> LambdaTask:
    """Check the input, take the lock and decide what is to be done.

    Nobody can plan while the endpoint is being changed, by scaling or by a deployment that a rollback has stopped: the
    end of that is waited for.

    Parameters
    ----------
    kind
        `"deploy"`, `"rollback"` or `"shift"`.
    ends
        Where failures go.
    """
    return LambdaTask(
        {"deploy": "Plan deployment", "rollback": "Plan rollback", "shift": "Plan shift"}[kind],
        function="PlanDeployment",
        payload={
            "kind": kind,
            "input.$": "$$.Execution.Input",
            "execution": {
                "id.$": "$$.Execution.Id",
                "name.$": "$$.Execution.Name",
                "startTime.$": "$$.Execution.StartTime",
            },
        },
        output_path="$.Payload",
        timeout_seconds=LAMBDA_TIMEOUT_SECONDS,
        retry=[on_transient(*LAMBDA_TRANSIENT, *TASK_TRANSIENT), while_updating("EndpointBusy")],
        # The failure takes the input's place: an input that is no object has no room for a `$.failure`.
        catch=Catch(error_equals=["States.ALL"], next_step=ends.refused),
    )


def serve_version(ends: Endings) -> State:
    """Bring the planned version up where it is not up yet, test it, and give it the planned traffic.

    Returns
    -------
    The first step.
    """
    shared = share_traffic(ends)
    test = LambdaTask(
        "Smoke test",
        function="SmokeTest",
        payload={"plan.$": "$.plan"},
        result_selector={"records.$": "$.Payload.records", "milliseconds.$": "$.Payload.milliseconds"},
        result_path="$.smokeTest",
        timeout_seconds=LAMBDA_TIMEOUT_SECONDS,
        retry=on_transient(*LAMBDA_TRANSIENT, *TASK_TRANSIENT, "EndpointUnavailable"),
        catch=caught(ends.endpoint_changed),
    )
    test.next(shared)
    up = Choice(
        "Anything to test?",
        rules=[(ChoiceRule.IsNull("$.plan.variant", True), shared)],
        default=test,
    )
    update = update_endpoint(
        "Update endpoint", config="$.plan.update.EndpointConfigName", catch=caught(ends.endpoint_changed)
    )
    update.next(up)
    config = _create_config(ends, then=update)
    model = Task(
        "Create model",
        resource="arn:aws:states:::aws-sdk:sagemaker:createModel",
        parameters=_named(
            "$.plan.model",
            "ModelName",
            "ExecutionRoleArn",
            "PrimaryContainer",
            "VpcConfig",
            "EnableNetworkIsolation",
            "Tags",
        ),
        result_path=None,
        timeout_seconds=60,
        retry=on_transient(*SAGEMAKER_TRANSIENT),
        catch=caught(ends.nothing_changed),
    )
    model.next(config)
    return Choice(
        "What has to be made?",
        rules=[
            (ChoiceRule.BooleanEquals("$.plan.needs.model", True), model),
            (ChoiceRule.BooleanEquals("$.plan.needs.config", True), config),
            (ChoiceRule.BooleanEquals("$.plan.needs.update", True), update),
        ],
        default=up,
    )


def share_traffic(ends: Endings) -> State:
    """Set the planned weights, then the planned active version, where either is needed.

    The order matters: a change of the active version starts a rollback to it, which has nothing to do where that
    version has its traffic already.

    Returns
    -------
    The first step.
    """
    activate = _put_active_version(
        "Activate version", version="$.plan.activeVersion.after", catch=caught(ends.version_changed)
    )
    activate.next(ends.success)
    active = Choice(
        "Version to activate?",
        rules=[(ChoiceRule.BooleanEquals("$.plan.needs.activate", True), activate)],
        default=ends.success,
    )
    weights = set_weights("Set weights", weights="$.plan.weights", catch=caught(ends.endpoint_changed))
    weights.next(active)
    return Choice(
        "Weights to set?",
        rules=[(ChoiceRule.BooleanEquals("$.plan.needs.weights", True), weights)],
        default=active,
    )


def caught(go_to: State) -> Catch:
    """Every error, noted under `$.failure`."""
    return Catch(error_equals=["States.ALL"], result_path="$.failure", next_step=go_to)


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
    activate = _put_active_version(
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


def _create_config(ends: Endings, *, then: State) -> State:
    """Create the endpoint configuration, with the key of its volumes where its instances take one."""
    keys = ("EndpointConfigName", "ProductionVariants", "Tags")
    made = {}
    for name, given in (("Create configuration", (*keys, "KmsKeyId")), ("Create configuration without key", keys)):
        made[name] = Task(
            name,
            resource="arn:aws:states:::aws-sdk:sagemaker:createEndpointConfig",
            parameters=_named("$.plan.config", *given),
            result_path=None,
            timeout_seconds=60,
            retry=on_transient(*SAGEMAKER_TRANSIENT),
            catch=caught(ends.nothing_changed),
        )
        made[name].next(then)
    return Choice(
        "Volumes with a key?",
        rules=[(ChoiceRule.IsPresent("$.plan.config.KmsKeyId", True), made["Create configuration"])],
        default=made["Create configuration without key"],
    )


def _named(path: str, *keys: str) -> dict[str, str]:
    """Parameters of these names, each from under a path: Step Functions wants to see that none is missing."""
    return {f"{key}.$": f"{path}.{key}" for key in keys}


def _put_active_version(name: str, *, version: str, catch: Catch) -> Task:
    return Task(
        name,
        resource="arn:aws:states:::aws-sdk:ssm:putParameter",
        parameters={"Name": "${ActiveVersionParameter}", "Value.$": version, "Type": "String", "Overwrite": True},
        result_path=None,
        timeout_seconds=60,
        retry=on_transient(*SSM_TRANSIENT),
        catch=catch,
    )
