"""Settings of the deployment: typed, checked, and read from `cdk.json` and the environment alone.

`cdk.json` holds, under the context key `ml-pipeline`, the `defaults` of all environments and under `environments`
what each of them changes. `ML_PIPELINE_ENVIRONMENT` (or `-c environment=…`) chooses the environment,
`ML_PIPELINE_REGION` (or `-c region=…`) another region than the profile's; the account is the one of the caller's
credentials, which the CDK command line passes on as `CDK_DEFAULT_ACCOUNT`.
"""

from infra.settings.loading import CONTEXT_KEY, load
from infra.settings.profile import (
    LOG_RETENTIONS,
    Alarms,
    Api,
    Endpoint,
    FirstModel,
    FunctionSize,
    JobSize,
    PrefixLists,
    Retention,
    Scaling,
    Schedule,
    Settings,
    Slack,
    Stream,
)

__all__ = [
    "CONTEXT_KEY",
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
]
