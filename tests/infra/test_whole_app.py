"""Rules that hold for every resource: a new one that breaks a rule fails here or stops the synthesis."""

import json
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from infra.aspects import FIXED_TAGS_TYPES
from infra.naming import SECTIONS
from tests.infra.assembly import ACCOUNT, NAME_PROPERTIES, NAMES, normalised
from tests.infra.conftest import CDK_JSON, synthesize

with warnings.catch_warnings():  # it leaves a file open while it is imported
    warnings.simplefilter("ignore", ResourceWarning)
    import parliament

CFN_LINT = str(Path(sys.executable).parent / "cfn-lint")
#: Types without tags in CloudFormation, or that the CDK tags through another resource.
UNTAGGED = {
    "AWS::ApiGateway::Account",
    "AWS::ApiGateway::Deployment",
    "AWS::ApiGateway::GatewayResponse",
    "AWS::ApiGateway::Method",
    "AWS::ApiGateway::Model",
    "AWS::ApiGateway::RequestValidator",
    "AWS::ApiGateway::Resource",
    "AWS::ApiGateway::UsagePlanKey",
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::ApplicationAutoScaling::ScalingPolicy",
    "AWS::CloudWatch::Dashboard",
    "AWS::EC2::NetworkAclEntry",
    "AWS::EC2::SecurityGroupEgress",
    "AWS::EC2::SecurityGroupIngress",
    "AWS::EC2::SubnetNetworkAclAssociation",
    "AWS::EC2::SubnetRouteTableAssociation",
    "AWS::Glue::Database",
    "AWS::Glue::SecurityConfiguration",
    "AWS::IAM::Policy",
    "AWS::KMS::Alias",
    "AWS::Lambda::LayerVersion",
    "AWS::Lambda::Permission",
    "AWS::Logs::MetricFilter",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
    "AWS::Scheduler::Schedule",
    "AWS::StepFunctions::StateMachineAlias",
    "AWS::StepFunctions::StateMachineVersion",
    "Custom::ShippedModel",
}
#: What the types that keep something at rest must say about their encryption, given their properties.
ENCRYPTED = {
    "AWS::ApiGateway::Stage": lambda p: all(s.get("CacheDataEncrypted") for s in cached_methods(p)),
    "AWS::Athena::WorkGroup": lambda p: "EncryptionConfiguration" in str(p["WorkGroupConfiguration"]),
    "AWS::DynamoDB::Table": lambda p: p["SSESpecification"]["SSEType"] == "KMS",
    "AWS::Glue::Crawler": lambda p: p["CrawlerSecurityConfiguration"],
    "AWS::Glue::SecurityConfiguration": lambda p: "SSE-KMS" in str(p),
    "AWS::KMS::Key": lambda p: p["EnableKeyRotation"] is True,
    "AWS::Kinesis::Stream": lambda p: "DataKey" in str(p["StreamEncryption"]["KeyId"]),
    "AWS::Logs::LogGroup": lambda p: "LogsKey" in str(p["KmsKeyId"]) and p["RetentionInDays"] == 30,
    "AWS::S3::Bucket": lambda p: p["BucketEncryption"],
    "AWS::SNS::Topic": lambda p: "MessagesKey" in str(p["KmsMasterKeyId"]),
    "AWS::SQS::Queue": lambda p: "MessagesKey" in str(p["KmsMasterKeyId"]),
    "AWS::SageMaker::EndpointConfig": lambda p: "DataKey" in str(p["KmsKeyId"]),
}
#: Types that keep nothing of ours at rest, beside those without tags: a new type has to be put here or above.
NOTHING_AT_REST = {
    "AWS::ApiGateway::ApiKey",
    "AWS::ApiGateway::RestApi",
    "AWS::ApiGateway::UsagePlan",
    "AWS::Batch::ComputeEnvironment",
    "AWS::Batch::JobDefinition",
    "AWS::Batch::JobQueue",
    "AWS::Chatbot::SlackChannelConfiguration",
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::CompositeAlarm",
    "AWS::EC2::FlowLog",
    "AWS::EC2::NetworkAcl",
    "AWS::EC2::RouteTable",
    "AWS::EC2::SecurityGroup",
    "AWS::EC2::Subnet",
    "AWS::EC2::VPC",
    "AWS::EC2::VPCEndpoint",
    "AWS::Events::Rule",
    "AWS::IAM::Role",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::Function",
    "AWS::SageMaker::Endpoint",
    "AWS::SageMaker::Model",
    "AWS::Scheduler::ScheduleGroup",
    "AWS::StepFunctions::StateMachine",
}
#: Named by CloudFormation, and why.
UNNAMED = {
    # It outlives its stack, and a name would keep the next deployment from making it anew.
    "api/PredictionsCloudWatchRoleCBD8166A",
}
#: What stays with the data, and why: other APIs of the account log with that role.
KEPT_FOR_OTHERS = {"api/PredictionsCloudWatchRoleCBD8166A", "api/PredictionsAccount6501714A"}
#: Actions that AWS allows on all resources only (Service Authorization Reference), and why they are there.
STAR_ACTIONS = {
    "ec2:CreateNetworkInterface": "Lambda in a VPC, as its guide lists it; denied to the function's own code",
    "ec2:DeleteNetworkInterface": "the same",
    "ec2:DescribeNetworkInterfaces": "the same",
    "ec2:DescribeSubnets": "the same",
    "ec2:AssignPrivateIpAddresses": "the same",
    "ec2:UnassignPrivateIpAddresses": "the same",
    "xray:PutTraceSegments": "traces have no resource",
    "xray:PutTelemetryRecords": "traces have no resource",
    "xray:GetSamplingRules": "traces have no resource",
    "xray:GetSamplingTargets": "traces have no resource",
    "logs:CreateLogDelivery": "the delivery of a state machine's log",
    "logs:GetLogDelivery": "the same",
    "logs:UpdateLogDelivery": "the same",
    "logs:DeleteLogDelivery": "the same",
    "logs:ListLogDeliveries": "the same",
    "logs:PutResourcePolicy": "the same",
    "logs:DescribeResourcePolicies": "the same",
    "logs:DescribeLogGroups": "the same",
    "batch:DescribeJobs": "has no resource",
    "ecr:GetAuthorizationToken": "has no resource",
    "glue:GetSecurityConfiguration": "has no resource",
    "sagemaker:ListEndpointConfigs": "has no resource",
    "sagemaker:ListModels": "has no resource",
    "cloudwatch:GetMetricData": "has no resource",
    "cloudwatch:PutMetricData": "metrics have no resource; held to namespaces by a condition",
    "ec2:DescribeDhcpOptions": "SageMaker looks at the network of its models, as its guide lists it",
    "ec2:DescribeSecurityGroups": "the same",
    "ec2:DescribeVpcs": "the same",
}
#: By this, a key leaves it to the account's own policies who may use it.
OURSELVES = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
#: Findings of parliament that are wrong here, and why.
PARLIAMENT_ERRS = {
    ("UNKNOWN_CONDITION_FOR_ACTION", "lambda:SourceFunctionArn"): "Lambda adds it to every call of a function's role",
    ("RESOURCE_MISMATCH", "batch:SubmitJob"): "it wants the ARN of the job, which is not known before it is submitted",
    ("RESOURCE_MISMATCH", "states:DescribeExecution"): "it wants the ARN of an express execution beside ours",
}
#: The same in policies of resources.
RESOURCE_PARLIAMENT_ERRS = {
    ("UNKNOWN_CONDITION_FOR_ACTION", "kms:EncryptionContext:aws:logs:arn"): "as CloudWatch Logs' guide writes it",
    ("UNKNOWN_CONDITION_FOR_ACTION", "kms:EncryptionContext:aws:sns:topicArn"): "SNS gives it with each data key",
    ("MISMATCHED_TYPE", "ArnLike requires a value of type Arn"): "as CloudWatch Logs' guide writes it",
}
#: Rules of cdk-nag with findings that are accepted, each with its reason where the construct is made.
ACCEPTED_RULES = {
    "AwsSolutions": {"APIG3", "APIG4", "APIG6", "COG4", "IAM4", "IAM5", "KDS3", "L1", "SQS3", "VPC3"},
    "Serverless": {"EventBusDLQ", "LambdaDLQ", "LambdaLatestVersion", "SQSRedrivePolicy"},
}
#: Findings of cfn-lint that are wrong here, and why.
LINT_ERRS = {
    ("W3010", ""): "the zones are settings; to look them up, synthesis would need an account",
    ("W3005", ""): "the CDK writes dependencies on roles that references imply already",
    ("E3601", "'Parameters' was unexpected"): "a Parallel state has them (Amazon States Language, Parallel State)",
    ("E3601", "'OutputPath' was unexpected"): "a Succeed state has it (Amazon States Language, Succeed State)",
}


