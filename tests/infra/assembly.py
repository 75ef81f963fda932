"""What `cdk synth` put out, as plain data that tests can ask."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from infra.naming import Names

ACCOUNT = "123456789012"
NAMES = Names("staging", "us-east-1", ACCOUNT)
PSEUDO_PARAMETERS = {
    "AWS::Region": "us-east-1",
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
}


@dataclass(frozen=True)
class Resource:
    """One resource of a template."""

    stack: str
    logical_id: str
    body: dict[str, Any]

    @property
    def type(self) -> str:
        return self.body["Type"]

    @property
    def properties(self) -> dict[str, Any]:
        return self.body.get("Properties", {})

    def __str__(self) -> str:
        return f"{self.stack}/{self.logical_id}"


@dataclass(frozen=True)
class Assembly:
    """The templates of one synthesis, by section of the app."""

    directory: Path

    @cached_property
    def templates(self) -> dict[str, dict[str, Any]]:
        templates = {}
        for path in sorted(self.directory.glob("*.template.json")):
            section = path.name.removeprefix("ml-pipeline-").split("-")[0]
            templates[section] = json.loads(path.read_text())
        return templates

    @cached_property
    def resources(self) -> list[Resource]:
        return [
            Resource(section, logical_id, body)
            for section, template in self.templates.items()
            for logical_id, body in template["Resources"].items()
        ]

    def dependencies(self, stack: str) -> list[str]:
        """Names of the stacks that are deployed before a stack, given its name."""
        manifest = json.loads((self.directory / "manifest.json").read_text())
        return manifest["artifacts"][stack]["dependencies"]

    def of_type(self, kind: str, stack: str | None = None) -> list[Resource]:
        return [r for r in self.resources if r.type == kind and stack in (None, r.stack)]

    def one(self, kind: str, **properties: Any) -> Resource:
        """The only resource of a type with these properties."""
        found = [r for r in self.of_type(kind) if all(r.properties.get(k) == v for k, v in properties.items())]
        assert len(found) == 1, f"{len(found)} resources {kind} with {properties}"
        return found[0]

    def resolve(self, value: Any, stack: str) -> Any:
        """Replace references by the names that they stand for on AWS, as far as the templates tell them."""
        if isinstance(value, list):
            return [self.resolve(item, stack) for item in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((function, argument),) = value.items()
            if function == "Fn::ImportValue":
                return self._exports[argument]
            if function == "Fn::Join":
                return argument[0].join(str(self.resolve(part, stack)) for part in argument[1])
            if function == "Fn::Sub" and isinstance(argument, str):
                return re.sub(r"\$\{([^}]+)\}", lambda match: self._substitute(stack, match[1]), argument)
            if function == "Fn::GetAtt":
                return self._attribute(stack, argument[0], argument[1])
            if function == "Ref":
                return self._reference(stack, argument)
        return {key: self.resolve(item, stack) for key, item in value.items()}

    @cached_property
    def _exports(self) -> dict[str, Any]:
        return {
            output["Export"]["Name"]: self.resolve(output["Value"], section)
            for section, template in self.templates.items()
            for output in template.get("Outputs", {}).values()
            if "Export" in output
        }

    def _substitute(self, stack: str, reference: str) -> str:
        logical_id, _, attribute = reference.partition(".")
        return self._attribute(stack, logical_id, attribute) if attribute else self._reference(stack, logical_id)

    def _reference(self, stack: str, logical_id: str) -> str:
        if logical_id in PSEUDO_PARAMETERS:
            return PSEUDO_PARAMETERS[logical_id]
        kind = self.templates[stack]["Resources"][logical_id]["Type"]
        if kind in ("AWS::SNS::Topic", "AWS::StepFunctions::StateMachine"):
            return self._attribute(stack, logical_id, "Arn")
        return _own_name(self.templates[stack]["Resources"][logical_id]) or logical_id

    def _attribute(self, stack: str, logical_id: str, attribute: str) -> str:
        body = self.templates[stack]["Resources"][logical_id]
        name = _own_name(body) or logical_id
        if "Arn" not in attribute:
            return f"{logical_id}.{attribute}"
        if body["Type"] == "AWS::StepFunctions::StateMachineVersion":
            return f"{self.resolve(body['Properties']['StateMachineArn'], stack)}:1"
        if body["Type"] == "AWS::StepFunctions::StateMachineAlias":
            (routed,) = self.resolve(body["Properties"]["RoutingConfiguration"], stack)
            machine, _, _ = routed["StateMachineVersionArn"].rpartition(":")
            return f"{machine}:{body['Properties']['Name']}"
        service = {
            "AWS::S3::Bucket": f"arn:aws:s3:::{name}",
            "AWS::Lambda::Function": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}",
            "AWS::KMS::Key": f"arn:aws:kms:us-east-1:{ACCOUNT}:key/{name}",
            "AWS::SNS::Topic": f"arn:aws:sns:us-east-1:{ACCOUNT}:{name}",
            "AWS::Logs::LogGroup": f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{name}:*",
            "AWS::DynamoDB::Table": f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/{name}",
            "AWS::Batch::JobQueue": f"arn:aws:batch:us-east-1:{ACCOUNT}:job-queue/{name}",
            "AWS::IAM::Role": f"arn:aws:iam::{ACCOUNT}:role/{name}",
            "AWS::Kinesis::Stream": f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/{name}",
            "AWS::SQS::Queue": f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}",
            "AWS::StepFunctions::StateMachine": f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:{name}",
        }
        return service.get(body["Type"], f"{logical_id}.{attribute}")

    def statements(self, role: str) -> list[dict[str, Any]]:
        """All policy statements of a role, given its name, with references resolved and lists for single values."""
        found = []
        for policy in self.of_type("AWS::IAM::Policy"):
            roles = [self.resolve(r, policy.stack) for r in policy.properties["Roles"]]
            if role in roles:
                found += [normalised(self.resolve(s, policy.stack)) for s in _statements(policy)]
        return found

    def policies(self) -> Iterator[tuple[Resource, dict[str, Any]]]:
        """Each identity policy with its document, references resolved."""
        for policy in self.of_type("AWS::IAM::Policy"):
            yield policy, self.resolve(policy.properties["PolicyDocument"], policy.stack)

    def resource_policies(self) -> Iterator[tuple[Resource, dict[str, Any]]]:
        """Each policy that hangs on a resource, a role's trust among them, with its document, references resolved."""
        for resource in self.resources:
            for name in ("PolicyDocument", "KeyPolicy", "AssumeRolePolicyDocument"):
                if name in resource.properties and resource.type != "AWS::IAM::Policy":
                    yield resource, self.resolve(resource.properties[name], resource.stack)

    def role_of(self, function: Resource) -> str:
        """Name of the role of a Lambda function."""
        return self.resolve(function.properties["Role"], function.stack).rsplit("/", 1)[1]

    def allowed(self, role: str) -> set[tuple[str, str]]:
        """Pairs of action and resource that a role is allowed."""
        return {
            (action, resource)
            for statement in self.statements(role)
            if statement["Effect"] == "Allow"
            for action in statement["Action"]
            for resource in statement["Resource"]
        }


