"""``AWS::Lambda::*``: the network of functions, and nothing without code or function."""

from collections.abc import Callable

from infra.local.clients import Clients
from infra.local.emulator import Resource, ResourceRequest
from infra.local.resource_types.values import boolean


class FunctionTypes:
    """Carries the dropped properties through Lambda's own API."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def provision(self, request: ResourceRequest, emulators: Callable[[ResourceRequest], Resource]) -> Resource:
        """Let the emulator make the function, then give it its network.

        Raises
        ------
        ValueError
            If the code cannot be fetched. Symptom: the emulator deploys a function that answers every event with
            "Mock response - no code deployed".
        """
        made = emulators(request)
        functions = self._clients.root("lambda", request.account, request.region)
        name = {"FunctionName": made.physical_id}
        if not functions.get_function_configuration(**name)["CodeSize"]:
            functions.delete_function(**name)
            raise ValueError(f"the code of {made.physical_id} is not there: {request.properties.get('Code')}")
        if request.changed("VpcConfig"):
            network = request.properties.get("VpcConfig") or {}
            functions.update_function_configuration(
                **name,
                VpcConfig={
                    "SubnetIds": network.get("SubnetIds", []),
                    "SecurityGroupIds": network.get("SecurityGroupIds", []),
                    "Ipv6AllowedForDualStack": boolean(network.get("Ipv6AllowedForDualStack", "false")),
                },
            )
        return made

    def provision_layer(self, request: ResourceRequest, emulators: Callable[[ResourceRequest], Resource]) -> Resource:
        """Let the emulator make the layer version.

        Raises
        ------
        ValueError
            If the code cannot be fetched. Symptom: functions start without the layer, and fail at their imports.
        """
        made = emulators(request)
        layer, _, version = made.physical_id.rpartition(":")
        functions = self._clients.root("lambda", request.account, request.region)
        if not functions.get_layer_version(LayerName=layer, VersionNumber=int(version))["Content"]["CodeSize"]:
            functions.delete_layer_version(LayerName=layer, VersionNumber=int(version))
            raise ValueError(f"the code of {layer} is not there: {request.properties.get('Content')}")
        return made

    def provision_permission(
        self, request: ResourceRequest, emulators: Callable[[ResourceRequest], Resource]
    ) -> Resource:
        """Let the emulator add the permission.

        Raises
        ------
        ValueError
            If there is no such function. Symptom: the emulator takes the permission and forgets it.
        """
        functions = self._clients.root("lambda", request.account, request.region)
        name = str(request.properties["FunctionName"])
        try:
            functions.get_function_configuration(FunctionName=name)
        except functions.exceptions.ResourceNotFoundException as error:
            raise ValueError(f"there is no function {name} to permit anything on") from error
        return emulators(request)
