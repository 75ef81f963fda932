"""Settings of the deployment: typed, checked, and read from `cdk.json` and the environment alone.

`cdk.json` holds, under the context key `ml-pipeline`, the `defaults` of all environments and under `environments`
what each of them changes. `ML_PIPELINE_ENVIRONMENT` (or `-c environment=…`) chooses the environment,
`ML_PIPELINE_REGION` (or `-c region=…`) another region than the profile's, `ML_PIPELINE_ALARM_EMAIL` adds an address
that alarms go to; the account is the one of the caller's credentials, which the CDK command line passes on as
`CDK_DEFAULT_ACCOUNT`.
"""

from infra.settings.cdk_json import read_cdk_json
from infra.settings.loading import CONTEXT_KEY, EMAIL_VARIABLE, load
from infra.settings.operations import Alarms, Schedule, Slack
from infra.settings.profile import PrefixLists, Settings
from infra.settings.serving import Api, Endpoint, FirstModel, Scaling, Stream
from infra.settings.sizes import LOG_RETENTIONS, FunctionSize, JobSize, Retention

__all__ = [
    "CONTEXT_KEY",
    "EMAIL_VARIABLE",
    "LOG_RETENTIONS",
    "Alarms",
    "Api",
    "Endpoint",
    "FirstModel",
    "FunctionSize",
    "JobSize",
    "PrefixLists",
    "Retention",
    "Scaling",
    "Schedule",
    "Settings",
    "Slack",
    "Stream",
    "load",
    "read_cdk_json",
]
