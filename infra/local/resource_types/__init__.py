"""Resource types that the emulator's CloudFormation lacks, and the properties that it drops."""

from infra.local.clients import Clients
from infra.local.emulator import Emulator
from infra.local.honoured import judge
from infra.local.resource_types.buckets import Buckets
from infra.local.resource_types.flow_logs import FlowLogs
from infra.local.resource_types.functions import FunctionTypes
from infra.local.resource_types.networks import NetworkTypes
from infra.local.resource_types.rest_apis import RestApiTypes
from infra.local.resource_types.schedules import ScheduleTypes
from infra.local.resource_types.security_configurations import SecurityConfigurations
from infra.local.resource_types.state_machines import StateMachineTypes
from infra.local.resource_types.streams import StreamTypes
from infra.local.resource_types.tables import Tables
from infra.local.resource_types.topics import Topics


def install(emulator: Emulator) -> None:
    """Teach the emulator's CloudFormation what the stacks need."""
    emulator.resources.judge_with(judge)
    clients = Clients(emulator.url)
    networks = NetworkTypes(clients, emulator.networks)
    rest_apis = RestApiTypes(clients)
    functions = FunctionTypes(clients)

    def denial(role: str, action: str, resource: str, region: str) -> str | None:
        credentials = emulator.identities.assume(role, "lambda.amazonaws.com", "reader")
        return emulator.permissions.denial(credentials.access_key, action, resource, region)

    streams = StreamTypes(clients, denial)
    lacking = (
        networks,
        FlowLogs(clients),
        rest_apis,
        ScheduleTypes(clients),
        SecurityConfigurations(clients),
        StateMachineTypes(clients),
        streams,
    )
    for types in lacking:
        for name, resource_type in types.types().items():
            emulator.resources.register(name, resource_type)
    for name, provision in (
        ("AWS::ApiGateway::Method", rest_apis.provision_method),
        ("AWS::ApiGateway::RestApi", rest_apis.provision_api),
        ("AWS::ApiGateway::Stage", rest_apis.provision_stage),
        ("AWS::DynamoDB::Table", Tables(clients).provision),
        ("AWS::EC2::VPC", networks.add_vpc_attributes),
        ("AWS::Kinesis::Stream", streams.provision_stream),
        ("AWS::Lambda::Function", functions.provision),
        ("AWS::Lambda::LayerVersion", functions.provision_layer),
        ("AWS::Lambda::Permission", functions.provision_permission),
        ("AWS::S3::Bucket", Buckets(clients).provision),
        ("AWS::SNS::Topic", Topics(clients).provision),
    ):
        emulator.resources.wrap(name, provision)
