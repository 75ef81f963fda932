"""Templates are carried through whole, updated in place, and refused where they cannot be honoured."""

import json
from typing import Any

import pytest

from infra.local.resource_types.state_machines import substituted

from .conftest import zipped
from .stack_world import Stack, Template, refusal


def bucket(name: str, **properties: Any) -> Template:
    return {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": name, **properties}}


def test_a_bucket_gets_and_loses_its_encryption_lifecycle_and_tags(stack: Stack, client: Any, name: str) -> None:
    s3 = client("s3")
    rule = {
        "Status": "Enabled",
        "Id": "r",
        "ExpirationInDays": 30,
        "NoncurrentVersionExpiration": {"NoncurrentDays": 3},
    }
    encryption = {
        "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "k"},
        "BucketKeyEnabled": True,
    }
    full = bucket(
        name,
        BucketEncryption={"ServerSideEncryptionConfiguration": [encryption]},
        LifecycleConfiguration={"Rules": [rule]},
        OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        Tags=[{"Key": "project", "Value": "p"}],
    )

    stack({"B": full})
    carried = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
    assert carried[0]["ApplyServerSideEncryptionByDefault"] == encryption["ServerSideEncryptionByDefault"]
    (kept,) = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    assert (kept["Expiration"], kept["NoncurrentVersionExpiration"]) == ({"Days": 30}, {"NoncurrentDays": 3})
    assert {"Key": "project", "Value": "p"} in s3.get_bucket_tagging(Bucket=name)["TagSet"]
    controls = s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]
    assert controls["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]

    stack({"B": bucket(name)})
    with pytest.raises(s3.exceptions.ClientError, match="NoSuchLifecycleConfiguration"):
        s3.get_bucket_lifecycle_configuration(Bucket=name)


def table(name: str, **properties: Any) -> Template:
    schema = {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    }
    return {"Type": "AWS::DynamoDB::Table", "Properties": {**schema, **properties}}


def test_a_table_has_time_to_live_and_recovery_and_keeps_its_items_over_updates(
    stack: Stack, client: Any, name: str
) -> None:
    dynamodb = client("dynamodb")
    stack(
        {
            "T": table(
                name,
                TimeToLiveSpecification={"AttributeName": "expires", "Enabled": True},
                PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
            )
        }
    )
    dynamodb.put_item(TableName=name, Item={"id": {"S": "1"}})
    assert dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]["AttributeName"] == "expires"
    assert recovery(dynamodb, name) == "ENABLED"

    stack({"T": table(name, TimeToLiveSpecification={"AttributeName": "other", "Enabled": True})})
    assert dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]["AttributeName"] == "other"
    assert recovery(dynamodb, name) == "DISABLED"
    assert dynamodb.get_item(TableName=name, Key={"id": {"S": "1"}})["Item"] == {"id": {"S": "1"}}


def recovery(dynamodb: Any, table_name: str) -> str:
    described = dynamodb.describe_continuous_backups(TableName=table_name)["ContinuousBackupsDescription"]
    return str(described["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"])


def test_a_table_that_exists_is_not_overwritten(client: Any, name: str) -> None:
    dynamodb = client("dynamodb")
    dynamodb.create_table(**table(name)["Properties"])
    dynamodb.put_item(TableName=name, Item={"id": {"S": "kept"}})

    assert "already exists" in refusal(client, name, {"T": table(name)})
    assert dynamodb.scan(TableName=name)["Count"] == 1


@pytest.mark.parametrize(
    ("resource", "named"),
    [
        (bucket("b", ReplicationConfiguration={"Role": "r", "Rules": []}), "ReplicationConfiguration"),
        (table("t", KinesisStreamSpecification={"StreamArn": "a"}), "KinesisStreamSpecification"),
        ({"Type": "AWS::SNS::Topic", "Properties": {"DeliveryStatusLogging": []}}, "DeliveryStatusLogging"),
        ({"Type": "AWS::Glue::Crawler", "Properties": {"Schedule": {}, "Targets": {}}}, "Schedule"),
        (
            {"Type": "AWS::Lambda::Function", "Properties": {"Code": {"ImageUri": "i"}, "Role": "r"}},
            "Code.ImageUri",
        ),
    ],
)
def test_a_property_that_is_not_emulated_fails_the_stack_by_name(
    client: Any, name: str, resource: Template, named: str
) -> None:
    assert f"does not emulate {named} of {resource['Type']}" in refusal(client, name, {"R": resource})


