import copy

import pytest

from infra.errors import SettingsError
from infra.settings import CONTEXT_KEY, load


def with_defaults(context, **changes):
    changed = copy.deepcopy(context)
    changed[CONTEXT_KEY]["defaults"].update(changes)
    return changed


def test_each_profile_of_cdk_json_is_valid(context):
    profiles = [load(context, {"ML_PIPELINE_ENVIRONMENT": name}) for name in ("dev", "staging", "prod")]

    assert [p.environment for p in profiles] == ["dev", "staging", "prod"]
    assert {p.region for p in profiles} == {"us-east-1"}
    assert len({p.vpc_cidr for p in profiles}) == 3, "networks that overlap can never be peered"


def test_dev_is_the_default(context):
    assert load(context, {}).environment == "dev"


def test_the_command_lines_context_wins_over_the_environment(context):
    assert load({**context, "environment": "prod"}, {"ML_PIPELINE_ENVIRONMENT": "dev"}).environment == "prod"


def test_a_profile_changes_single_values_of_an_object_and_keeps_the_others(context):
    dev, prod = (load(context, {"ML_PIPELINE_ENVIRONMENT": name}) for name in ("dev", "prod"))

    assert dev.retention.logs < prod.retention.logs
    assert dev.retention.predictions == prod.retention.predictions == 30


def test_the_account_is_the_callers(context):
    assert load(context, {"CDK_DEFAULT_ACCOUNT": "123456789012"}).account == "123456789012"
    assert load(context, {}).account is None


def test_an_unknown_environment_is_refused_with_those_that_exist(context):
    with pytest.raises(SettingsError, match=r"Unknown environment 'qa'\. Allowed: dev, prod, staging\."):
        load(context, {"ML_PIPELINE_ENVIRONMENT": "qa"})


def test_a_region_whose_prefix_lists_are_not_known_is_refused_with_how_to_find_them(context):
    with pytest.raises(SettingsError, match=r"eu-west-1.*describe-managed-prefix-lists"):
        load(context, {"ML_PIPELINE_REGION": "eu-west-1"})


def test_another_region_can_be_chosen_once_its_prefix_lists_are_there(context):
    lists = {"us-east-1": {"s3": "pl-1", "dynamodb": "pl-2"}, "eu-west-1": {"s3": "pl-3", "dynamodb": "pl-4"}}

    settings = load(with_defaults(context, prefix_lists=lists), {"ML_PIPELINE_REGION": "eu-west-1"})

    assert settings.availability_zones == ["eu-west-1a", "eu-west-1b"]


def test_without_cdk_json_it_is_said_where_to_run(context):
    with pytest.raises(SettingsError, match="Run the CDK in infra/"):
        load({}, {})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"zones": ["a"]}, "zones .*two or three"),
        ({"zones": ["a", "a"]}, "zones .*two or three"),
        ({"zones": "ab"}, "zones .*a list"),
        ({"batch_max_vcpus": "16"}, "batch_max_vcpus is '16'. Allowed: a value of type int"),
        ({"batch_max_vcpus": True}, "batch_max_vcpus is True"),
        ({"tags": ["x"]}, "tags .*an object"),
        ({"colour": "red"}, "colour is 'red'. Allowed: only environment, account"),
        ({"retention": {"logs": 8, "runs": 90, "old_versions": 1, "predictions": 1}}, "retention.logs is 8"),
        ({"retention": {"logs": 7, "runs": 3, "old_versions": 1, "predictions": 1}}, "retention.runs is 3.*redrivable"),
        ({"retention": {"logs": 7}}, "retention.runs is None"),
        ({"functions": {}}, "functions .*exactly"),
    ],
)
def test_a_bad_value_is_refused_with_its_name_and_what_is_allowed(context, changes, message):
    with pytest.raises(SettingsError, match=message):
        load(with_defaults(context, **changes), {"ML_PIPELINE_ENVIRONMENT": "staging"})


@pytest.mark.parametrize("cidr", ["10.0.0.0/8", "10.0.0.0/28", "ten"])
def test_an_address_range_that_does_not_fit_a_vpc_is_refused(context, cidr):
    changed = copy.deepcopy(context)
    changed[CONTEXT_KEY]["environments"]["dev"]["vpc_cidr"] = cidr

    with pytest.raises(SettingsError, match="vpc_cidr"):
        load(changed, {})


def test_a_job_larger_than_its_compute_environment_is_refused_because_it_would_never_start(context):
    changed = copy.deepcopy(context)
    changed[CONTEXT_KEY]["defaults"]["jobs"]["score"]["vcpus"] = 8

    with pytest.raises(SettingsError, match=r"jobs.score.vcpus is 8.*never starts"):
        load(changed, {"ML_PIPELINE_ENVIRONMENT": "dev"})
