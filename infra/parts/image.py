"""The container image of the batch jobs and of the model servers."""

from aws_cdk import aws_ecr_assets as ecr_assets
from constructs import Construct

from infra.archives import ROOT


def jobs_image(scope: Construct) -> ecr_assets.DockerImageAsset:
    """The image, as an asset of the stack that asks.

    Each stack has its own construct of it and all have the same asset: it is built and pushed once, by its hash, and
    no export ties the stacks together.
    """
    return ecr_assets.DockerImageAsset(
        scope,
        "Image",
        directory=str(ROOT),
        file="batch_jobs/Dockerfile",
        platform=ecr_assets.Platform.LINUX_AMD64,
    )