def test_a_function_whose_code_is_missing_is_not_deployed(client: Any, role: Any, name: str) -> None:
    client("s3").create_bucket(Bucket=name)
    properties = {
        "FunctionName": name,
        "Runtime": "python3.11",
        "Handler": "app.handler",
        "Role": role("lambda.amazonaws.com"),
        "Code": {"S3Bucket": name, "S3Key": "missing.zip"},
    }

    assert "is not there" in refusal(client, name, {"F": {"Type": "AWS::Lambda::Function", "Properties": properties}})


def test_a_function_has_its_network(stack: Stack, client: Any, role: Any, name: str) -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="code.zip", Body=zipped(app="def handler(e, c): return e"))
    properties = {
        "FunctionName": name,
        "Runtime": "python3.11",
        "Handler": "app.handler",
        "Role": role("lambda.amazonaws.com"),
        "Code": {"S3Bucket": name, "S3Key": "code.zip"},
        "VpcConfig": {"SubnetIds": [{"Ref": "Subnet"}], "SecurityGroupIds": [{"Fn::GetAtt": ["Group", "GroupId"]}]},
    }
    group = {"GroupDescription": "d", "VpcId": {"Ref": "Vpc"}}
    ids = stack(
        {
            "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.1.0.0/16"}},
            "Subnet": {
                "Type": "AWS::EC2::Subnet",
                "Properties": {"VpcId": {"Ref": "Vpc"}, "CidrBlock": {"Fn::GetAtt": ["Vpc", "CidrBlock"]}},
            },
            "Group": {"Type": "AWS::EC2::SecurityGroup", "Properties": group},
            "F": {"Type": "AWS::Lambda::Function", "Properties": properties},
        }
    )

    function = client("lambda").get_function(FunctionName=name)
    assert function["Configuration"]["VpcConfig"]["SubnetIds"] == [ids["Subnet"]]
    assert function["Configuration"]["VpcConfig"]["VpcId"] == ids["Vpc"]
    assert json.loads(client("lambda").invoke(FunctionName=name, Payload=b"3")["Payload"].read()) == 3


def test_network_rules_show_in_describe_and_go_with_the_stack(stack: Stack, client: Any) -> None:
    ec2 = client("ec2")
    network: Template = {
        "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.2.0.0/16"}},
        "Subnet": {"Type": "AWS::EC2::Subnet", "Properties": {"VpcId": {"Ref": "Vpc"}, "CidrBlock": "10.2.0.0/24"}},
        "Group": {
            "Type": "AWS::EC2::SecurityGroup",
            "Properties": {"GroupDescription": "d", "VpcId": {"Ref": "Vpc"}},
        },
        "Acl": {"Type": "AWS::EC2::NetworkAcl", "Properties": {"VpcId": {"Ref": "Vpc"}}},
        "Link": {
            "Type": "AWS::EC2::SubnetNetworkAclAssociation",
            "Properties": {"SubnetId": {"Ref": "Subnet"}, "NetworkAclId": {"Ref": "Acl"}},
        },
    }
    entry = {
        "NetworkAclId": {"Ref": "Acl"},
        "RuleNumber": 100,
        "Protocol": 6,
        "RuleAction": "allow",
        "CidrBlock": "10.2.0.0/16",
        "PortRange": {"From": 443, "To": 443},
    }
    rule = {"GroupId": {"Fn::GetAtt": ["Group", "GroupId"]}, "IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}
    ids = stack(
        {
            **network,
            "Entry": {"Type": "AWS::EC2::NetworkAclEntry", "Properties": entry},
            "In": {
                "Type": "AWS::EC2::SecurityGroupIngress",
                "Properties": {**rule, "SourceSecurityGroupId": {"Fn::GetAtt": ["Group", "GroupId"]}},
            },
            "Out": {
                "Type": "AWS::EC2::SecurityGroupEgress",
                "Properties": {**rule, "DestinationPrefixListId": "pl-63a5400a"},
            },
        }
    )

    (acl,) = ec2.describe_network_acls(NetworkAclIds=[ids["Acl"]])["NetworkAcls"]
    (group,) = ec2.describe_security_groups(GroupIds=[ids["Group"]])["SecurityGroups"]
    assert [link["SubnetId"] for link in acl["Associations"]] == [ids["Subnet"]]
    assert [(e["RuleNumber"], e["PortRange"]) for e in acl["Entries"]] == [(100, {"From": 443, "To": 443})]
    assert [r["UserIdGroupPairs"][0]["GroupId"] for r in group["IpPermissions"]] == [ids["Group"]]
    assert "pl-63a5400a" in [p["PrefixListId"] for r in group["IpPermissionsEgress"] for p in r["PrefixListIds"]]

    stack(network)
    (acl,) = ec2.describe_network_acls(NetworkAclIds=[ids["Acl"]])["NetworkAcls"]
    (group,) = ec2.describe_security_groups(GroupIds=[ids["Group"]])["SecurityGroups"]
    assert acl["Entries"] == []
    assert group["IpPermissions"] == []


def machine(definition: Template, role_arn: str) -> Template:
    properties = {
        "DefinitionString": json.dumps(definition),
        "DefinitionSubstitutions": {"Answer": "42"},
        "RoleArn": role_arn,
    }
    return {
        "Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties},
        "Version": {
            "Type": "AWS::StepFunctions::StateMachineVersion",
            "Properties": {
                "StateMachineArn": {"Ref": "Machine"},
                "StateMachineRevisionId": {"Fn::GetAtt": ["Machine", "StateMachineRevisionId"]},
            },
        },
        "Alias": {
            "Type": "AWS::StepFunctions::StateMachineAlias",
            "Properties": {
                "Name": "live",
                "RoutingConfiguration": [{"StateMachineVersionArn": {"Fn::GetAtt": ["Version", "Arn"]}, "Weight": 100}],
            },
        },
    }


def test_an_updated_state_machine_gets_a_new_version_and_the_alias_moves_to_it(
    stack: Stack, client: Any, role: Any
) -> None:
    states = client("stepfunctions")
    arn = role("states.amazonaws.com")
    first = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": "${Answer} ${other}", "End": True}}}
    ids = stack(machine(first, arn))
    definition = states.describe_state_machine(stateMachineArn=ids["Machine"])["definition"]
    assert json.loads(definition)["States"]["A"]["Result"] == "42 ${other}"

    second = {"StartAt": "B", "States": {"B": {"Type": "Succeed"}}}
    updated = stack(machine(second, arn))

    assert (updated["Machine"], updated["Alias"]) == (ids["Machine"], ids["Alias"])
    assert updated["Version"] != ids["Version"]
    (route,) = states.describe_state_machine_alias(stateMachineAliasArn=ids["Alias"])["routingConfiguration"]
    assert route == {"stateMachineVersionArn": updated["Version"], "weight": 100}
    versions = states.list_state_machine_versions(stateMachineArn=ids["Machine"])["stateMachineVersions"]
    assert [version["stateMachineVersionArn"] for version in versions] == [updated["Version"]]


def test_a_definition_that_step_functions_refuses_fails_the_stack(client: Any, role: Any, name: str) -> None:
    nowhere = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "Nowhere"}}}

    assert "Nowhere" in refusal(client, name, machine(nowhere, role("states.amazonaws.com")))


