import json

import pytest

from infra.naming import FOLLOWED_VERSION, FUNCTIONS, SCHEDULED_WORKFLOWS, SECTIONS, WORKFLOWS, Names

PROD = Names("prod", "us-east-1", "123456789012")
LONGEST = Names("staging", "ap-southeast-1", "123456789012")


def test_names_follow_the_rule():
    assert PROD.table == "ml-pipeline-dynamodb-predictions-prod-us-east-1"
    assert PROD.function("plan-shards") == "ml-pipeline-lambda-plan-shards-prod-us-east-1"
    assert PROD.stack("workflows") == "ml-pipeline-workflows-prod-us-east-1"


def test_bucket_names_carry_the_account_because_they_are_global():
    assert PROD.bucket("data") == "ml-pipeline-s3-data-123456789012-prod-us-east-1"


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        *((LONGEST.bucket(purpose), 63) for purpose in ("data", "models", "results", "access-logs")),
        *((LONGEST.function(name), 64) for name in FUNCTIONS),
        *(
            (LONGEST.role(name), 64)
            for name in (
                *FUNCTIONS,
                "batch-execution",
                *(f"sfn-{w}" for w in WORKFLOWS),
                "ended-runs",
                FOLLOWED_VERSION,
                "scheduler",
            )
        ),
        *((LONGEST.state_machine(workflow), 80) for workflow in WORKFLOWS),
        *((LONGEST.schedule(workflow, "p" * 20), 64) for workflow in SCHEDULED_WORKFLOWS),
        (LONGEST.schedule_group, 64),
        (LONGEST.endpoint, 63),
        (LONGEST.first_config, 63),
        (LONGEST.first_model, 63),
        (LONGEST.stream, 128),
        (LONGEST.stream_failures, 80),
        (LONGEST.workgroup, 128),
        (LONGEST.alarms_topic, 256),
        (LONGEST.rule("ended-runs"), 64),
        (LONGEST.rule(FOLLOWED_VERSION), 64),
        (LONGEST.job_definition("score"), 128),
    ],
)
def test_the_longest_names_fit_the_services_limits(name, limit):
    assert len(name) <= limit


def test_two_deployments_share_no_name():
    def flat(value):
        return {x for item in value.values() for x in flat(item)} if isinstance(value, dict) else {value}

    ours = [
        flat(Names(environment, region, "123456789012").as_json()) - {"live"}
        for environment in ("dev", "prod")
        for region in ("us-east-1", "eu-west-1")
    ]

    assert len(set.union(*ours)) == sum(map(len, ours))


def test_the_names_can_be_handed_to_scripts_as_json():
    names = json.loads(json.dumps(PROD.as_json()))

    assert set(names["stacks"]) == set(SECTIONS)
    assert names["buckets"]["results"] == PROD.bucket("results")
    assert names["alias"] == "live"
