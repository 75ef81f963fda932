"""What a caller must be allowed for a call of Step Functions' API.

Facts: Service Authorization Reference, "Actions, resources, and condition keys for AWS Step Functions" (resources,
further actions); Step Functions developer guide, "Authorization for versions and aliases in Step Functions workflows"
(the unqualified ARN, which actions know the qualifier).
"""

from collections.abc import Mapping
from typing import Any

from infra.local.emulator import Check
from infra.local.wire import Request

_MACHINE, _ALIAS, _VERSION = "stateMachineArn", "stateMachineAliasArn", "stateMachineVersionArn"
_EXECUTION, _MAP_RUN, _ACTIVITY, _TAGGED = "executionArn", "mapRunArn", "activityArn", "resourceArn"

NAMED_BY: dict[str, tuple[str, ...]] = {
    "CreateActivity": ("name",),
    "CreateStateMachine": ("name",),
    "CreateStateMachineAlias": ("routingConfiguration",),
    "DeleteActivity": (_ACTIVITY,),
    "DeleteStateMachine": (_MACHINE,),
    "DeleteStateMachineAlias": (_ALIAS,),
    "DeleteStateMachineVersion": (_VERSION,),
    "DescribeActivity": (_ACTIVITY,),
    "DescribeExecution": (_EXECUTION,),
    "DescribeMapRun": (_MAP_RUN,),
    "DescribeStateMachine": (_MACHINE,),
    "DescribeStateMachineAlias": (_ALIAS,),
    "DescribeStateMachineForExecution": (_EXECUTION,),
    "GetActivityTask": (_ACTIVITY,),
    "GetExecutionHistory": (_EXECUTION,),
    "ListActivities": (),
    "ListExecutions": (_MAP_RUN, _MACHINE),
    "ListMapRuns": (_EXECUTION,),
    "ListStateMachineAliases": (_MACHINE,),
    "ListStateMachineVersions": (_MACHINE,),
    "ListStateMachines": (),
    "ListTagsForResource": (_TAGGED,),
    "PublishStateMachineVersion": (_MACHINE,),
    "RedriveExecution": (_EXECUTION,),
    "SendTaskFailure": (),
    "SendTaskHeartbeat": (),
    "SendTaskSuccess": (),
    "StartExecution": (_MACHINE,),
    "StartSyncExecution": (_MACHINE,),
    "StopExecution": (_EXECUTION,),
    "TagResource": (_TAGGED,),
    "TestState": (),
    "UntagResource": (_TAGGED,),
    "UpdateMapRun": (_MAP_RUN,),
    "UpdateStateMachine": (_MACHINE,),
    "UpdateStateMachineAlias": (_ALIAS,),
    "ValidateStateMachineDefinition": (),
}
"""Operation -> the members that may name its resource, the first that is there; an operation without has none."""

QUALIFIED = frozenset(
    {
        "CreateStateMachineAlias",
        "DeleteStateMachineAlias",
        "DeleteStateMachineVersion",
        "DescribeStateMachine",
        "DescribeStateMachineAlias",
        "ListExecutions",
        "ListStateMachineAliases",
        "StartExecution",
        "StartSyncExecution",
        "UpdateStateMachineAlias",
    }
)
"""Operations whose permissions can be narrowed to a version or an alias."""

QUALIFIER = "states:StateMachineQualifier"

_FURTHER: dict[str, dict[str, str]] = {
    "CreateActivity": {"tags": "states:TagResource"},
    "CreateStateMachine": {
        "publish": "states:PublishStateMachineVersion",
        "tags": "states:TagResource",
        "roleArn": "iam:PassRole",
    },
    "TestState": {"revealSecrets": "states:RevealSecrets", "roleArn": "iam:PassRole"},
    "UpdateStateMachine": {"publish": "states:PublishStateMachineVersion", "roleArn": "iam:PassRole"},
}
"""Operation -> member -> what a caller must be allowed beside the operation where the member is given.

The reference lists DescribeExecution beside StartExecution, too. AWS's own policy for a workflow that starts another
and does not wait allows StartExecution alone (Step Functions developer guide, "Start a new AWS Step Functions state
machine from a running execution", IAM policies).
"""

_PASSED = {"iam:PassedToService": "states.amazonaws.com"}


def checks_of(request: Request) -> list[Check]:
    """Return all that the caller's policies must allow.

    A malformed request names nothing narrower than all resources: it is refused afterwards. An operation that AWS does
    not have is left to the emulator.
    """
    operation = request.action
    if operation not in NAMED_BY:
        return []
    try:
        members = request.json()
    except ValueError:
        return [Check("*")]
    check = check_of(operation, _named(request, operation, members), members)
    further = [
        Check(str(members[member]), action, _PASSED) if action == "iam:PassRole" else Check(check.resource, action)
        for member, action in _FURTHER.get(operation, {}).items()
        if members.get(member)
    ]
    return [check, *further]


def check_of(operation: str, arn: str, members: Mapping[str, Any] | None = None) -> Check:
    """Return what `operation` needs on a state machine, version, alias, execution, Map Run or activity.

    What is qualified is authorized on the state machine's own ARN, and its qualifier is a condition key. The reference
    says that the key may have several values; a request names one version or alias, and nothing what the key holds for
    an ARN without.

    Parameters
    ----------
    operation
        ``StartExecution``.
    arn
        Its resource, as the request names it; ``*`` for none.
    members
        Of the request, where they say more.
    """
    head, found, name = arn.partition(":stateMachine:")
    if not found:
        return Check(arn)
    name, _, qualifier = name.partition(":")
    # A label leads to a Distributed Map of the state machine; the reference has no resource type of its own for it.
    machine = head + found + name.partition("/")[0]
    if operation == "CreateStateMachineAlias":
        qualifier = str((members or {}).get("name", ""))
    return Check(machine, keys={QUALIFIER: qualifier} if qualifier and operation in QUALIFIED else {})


def _named(request: Request, operation: str, members: Mapping[str, Any]) -> str:
    for member in NAMED_BY[operation]:
        value = members.get(member)
        if member == "name" and value:
            kind = "activity" if operation == "CreateActivity" else "stateMachine"
            return f"arn:aws:states:{request.region}:{request.account}:{kind}:{value}"
        if member == "routingConfiguration" and value:
            value = value[0].get(_VERSION) if isinstance(value, list) and isinstance(value[0], dict) else None
        if value:
            return str(value)
    return "*"
