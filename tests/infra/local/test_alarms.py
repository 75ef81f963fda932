"""Alarms are judged by their own metric, period by period, and tell their topics."""

import json
import time
from typing import Any

import pytest

from infra.local.alarms import judge

from .stack_world import Stack

ALARM = {
    "ComparisonOperator": "GreaterThanThreshold",
    "DatapointsToAlarm": 2,
    "EvaluationPeriods": 3,
    "StateReason": "before",
    "StateValue": "OK",
    "Threshold": 2.0,
    "TreatMissingData": "missing",
}


@pytest.mark.parametrize(
    ("missing", "datapoints", "state"),
    [
        ("missing", [3, 3, 1], "ALARM"),
        ("missing", [3, 1, 1], "OK"),
        ("missing", [2, 2, 2], "OK"),
        ("missing", [3, None, 3], "ALARM"),
        ("missing", [3, None, None], "OK"),
        ("missing", [None, None, None], "INSUFFICIENT_DATA"),
        ("notBreaching", [None, None, None], "OK"),
        ("notBreaching", [3, None, 3], "ALARM"),
        ("breaching", [3, None, 1], "ALARM"),
        ("breaching", [None, None, None], "ALARM"),
        ("ignore", [None, None, None], "OK"),
        ("ignore", [3, 3, None], "ALARM"),
    ],
)
def test_enough_breaching_datapoints_alarm(missing: str, datapoints: list[float | None], state: str) -> None:
    assert judge({**ALARM, "TreatMissingData": missing}, datapoints)[0] == state


def test_without_a_number_of_datapoints_all_periods_have_to_breach() -> None:
    alarm = {name: value for name, value in ALARM.items() if name != "DatapointsToAlarm"}

    assert judge(alarm, [3, 3, 1])[0] == "OK"
    assert judge(alarm, [3, 3, 3])[0] == "ALARM"


def test_a_comparison_that_is_not_known_is_no_all_clear() -> None:
    state, reason = judge({**ALARM, "ComparisonOperator": "GreaterThanUpperThreshold"}, [1, 1, 1])

    assert (state, "GreaterThanUpperThreshold is not judged" in reason) == ("INSUFFICIENT_DATA", True)


def alarm(name: str, variant: str, topic: Any) -> dict[str, Any]:
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmActions": [topic],
            "AlarmName": f"{name}-{variant}",
            "ComparisonOperator": "GreaterThanThreshold",
            "Dimensions": [{"Name": "VariantName", "Value": variant}],
            "EvaluationPeriods": 1,
            "ExtendedStatistic": "p99",
            "MetricName": "ModelLatency",
            "Namespace": name,
            "Period": 60,
            "Threshold": 2,
            "TreatMissingData": "notBreaching",
        },
    }


def test_an_alarm_tells_its_topic_of_its_own_variant_alone(stack: Stack, client: Any, name: str) -> None:
    queue = client("sqs").create_queue(QueueName=name)["QueueUrl"]
    topic = client("sns").create_topic(Name=name)["TopicArn"]
    client("sqs").set_queue_attributes(
        QueueUrl=queue,
        Attributes={
            "Policy": json.dumps(
                {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}]}
            )
        },
    )
    arn = client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    stack({variant: alarm(name, variant, topic) for variant in ("ModelA", "ModelB")})
    cloudwatch = client("cloudwatch")

    cloudwatch.put_metric_data(
        Namespace=name,
        MetricData=[
            {
                "MetricName": "ModelLatency",
                "Dimensions": [{"Name": "VariantName", "Value": "ModelB"}],
                "Values": [1.0, 9.0],
                "Counts": [10.0, 10.0],
            }
        ],
    )

    states = {a["AlarmName"]: a["StateValue"] for a in cloudwatch.describe_alarms(AlarmNamePrefix=name)["MetricAlarms"]}
    (message,) = client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=5)["Messages"]
    assert states == {f"{name}-ModelA": "OK", f"{name}-ModelB": "ALARM"}
    assert json.loads(json.loads(message["Body"])["Message"])["AlarmName"] == f"{name}-ModelB"


def test_an_alarm_without_data_is_judged_all_the_same(client: Any, name: str) -> None:
    cloudwatch = client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName=name, MetricName="m", Namespace=name, Period=10, EvaluationPeriods=1, Threshold=0,
        ComparisonOperator="GreaterThanThreshold", Statistic="Sum", TreatMissingData="notBreaching",
    )  # fmt: skip
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="by hand")

    deadline = time.monotonic() + 15
    state = "ALARM"
    while state == "ALARM" and time.monotonic() < deadline:
        time.sleep(0.2)
        state = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"]
    assert state == "OK"
