"""``AWS::SNS::Topic``: the attributes that the emulator's CloudFormation drops."""

from collections.abc import Callable

from infra.local.clients import Clients
from infra.local.emulator import Resource, ResourceRequest

CARRIED = ("DisplayName", "KmsMasterKeyId", "SignatureVersion", "TracingConfig")
HONOURED = frozenset({*CARRIED, "Subscription", "Tags", "TopicName"})


class Topics:
    """Carries the dropped properties through SNS's own API."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def provision(self, request: ResourceRequest, emulators: Callable[[ResourceRequest], Resource]) -> Resource:
        """Let the emulator make the topic, then set what it left out."""
        request.refuse_other_than(HONOURED)
        made = emulators(request)
        sns = self._clients.root("sns", request.account, request.region)
        for name in CARRIED:
            if request.changed(name):
                value = str(request.properties.get(name, ""))
                sns.set_topic_attributes(TopicArn=made.physical_id, AttributeName=name, AttributeValue=value)
        return made
