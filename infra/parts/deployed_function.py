"""A function of the tasks stack as the other stacks see it: by its name."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_

from infra.naming import Names


def deployed_function(stack: cdk.Stack, names: Names, name: str) -> lambda_.IFunction:
    """A Lambda function by its name, for what calls it from another stack.

    Permissions to call it then belong to the stack of the caller. What the function itself may do is granted in the
    tasks stack alone: grants that the CDK's constructs would add to its role here are dropped.

    Parameters
    ----------
    stack
        Stack of the caller, deployed after the tasks stack.
    names
        Names of the deployment.
    name
        One of `infra.naming.FUNCTIONS`.
    """
    return lambda_.Function.from_function_attributes(
        stack,
        f"{name}-function",
        function_arn=stack.format_arn(
            service="lambda",
            resource="function",
            resource_name=names.function(name),
            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
        ),
        role=iam.Role.from_role_name(stack, f"{name}-role", names.role(name), mutable=False),
        same_environment=True,
    )
