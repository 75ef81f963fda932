"""Resource types that the emulator's CloudFormation lacks, and the properties that it drops."""

from infra.local.clients import Clients
from infra.local.emulator import Emulator
from infra.local.resource_types import crawlers
from infra.local.resource_types.buckets import Buckets
from infra.local.resource_types.flow_logs import FlowLogs
from infra.local.resource_types.functions import FunctionTypes
from infra.local.resource_types.networks import NetworkTypes
from infra.local.resource_types.rest_apis import RestApiTypes
from infra.local.resource_types.security_configurations import SecurityConfigurations
from infra.local.resource_types.state_machines import StateMachineTypes
from infra.local.resource_types.tables import Tables
from infra.local.resource_types.topics import Topics


def install(emulator: Emulator) -> None:
    """Teach the emulator's CloudFormation what the stacks need."""
    clients = Clients(emulator.url)
    networks = NetworkTypes(clients, emulator.networks)
    rest_apis = RestApiTypes(clients)
    lacking = (networks, FlowLogs(clients), rest_apis, SecurityConfigurations(clients), StateMachineTypes(clients))
    for types in lacking:
        for name, resource_type in types.types().items():
            emulator.resources.register(name, resource_type)
    emulator.resources.wrap("AWS::ApiGateway::Method", rest_apis.provision_method)
    emulator.resources.wrap("AWS::ApiGateway::RestApi", rest_apis.provision_api)
    emulator.resources.wrap("AWS::ApiGateway::Stage", rest_apis.provision_stage)
    emulator.resources.wrap("AWS::DynamoDB::Table", Tables(clients).provision)
    emulator.resources.wrap("AWS::EC2::VPC", networks.add_vpc_attributes)
    emulator.resources.wrap("AWS::Glue::Crawler", crawlers.provision)
    emulator.resources.wrap("AWS::Lambda::Function", FunctionTypes(clients).provision)
    emulator.resources.wrap("AWS::S3::Bucket", Buckets(clients).provision)
    emulator.resources.wrap("AWS::SNS::Topic", Topics(clients).provision)
