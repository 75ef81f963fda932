"""The steps that model deployment, model rollback and traffic shift share.

What is to be done is decided once, by the function `plan-deployment`; its plan says which calls are needed and what
they are to say. The workflow makes the calls, waits, and undoes what it has done where one of them fails.
"""

from __future__ import annotations

from workflows.deployment_endings import LAMBDA_TIMEOUT_SECONDS, Endings, caught, put_active_version
from workflows.endpoint_changes import SAGEMAKER_TRANSIENT, set_weights, update_endpoint
from workflows.sdk import ChoiceRule, State
from workflows.states import (
    LAMBDA_TRANSIENT,
    TASK_TRANSIENT,
    Catch,
    Choice,
    LambdaTask,
    Task,
    on_transient,
    while_updating,
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
    activate = put_active_version(
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
