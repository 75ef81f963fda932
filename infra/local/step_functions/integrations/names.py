"""Names as Step Functions writes them: AWS SDK integrations follow the AWS SDK for Java 2.x.

Rules: Step Functions developer guide, "Learning to use AWS service SDK integrations" (services, actions, PascalCase
parameters, exception names), and the naming of the SDK for Java 2.x that it refers to.
"""

from __future__ import annotations

import functools
import re

import botocore.session

# Services whose id in the SDK for Java is not botocore's own name without hyphens.
_BOTOCORE_NAMES = {
    "applicationdiscovery": "discovery",
    "cloudwatchlogs": "logs",
    "cognitoidentityprovider": "cognito-idp",
    "costandusagereport": "cur",
    "costexplorer": "ce",
    "databasemigration": "dms",
    "directory": "ds",
    "directoryservicedata": "ds-data",
    "elasticloadbalancing": "elb",
    "elasticloadbalancingv2": "elbv2",
    "elasticsearch": "es",
    "eventbridge": "events",
    "iotdataplane": "iot-data",
    "iotjobsdataplane": "iot-jobs-data",
    "lexmodelbuilding": "lex-models",
    "lexmodelsv2": "lexv2-models",
    "lexruntime": "lex-runtime",
    "lexruntimev2": "lexv2-runtime",
    "marketplacemetering": "meteringmarketplace",
    "migrationhub": "mgh",
    "serverlessapplicationrepository": "serverlessrepo",
    "sfn": "stepfunctions",
}

# Members whose names Java reserves.
_RESERVED = {"Null": "Nul", "Default": "DefaultValue"}


@functools.cache
def botocore_service(sdk_service: str) -> str | None:
    """Botocore's name of the service that a resource ARN calls `sdk_service`; ``None`` if there is none."""
    available = set(botocore.session.get_session().get_available_services())
    # AWS knows a service by its name in Java alone: "cloudwatchlogs", never "logs".
    same = {name.replace("-", ""): name for name in available - set(_BOTOCORE_NAMES.values())}
    return _BOTOCORE_NAMES.get(sdk_service) or same.get(sdk_service)


@functools.cache
def member(name: str) -> str:
    """Name of an API's member in an AWS SDK integration: ``SSEKMSKeyId`` is ``SsekmsKeyId``.

    A leading run of capitals is one word, up to the capital that starts the next.
    """
    leading = re.match(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]+|", name)
    length = len(leading.group()) if leading else 0
    lowered = name[:length].lower() + name[length:]
    pascal = lowered[:1].upper() + lowered[1:]
    return _RESERVED.get(pascal, pascal)


def capitalized(name: str) -> str:
    """Name of an API's member in an optimized integration: the API's own, with a capital."""
    return name[:1].upper() + name[1:]


@functools.cache
def service_class(service_id: str) -> str:
    """Prefix of a service's errors in an AWS SDK integration: ``DynamoDB`` is ``DynamoDb``.

    A closing "Service" is left out: ``Config Service`` is ``Config``.
    """
    spaced = re.sub(r"[^A-Za-z0-9]+", " ", service_id.removesuffix(" Service"))
    spaced = re.sub(r"([^a-z]{2,})v([0-9]+)", r"\1 v\2 ", spaced)
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z][a-zA-Z0-9])", " ", spaced)
    spaced = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1 \2", spaced)
    spaced = re.sub(r"([0-9])([a-zA-Z])", r"\1 \2", spaced)
    return "".join(word.lower().capitalize() for word in spaced.split())


def exception_class(shape_name: str) -> str:
    """Name of a modelled error: ``NoSuchKey`` is ``NoSuchKeyException``."""
    stem = shape_name.removesuffix("Exception").removesuffix("Fault")
    return f"{stem[:1].upper()}{stem[1:]}Exception"