def test_every_section_has_a_stack_named_by_the_rule(assembly):
    stacks = {path.name.removesuffix(".template.json") for path in assembly.directory.glob("*.template.json")}

    assert stacks == {NAMES.stack(section) for section in SECTIONS}


def test_every_resource_that_can_have_a_name_has_one_by_the_rule(assembly):
    rule = re.compile(r"^(alias/|/aws/(\w+/)+)?ml-pipeline-[a-z0-9-]+-staging-us-east-1$")
    unnamed = [
        f"{resource}: {resource.properties.get(NAME_PROPERTIES[resource.type])}"
        for resource in assembly.resources
        if resource.type in NAME_PROPERTIES
        and str(resource) not in UNNAMED
        and not rule.match(str(resource.properties.get(NAME_PROPERTIES[resource.type])))
    ]

    assert not unnamed


def test_everything_that_can_be_tagged_carries_the_cost_tags(assembly):
    fixed = {"Project", "Environment"}
    wanted = {*fixed, "CostCenter", "Owner"}
    untagged = {
        str(r) for r in assembly.resources if r.type not in UNTAGGED | FIXED_TAGS_TYPES and not wanted <= set(tags(r))
    }

    assert not untagged
    assert all(set(tags(r)) == fixed for r in assembly.resources if r.type in FIXED_TAGS_TYPES)
    assert tags(assembly.one("AWS::DynamoDB::Table"))["Environment"] == "staging"


