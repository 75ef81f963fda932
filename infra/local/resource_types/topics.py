"""``AWS::SNS::Topic``: the key, which the emulator's CloudFormation drops."""

from collections.abc import Callable

from infra.local.clients import Clients
from infra.local.emulator import Resource, ResourceRequest

KEY = "KmsMasterKeyId"


class Topics:
    """Carries the dropped property through SNS's own API."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def provision(self, request: ResourceRequest, emulators: Callable[[ResourceRequest], Resource]) -> Resource:
        """Let the emulator make the topic, then set what it left out."""
        made = emulators(request)
        if request.changed(KEY):
            sns = self._clients.root("sns", request.account, request.region)
            key = str(request.properties.get(KEY, ""))
            sns.set_topic_attributes(TopicArn=made.physical_id, AttributeName=KEY, AttributeValue=key)
        return made
