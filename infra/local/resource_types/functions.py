"""``AWS::Lambda::Function``: network, keys and concurrency, and no function without code."""

from collections.abc import Callable

from infra.local.clients import Clients
from infra.local.emulator import Resource, ResourceRequest
from infra.local.errors import UnsupportedPropertyError
from infra.local.resource_types.values import boolean, integer

HONOURED = frozenset(
    {
        "Architectures",
        "Code",
        "DeadLetterConfig",
        "Description",
        "Environment",
        "EphemeralStorage",
        "FunctionName",
        "Handler",
        "KmsKeyArn",
        "Layers",
        "LoggingConfig",
        "MemorySize",
        "PackageType",
        "ReservedConcurrentExecutions",
        "Role",
        "Runtime",
        "Tags",
        "Timeout",
        "TracingConfig",
        "VpcConfig",
    }
)


class FunctionTypes:
    """Carries the dropped properties through Lambda's own API."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def provision(self, request: ResourceRequest, emulators: Callable[[ResourceRequest], Resource]) -> Resource:
        """Let the emulator make the function, then set what it left out.

        Raises
        ------
        UnsupportedPropertyError
            See there; also for functions that are container images, which would need a Docker engine.
        ValueError
            If the code cannot be fetched. Symptom: the emulator deploys a function that answers every event with
            "Mock response - no code deployed".
        """
        request.refuse_other_than(HONOURED)
        if "ImageUri" in request.properties.get("Code", {}):
            raise UnsupportedPropertyError(request.type, ["Code.ImageUri"])
        made = emulators(request)
        functions = self._clients.root("lambda", request.account, request.region)
        name = {"FunctionName": made.physical_id}
        if not functions.get_function_configuration(**name)["CodeSize"]:
            functions.delete_function(**name)
            raise ValueError(f"the code of {made.physical_id} is not there: {request.properties.get('Code')}")
        if request.changed("VpcConfig", "KmsKeyArn", "DeadLetterConfig"):
            network = request.properties.get("VpcConfig") or {}
            functions.update_function_configuration(
                **name,
                VpcConfig={
                    "SubnetIds": network.get("SubnetIds", []),
                    "SecurityGroupIds": network.get("SecurityGroupIds", []),
                    "Ipv6AllowedForDualStack": boolean(network.get("Ipv6AllowedForDualStack", "false")),
                },
                KMSKeyArn=str(request.properties.get("KmsKeyArn", "")),
                DeadLetterConfig=request.properties.get("DeadLetterConfig") or {},
            )
        if "ReservedConcurrentExecutions" in request.properties:
            reserved = integer(request.properties["ReservedConcurrentExecutions"])
            functions.put_function_concurrency(**name, ReservedConcurrentExecutions=reserved)
        elif "ReservedConcurrentExecutions" in request.previous:
            functions.delete_function_concurrency(**name)
        return made