def test_substitution_leaves_unknown_names_alone() -> None:
    assert substituted("${a} ${b} $.c", {"a": "x", "c": "y"}) == "x ${b} $.c"


def test_a_topic_keeps_its_key(stack: Stack, client: Any) -> None:
    ids = stack({"T": {"Type": "AWS::SNS::Topic", "Properties": {"KmsMasterKeyId": "alias/k"}}})

    attributes = client("sns").get_topic_attributes(TopicArn=ids["T"])["Attributes"]
    assert attributes["KmsMasterKeyId"] == "alias/k"


def test_a_stack_is_done_when_the_call_that_started_it_returns(client: Any, name: str) -> None:
    cloudformation = client("cloudformation")
    topic = {"Resources": {"T": {"Type": "AWS::SNS::Topic"}}}

    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(topic))

    (found,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    assert found["StackStatus"] == "CREATE_COMPLETE"
    cloudformation.delete_stack(StackName=name)
    with pytest.raises(cloudformation.exceptions.ClientError, match="does not exist"):
        cloudformation.describe_stacks(StackName=name)


def test_a_change_set_of_outputs_alone_can_be_executed(client: Any, name: str) -> None:
    cloudformation = client("cloudformation")
    topic = {"T": {"Type": "AWS::SNS::Topic"}}
    exported = {"Arn": {"Value": {"Ref": "T"}, "Export": {"Name": f"{name}-arn"}}}
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": topic}))

    def change(number: int) -> str:
        body = json.dumps({"Resources": topic, "Outputs": exported})
        change_set = {"StackName": name, "ChangeSetName": f"c{number}"}
        cloudformation.create_change_set(**change_set, TemplateBody=body)
        status = str(cloudformation.describe_change_set(**change_set)["Status"])
        if status == "CREATE_COMPLETE":
            cloudformation.execute_change_set(**change_set)
        return status

    assert change(1) == "CREATE_COMPLETE"
    assert f"{name}-arn" in [export["Name"] for export in cloudformation.list_exports()["Exports"]]
    assert change(2) == "FAILED"


def test_an_endpoint_shows_its_policy_groups_and_private_names(stack: Stack, client: Any) -> None:
    policy = {"Version": "2012-10-17", "Statement": []}
    ids = stack(
        {
            "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.3.0.0/16"}},
            "Group": {
                "Type": "AWS::EC2::SecurityGroup",
                "Properties": {"GroupDescription": "d", "VpcId": {"Ref": "Vpc"}},
            },
            "Endpoint": {
                "Type": "AWS::EC2::VPCEndpoint",
                "Properties": {
                    "VpcId": {"Ref": "Vpc"},
                    "VpcEndpointType": "Interface",
                    "ServiceName": "com.amazonaws.us-east-1.ssm",
                    "PrivateDnsEnabled": True,
                    "PolicyDocument": policy,
                    "SecurityGroupIds": [{"Fn::GetAtt": ["Group", "GroupId"]}],
                },
            },
            "Log": {
                "Type": "AWS::EC2::FlowLog",
                "Properties": {
                    "ResourceId": {"Ref": "Vpc"},
                    "ResourceType": "VPC",
                    "TrafficType": "REJECT",
                    "LogGroupName": "rejected",
                    "Tags": [{"Key": "a", "Value": "b"}],
                },
            },
        }
    )

    (endpoint,) = client("ec2").describe_vpc_endpoints(VpcEndpointIds=[ids["Endpoint"]])["VpcEndpoints"]
    (log,) = client("ec2").describe_flow_logs(FlowLogIds=[ids["Log"]])["FlowLogs"]
    assert json.loads(endpoint["PolicyDocument"]) == policy
    assert ([group["GroupId"] for group in endpoint["Groups"]], endpoint["PrivateDnsEnabled"]) == ([ids["Group"]], True)
    assert log["Tags"] == [{"Key": "a", "Value": "b"}]


