"""Small stacks on the embedded AWS: deployed, updated, refused."""

import json
from collections.abc import Callable
from typing import Any

import pytest

Template = dict[str, Any]
Stack = Callable[[Template], dict[str, str]]

WAIT = {"Delay": 0.1, "MaxAttempts": 200}


def deploy(cloudformation: Any, name: str, resources: Template) -> dict[str, str]:
    """Create the stack, or update it if it is there; return physical ids by logical id."""
    body = json.dumps({"Resources": resources})
    try:
        cloudformation.describe_stacks(StackName=name)
    except cloudformation.exceptions.ClientError:
        cloudformation.create_stack(StackName=name, TemplateBody=body, Capabilities=["CAPABILITY_IAM"])
        cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig=WAIT)
    else:
        cloudformation.update_stack(StackName=name, TemplateBody=body, Capabilities=["CAPABILITY_IAM"])
        cloudformation.get_waiter("stack_update_complete").wait(StackName=name, WaiterConfig=WAIT)
    found = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
    return {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in found}


def delete(cloudformation: Any, name: str) -> None:
    """Delete the stack and wait until it is gone."""
    cloudformation.delete_stack(StackName=name)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig=WAIT)


def refusal(client: Any, name: str, resources: Template) -> str:
    """Try to create a stack; return the reason of the first resource that failed."""
    cloudformation = client("cloudformation")
    body = json.dumps({"Resources": resources})
    cloudformation.create_stack(StackName=name, TemplateBody=body, Capabilities=["CAPABILITY_IAM"])
    with pytest.raises(Exception, match=r"ROLLBACK|FAILED"):
        cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig=WAIT)
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    return str([e["ResourceStatusReason"] for e in events if e["ResourceStatus"] == "CREATE_FAILED"][-1])
