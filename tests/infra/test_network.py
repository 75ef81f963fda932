import ipaddress

import aws_cdk as cdk
import pytest

from infra import settings
from infra.naming import Names
from infra.stacks.network import NetworkStack
from infra.stacks.storage import StorageStack
from tests.infra.assembly import ACCOUNT, NAMES, Assembly

#: Services that the roles may call but that code in the subnets does not: why no endpoint is needed.
CALLED_FROM_ELSEWHERE = {
    "kms": "S3 and DynamoDB call it on the caller's behalf, from their side",
    "ec2": "Lambda itself attaches functions to the network; the functions are denied these calls",
}
#: Services that Lambda calls with the role of a function that reads a stream, before and after the function runs.
CALLED_BY_THE_READER = {"kinesis", "sqs"}
#: Endpoint of each service that code in the subnets calls.
ENDPOINTS = {
    "s3": {"s3"},
    "dynamodb": {"dynamodb"},
    "ssm": {"ssm"},
    "logs": {"logs"},
    "xray": {"xray"},
    "sagemaker": {"sagemaker.api"},
    "sagemaker:InvokeEndpoint": {"sagemaker.runtime"},
    "states": {"states"},
    "cloudwatch": {"monitoring"},
    "lambda": {"lambda"},
    # The docker protocol has an endpoint of its own, and layers come from S3.
    "ecr": {"ecr.api", "ecr.dkr", "s3"},
}
VPC = "10.41.0.0/16"


def endpoints(assembly):
    return {
        assembly.resolve(e.properties["ServiceName"], e.stack).removeprefix("com.amazonaws.us-east-1."): e
        for e in assembly.of_type("AWS::EC2::VPCEndpoint")
    }


def functions_in_the_subnets(assembly):
    return [f for f in assembly.of_type("AWS::Lambda::Function") if "VpcConfig" in f.properties]


def services(assembly, role):
    """Services that a role may call; an action that has an endpoint of its own stands for itself."""
    actions = {action for action, _ in assembly.allowed(role)}
    return {action if action in ENDPOINTS else action.split(":")[0] for action in actions}


def called_from_the_subnets(assembly):
    readers = {mapping.properties["FunctionName"] for mapping in assembly.of_type("AWS::Lambda::EventSourceMapping")}
    for function in functions_in_the_subnets(assembly):
        reads = function.properties["FunctionName"] in readers
        yield services(assembly, assembly.role_of(function)) - (CALLED_BY_THE_READER if reads else set())
    for job in assembly.of_type("AWS::Batch::JobDefinition"):
        for role in ("JobRoleArn", "ExecutionRoleArn"):
            arn = assembly.resolve(job.properties["ContainerProperties"][role], job.stack)
            yield services(assembly, arn.rsplit("/", 1)[1])


def test_every_service_that_code_in_the_subnets_may_call_has_an_endpoint_and_no_other_has_one(assembly):
    called = set().union(*called_from_the_subnets(assembly)) - set(CALLED_FROM_ELSEWHERE)

    assert called, "the roles of functions and jobs were not found"
    assert set().union(*(ENDPOINTS[service] for service in called)) == set(endpoints(assembly))


def test_only_the_function_that_ships_models_runs_outside_the_subnets(assembly):
    outside = {
        f.properties["FunctionName"]
        for f in assembly.of_type("AWS::Lambda::Function")
        if "VpcConfig" not in f.properties
    }

    assert outside == {NAMES.function("ship-model")}


def test_model_containers_in_the_subnets_call_nobody(assembly):
    """So they need no endpoint. SageMaker fetches their artifact through that of S3."""
    models = assembly.of_type("AWS::SageMaker::Model")

    assert models
    assert all(m.properties["EnableNetworkIsolation"] is True and "VpcConfig" in m.properties for m in models)


def test_functions_are_denied_the_network_calls_that_lambda_makes_for_them(assembly):
    for function in functions_in_the_subnets(assembly):
        role, name = assembly.role_of(function), function.properties["FunctionName"]
        (denied,) = (s for s in assembly.statements(role) if s["Effect"] == "Deny")
        allowed = {action for action, _ in assembly.allowed(role) if action.startswith("ec2:")}

        assert set(denied["Action"]) == allowed
        assert denied["Condition"]["ArnEquals"]["lambda:SourceFunctionArn"].endswith(f":function:{name}")