def normalised(statement: dict[str, Any]) -> dict[str, Any]:
    """A statement whose actions and resources are lists."""
    as_list = {k: v if isinstance(v, list) else [v] for k, v in statement.items() if k in ("Action", "Resource")}
    return {**statement, **as_list}


def _statements(policy: Resource) -> list[dict[str, Any]]:
    return policy.properties["PolicyDocument"]["Statement"]


NAME_PROPERTIES = {
    "AWS::ApiGateway::ApiKey": "Name",
    "AWS::ApiGateway::RestApi": "Name",
    "AWS::ApiGateway::UsagePlan": "UsagePlanName",
    "AWS::ApplicationAutoScaling::ScalingPolicy": "PolicyName",
    "AWS::Athena::WorkGroup": "Name",
    "AWS::Batch::ComputeEnvironment": "ComputeEnvironmentName",
    "AWS::Batch::JobDefinition": "JobDefinitionName",
    "AWS::Batch::JobQueue": "JobQueueName",
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::CloudWatch::CompositeAlarm": "AlarmName",
    "AWS::CloudWatch::Dashboard": "DashboardName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::EC2::SecurityGroup": "GroupName",
    "AWS::Events::Rule": "Name",
    "AWS::Glue::Crawler": "Name",
    "AWS::Glue::SecurityConfiguration": "Name",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Role": "RoleName",
    "AWS::KMS::Alias": "AliasName",
    "AWS::Kinesis::Stream": "Name",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Lambda::LayerVersion": "LayerName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::SageMaker::Endpoint": "EndpointName",
    "AWS::SageMaker::EndpointConfig": "EndpointConfigName",
    "AWS::SageMaker::Model": "ModelName",
    "AWS::Scheduler::ScheduleGroup": "Name",
    "AWS::StepFunctions::StateMachine": "StateMachineName",
}


def _own_name(body: dict[str, Any]) -> str | None:
    return body.get("Properties", {}).get(NAME_PROPERTIES.get(body["Type"], ""))