def tags(resource):
    value = resource.properties.get("Tags", {})
    return value if isinstance(value, dict) else {tag["Key"]: tag["Value"] for tag in value}


def test_data_and_its_keys_stay_when_a_stack_is_deleted_and_nothing_else_does(assembly):
    retained = [r for r in assembly.resources if r.body.get("DeletionPolicy", "").startswith("Retain")]
    data = {"AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::KMS::Key"}

    assert {r.type for r in retained if str(r) not in KEPT_FOR_OTHERS} == data
    assert {str(r) for r in assembly.resources if r.type in data} | KEPT_FOR_OTHERS == {str(r) for r in retained}
    # A first deployment that fails leaves nothing behind whose name the second would need.
    assert all(r.body["DeletionPolicy"] == "RetainExceptOnCreate" for r in retained)
    assert all(r.body["UpdateReplacePolicy"] == "Retain" for r in retained)


def cached_methods(stage):
    return [setting for setting in stage["MethodSettings"] if setting.get("CachingEnabled")]


def test_whatever_keeps_something_at_rest_keeps_it_encrypted(assembly):
    plain = [str(r) for r in assembly.resources if r.type in ENCRYPTED and not ENCRYPTED[r.type](r.properties)]

    assert not plain


def test_of_every_type_it_is_known_whether_it_keeps_something_at_rest(assembly):
    assert not {r.type for r in assembly.resources} - set(ENCRYPTED) - NOTHING_AT_REST - UNTAGGED


def test_no_function_creates_its_log_group_by_itself(assembly):
    """Such a group would never expire and would not be encrypted with our key."""
    groups = {g.properties["LogGroupName"] for g in assembly.of_type("AWS::Logs::LogGroup")}

    for function in assembly.of_type("AWS::Lambda::Function"):
        assert f"/aws/lambda/{function.properties['FunctionName']}" in groups


def test_the_first_model_is_the_only_custom_resource(assembly):
    custom = [r for r in assembly.resources if r.type.startswith(("Custom::", "AWS::CloudFormation::CustomResource"))]

    assert [r.type for r in custom] == ["Custom::ShippedModel"]


def test_no_policy_allows_every_action_of_a_service(assembly):
    broad = {
        f"{policy}: {action}"
        for policy, document in assembly.policies()
        for statement in map(normalised, document["Statement"])
        for action in statement["Action"]
        if action == "*" or action.endswith(":*")
    }

    assert not broad


def test_every_action_on_all_resources_is_one_that_aws_offers_no_narrower(assembly):
    unexplained = {
        f"{policy}: {action}"
        for policy, document in assembly.policies()
        for statement in map(normalised, document["Statement"])
        if "*" in statement["Resource"]
        for action in statement["Action"]
        if action not in STAR_ACTIONS
    }

    assert not unexplained


#: A state machine with what makes it a version or an alias; with wildcards, too.
QUALIFIED = re.compile(r":states:[^:]*:[^:]*:stateMachine:[^:]+:.")


