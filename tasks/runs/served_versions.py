"""Which variant of the endpoint serves a model version, as a run sees it before it starts."""

from __future__ import annotations

from typing import Any

from tasks.aws import client
from tasks.deployment.serving import ControlPlane
from tasks.errors import EndpointBusy, EndpointUnavailable, InvalidDeployment, VersionNotServed

_ANOTHER_WAY = "Wait, deploy the version, or score with the scorer container"


class ServedVersions:
    """What an endpoint serves.

    Parameters
    ----------
    endpoint
        Name of the endpoint; empty where a deployment has none.
    sagemaker
        A botocore client of `sagemaker`; default: the process's own, made when it is needed, for that takes a while.
    """

    def __init__(self, endpoint: str, sagemaker: Any = None) -> None:
        self._endpoint, self._sagemaker = endpoint, sagemaker

    def variant_with(self, version_id: str, *, even_if_busy: bool = False) -> str:
        """The name of the variant that serves a version; of two the one with more instances.

        A version that is served now may be replaced at any time: whoever asks the variant compares the version that
        its answers name.

        Parameters
        ----------
        even_if_busy
            Whether it may be an endpoint that is being changed: until that ends, what was there before answers.

        Raises
        ------
        VersionNotServed
            If there is no endpoint, it is not in service, or no variant with an instance serves the version; says what
            is served.
        ServiceUnavailable, AccessRefused
            If SageMaker does not say.
        """
        if not self._endpoint:
            raise VersionNotServed("the deployment has no endpoint; score with the scorer container")
        sagemaker = self._sagemaker or client("sagemaker", attempts=3, connect_seconds=2, read_seconds=10)
        try:
            endpoint = ControlPlane(self._endpoint, sagemaker)
            served = endpoint.served_meanwhile() if even_if_busy else endpoint.served()
        except (EndpointBusy, EndpointUnavailable, InvalidDeployment) as error:
            raise VersionNotServed(f"{error}. {_ANOTHER_WAY}") from error
        able = [variant for variant in served.with_version(version_id) if variant.instances]
        if not able:
            raise VersionNotServed(
                f"no variant of the endpoint {self._endpoint} with an instance serves {version_id} "
                f"({served.in_words()}). {_ANOTHER_WAY}"
            )
        return max(able, key=lambda variant: variant.instances).name
