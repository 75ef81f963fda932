"""Resources of templates, held against what their services refuse.

The emulator makes them past the services' own APIs, before which their limits stand.
"""

import json
from collections.abc import Mapping
from typing import Any

from infra.local.emulator import ResourceRequest
from infra.local.limits import policies
from infra.local.limits.calls import Call
from infra.local.limits.service_limits import ServiceLimits
from infra.local.service_model import InvalidRequestError, member_from_template
from infra.local.wire import Request

#: Resource type -> the operation that makes it, and its members by the properties' names where these differ.
_MADE_BY: Mapping[str, tuple[str, str, Mapping[str, str]]] = {
    "AWS::ApiGateway::Model": ("apigateway", "CreateModel", {"Schema": "schema"}),
    "AWS::ApiGateway::Stage": ("apigateway", "CreateStage", {"StageName": "stageName"}),
    "AWS::Athena::WorkGroup": ("athena", "CreateWorkGroup", {}),
    "AWS::Events::Rule": ("events", "PutRule", {}),
    "AWS::Glue::Database": ("glue", "CreateDatabase", {}),
    "AWS::IAM::ManagedPolicy": ("iam", "CreatePolicy", {"ManagedPolicyName": "PolicyName"}),
    "AWS::IAM::Role": ("iam", "CreateRole", {}),
    "AWS::Kinesis::Stream": ("kinesis", "CreateStream", {"Name": "StreamName"}),
    "AWS::Lambda::Function": ("lambda", "CreateFunction", {}),
    "AWS::Logs::LogGroup": ("logs", "CreateLogGroup", {"LogGroupName": "logGroupName"}),
    "AWS::SNS::Topic": ("sns", "CreateTopic", {"TopicName": "Name"}),
    "AWS::SQS::Queue": ("sqs", "CreateQueue", {}),
    "AWS::SSM::Parameter": ("ssm", "PutParameter", {}),
}
#: Documents that a template may write as objects.
_DOCUMENTS = frozenset({"AssumeRolePolicyDocument", "EventPattern", "PolicyDocument", "Schema"})
_NAMES = {"AWS::SNS::Topic": "Name", "AWS::SQS::Queue": "QueueName"}


class Templates:
    """Refuses resources; a `Judge` of the emulator's CloudFormation.

    Parameters
    ----------
    services
        Those of the services, by botocore's names.
    inline_policies
        See `policies.InlinePolicies`.
    """

    def __init__(self, services: Mapping[str, ServiceLimits], inline_policies: policies.InlinePolicies) -> None:
        self._services = services
        self._inline_policies = inline_policies

    def judge(self, request: ResourceRequest) -> None:
        """Refuse what the resource's service would.

        Raises
        ------
        Refusal
            As the service would answer; CloudFormation shows its message as the reason of the failure.
        """
        self._check_inline_policies(request)
        if request.type not in _MADE_BY:
            return
        service_name, operation, renamed = _MADE_BY[request.type]
        members: dict[str, Any] = {}
        for name, value in request.properties.items():
            text = json.dumps(value) if name in _DOCUMENTS and not isinstance(value, str) else value
            try:
                members |= member_from_template(service_name, operation, renamed.get(name, name), text)
            except InvalidRequestError:
                continue  # not a member, or in another form: the emulator's business
        if request.type in _NAMES and _NAMES[request.type] not in members:
            members[_NAMES[request.type]] = "made-by-cloudformation"
        call = Call(
            service_name, operation, members, Request("POST", "/", {}, b"", {}, request.account, request.region)
        )
        self._services[service_name].check(call)

    def _check_inline_policies(self, request: ResourceRequest) -> None:
        properties = request.properties
        if request.type == "AWS::IAM::Role":
            policies.check_inline(request.physical_id, _documents(properties.get("Policies") or []))
        elif request.type == "AWS::IAM::Policy":
            for role in properties.get("Roles") or []:
                policies.check_inline(role, {**self._inline_policies(role), **_documents([properties])})


def _documents(listed: list[Mapping[str, Any]]) -> dict[str, str]:
    return {
        str(policy.get("PolicyName")): json.dumps(policy.get("PolicyDocument"), separators=(",", ":"))
        for policy in listed
    }
