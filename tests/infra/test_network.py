import pytest

#: Services that the roles may call but that code in the subnets does not: why no endpoint is needed.
CALLED_FROM_ELSEWHERE = {
    "kms": "S3 and DynamoDB call it on the caller's behalf, from their side",
    "ec2": "Lambda itself attaches functions to the network; the functions are denied these calls",
}
#: Endpoint of each service that code in the subnets calls.
ENDPOINTS = {
    "s3": {"s3"},
    "dynamodb": {"dynamodb"},
    "ssm": {"ssm"},
    "logs": {"logs"},
    "xray": {"xray"},
    # The docker protocol has an endpoint of its own, and layers come from S3.
    "ecr": {"ecr.api", "ecr.dkr", "s3"},
}


def endpoints(assembly):
    return {
        assembly.resolve(e.properties["ServiceName"], e.stack).removeprefix("com.amazonaws.us-east-1."): e
        for e in assembly.of_type("AWS::EC2::VPCEndpoint")
    }


def roles_of_code_in_the_subnets(assembly):
    functions = (assembly.resolve(f.properties["Role"], f.stack) for f in assembly.of_type("AWS::Lambda::Function"))
    jobs = (
        assembly.resolve(j.properties["ContainerProperties"][role], j.stack)
        for j in assembly.of_type("AWS::Batch::JobDefinition")
        for role in ("JobRoleArn", "ExecutionRoleArn")
    )
    return {arn.rsplit("/", 1)[1] for arn in (*functions, *jobs)}


def test_every_service_that_code_in_the_subnets_may_call_has_an_endpoint_and_no_other_has_one(assembly):
    called = {
        action.split(":")[0] for role in roles_of_code_in_the_subnets(assembly) for action, _ in assembly.allowed(role)
    } - set(CALLED_FROM_ELSEWHERE)

    assert called, "the roles of functions and jobs were not found"
    assert set().union(*(ENDPOINTS[service] for service in called)) == set(endpoints(assembly))


def test_functions_are_denied_the_network_calls_that_lambda_makes_for_them(assembly):
    for function in assembly.of_type("AWS::Lambda::Function"):
        role = assembly.resolve(function.properties["Role"], function.stack).rsplit("/", 1)[1]
        name = function.properties["FunctionName"]
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
