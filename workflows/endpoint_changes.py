"""Changes of a SageMaker endpoint as single steps: asked for, awaited, and looked at.

A step is a frame (a Parallel state with one branch): it waits until the endpoint may be changed, since scaling changes
it too, asks for the change, waits until it is over, and fails where the endpoint is not what was asked for. SageMaker
takes a configuration that does not come up back by itself and is `InService` again, under the former configuration
(SageMaker developer guide, "Auto-rollback configuration and monitoring"): being in service says nothing.

Each wait is a second longer than the one before, so that a change of seconds is noticed within seconds, and one of an
hour takes a hundred looks. That bounds the history of the execution, too: 25,000 events at most.
"""

from __future__ import annotations

from typing import Any

from workflows.sdk import Chain, ChoiceRule
from workflows.states import Catch, Choice, Fail, Parallel, Pass, Succeed, Task, Wait, on_transient

#: `SageMakerException` is how the SDK reports an answer that the service's model does not name, throttling among them.
SAGEMAKER_TRANSIENT = (
    "SageMaker.ResourceInUseException",
    "SageMaker.SageMakerException",
    "SageMaker.SdkClientException",
)

#: How long a change may take: after n looks n * (n + 1) / 2 seconds have passed, 84 minutes.
MOST_LOOKS = 100

_BUSY = ("Creating", "RollingBack", "SystemUpdating", "Updating")


def update_endpoint(name: str, *, config: str, catch: Catch | None = None) -> Parallel:
    """Give the endpoint a configuration, unless it has it already.

    The instance counts that scaling has chosen stay; the weights become those of the configuration.

    Parameters
    ----------
    name
        What the change is called, in the infinitive: `"Update endpoint"`.
    config
        Reference path of the configuration's name.
    catch
        What to do, if not to fail, where the endpoint cannot be asked, does not come to rest
        (`EndpointUpdateTimedOut`) or does not serve the configuration when it is over (`EndpointUpdateFailed`).
    """
    ask = Task(
        f"{name}: ask",
        resource="arn:aws:states:::aws-sdk:sagemaker:updateEndpoint",
        parameters={
            "EndpointName": "${EndpointName}",
            "EndpointConfigName.$": "$.wanted",
            "RetainAllVariantProperties": True,
            "ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DesiredWeight"}],
        },
        result_selector={"yes": True, "looks": 0},
        result_path="$.asked",
        timeout_seconds=60,
        retry=on_transient(*SAGEMAKER_TRANSIENT),
    )
    in_service = ChoiceRule.StringEquals("$.endpoint.status", "InService")
    served = ChoiceRule.And([in_service, ChoiceRule.StringEqualsPath("$.endpoint.config", "$.wanted")])
    return _change(name, ask, wanted=config, reached=served, catch=catch)


def set_weights(name: str, *, weights: str, catch: Catch | None = None) -> Parallel:
    """Share the endpoint's traffic anew between the instances that are there.

    Parameters
    ----------
    name
        What the change is called, in the infinitive: `"Set weights"`.
    weights
        Reference path of the weights, a list of `{"VariantName", "DesiredWeight"}`.
    catch
        As for `update_endpoint`.
    """
    ask = Task(
        f"{name}: ask",
        resource="arn:aws:states:::aws-sdk:sagemaker:updateEndpointWeightsAndCapacities",
        parameters={"EndpointName": "${EndpointName}", "DesiredWeightsAndCapacities.$": "$.wanted"},
        result_selector={"yes": True, "looks": 0},
        result_path="$.asked",
        timeout_seconds=60,
        retry=on_transient(*SAGEMAKER_TRANSIENT),
    )
    in_service = ChoiceRule.StringEquals("$.endpoint.status", "InService")
    asked = ChoiceRule.And([in_service, ChoiceRule.BooleanEquals("$.asked.yes", True)])
    return _change(name, ask, wanted=weights, reached=asked, catch=catch)


def _change(name: str, ask: Task, *, wanted: str, reached: Any, catch: Catch | None = None) -> Parallel:
    count = Pass(
        f"{name}: count looks",
        parameters={"yes.$": "$.asked.yes", "looks.$": "States.MathAdd($.asked.looks, 1)"},
        result_path="$.asked",
    )
    wait = Wait(f"{name}: wait", seconds_path="$.asked.looks")
    look = Task(
        f"{name}: look",
        resource="arn:aws:states:::aws-sdk:sagemaker:describeEndpoint",
        parameters={"EndpointName": "${EndpointName}"},
        # A list of the reason, empty where there is none: a path to what is not there would fail.
        result_selector={
            "status.$": "$.EndpointStatus",
            "config.$": "$.EndpointConfigName",
            "reason.$": "$..FailureReason",
        },
        result_path="$.endpoint",
        timeout_seconds=60,
        retry=on_transient(*SAGEMAKER_TRANSIENT),
    )
    late = Fail(
        f"{name}: too late",
        error="EndpointUpdateTimedOut",
        cause_path=(
            "States.Format('the endpoint ${EndpointName} is {} still, after {} looks in more than an hour', "
            "$.endpoint.status, $.asked.looks)"
        ),
    )
    failed = Fail(
        f"{name}: failed",
        error="EndpointUpdateFailed",
        cause_path=(
            "States.Format('the endpoint ${EndpointName} should have {} and is {} with configuration {}; "
            "SageMaker says {}', States.JsonToString($.wanted), $.endpoint.status, $.endpoint.config, "
            "States.JsonToString($.endpoint.reason))"
        ),
    )
    again = Choice(
        f"{name}: again?",
        rules=[(ChoiceRule.NumericLessThan("$.asked.looks", MOST_LOOKS), count)],
        default=late,
    )
    over = Choice(
        f"{name}: over?",
        rules=[
            (ChoiceRule.Or([ChoiceRule.StringEquals("$.endpoint.status", status) for status in _BUSY]), again),
            (reached, Succeed(f"{name}: done")),
            (ChoiceRule.BooleanEquals("$.asked.yes", False), ask),
        ],
        default=failed,
    )
    ask.next(count)
    Chain([count, wait, look, over])
    return Parallel(
        name,
        parameters={"wanted.$": wanted, "asked": {"yes": False, "looks": 0}},
        branches=[look],
        result_path=None,
        **({} if catch is None else {"catch": catch}),
    )
