"""What AWS refuses and the emulator takes: sizes, names, numbers and grammars, with AWS's own errors.

Each service of the emulator gets `ServiceLimits`: botocore's description of the API states most limits; the rest are
rules whose numbers stand in `tasks.aws_limits`, each with its page.
"""

from infra.local.emulator import Emulator
from infra.local.limits import (
    events,
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
from infra.local.limits.service_limits import ServiceLimits
from infra.local.limits.templates import Templates
from tasks.aws_limits import API_INTEGRATION_TIMEOUT, LAMBDA_REQUEST


def install(emulator: Emulator) -> None:
    """Stand before the emulator's services, its CloudFormation and its REST APIs."""
    inline_policies = emulator.identities.inline_policies
    services = {
        "apigateway": ServiceLimits("apigateway", rest_apis.RULES, code=None),
        "athena": ServiceLimits("athena", code="InvalidRequestException"),
        "events": ServiceLimits("events", messages.EVENTS),
        "glue": ServiceLimits("glue"),
        "iam": ServiceLimits("iam", policies.rules(inline_policies), code="ValidationError"),
        "kinesis": ServiceLimits("kinesis", streams.RULES),
        "lambda": ServiceLimits("lambda", functions.RULES),
        "logs": ServiceLimits("logs", telemetry.LOGS, code="InvalidParameterException"),
        "monitoring": ServiceLimits("cloudwatch", telemetry.METRICS, code="InvalidParameterValue"),
        "scheduler": ServiceLimits("scheduler", schedules.RULES),
        "sns": ServiceLimits("sns", messages.SNS),
        "sqs": ServiceLimits("sqs", messages.SQS),
        "ssm": ServiceLimits("ssm", parameters.rules(emulator.parameters.tier_of)),
    }
    emulator.services.wrap("events", events.set_malformed_events_aside)
    for name, limits in services.items():
        emulator.services.wrap(name, limits.handle)
    emulator.services.wrap("s3", objects.ObjectLimits(emulator.objects.part_sizes).handle)
    emulator.resources.judge_with(Templates(services, inline_policies).judge)
    emulator.rest_api_limits.refuse_with(rest_apis.too_large)
    emulator.rest_api_limits.bound_functions(LAMBDA_REQUEST.value, API_INTEGRATION_TIMEOUT.value)
