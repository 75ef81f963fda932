"""Which resources a Task may name, and in which patterns.

Source: Step Functions developer guide, "Integrating optimized services": request-response ("rr"), run a job
("sync") and wait for callback ("token") per action. `aws-sdk` integrations take any action of any service.
"""

from __future__ import annotations

import re

_RESOURCE = re.compile(r"arn:(?:aws|aws-cn|aws-us-gov):states:[\w-]*:\d*:([\w-]+):([\w.:-]+)$", re.ASCII)
_PATTERN = re.compile(r"(\.sync|\.sync:2|\.waitForTaskToken)$")
_LAMBDA = re.compile(r"arn:[\w-]+:lambda:[\w-]*:[\w-]*:function:.+$", re.ASCII)
_KINDS = {".sync": "sync", ".sync:2": "sync", ".waitForTaskToken": "token"}

# Service -> action -> patterns beside request-response.
_ACTIONS: dict[str, dict[str, set[str]]] = {
    "apigateway": {"invoke": {"token"}},
    "athena": {
        "startQueryExecution": {"sync"},
        "stopQueryExecution": set(),
        "getQueryExecution": set(),
        "getQueryResults": set(),
    },
    "batch": {"submitJob": {"sync"}},
    "bedrock": {"invokeModel": {"token"}, "createModelCustomizationJob": {"sync"}},
    "codebuild": {
        "startBuild": {"sync"},
        "stopBuild": set(),
        "batchDeleteBuilds": set(),
        "batchGetReports": set(),
        "startBuildBatch": {"sync"},
        "stopBuildBatch": set(),
        "retryBuild": {"sync"},
        "retryBuildBatch": {"sync"},
        "deleteBuildBatch": set(),
    },
    "databrew": {"startJobRun": {"sync"}},
    "dynamodb": {action: set() for action in ("getItem", "putItem", "deleteItem", "updateItem")},
    "ecs": {"runTask": {"sync", "token"}},
    "events": {"putEvents": {"token"}},
    "glue": {"startJobRun": {"sync"}},
    "http": {"invoke": set()},
    "lambda": {"invoke": {"token"}},
    "mediaconvert": {"createJob": {"sync"}},
    "sagemaker": {
        "createEndpoint": set(),
        "createEndpointConfig": set(),
        "createHyperParameterTuningJob": {"sync"},
        "createLabelingJob": {"sync"},
        "createModel": set(),
        "createProcessingJob": {"sync"},
        "createTrainingJob": {"sync"},
        "createTransformJob": {"sync"},
        "updateEndpoint": set(),
    },
    "sns": {"publish": {"token"}},
    "sqs": {"sendMessage": {"token"}},
    "states": {"startExecution": {"sync", "token"}},
}
# Services whose many actions are taken as they are: the guide's list of them grows.
_ANY_ACTION: dict[str, set[str]] = {
    "aws-sdk": {"token"},
    "eks": {"sync", "token"},
    "elasticmapreduce": {"sync"},
    "emr-containers": {"sync"},
    "emr-serverless": {"sync"},
}
# Parameters without which the definition is refused; "name.$" counts as "name".
REQUIRED_PARAMETERS: dict[tuple[str, str], tuple[str, ...]] = {
    ("lambda", "invoke"): ("FunctionName",),
    ("sqs", "sendMessage"): ("QueueUrl", "MessageBody"),
    ("sns", "publish"): ("Message",),
    ("dynamodb", "putItem"): ("TableName", "Item"),
    ("dynamodb", "getItem"): ("TableName", "Key"),
    ("states", "startExecution"): ("StateMachineArn",),
    ("events", "putEvents"): ("Entries",),
    ("ecs", "runTask"): ("TaskDefinition",),
    ("glue", "startJobRun"): ("JobName",),
}


def integration(resource: str) -> tuple[str, str, str] | None:
    """Service, action and pattern ("", ".sync", ".sync:2" or ".waitForTaskToken") of a service integration.

    None for a Lambda function's own ARN, an activity, or what is no ARN of Step Functions at all.
    """
    found = _RESOURCE.match(resource)
    if found is None or found.group(1) in {"activity", "stateMachine", "execution"}:
        return None
    service, action = found.groups()
    pattern = _PATTERN.search(action)
    return service, _PATTERN.sub("", action), pattern.group() if pattern else ""


def is_activity(resource: str) -> bool:
    """Whether the ARN is that of an activity."""
    found = _RESOURCE.match(resource)
    return found is not None and found.group(1) == "activity"


def is_arn(resource: str) -> bool:
    """Whether the text has the form of a resource that a Task can name."""
    return _RESOURCE.match(resource) is not None or _LAMBDA.match(resource) is not None


def is_known(service: str, action: str, pattern: str) -> bool:
    """Whether Step Functions offers this action in this pattern."""
    if pattern == ".sync:2":
        return (service, action) == ("states", "startExecution")
    kind = _KINDS.get(pattern, "rr")
    if service in _ANY_ACTION:
        return kind == "rr" or kind in _ANY_ACTION[service]
    patterns = _ACTIONS.get(service, {}).get(action)
    return patterns is not None and (kind == "rr" or kind in patterns)
