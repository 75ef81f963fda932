"""Rules that hold for every resource: a new one that breaks a rule fails here or stops the synthesis."""

import json
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

from infra.naming import SECTIONS
from tests.infra.assembly import ACCOUNT, NAME_PROPERTIES, NAMES, normalised
from tests.infra.conftest import CDK_JSON, synthesize

with warnings.catch_warnings():  # it leaves a file open while it is imported
    warnings.simplefilter("ignore", ResourceWarning)
    import parliament

CFN_LINT = str(Path(sys.executable).parent / "cfn-lint")
#: Types without tags in CloudFormation, or that the CDK tags through another resource.
UNTAGGED = {
    "AWS::EC2::SecurityGroupEgress",
    "AWS::EC2::SecurityGroupIngress",
    "AWS::EC2::SubnetRouteTableAssociation",
    "AWS::Glue::Database",
    "AWS::Glue::SecurityConfiguration",
    "AWS::IAM::Policy",
    "AWS::KMS::Alias",
    "AWS::Lambda::LayerVersion",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::TopicPolicy",
    "AWS::StepFunctions::StateMachineAlias",
    "AWS::StepFunctions::StateMachineVersion",
}
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
}
#: Findings of parliament that are wrong here, and why.
PARLIAMENT_ERRS = {
    ("UNKNOWN_CONDITION_FOR_ACTION", "lambda:SourceFunctionArn"): "Lambda adds it to every call of a function's role",
    ("RESOURCE_MISMATCH", "batch:SubmitJob"): "it wants the ARN of the job, which is not known before it is submitted",
    ("RESOURCE_MISMATCH", "states:DescribeExecution"): "it wants the ARN of an express execution beside ours",
}
#: Findings of cfn-lint that are wrong here, and why.
LINT_ERRS = {
    ("W3010", ""): "the zones are settings; to look them up, synthesis would need an account",
    ("W3005", ""): "the CDK writes dependencies on roles that references imply already",
    ("E3601", "'OutputPath' was unexpected"): "a Succeed state has it (Amazon States Language, Succeed State)",
}


def test_every_section_has_a_stack_named_by_the_rule(assembly):
    stacks = {path.name.removesuffix(".template.json") for path in assembly.directory.glob("*.template.json")}

    assert stacks == {NAMES.stack(section) for section in SECTIONS}


def test_every_resource_that_can_have_a_name_has_one_by_the_rule(assembly):
    rule = re.compile(r"^(alias/|/aws/\w+/(states/)?)?ml-pipeline-[a-z0-9-]+-staging-us-east-1$")
    unnamed = [
        f"{resource}: {resource.properties.get(NAME_PROPERTIES[resource.type])}"
        for resource in assembly.resources
        if resource.type in NAME_PROPERTIES
        and not rule.match(str(resource.properties.get(NAME_PROPERTIES[resource.type])))
    ]

    assert not unnamed


def test_everything_that_can_be_tagged_carries_the_cost_tags(assembly):
    wanted = {"Project", "Environment", "CostCenter", "Owner"}
    untagged = {str(r) for r in assembly.resources if r.type not in UNTAGGED and not wanted <= set(tags(r))}

    assert not untagged
    assert tags(assembly.one("AWS::DynamoDB::Table"))["Environment"] == "staging"


def tags(resource):
    value = resource.properties.get("Tags", {})
    return value if isinstance(value, dict) else {tag["Key"]: tag["Value"] for tag in value}


def test_data_and_its_keys_stay_when_a_stack_is_deleted_and_nothing_else_does(assembly):
    retained = {r.type for r in assembly.resources if r.body.get("DeletionPolicy", "").startswith("Retain")}
    data = {"AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::KMS::Key"}

    assert retained == data
    # A first deployment that fails leaves nothing behind whose name the second would need.
    assert all(r.body["DeletionPolicy"] == "RetainExceptOnCreate" for r in assembly.resources if r.type in data)
    assert all(r.body["UpdateReplacePolicy"] == "Retain" for r in assembly.resources if r.type in data)


def test_every_log_group_is_encrypted_and_ends(assembly):
    groups = assembly.of_type("AWS::Logs::LogGroup")

    assert len(groups) == 9
    assert all(g.properties["RetentionInDays"] == 30 and "LogsKey" in str(g.properties["KmsKeyId"]) for g in groups)


def test_no_function_creates_its_log_group_by_itself(assembly):
    """Such a group would never expire and would not be encrypted with our key."""
    groups = {g.properties["LogGroupName"] for g in assembly.of_type("AWS::Logs::LogGroup")}

    for function in assembly.of_type("AWS::Lambda::Function"):
        assert f"/aws/lambda/{function.properties['FunctionName']}" in groups


def test_there_is_no_custom_resource(assembly):
    assert not [r for r in assembly.resources if r.type.startswith(("Custom::", "AWS::CloudFormation::CustomResource"))]


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


def test_parliament_finds_nothing_wrong_in_any_policy(assembly):
    findings = [
        f"{policy}: {finding.issue} {finding.detail}"
        for policy, document in assembly.policies()
        for finding in parliament.analyze_policy_string(json.dumps(document)).findings
        if not is_explained(finding, document)
    ]

    assert not findings


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


def test_cdk_nag_and_cloudformations_own_checks_pass_with_a_reason_for_each_exception(assembly):
    report = json.loads((assembly.directory / "validation-report.json").read_text())
    nag = next(plugin for plugin in report["pluginReports"] if plugin["pluginName"] == "AwsSolutions")
    reasons = {violation["ruleName"]: violation["reason"] for violation in nag["suppressedViolations"]}

    assert [plugin["violations"] for plugin in report["pluginReports"]] == [[] for _ in report["pluginReports"]]
    assert {name.split("[")[0] for name in reasons} == {"AwsSolutions-IAM5", "AwsSolutions-L1"}
    assert all(len(reason.split()) >= 4 for reason in reasons.values()), reasons


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


def test_the_app_synthesizes_for_any_account_without_credentials(context, tmp_path):
    synthesize(tmp_path / "any", context, CDK_DEFAULT_ACCOUNT="")

    template = json.loads((tmp_path / "any" / f"{NAMES.stack('storage')}.template.json").read_text())

    assert ACCOUNT not in json.dumps(template)


def test_bad_settings_end_the_app_with_one_line_that_says_what_is_allowed(context):
    command = [sys.executable, "-P", "-m", "infra.app"]
    variables = {**os.environ, "CDK_CONTEXT_JSON": json.dumps(context), "ML_PIPELINE_ENVIRONMENT": "qa"}
    outcome = subprocess.run(command, capture_output=True, text=True, check=False, env=variables)

    assert outcome.returncode == 1
    assert outcome.stderr.splitlines()[-1] == "SettingsError: Unknown environment 'qa'. Allowed: dev, prod, staging."


def test_the_cdk_finds_the_app_of_this_repository():
    assert json.loads(CDK_JSON.read_text())["app"] == "../.venv/bin/python -P -m infra.app"
