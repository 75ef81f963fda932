"""Which resources a call of SageMaker's API is authorized on.

Facts: Service Authorization Reference, "Actions, resources, and condition keys for Amazon SageMaker".
"""

from urllib.parse import unquote

from infra.local.sagemaker.addresses import CONFIG, ENDPOINT, MODEL, Place
from infra.local.wire import Request

# Ending of an operation's name -> members that name a resource, each with the resource's kind. The first that fits.
_NAMING: tuple[tuple[str, dict[str, str]], ...] = (
    ("Model", {"ModelName": MODEL}),
    ("EndpointConfig", {"EndpointConfigName": CONFIG}),
    ("Endpoint", {"EndpointName": ENDPOINT, "EndpointConfigName": CONFIG}),
    ("EndpointWeightsAndCapacities", {"EndpointName": ENDPOINT}),
)


def resources_of(request: Request) -> list[str]:
    """Return the ARNs that a caller's policies must all allow; ``*`` for calls without narrower resources.

    A malformed request names nothing narrower: it is refused afterwards.
    """
    place = Place(request.account, request.region)
    if not request.action:
        return [place.arn(ENDPOINT, invoked_endpoint(request))]
    try:
        members = request.json()
    except ValueError:
        return ["*"]
    if "ResourceArn" in members:
        return [str(members["ResourceArn"])]
    for ending, naming in _NAMING:
        if request.action.endswith(ending):
            return [place.arn(kind, str(members[name])) for name, kind in naming.items() if name in members] or ["*"]
    return ["*"]


def invoked_endpoint(request: Request) -> str:
    """Return the endpoint's name in the path of a call of SageMaker's runtime (``/endpoints/{name}/invocations``)."""
    return unquote(request.path.removeprefix("/endpoints/").partition("/")[0])
