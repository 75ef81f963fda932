"""``AWS::Glue::Crawler``: refuses what the embedded crawler does not do."""

from collections.abc import Callable

from infra.local.emulator import Resource, ResourceRequest
from infra.local.errors import UnsupportedPropertyError

NOT_DONE = frozenset({"Classifiers", "LakeFormationConfiguration", "Schedule"})


def provision(request: ResourceRequest, emulators: Callable[[ResourceRequest], Resource]) -> Resource:
    """Let the emulator make the crawler.

    Raises
    ------
    UnsupportedPropertyError
        If it has a schedule, classifiers, Lake Formation credentials or targets other than S3.
    """
    refused = sorted(NOT_DONE & set(request.properties))
    refused += [f"Targets.{kind}" for kind in sorted(set(request.properties.get("Targets", {})) - {"S3Targets"})]
    if refused:
        raise UnsupportedPropertyError(request.type, refused)
    return emulators(request)