def test_no_policy_grants_step_functions_on_a_version_or_an_alias_which_would_allow_nothing(assembly):
    """It looks at the state machine's own ARN (Step Functions developer guide, "Authorization for versions and aliases
    in Step Functions workflows")."""
    pretended = [
        f"{policy}: {action} on {arn}"
        for policy, document in [*assembly.policies(), *assembly.resource_policies()]
        for statement in map(normalised, document["Statement"])
        for action in statement.get("Action", [])
        if action.startswith("states:")
        for arn in statement.get("Resource", [])
        if QUALIFIED.search(str(arn))
    ]

    assert not pretended


def test_whatever_starts_an_alias_by_itself_has_a_role_that_step_functions_lets_start_it(assembly):
    targets = [(r.properties["Target"], r.stack) for r in assembly.of_type("AWS::Scheduler::Schedule")]
    targets += [
        (target, r.stack)
        for r in assembly.of_type("AWS::Events::Rule")
        for target in r.properties["Targets"]
        if ":states:" in str(assembly.resolve(target["Arn"], r.stack))
    ]
    assert len(targets) >= 2

    for target, stack in targets:
        machine, _, qualifier = assembly.resolve(target["Arn"], stack).rpartition(":")
        role = assembly.resolve(target["RoleArn"], stack).rsplit("/", 1)[1]
        allowing = [s for s in assembly.statements(role) if machine in s["Resource"]]
        assert [s["Condition"] for s in allowing] == [
            {"ForAnyValue:StringEquals": {"states:StateMachineQualifier": [qualifier]}}
        ]


def test_parliament_finds_nothing_wrong_in_any_policy(assembly):
    findings = [
        f"{policy}: {finding.issue} {finding.detail}"
        for policy, document in assembly.policies()
        for finding in parliament.analyze_policy_string(json.dumps(document)).findings
        if not is_explained(finding, document)
    ]

    assert not findings


def test_a_policy_of_a_resource_lets_nobody_in_but_services_and_this_account(assembly):
    """Whoever it is, in a condition or in an endpoint's policy the account is named, or the object that is public."""
    strangers = [
        f"{resource}: {statement}"
        for resource, document in assembly.resource_policies()
        for statement in document["Statement"]
        if statement["Effect"] == "Allow"
        and statement["Principal"] == {"AWS": "*"}
        and ACCOUNT not in str(statement.get("Condition"))
        and "starport-layer-bucket" not in str(statement["Resource"])
    ]

    assert not strangers


def test_services_that_use_a_key_do_so_for_what_is_ours(assembly):
    for resource, document in assembly.resource_policies():
        for statement in document["Statement"]:
            if resource.type == "AWS::KMS::Key" and "Service" in statement["Principal"]:
                assert ACCOUNT in str(statement["Condition"]), statement


def test_parliament_finds_nothing_wrong_in_the_policies_of_resources(assembly):
    """In the statements that allow something. Trust policies have no resource, which parliament does not know."""
    findings = []
    for resource, document in assembly.resource_policies():
        statements = [
            of_this_key(statement, resource)
            for statement in document["Statement"]
            if statement["Effect"] == "Allow" and statement["Principal"] != OURSELVES
        ]
        if statements and resource.type not in ("AWS::IAM::Role", "AWS::EC2::VPCEndpoint"):
            policy = json.dumps({**document, "Statement": statements})
            findings += [
                f"{resource}: {finding.issue} {finding.detail}"
                for finding in parliament.analyze_policy_string(policy).findings
                if not any(
                    issue == finding.issue and about in str(finding.detail) for issue, about in RESOURCE_PARLIAMENT_ERRS
                )
            ]

    assert not findings


def of_this_key(statement, resource):
    """In the policy of a key, all resources are that key."""
    key = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    return {**statement, "Resource": key} if resource.type == "AWS::KMS::Key" else statement


def is_explained(finding, document):
    """Whether a finding is one of those above, or comes from what an action pattern such as `s3:List*` also matches."""
    if finding.issue == "RESOURCE_STAR":
        return set(finding.detail) <= set(STAR_ACTIONS)
    if finding.issue == "RESOURCE_MISMATCH":
        written = {action for statement in map(normalised, document["Statement"]) for action in statement["Action"]}
        wrong = {entry["action"] for entry in finding.detail if entry["action"] in written}
        return all((finding.issue, action) in PARLIAMENT_ERRS for action in wrong)
    return any(issue == finding.issue and about in str(finding.detail) for issue, about in PARLIAMENT_ERRS)


