"""Application Auto Scaling: scalable targets and target tracking policies of SageMaker's variants, as records.

They can be registered, described, changed and deleted as on AWS, and are refused where AWS refuses them, but nobody
acts on them yet: **no policy changes the number of instances**, no alarms are made, and DescribeScalingActivities is
empty. Namespaces other than ``sagemaker``, dimensions other than ``sagemaker:variant:DesiredInstanceCount``, step and
predictive scaling, scheduled actions and custom metrics are refused by name.
"""

from infra.local.emulator import Emulator
from infra.local.errors import ServiceCallError
from infra.local.scaling.resources import ScalingResources
from infra.local.scaling.service import SERVICE, ScalingService
from infra.local.scaling.targets import Place
from infra.local.wire import Request

__all__ = ["ScalingService", "install"]


def install(emulator: Emulator) -> None:
    """Serve Application Auto Scaling, and its resource types in CloudFormation."""

    def has_variant(place: Place, endpoint: str, variant: str) -> bool:
        with emulator.services.scope(place.account, place.region):
            try:
                found = emulator.services.call("sagemaker", "SageMaker.DescribeEndpoint", {"EndpointName": endpoint})
            except ServiceCallError:
                return False
        return any(summary["VariantName"] == variant for summary in found["ProductionVariants"])

    service = ScalingService(has_variant)
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


def resources_of(request: Request) -> list[str]:
    """Return the resource type that a call is authorized on: a target's own id is known to the service alone.

    Facts: Service Authorization Reference, "Actions, resources, and condition keys for AWS Application Auto Scaling".
    """
    if request.action.startswith("Describe"):
        return ["*"]
    return [f"arn:aws:application-autoscaling:{request.region}:{request.account}:scalable-target/*"]
