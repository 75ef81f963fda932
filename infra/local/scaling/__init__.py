"""Application Auto Scaling of SageMaker's variants: target tracking on their invocations per instance.

A policy changes the number of model servers as it changes instances on AWS: out after three periods above the target,
in after fifteen below 90% of it, within limits, cooldowns and suspensions; variants without invocations are left alone.
Here the invocations that the endpoints count are looked at themselves: **the two CloudWatch alarms of a policy are not
made**, neither DescribeAlarms nor ``Alarms`` of a policy show them. Datapoints do not survive a restart.

``ML_PIPELINE_LOCAL_SCALING_PERIOD_SECONDS`` makes a period shorter than a minute, and cooldowns as much shorter.

Namespaces other than ``sagemaker``, dimensions other than ``sagemaker:variant:DesiredInstanceCount``, step and
predictive scaling, scheduled actions, reasons for not scaling and custom metrics are refused by name.
"""

import os

from infra.local.emulator import Emulator
from infra.local.sagemaker import SageMakerService
from infra.local.scaling.resources import ScalingResources
from infra.local.scaling.scaler import PERIOD_SECONDS, Pace
from infra.local.scaling.service import SERVICE, ScalingService
from infra.local.scaling.variants import HostedVariants
from infra.local.wire import Request

__all__ = ["ScalingService", "install"]

PERIOD_VARIABLE = "ML_PIPELINE_LOCAL_SCALING_PERIOD_SECONDS"


def install(emulator: Emulator, hosting: SageMakerService) -> None:
    """Serve Application Auto Scaling, and its resource types in CloudFormation."""
    service = ScalingService(HostedVariants(hosting), Pace(float(os.environ.get(PERIOD_VARIABLE, PERIOD_SECONDS))))
    emulator.services.register(
        SERVICE,
        service.handle,
        target_prefixes=("AnyScaleFrontendService.",),
        save=service.save,
        load=service.load,
        reset=service.reset,
    )
    for name, resource_type in ScalingResources(service).types().items():
        emulator.resources.register(name, resource_type)
    emulator.permissions.name_resources(SERVICE, resources_of)
    service.start()
    emulator.at_stop(service.stop)


def resources_of(request: Request) -> list[str]:
    """Return the resource type that a call is authorized on: a target's own id is known to the service alone.

    Facts: Service Authorization Reference, "Actions, resources, and condition keys for AWS Application Auto Scaling".
    """
    if request.action.startswith("Describe"):
        return ["*"]
    return [f"arn:aws:application-autoscaling:{request.region}:{request.account}:scalable-target/*"]
