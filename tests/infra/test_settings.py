import copy
import json

import pytest

from infra.errors import SettingsError
from infra.settings import CONTEXT_KEY, load, read_cdk_json
from tests.infra.conftest import CDK_JSON


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
    changed[CONTEXT_KEY]["defaults"]["jobs"]["score"] |= {"vcpus": 8, "memory_mib": 16_384}

    with pytest.raises(SettingsError, match=r"jobs.score.vcpus is 8.*never starts"):
        load(changed, {"ML_PIPELINE_ENVIRONMENT": "dev"})


def refused(context, path, value):
    """Set one value in the defaults, given its path, and give back the message of the refusal."""
    changed = copy.deepcopy(context)
    *parents, last = path.split(".")
    place = changed[CONTEXT_KEY]["defaults"]
    for parent in parents:
        place = place[parent]
    place[last] = value
    with pytest.raises(SettingsError) as caught:
        load(changed, {"ML_PIPELINE_ENVIRONMENT": "staging"})
    return str(caught.value)


@pytest.mark.parametrize(
    ("path", "value", "allowed"),
    [
        ("functions.predict.memory_mb", 64, "128 to 10,240"),
        ("functions.predict.timeout_seconds", 901, "1 to 900"),
        ("jobs.score.attempts", 11, "1 to 10"),
        ("jobs.score.vcpus", 3, "one of 0.25, 0.5, 1, 2, 4, 8, 16"),
        ("jobs.score.memory_mib", 9216, "what Fargate offers for 1 vCPUs, 2048 to 8192 in steps of 1024"),
        ("prefix_lists.us-east-1.s3", "vpce-1", "the id of a prefix list, such as pl-63a5400a"),
        ("models_root", "ml-pipeline/models", "a path such as /ml-pipeline/models, without / at its end"),
        ("models_root", "/ml-pipeline/models/", "a path such as /ml-pipeline/models, without / at its end"),
        ("models_root", "/aws/models", "a path such as /ml-pipeline/models, without / at its end"),
        ("models_root", "/Ssm", "a path such as /ml-pipeline/models, without / at its end"),
        ("models_root", "/a" * 13, "a path such as /ml-pipeline/models, without / at its end, of at most 12 levels"),
        ("models_root", "/" + "a" * 861, "a path such as /ml-pipeline/models, without / at its end, of at most 12"),
        ("tags.k", "v" * 257, "tag values of at most 256 letters"),
        ("tags.k", "a;b", "tag values of at most 256 letters"),
        ("tags", {"aws:k": "v"}, "tag keys of at most 128 letters"),
        ("tags", {"k" * 129: "v"}, "tag keys of at most 128 letters"),
        ("tags", {f"k{number}": "v" for number in range(49)}, "at most 48"),
        ("first_model.version", "a b", "1 to 64 characters of A-Z a-z 0-9 _ . and -"),
        ("first_model.months", "0-6", "months such as 1-6 or 1,2,12"),
        ("first_model.months", "11-13", "months such as 1-6 or 1,2,12"),
        ("endpoint.instance_type", "c6i.large", "an instance type of SageMaker such as ml.c6i.large"),
        ("endpoint.weights.ModelA", 0, "a number above 0"),
        ("endpoint.weights", {"ModelA": 1}, "exactly ('ModelA', 'ModelB')"),
        ("endpoint.scaling.min", 11, "at most max (10)"),
        ("endpoint.scaling.target", 0, "1 or more"),
        ("api.cache_gb", 1, "one of 0.5, 1.6, 6.1, 13.5, 28.4, 58.2, 118, 237"),
        ("api.cache_seconds", 3601, "0 to 3,600"),
        ("api.most_records", 10_001, "1 to 10,000"),
        ("stream.batch_records", 0, "1 to 10,000"),
        ("stream.retention_hours", 23, "24 to 8,760"),
        ("stream.attempts", 0, "1 to 10,000"),
        ("stream.most_age_seconds", 604_801, "60 to 604,800"),
        ("schedules.daily.workflow", "batch_inference", "one of batch-inference"),
        (
            "schedules.daily.prefix",
            "/input/",
            "folders such as input/daily/{date}/, with no slash before them and one at",
        ),
        (
            "schedules.daily.prefix",
            "input",
            "folders such as input/daily/{date}/, with no slash before them and one at",
        ),
        ("schedules.daily.late_periods", -1, "0 to 168"),
        ("schedules.hourly.late_periods", 169, "0 to 168"),
        ("schedules.daily.late_periods", 8, "at most 7 days, as prefix has no {hour}"),
        ("schedules.daily.expression", "0 6 * * *", "cron(minutes hours day-of-month month day-of-week year) or rate("),
        ("alarms.emails", ["ml-team"], "an e-mail address such as ml-team@example.com"),
        ("alarms.slack", {"workspace_id": "acme", "channel_id": "C1234"}, "the id of a workspace, such as T01234567"),
        ("alarms.slack", {"workspace_id": "T1234", "channel_id": "#ml"}, "the id of a channel, not its name, such as"),
        ("alarms.latency_p99_seconds", 0, "a number above 0"),
        ("alarms.error_percent", 101, "0.01 to 100"),
        ("alarms.psi", -0.2, "a number above 0"),
        ("alarms.fewest_invocations", -1, "0 or more"),
        ("alarms.runs_without_input.daily", -1, "0 or more"),
        ("alarms.runs_without_input", {"nightly": 1}, "schedules, daily, hourly"),
        ("athena_scan_gb", 0, "1 or more"),
    ],
)
def test_a_value_out_of_its_range_is_refused_with_its_path_and_what_is_allowed(context, path, value, allowed):
    message = refused(context, path, value)

    assert message.startswith(f"Setting {path}")
    assert f"Allowed: {allowed}" in message


