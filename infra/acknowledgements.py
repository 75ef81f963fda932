"""Findings of cdk-nag that are accepted, each with its reason.

What is accepted for one construct is said where the construct is made; here are the reasons that recur.
"""

from collections.abc import Mapping

import aws_cdk as cdk
from constructs import IConstruct

#: What the `grant*` methods of the CDK allow beyond exact names, and why that is narrow enough.
GRANTS: Mapping[str, str] = {
    "Action::s3:GetObject*": "grant_read: an object and its version and tags, under the granted prefix",
    "Action::s3:GetBucket*": "grant_read: the settings of the granted bucket, which hold no data",
    "Action::s3:List*": "grant_read: the listing of the granted bucket, without which a missing key reads as a refusal",
    "Action::s3:Abort*": "grant_put: giving up an upload in parts, under the granted prefix",
    "Action::s3:DeleteObject*": "grant_delete: an object and its versions, under the granted prefix",
    "Action::kms:GenerateDataKey*": "grant_encrypt: data keys, with or without their plain text, of one key",
    "Action::kms:ReEncrypt*": "grant_encrypt: to and from the same key",
}


#: How the rules of a pack are named in full. `IAM5`, `L1` and their like are AwsSolutions'; `LambdaDLQ` is Serverless'.
_PACKS = {"AwsSolutions": "AwsSolutions::AwsSolutions-", "Serverless": "Serverless::Serverless-"}


def acknowledge(scope: IConstruct, rule: str, reason: str, pack: str = "AwsSolutions") -> None:
    """Accept a finding of cdk-nag under a construct.

    Parameters
    ----------
    scope
        The construct with all below it.
    rule
        Rule with the finding, such as `IAM5[Resource::*]` or `LambdaDLQ`.
    reason
        Why it is accepted, as a sentence for the auditor.
    pack
        The rule's pack: `AwsSolutions` or `Serverless`.
    """
    # cdk-nag writes the account so, if the app is synthesized for any account.
    finding = rule.replace(cdk.Aws.ACCOUNT_ID, "<AWS::AccountId>")
    cdk.Validations.of(scope).acknowledge(cdk.Acknowledgment(id=f"{_PACKS[pack]}{finding}", reason=reason))


def acknowledge_grants(scope: IConstruct) -> None:
    """Accept the action patterns that the CDK's grant methods write, on the resources they were called on."""
    for finding, reason in GRANTS.items():
        acknowledge(scope, f"IAM5[{finding}]", reason)
