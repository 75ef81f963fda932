"""``AWS::StepFunctions::*`` through Step Functions' own API, so that a bad definition fails the deployment."""

import json
import re
from collections.abc import Mapping
from typing import Any

from infra.local.clients import Clients
from infra.local.emulator import Resource, ResourceRequest, ResourceType
from infra.local.errors import UnsupportedPropertyError
from infra.local.resource_types.values import boolean, integer, lower_first, present

STATE_MACHINE = "AWS::StepFunctions::StateMachine"
VERSION = "AWS::StepFunctions::StateMachineVersion"
ALIAS = "AWS::StepFunctions::StateMachineAlias"


class StateMachineTypes:
    """State machines, their versions and aliases."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def types(self) -> dict[str, ResourceType]:
        """Return the resource types by name."""
        return {
            STATE_MACHINE: ResourceType(
                create=self._create,
                update=self._update,
                delete=lambda request: self._states(request).delete_state_machine(stateMachineArn=request.physical_id),
                properties=frozenset(
                    {
                        "Definition",
                        "DefinitionS3Location",
                        "DefinitionString",
                        "DefinitionSubstitutions",
                        "EncryptionConfiguration",
                        "LoggingConfiguration",
                        "RoleArn",
                        "StateMachineName",
                        "StateMachineType",
                        "Tags",
                        "TracingConfiguration",
                    }
                ),
            ),
            VERSION: ResourceType(
                create=self._publish,
                update=self._publish_anew,
                delete=lambda request: self._states(request).delete_state_machine_version(
                    stateMachineVersionArn=request.physical_id
                ),
                properties=frozenset({"Description", "StateMachineArn", "StateMachineRevisionId"}),
            ),
            ALIAS: ResourceType(
                create=self._create_alias,
                update=self._update_alias,
                delete=lambda request: self._states(request).delete_state_machine_alias(
                    stateMachineAliasArn=request.physical_id
                ),
                properties=frozenset({"DeploymentPreference", "Description", "Name", "RoutingConfiguration"}),
            ),
        }

    def _create(self, request: ResourceRequest) -> Resource:
        made = self._states(request).create_state_machine(
            name=request.name("StateMachineName", 80),
            type=request.properties.get("StateMachineType", "STANDARD"),
            tags=_tags(request.properties),
            **self._settings(request),
        )
        return self._described(request, made["stateMachineArn"])

    def _update(self, request: ResourceRequest) -> Resource:
        if request.changed("StateMachineName", "StateMachineType"):
            return self._create(request)
        states = self._states(request)
        states.update_state_machine(stateMachineArn=request.physical_id, **self._settings(request))
        dropped = {tag["key"] for tag in _tags(request.previous)} - {tag["key"] for tag in _tags(request.properties)}
        if dropped:
            states.untag_resource(resourceArn=request.physical_id, tagKeys=sorted(dropped))
        states.tag_resource(resourceArn=request.physical_id, tags=_tags(request.properties))
        return self._described(request, request.physical_id)

    def _described(self, request: ResourceRequest, arn: str) -> Resource:
        found = self._states(request).describe_state_machine(stateMachineArn=arn)
        return Resource(
            arn, {"Arn": arn, "Name": found["name"], "StateMachineRevisionId": found.get("revisionId", "INITIAL")}
        )

    def _settings(self, request: ResourceRequest) -> dict[str, Any]:
        properties = request.properties
        logging = lower_first(properties.get("LoggingConfiguration") or {"Level": "OFF"})
        logging["includeExecutionData"] = boolean(logging.get("includeExecutionData", "false"))
        tracing = properties.get("TracingConfiguration") or {}
        encryption = lower_first(properties.get("EncryptionConfiguration"))
        if encryption and "kmsDataKeyReusePeriodSeconds" in encryption:
            encryption["kmsDataKeyReusePeriodSeconds"] = integer(encryption["kmsDataKeyReusePeriodSeconds"])
        return present(
            definition=self._definition(request),
            roleArn=properties["RoleArn"],
            loggingConfiguration=logging,
            tracingConfiguration={"enabled": boolean(tracing.get("Enabled", "false"))},
            encryptionConfiguration=encryption,
        )

    def _definition(self, request: ResourceRequest) -> str:
        properties = request.properties
        if "DefinitionString" in properties:
            text = str(properties["DefinitionString"])
        elif "Definition" in properties:
            text = json.dumps(properties["Definition"])
        elif "DefinitionS3Location" in properties:
            where = properties["DefinitionS3Location"]
            s3 = self._clients.root("s3", request.account, request.region)
            version = present(VersionId=where.get("Version"))
            text = s3.get_object(Bucket=where["Bucket"], Key=where["Key"], **version)["Body"].read().decode()
        else:
            raise ValueError("a state machine needs DefinitionString, Definition or DefinitionS3Location")
        return substituted(text, properties.get("DefinitionSubstitutions") or {})

    def _publish(self, request: ResourceRequest) -> Resource:
        published = self._states(request).publish_state_machine_version(
            **present(
                stateMachineArn=request.properties["StateMachineArn"],
                revisionId=request.properties.get("StateMachineRevisionId"),
                description=request.properties.get("Description"),
            )
        )
        arn = published["stateMachineVersionArn"]
        return Resource(arn, {"Arn": arn})

    def _publish_anew(self, request: ResourceRequest) -> Resource:
        if request.changed("StateMachineArn", "StateMachineRevisionId", "Description"):
            return self._publish(request)
        return Resource(request.physical_id, {"Arn": request.physical_id})

    def _create_alias(self, request: ResourceRequest) -> Resource:
        made = self._states(request).create_state_machine_alias(
            name=request.name("Name", 80), description=request.properties.get("Description", ""), **_routing(request)
        )
        arn = made["stateMachineAliasArn"]
        return Resource(arn, {"Arn": arn})

    def _update_alias(self, request: ResourceRequest) -> Resource:
        if request.changed("Name"):
            return self._create_alias(request)
        self._states(request).update_state_machine_alias(
            stateMachineAliasArn=request.physical_id,
            description=request.properties.get("Description", ""),
            **_routing(request),
        )
        return Resource(request.physical_id, {"Arn": request.physical_id})

    def _states(self, request: ResourceRequest) -> Any:
        return self._clients.root("stepfunctions", request.account, request.region)


def substituted(definition: str, substitutions: Mapping[str, Any]) -> str:
    """Replace ``${name}`` by its value for every name in `substitutions`; other ``${…}`` stay as they are.

    Source: AWS CloudFormation template reference, ``AWS::StepFunctions::StateMachine`` DefinitionSubstitutions.
    """

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        return str(substitutions[name]) if name in substitutions else match.group(0)

    return re.sub(r"\$\{([^{}]+)\}", value, definition)


def _routing(request: ResourceRequest) -> dict[str, Any]:
    preference = request.properties.get("DeploymentPreference")
    if preference is None:
        routes = request.properties["RoutingConfiguration"]
        return {
            "routingConfiguration": [
                {"stateMachineVersionArn": route["StateMachineVersionArn"], "weight": integer(route["Weight"])}
                for route in routes
            ]
        }
    if preference["Type"] != "ALL_AT_ONCE":
        raise UnsupportedPropertyError(request.type, [f"DeploymentPreference.Type {preference['Type']}"])
    return {"routingConfiguration": [{"stateMachineVersionArn": preference["StateMachineVersionArn"], "weight": 100}]}


def _tags(properties: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"key": tag["Key"], "value": tag["Value"]} for tag in properties.get("Tags") or []]
