"""The definitions that a deployment of the workflows would bring, with the placeholders filled in beforehand."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from infra.cli.terminal.errors import UnavailableError
from infra.cli.terminal.target import Target

_PLACEHOLDER = re.compile(r"\$\{(?P<name>[\w.:]+)\}")
STATE_MACHINE = "AWS::StepFunctions::StateMachine"


@dataclass(frozen=True)
class Planned:
    """What a template says of one state machine.

    Parameters
    ----------
    state_machine
        Its name.
    definition
        Its definition as Step Functions will get it.
    is_certain
        Whether nothing in it has to wait for the deployment to be known.
    """

    state_machine: str
    definition: str
    is_certain: bool


class Surroundings:
    """What is deployed around a template, and gives its references their values.

    Parameters
    ----------
    target
        Where.
    stack
        Name of the template's own stack, deployed or not.
    """

    def __init__(self, target: Target, stack: str) -> None:
        self._target = target
        self._stack = stack
        #: What could not be given a value.
        self.unknown: set[str] = set()

    @cached_property
    def exports(self) -> Mapping[str, str]:
        """Values that the stacks export, by name."""
        pages = self._target.client("cloudformation").get_paginator("list_exports").paginate()
        return {export["Name"]: export["Value"] for page in pages for export in page["Exports"]}

    @cached_property
    def resources(self) -> Mapping[str, str]:
        """Physical ids of the stack's resources, by logical id; none, if it is not deployed."""
        return {
            resource["LogicalResourceId"]: resource.get("PhysicalResourceId", "")
            for resource in stack_resources(self._target, self._stack)
        }

    @cached_property
    def pseudo(self) -> Mapping[str, str]:
        """CloudFormation's pseudo parameters."""
        return {
            "AWS::AccountId": self._target.account,
            "AWS::Partition": "aws",
            "AWS::Region": self._target.region,
            "AWS::StackName": self._stack,
            "AWS::URLSuffix": "amazonaws.com",
        }

    def text(self, value: Any) -> str:
        """Evaluate a value of the template (CloudFormation user guide, "Intrinsic function reference")."""
        match value:
            case {"Ref": name} if known := self.pseudo.get(name) or self.resources.get(name):
                return known
            case {"Fn::ImportValue": name}:
                return self.exports[self.text(name)]
            case {"Fn::GetAtt": [resource, "Arn"]} if self.resources.get(resource, "").startswith("arn:"):
                return self.resources[resource]
            case {"Fn::Join": [glue, parts]}:
                return str(glue).join(self.text(part) for part in parts)
            case {"Fn::Sub": [pattern, values]}:
                return filled(pattern, {**self.pseudo, **{name: self.text(each) for name, each in values.items()}})
            case {"Fn::Sub": pattern}:
                return filled(pattern, self.pseudo)
            case dict():
                (operand,) = value.values()
                name = operand if isinstance(operand, str) else ".".join(str(part) for part in operand)
                self.unknown.add(name)
                return f"<{name}>"
        return str(value)


def stack_resources(target: Target, stack: str) -> list[dict[str, Any]]:
    """List the resources of a stack, as ListStackResources tells of them; none, if it is not there."""
    cloudformation = target.client("cloudformation")
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
    try:
        return [resource for page in pages for resource in page["StackResourceSummaries"]]
    except cloudformation.exceptions.ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":
            return []
        raise


def planned(template: Mapping[str, Any], around: Surroundings) -> list[Planned]:
    """Read the state machines of a template, as they will be once it is deployed.

    What only the deployment can tell, such as the ARN of a resource that is not there yet, is shown as `<its name>`.

    Raises
    ------
    UnavailableError
        If the template refers to exports of other stacks that are not deployed.
    """
    missing = sorted(set(_imports(template["Resources"])) - set(around.exports))
    if missing:
        raise UnavailableError(
            f"The workflows need what other stacks do not export yet: {', '.join(missing)}.",
            "Deploy everything first: `ml-pipeline deploy`.",
        )
    found = []
    for resource in template["Resources"].values():
        if resource["Type"] == STATE_MACHINE:
            properties = resource["Properties"]
            around.unknown.clear()
            values = {name: around.text(v) for name, v in properties.get("DefinitionSubstitutions", {}).items()}
            definition = filled(around.text(properties["DefinitionString"]), values)
            name = around.text(properties["StateMachineName"])
            found.append(Planned(name, definition, is_certain=not around.unknown))
    return found


def _imports(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        name = value.get("Fn::ImportValue")
        if isinstance(name, str):
            yield name
        for part in value.values():
            yield from _imports(part)
    elif isinstance(value, list):
        for part in value:
            yield from _imports(part)


def filled(pattern: str, values: Mapping[str, str]) -> str:
    """Fill in the placeholders `${name}` that there are values for."""
    return _PLACEHOLDER.sub(lambda match: values.get(match["name"], match[0]), pattern)
