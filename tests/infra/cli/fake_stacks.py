"""A CloudFormation that has the stacks which a test puts there; moto's needs packages that nothing else here does."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError


@dataclass
class FakeCloudFormation:
    """The calls of CloudFormation that the command line makes."""

    stacks: dict[str, dict[str, Any]] = field(default_factory=dict)
    exceptions: Any = field(default_factory=lambda: SimpleNamespace(ClientError=ClientError))

    def add(
        self,
        name: str,
        resources: dict[str, tuple[str, str]] | None = None,
        exports: dict[str, str] | None = None,
        outputs: dict[str, str] | None = None,
        retained: tuple[str, ...] = (),
        status: str = "CREATE_COMPLETE",
    ) -> None:
        """Put a stack there; its resources are type and physical id by logical id."""
        self.stacks[name] = {
            "resources": resources or {},
            "exports": exports or {},
            "outputs": outputs or {},
            "retained": retained,
            "status": status,
        }

    def bootstrap(self, version: int = 30) -> None:
        """Put the CDK's own stack there."""
        self.add("CDKToolkit", outputs={"BootstrapVersion": str(version)})

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803 - AWS's names
        stack = self._find(StackName)
        outputs = [{"OutputKey": key, "OutputValue": value} for key, value in stack["outputs"].items()]
        return {"Stacks": [{"StackName": StackName, "StackStatus": stack["status"], "Outputs": outputs}]}

    def get_template(self, StackName: str) -> dict[str, Any]:  # noqa: N803
        stack = self._find(StackName)
        resources: dict[str, dict[str, str]] = {name: {"Type": kind} for name, (kind, _) in stack["resources"].items()}
        for name in stack["retained"]:
            resources[name]["DeletionPolicy"] = "Retain"
        return {"TemplateBody": {"Resources": resources}}

    def get_paginator(self, operation: str) -> Any:
        return SimpleNamespace(paginate=lambda **arguments: getattr(self, f"_{operation}")(**arguments))

    def _list_exports(self) -> Any:
        yield {"Exports": []}
        for stack in self.stacks.values():
            yield {"Exports": [{"Name": name, "Value": value} for name, value in stack["exports"].items()]}

    def _list_stack_resources(self, StackName: str) -> Any:  # noqa: N803
        for logical_id, (kind, physical_id) in self._find(StackName)["resources"].items():
            resource = {"LogicalResourceId": logical_id, "ResourceType": kind, "PhysicalResourceId": physical_id}
            yield {"StackResourceSummaries": [resource]}

    def _find(self, name: str) -> dict[str, Any]:
        if name not in self.stacks:
            error = {"Code": "ValidationError", "Message": f"Stack with id {name} does not exist"}
            raise ClientError({"Error": error}, "AnyOperation")
        return self.stacks[name]
