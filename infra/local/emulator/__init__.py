"""The seam to the emulator: the only place that touches its private names.

An upgrade that renames one of them fails at start, with the names that are missing. Everything here is offered to
the rest of `infra.local` in our own terms:

- `Emulator.services`: serve, wrap and call services; persist their state,
- `Emulator.alarms`: judge CloudWatch alarms,
- `Emulator.identities`: act as roles,
- `Emulator.permissions`: ask what a caller may do, say on what a call is authorized,
- `Emulator.resources`: CloudFormation resource types,
- `Emulator.functions`: execute and invoke Lambda functions,
- `Emulator.state_machines`: Step Functions records and start points,
- `Emulator.internal_paths`: paths that are the emulator's own,
- `Emulator.networks`: records of network ACLs,
- `Emulator.objects`: bodies of S3 objects,
- `Emulator.pages`: what web pages may ask,
- `Emulator.parameters`: changes of Parameter Store,
- `Emulator.rest_apis`: requests that API Gateway answers,
- `Emulator.rest_api_limits`: requests that it refuses,
- `Emulator.schedules`: what EventBridge's schedules and rules start,
- `Emulator.streams`: streams that Lambda reads.
"""

from infra.local.emulator.alarms import Alarms, Verdict
from infra.local.emulator.cloudformation import Resource, ResourceRequest, Resources, ResourceType
from infra.local.emulator.embedded import ACCOUNT, Emulator
from infra.local.emulator.functions import Deployed, Functions, Outcome
from infra.local.emulator.identities import Credentials, Identities
from infra.local.emulator.internal_paths import InternalPaths
from infra.local.emulator.networks import Networks
from infra.local.emulator.objects import Objects
from infra.local.emulator.pages import Pages
from infra.local.emulator.parameters import Parameters
from infra.local.emulator.permissions import Check, Permissions
from infra.local.emulator.rest_api_limits import RestApiLimits
from infra.local.emulator.rest_apis import Exchange, RestApis
from infra.local.emulator.schedules import Due, Schedules
from infra.local.emulator.services import Services
from infra.local.emulator.state_machines import StateMachineRecords, StateMachines
from infra.local.emulator.streams import Streams

__all__ = [
    "ACCOUNT",
    "Alarms",
    "Check",
    "Credentials",
    "Deployed",
    "Due",
    "Emulator",
    "Exchange",
    "Functions",
    "Identities",
    "InternalPaths",
    "Networks",
    "Objects",
    "Outcome",
    "Pages",
    "Parameters",
    "Permissions",
    "Resource",
    "ResourceRequest",
    "ResourceType",
    "Resources",
    "RestApiLimits",
    "RestApis",
    "Schedules",
    "Services",
    "StateMachineRecords",
    "StateMachines",
    "Streams",
    "Verdict",
]