def test_there_is_no_way_to_the_internet(assembly):
    ways = {"AWS::EC2::InternetGateway", "AWS::EC2::NatGateway", "AWS::EC2::EIP", "AWS::EC2::Route"}

    assert not [r for r in assembly.resources if r.type in ways]
    assert not any(s.properties["MapPublicIpOnLaunch"] for s in assembly.of_type("AWS::EC2::Subnet"))
    for job in assembly.of_type("AWS::Batch::JobDefinition"):
        assert job.properties["ContainerProperties"]["NetworkConfiguration"] == {"AssignPublicIp": "DISABLED"}


def test_subnets_stand_in_two_zones(assembly):
    zones = {subnet.properties["AvailabilityZone"] for subnet in assembly.of_type("AWS::EC2::Subnet")}

    assert zones == {"us-east-1a", "us-east-1b"}


def test_security_groups_let_https_through_between_callers_and_endpoints_and_nothing_else(assembly):
    ingress = assembly.of_type("AWS::EC2::SecurityGroupIngress")
    egress = assembly.of_type("AWS::EC2::SecurityGroupEgress")
    inline = [
        rule
        for group in assembly.of_type("AWS::EC2::SecurityGroup")
        for direction in ("SecurityGroupIngress", "SecurityGroupEgress")
        for rule in group.properties.get(direction, [])
    ]

    assert {(r.properties["FromPort"], r.properties["ToPort"]) for r in (*ingress, *egress)} == {(443, 443)}
    assert {r.properties["SourceSecurityGroupId"]["Fn::GetAtt"][0][:9] for r in ingress} == {"Functions", "JobsGroup"}
    assert {r.properties["GroupId"]["Fn::GetAtt"][0][:9] for r in ingress} == {"Endpoints"}
    assert {r.properties.get("DestinationPrefixListId") for r in egress} == {None, "pl-63a5400a", "pl-02cd2c6b"}
    assert not any("CidrIp" in r.properties for r in (*ingress, *egress))
    assert all(rule["CidrIp"] == "255.255.255.255/32" for rule in inline), "only the rule that allows nothing"


def test_every_group_loses_the_rule_by_which_ec2_allows_all_outbound_traffic(assembly):
    with_rules = {r.properties["GroupId"]["Fn::GetAtt"][0] for r in assembly.of_type("AWS::EC2::SecurityGroupEgress")}
    for group in assembly.of_type("AWS::EC2::SecurityGroup"):
        assert group.properties.get("SecurityGroupEgress") or group.logical_id in with_rules


@pytest.mark.parametrize("service", ["s3", "dynamodb"])
def test_gateway_endpoints_lead_to_what_is_ours_and_are_in_every_route_table(assembly, service):
    endpoint = endpoints(assembly)[service]
    statements = assembly.resolve(endpoint.properties["PolicyDocument"]["Statement"], endpoint.stack)
    resources = [r for s in statements for r in (s["Resource"] if isinstance(s["Resource"], list) else [s["Resource"]])]

    assert len(endpoint.properties["RouteTableIds"]) == len(assembly.of_type("AWS::EC2::RouteTable")) == 2
    assert all("ml-pipeline" in arn or arn.endswith("starport-layer-bucket/*") for arn in resources)
    for statement in statements:
        if "starport" not in str(statement["Resource"]):
            assert "aws:PrincipalAccount" in statement["Condition"]["StringEquals"]


def test_interface_endpoints_answer_to_the_services_usual_names_from_every_subnet(assembly):
    interfaces = [e for e in endpoints(assembly).values() if e.properties["VpcEndpointType"] == "Interface"]

    assert all(e.properties["PrivateDnsEnabled"] is True for e in interfaces)
    assert all(len(e.properties["SubnetIds"]) == 2 for e in interfaces)


def test_rejected_traffic_is_recorded(assembly):
    flow_log = assembly.one("AWS::EC2::FlowLog").properties

    assert flow_log["TrafficType"] == "REJECT"
    assert flow_log["ResourceType"] == "VPC"


