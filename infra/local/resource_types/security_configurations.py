"""``AWS::Glue::SecurityConfiguration`` as a plain record, which crawlers name."""

from typing import Any

from infra.local.clients import Clients
from infra.local.emulator import Resource, ResourceRequest, ResourceType


class SecurityConfigurations:
    """How Glue encrypts what it writes."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def types(self) -> dict[str, ResourceType]:
        """Return the resource types by name."""
        return {
            "AWS::Glue::SecurityConfiguration": ResourceType(
                create=self._create,
                # Glue has no call that changes one: each change makes another.
                update=self._create,
                delete=lambda request: self._glue(request).delete_security_configuration(Name=request.physical_id),
                properties=frozenset({"EncryptionConfiguration", "Name"}),
            )
        }

    def _create(self, request: ResourceRequest) -> Resource:
        name = request.properties["Name"]
        encryption = dict(request.properties["EncryptionConfiguration"])
        # The template and the API spell this one list differently.
        if "S3Encryptions" in encryption:
            encryption["S3Encryption"] = encryption.pop("S3Encryptions")
        glue = self._glue(request)
        if request.physical_id == name:
            glue.delete_security_configuration(Name=name)
        glue.create_security_configuration(Name=name, EncryptionConfiguration=encryption)
        return Resource(name, {"Id": name})

    def _glue(self, request: ResourceRequest) -> Any:
        return self._clients.root("glue", request.account, request.region)