def test_cfn_lint_finds_nothing_wrong_in_any_template(assembly):
    templates = sorted(map(str, assembly.directory.glob("*.template.json")))
    command = [CFN_LINT, "--format", "json", "--regions", "us-east-1", "--template", *templates]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False)
    findings = [
        f"{finding['Rule']['Id']} {finding['Message']}"
        for finding in json.loads(outcome.stdout)
        if not any(finding["Rule"]["Id"] == rule and text in finding["Message"] for rule, text in LINT_ERRS)
    ]

    assert not findings, outcome.stderr


@pytest.mark.parametrize("pack", ["AwsSolutions", "Serverless"])
def test_cdk_nag_passes_with_a_reason_for_each_exception(assembly, pack):
    report = json.loads((assembly.directory / "validation-report.json").read_text())
    (nag,) = (plugin for plugin in report["pluginReports"] if plugin["pluginName"] == pack)
    reasons = {violation["ruleName"]: violation["reason"] for violation in nag["suppressedViolations"]}

    assert nag["violations"] == []
    assert {name.split("[")[0].removeprefix(f"{pack}-") for name in reasons} == ACCEPTED_RULES[pack]
    assert all(len(reason.split()) >= 4 for reason in reasons.values()), reasons


def test_cloudformations_own_checks_pass(assembly):
    report = json.loads((assembly.directory / "validation-report.json").read_text())

    assert [plugin["violations"] for plugin in report["pluginReports"]] == [[]] * 3


def test_no_check_of_our_own_objects(assembly):
    entries = [
        entry
        for path in assembly.directory.glob("*.metadata.json")
        for entries in json.loads(path.read_text()).values()
        for entry in entries
    ]

    assert entries
    assert not [entry["data"] for entry in entries if entry["type"] in ("aws:cdk:error", "aws:cdk:warning")]


def test_a_second_synthesis_gives_the_same_templates_and_assets(assembly, context, tmp_path):
    synthesize(tmp_path / "again", context)

    def hashes(directory):
        return {
            path.name: sorted(json.loads(path.read_text())["files"])
            + sorted(json.loads(path.read_text())["dockerImages"])
            for path in directory.glob("*.assets.json")
        }

    assert hashes(tmp_path / "again") == hashes(assembly.directory)


def test_synthesis_looks_nothing_up_in_an_account(assembly):
    assert "missing" not in json.loads((assembly.directory / "manifest.json").read_text())


def test_production_synthesizes_for_any_account_without_credentials(context, tmp_path):
    synthesize(tmp_path / "any", context, CDK_DEFAULT_ACCOUNT="", ML_PIPELINE_ENVIRONMENT="prod")

    templates = [path.read_text() for path in (tmp_path / "any").glob("*.template.json")]

    assert len(templates) == len(SECTIONS)
    assert not [template for template in templates if ACCOUNT in template]


def test_bad_settings_end_the_app_with_one_line_that_says_what_is_allowed(context):
    command = [sys.executable, "-P", "-m", "infra.app"]
    variables = {**os.environ, "CDK_CONTEXT_JSON": json.dumps(context), "ML_PIPELINE_ENVIRONMENT": "qa"}
    outcome = subprocess.run(command, capture_output=True, text=True, check=False, env=variables)

    assert outcome.returncode == 1
    assert outcome.stderr.splitlines()[-1] == "SettingsError: Unknown environment 'qa'. Allowed: dev, prod, staging."


def test_a_key_that_is_there_twice_in_cdk_json_ends_the_app(context, tmp_path):
    """The CDK command line hands over the last of the two, as if the first had never been written."""
    twice = CDK_JSON.read_text().replace('"staging": {', '"staging": {}, "staging": {', 1)
    (tmp_path / "cdk.json").write_text(twice)
    command = [sys.executable, "-P", "-m", "infra.app"]
    variables = {**os.environ, "CDK_CONTEXT_JSON": json.dumps(context)}
    outcome = subprocess.run(command, capture_output=True, text=True, check=False, env=variables, cwd=tmp_path)

    assert outcome.returncode == 1
    assert outcome.stderr.splitlines()[-1].startswith("SettingsError: ")
    assert "staging" in outcome.stderr.splitlines()[-1]


def test_the_cdk_finds_the_app_of_this_repository():
    assert json.loads(CDK_JSON.read_text())["app"] == "../.venv/bin/python -P -m infra.app"