def test_a_mail_subscription_is_kept_and_stands_in_no_ones_way(stack: Stack, client: Any) -> None:
    topic = {"Type": "AWS::SNS::Topic", "Properties": {}}
    mail = {"Protocol": "email", "Endpoint": "ml-team@example.com", "TopicArn": {"Ref": "T"}}
    ids = stack({"T": topic, "S": {"Type": "AWS::SNS::Subscription", "Properties": mail}})

    client("sns").publish(TopicArn=ids["T"], Message="m")
    (kept,) = client("sns").list_subscriptions_by_topic(TopicArn=ids["T"])["Subscriptions"]
    assert (kept["SubscriptionArn"], kept["Endpoint"]) == (ids["S"], "ml-team@example.com")


def test_queue_workgroup_and_rule_are_described_as_the_template_says(stack: Stack, client: Any, name: str) -> None:
    result = {"OutputLocation": f"s3://{name}/athena/", "EncryptionConfiguration": {"EncryptionOption": "SSE_S3"}}
    target = {
        "Id": "T",
        "Arn": f"arn:aws:sns:us-east-1:000000000000:{name}",
        "InputTransformer": {"InputPathsMap": {"name": "$.detail.name"}, "InputTemplate": '"<name> ended"'},
    }

    def resources(seconds: int) -> Template:
        configuration = {"BytesScannedCutoffPerQuery": seconds * 10_000_000, "ResultConfiguration": result}
        bodies = {
            "SQS::Queue": {"QueueName": name, "MessageRetentionPeriod": seconds, "KmsMasterKeyId": "alias/k"},
            "SQS::QueuePolicy": {
                "Queues": [{"Ref": "SQSQueue"}],
                "PolicyDocument": {"Version": "2012-10-17", "Statement": []},
            },
            "Athena::WorkGroup": {"Name": name, "WorkGroupConfiguration": configuration},
            "Events::Rule": {"Name": name, "EventPattern": {"source": ["aws.states"]}, "Targets": [target]},
        }
        return {
            kind.replace("::", ""): {"Type": f"AWS::{kind}", "Properties": properties}
            for kind, properties in bodies.items()
        }

    ids = stack(resources(60))
    assert stack(resources(120)) == ids

    queue = client("sqs").get_queue_attributes(QueueUrl=ids["SQSQueue"], AttributeNames=["All"])["Attributes"]
    group = client("athena").get_work_group(WorkGroup=name)["WorkGroup"]["Configuration"]
    assert (queue["MessageRetentionPeriod"], queue["KmsMasterKeyId"]) == ("120", "alias/k")
    assert json.loads(queue["Policy"])["Statement"] == []
    assert (group["BytesScannedCutoffPerQuery"], group["ResultConfiguration"]) == (1_200_000_000, result)
    assert client("events").list_targets_by_rule(Rule=name)["Targets"] == [target]
