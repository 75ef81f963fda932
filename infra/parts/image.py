"""The container image of the batch jobs and of the model servers: two stages of one Dockerfile."""

from aws_cdk import aws_ecr_assets as ecr_assets
from constructs import Construct

from infra.archives import ROOT

#: Stage of the model servers. SageMaker asks for root (SageMaker developer guide, "Custom Inference Code with Hosting
#: Services").
SERVER = "server"
#: Stage of the jobs: the same layers, and a user without powers.
JOBS = "jobs"

#: What BuildKit is to make: an image for the engine's own store, with manifest and layers of Docker's schema 2, as
#: SageMaker takes no other (decision 13). By itself BuildKit writes OCI media types, and keeps the compression of the
#: base image's layers, which may be one that only OCI knows (Docker documentation, "OCI and Docker exporters" and
#: "Exporters overview", sections "OCI media types" and "Compression").
OUTPUT = "type=docker,oci-mediatypes=false,compression=gzip,force-compression=true"


def container_image(scope: Construct, stage: str) -> ecr_assets.DockerImageAsset:
    """The image of a stage, as an asset of the stack that asks: no export ties the stacks together.

    Parameters
    ----------
    scope
        The stack.
    stage
        `SERVER` or `JOBS`.
    """
    return ecr_assets.DockerImageAsset(
        scope,
        "Image",
        directory=str(ROOT),
        file="batch_jobs/Dockerfile",
        target=stage,
        # Apple silicon would build for itself otherwise; the jobs and the instances of the models are x86-64.
        platform=ecr_assets.Platform.LINUX_AMD64,
        outputs=[OUTPUT],
    )
