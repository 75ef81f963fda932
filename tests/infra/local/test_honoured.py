"""The table of what the embedded AWS honours is complete, holds nothing more, and deployments are held against it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cfnlint.decode import decode

from infra.local.emulator import ResourceRequest
from infra.local.errors import UnsupportedPropertyError, UnsupportedTypeError
from infra.local.honoured import TABLE, judge
from infra.local.honoured.page import PAGE, render
from infra.local.honoured.rules import Honoured, merged
from tests.infra.assembly import Assembly

WHEN_CONFIGURED = {"AWS::SNS::Subscription": {"Endpoint", "Protocol", "TopicArn"}}
"""What the settings of no environment ask for, but those of a team will: mail for the alarms."""

BOOTSTRAP = Path(__file__).parents[3] / "infra/node_modules/aws-cdk/lib/api/bootstrap/bootstrap-template.yaml"


@pytest.fixture(scope="module")
def used(assembly: Assembly) -> dict[str, set[str]]:
    """The paths of properties that the app and the CDK's own bootstrap stack set, by resource type."""
    bootstrap, _ = decode(str(BOOTSTRAP))
    assert bootstrap
    bodies = [resource.body for resource in assembly.resources] + list(bootstrap["Resources"].values())
    paths: dict[str, set[str]] = {kind: set(properties) for kind, properties in WHEN_CONFIGURED.items()}
    for body in bodies:
        row = TABLE.get(body["Type"], Honoured())
        paths.setdefault(body["Type"], set()).update(row.paths(body.get("Properties", {})))
    return paths


def test_every_type_and_property_of_the_templates_is_in_the_table(used: Mapping[str, set[str]]) -> None:
    missing = {
        kind: sorted(paths - TABLE[kind].listed - TABLE[kind].inner) if kind in TABLE else sorted(paths)
        for kind, paths in used.items()
    }

    assert {kind: paths for kind, paths in missing.items() if paths or kind not in TABLE} == {}


def test_the_table_names_nothing_that_no_template_uses(used: Mapping[str, set[str]]) -> None:
    unused = {kind: sorted(row.listed - used.get(kind, set())) for kind, row in TABLE.items()}

    assert {kind: paths for kind, paths in unused.items() if paths or kind not in used} == {}


def test_the_page_is_written_from_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(TABLE), "run: python -m infra.local.honoured"


def request(kind: str, **properties: Any) -> ResourceRequest:
    return ResourceRequest(kind, "R", "stack", properties, "000000000000", "us-east-1")


def test_a_type_without_a_row_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedTypeError, match="AWS::Chatbot::SlackChannelConfiguration"):
        judge(request("AWS::Chatbot::SlackChannelConfiguration"))


def test_a_property_without_an_entry_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedPropertyError, match="CorsConfiguration of AWS::S3::Bucket"):
        judge(request("AWS::S3::Bucket", BucketName="b", CorsConfiguration={}))


def test_tags_that_cloudformation_adds_are_no_property_of_the_template() -> None:
    judge(request("AWS::IAM::ManagedPolicy", PolicyDocument={}, Tags=[]))


ROW = Honoured(works=("Target.Arn", "Whole"), recorded={"why": ("Target.Retry.Times",)})


def test_below_a_listed_property_everything_is_meant() -> None:
    assert ROW.unlisted({"Whole": {"a": [{"b": 1}]}}) == []


def test_where_deeper_properties_are_listed_each_has_to_be() -> None:
    properties = {"Target": [{"Arn": "a"}, {"Input": "i", "Retry": {"Times": 1, "Age": 2}}]}

    assert ROW.unlisted(properties) == ["Target.Input", "Target.Retry.Age"]


def test_a_reference_stands_for_the_property_that_it_fills() -> None:
    assert ROW.unlisted({"Target": {"Fn::If": ["c", {}, {}]}}) == []


def test_a_type_has_one_row() -> None:
    with pytest.raises(ValueError, match="two tables"):
        merged([{"A": ROW}, {"A": ROW}])