@pytest.mark.parametrize("prefix", ["input/all/", "input/{hour}/"])
def test_objects_come_late_only_where_each_period_has_a_folder_of_its_own(context, prefix):
    message = refused(context, "schedules.daily.prefix", prefix)

    assert message == (
        "Setting schedules.daily.late_periods is 3. Allowed: 0, or {date} in prefix: a folder for each period."
    )


def test_the_name_of_a_schedule_is_checked_for_it_becomes_part_of_a_name(context):
    message = refused(context, "schedules.Every day", {})

    assert message.startswith("Setting schedules is 'Every day'. Allowed: names of schedules of at most 20 characters")


@pytest.mark.parametrize(
    "address",
    ["a@b", "@example.com", "a@@example.com", "a b@example.com", "a.@example.com", "a@-b.com", f"{'a' * 65}@b.com"],
)
def test_what_is_no_e_mail_address_is_refused_from_the_environment_too(context, address):
    with pytest.raises(SettingsError) as caught:
        load(context, {"ML_PIPELINE_ALARM_EMAIL": address})

    assert str(caught.value) == (
        f"Setting ML_PIPELINE_ALARM_EMAIL is {address!r}. Allowed: an e-mail address such as ml-team@example.com."
    )


def test_the_environment_adds_an_address_to_those_of_the_profile_once(context):
    changed = with_defaults(context, alarms={**context[CONTEXT_KEY]["defaults"]["alarms"], "emails": ["a@example.com"]})

    def emails(address):
        return load(changed, {"ML_PIPELINE_ALARM_EMAIL": address}).alarms.emails

    assert emails("") == emails("a@example.com") == ("a@example.com",)
    assert emails("o'neil+ml@mail.example.com") == ("a@example.com", "o'neil+ml@mail.example.com")


def test_an_environment_beside_the_three_is_refused(context):
    changed = copy.deepcopy(context)
    changed[CONTEXT_KEY]["environments"]["qa"] = {}

    with pytest.raises(SettingsError, match=r"Setting environments is .*'qa'.*Allowed: dev, staging, prod\."):
        load(changed, {})


@pytest.mark.parametrize("part", ["defaults", "environments"])
def test_a_cdk_json_without_one_of_its_two_parts_is_refused(context, part):
    profiles = {key: value for key, value in context[CONTEXT_KEY].items() if key != part}

    with pytest.raises(SettingsError, match="must hold two objects, `defaults` and `environments`"):
        load({CONTEXT_KEY: profiles}, {})


def test_two_environments_with_the_same_name_are_refused_with_their_place(tmp_path):
    text = CDK_JSON.read_text().replace('"staging": {', '"dev": {', 1)
    (tmp_path / "cdk.json").write_text(text)

    with pytest.raises(SettingsError, match=r"the key 'dev' twice at context\.ml-pipeline\.environments\. Keep one"):
        read_cdk_json(tmp_path / "cdk.json")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1, "a": 1}', "has the key 'a' twice at the top"),
        ('{"a": [{}, {"b": 1, "b": 2}]}', r"has the key 'b' twice at a\.1\."),
        ('{"a": {"b": {"c": 1, "c": 2}}}', r"has the key 'c' twice at a\.b\."),
        ("[]", "must hold a JSON object"),
        ("{", "is no JSON: .*line 1"),
        (None, "cannot be read: No such file"),
    ],
)
def test_a_cdk_json_that_cannot_be_taken_at_its_word_is_refused(tmp_path, text, message):
    path = tmp_path / "cdk.json"
    if text is not None:
        path.write_text(text)

    with pytest.raises(SettingsError, match=message):
        read_cdk_json(path)


def test_the_cdk_json_of_this_repository_is_read_as_json_reads_it():
    assert read_cdk_json(CDK_JSON) == json.loads(CDK_JSON.read_text())