def test_interface_endpoints_serve_callers_of_this_account_and_one_service(assembly):
    for service, endpoint in endpoints(assembly).items():
        if endpoint.properties["VpcEndpointType"] == "Interface":
            (statement,) = assembly.resolve(endpoint.properties["PolicyDocument"]["Statement"], endpoint.stack)

            assert service in ENDPOINTS[statement["Action"].removesuffix(":*")]
            assert statement["Condition"] == {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}


def test_only_our_models_can_be_asked_from_the_network(assembly):
    endpoint = endpoints(assembly)["sagemaker.runtime"]
    (statement,) = endpoint.properties["PolicyDocument"]["Statement"]

    assert statement["Action"] == "sagemaker:InvokeEndpoint"
    assert statement["Resource"] == f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:endpoint/{NAMES.endpoint}"


def lets_through(assembly, *, outbound, address, port):
    """What the network ACL does with a packet: the first rule that fits decides, and without one it is stopped."""
    rules = sorted(
        (e.properties for e in assembly.of_type("AWS::EC2::NetworkAclEntry") if e.properties["Egress"] is outbound),
        key=lambda rule: rule["RuleNumber"],
    )
    for rule in rules:
        here = ipaddress.ip_address(address) in ipaddress.ip_network(rule["CidrBlock"])
        if here and rule["Protocol"] in (-1, 6) and rule["PortRange"]["From"] <= port <= rule["PortRange"]["To"]:
            return rule["RuleAction"] == "allow"
    return False


NEIGHBOUR, S3, STRANGER = "10.41.4.7", "52.216.1.1", "203.0.113.9"
ANSWER_PORTS = (1024, 32768, 60999, 65535)


@pytest.mark.parametrize("callee", [NEIGHBOUR, S3])
def test_the_second_wall_lets_questions_to_endpoints_and_their_answers_through(assembly, callee):
    assert lets_through(assembly, outbound=True, address=callee, port=443)
    assert all(lets_through(assembly, outbound=False, address=callee, port=port) for port in ANSWER_PORTS)


def test_the_second_wall_lets_interface_endpoints_hear_and_answer_the_other_zone(assembly):
    assert lets_through(assembly, outbound=False, address=NEIGHBOUR, port=443)
    assert all(lets_through(assembly, outbound=True, address=NEIGHBOUR, port=port) for port in ANSWER_PORTS)


@pytest.mark.parametrize(
    ("outbound", "address", "port"),
    [
        (False, STRANGER, 443),
        (False, STRANGER, 22),
        (False, NEIGHBOUR, 22),
        (True, STRANGER, 80),
        (True, STRANGER, 5432),
        (True, NEIGHBOUR, 22),
    ],
)
def test_the_second_wall_stops_everything_else(assembly, outbound, address, port):
    assert not lets_through(assembly, outbound=outbound, address=address, port=port)


def test_the_second_wall_stands_around_every_subnet(assembly):
    walled = [a.properties["SubnetId"]["Ref"] for a in assembly.of_type("AWS::EC2::SubnetNetworkAclAssociation")]

    assert sorted(walled) == sorted(subnet.logical_id for subnet in assembly.of_type("AWS::EC2::Subnet"))
    assert assembly.one("AWS::EC2::VPC").properties["CidrBlock"] == VPC
    assert len(assembly.of_type("AWS::EC2::NetworkAcl")) == 1


def test_three_zones_make_three_subnets_behind_the_same_wall(context, tmp_path):
    app = cdk.App(outdir=str(tmp_path))
    defaults = {**context["ml-pipeline"]["defaults"], "zones": ["a", "b", "d"]}
    chosen = settings.load({"ml-pipeline": {**context["ml-pipeline"], "defaults": defaults}}, {})
    names = Names("dev", "us-east-1", ACCOUNT)
    where = cdk.Environment(account=ACCOUNT, region="us-east-1")
    NetworkStack(app, chosen, names, StorageStack(app, chosen, names, env=where), env=where)
    app.synth()

    network = Assembly(tmp_path)

    zones = {subnet.properties["AvailabilityZone"][-1] for subnet in network.of_type("AWS::EC2::Subnet")}
    assert zones == {"a", "b", "d"}
    assert len(network.of_type("AWS::EC2::SubnetNetworkAclAssociation")) == 3
    assert all(len(e.properties.get("SubnetIds", "abd")) == 3 for e in network.of_type("AWS::EC2::VPCEndpoint"))
