"""What AWS refuses and the emulator takes: sizes, names, numbers and grammars, with AWS's own errors.

Each service of the emulator gets a `Gate`: botocore's description of the API states most limits; the rest are rules
whose numbers stand in `tasks.aws_limits`, each with its page.
"""

from infra.local.emulator import Emulator
from infra.local.limits import (
    functions,
    messages,
    objects,
    parameters,
    policies,
    rest_apis,
    schedules,
    streams,
    telemetry,
)
from infra.local.limits.gate import Gate
from infra.local.limits.templates import Templates
from tasks.aws_limits import API_INTEGRATION_TIMEOUT, LAMBDA_REQUEST


def install(emulator: Emulator) -> None:
    """Stand before the emulator's services, its CloudFormation and its REST APIs."""
    inline_policies = emulator.identities.inline_policies
    gates = {
        "apigateway": Gate("apigateway", rest_apis.RULES, code=None),
        "athena": Gate("athena", code="InvalidRequestException"),
        "events": Gate("events", messages.EVENTS),
        "glue": Gate("glue"),
        "iam": Gate("iam", policies.rules(inline_policies), code="ValidationError"),
        "kinesis": Gate("kinesis", streams.RULES),
        "lambda": Gate("lambda", functions.RULES),
        "logs": Gate("logs", telemetry.LOGS, code="InvalidParameterException"),
        "monitoring": Gate("cloudwatch", telemetry.METRICS, code="InvalidParameterValue"),
        "scheduler": Gate("scheduler", schedules.RULES),
        "sns": Gate("sns", messages.SNS),
        "sqs": Gate("sqs", messages.SQS),
        "ssm": Gate("ssm", parameters.rules(emulator.parameters.tier_of)),
    }
    for name, gate in gates.items():
        emulator.services.wrap(name, gate.handle)
    emulator.services.wrap("s3", objects.ObjectLimits(emulator.objects.part_sizes).handle)
    emulator.resources.judge_with(Templates(gates, inline_policies).judge)
    emulator.rest_api_limits.refuse_with(rest_apis.too_large)
    emulator.rest_api_limits.bound_functions(LAMBDA_REQUEST.value, API_INTEGRATION_TIMEOUT.value)
