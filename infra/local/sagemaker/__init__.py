"""SageMaker hosting that really serves: each instance of a variant is a model server process of this machine.

Models, endpoint configurations and endpoints have the life that boto3 knows: an endpoint fails or is rolled back
silently where AWS does so, requests are routed by weights, a process that dies is replaced. The archive and the image
of a model are fetched with its role. An image in the embedded ECR stands for the `batch_jobs` command line of this
very code, as in `infra.local.batch.images`.

Not enforced, because a plain process cannot have it: the network configuration, the size of an instance, and the
encryption of its volume. With network isolation a model server gets neither credentials nor an endpoint URL; without
it, its role's credentials are good for 12 hours. What would change what is answered and is not emulated is refused by
name.

Logs are written with the model's role's permission, and not at all without it, as on AWS.

``ML_PIPELINE_LOCAL_STARTUP_SECONDS`` shortens the 8 minutes in which a new instance must be healthy.
"""

import os

from infra.local.emulator import Emulator
from infra.local.sagemaker.artifacts import Artifacts
from infra.local.sagemaker.authorization import resources_of
from infra.local.sagemaker.errors import ApiError
from infra.local.sagemaker.fleet import Limits
from infra.local.sagemaker.logs import EndpointLogs
from infra.local.sagemaker.metrics import Metrics
from infra.local.sagemaker.resources import SageMakerResources
from infra.local.sagemaker.service import SageMakerService

__all__ = ["ApiError", "Artifacts", "Limits", "Metrics", "SageMakerService", "install"]

STARTUP_VARIABLE = "ML_PIPELINE_LOCAL_STARTUP_SECONDS"


def install(emulator: Emulator) -> SageMakerService:
    """Serve SageMaker's control plane and runtime, and its resource types in CloudFormation."""
    artifacts = Artifacts(emulator.url, emulator.identities, emulator.directory / "sagemaker")
    logs = EndpointLogs(emulator.services, emulator.permissions)
    limits = Limits(startup=float(os.environ.get(STARTUP_VARIABLE, Limits.startup)))
    service = SageMakerService(artifacts, logs, Metrics(emulator.services), limits)
    emulator.services.register(
        "sagemaker",
        service.handle,
        target_prefixes=("SageMaker.",),
        rest_models=("sagemaker-runtime",),
        save=service.save,
        load=service.load,
        reset=service.reset,
    )
    for name, resource_type in SageMakerResources(service).types().items():
        emulator.resources.register(name, resource_type)
    emulator.permissions.name_resources("sagemaker", resources_of)
    emulator.at_stop(service.stop)
    return service
