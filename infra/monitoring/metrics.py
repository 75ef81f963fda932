"""The metrics that alarms and dashboards look at, each by the name of what it tells about.

Units are those of AWS, which differ: SageMaker's latencies are microseconds, API Gateway's and Lambda's milliseconds.
"""

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch

from infra.naming import Names
from infra.stacks.api import STAGE

#: Namespace of the metrics that our own code emits.
OWN = "ml-pipeline"

MINUTE = cdk.Duration.minutes(1)
FIVE_MINUTES = cdk.Duration.minutes(5)


class Metrics:
    """Metrics of one deployment.

    Each method takes the metric's name in AWS, its statistic (`Sum`, `p99` …) and the length of a period, by default
    five minutes.

    Parameters
    ----------
    stack
        Stack that looks at them; of its account and region are the resources.
    names
        Names of the deployment.
    """

    def __init__(self, stack: cdk.Stack, names: Names) -> None:
        self._stack = stack
        self._names = names

    def endpoint(
        self, metric: str, variant: str, statistic: str, period: cdk.Duration = FIVE_MINUTES
    ) -> cloudwatch.Metric:
        """Invocations of a variant (SageMaker developer guide, "Endpoint invocation metrics")."""
        dimensions = {"EndpointName": self._names.endpoint, "VariantName": variant}
        return _metric("AWS/SageMaker", metric, statistic, period, dimensions)

    def instances(self, variant: str, period: cdk.Duration = MINUTE) -> cloudwatch.Metric:
        """How many instances a variant has, if the period is a minute: each sends its use of CPU once a minute."""
        dimensions = {"EndpointName": self._names.endpoint, "VariantName": variant}
        namespace = "/aws/sagemaker/Endpoints"
        return _metric(namespace, "CPUUtilization", "SampleCount", period, dimensions)

    def api(self, metric: str, statistic: str, period: cdk.Duration = FIVE_MINUTES) -> cloudwatch.Metric:
        """Requests (API Gateway developer guide, "Amazon API Gateway dimensions and metrics")."""
        dimensions = {"ApiName": self._names.api, "Stage": STAGE}
        return _metric("AWS/ApiGateway", metric, statistic, period, dimensions)

    def function(
        self, metric: str, function: str, statistic: str, period: cdk.Duration = FIVE_MINUTES
    ) -> cloudwatch.Metric:
        """A Lambda function (Lambda developer guide, "Types of metrics for Lambda functions")."""
        dimensions = {"FunctionName": self._names.function(function)}
        return _metric("AWS/Lambda", metric, statistic, period, dimensions)

    def stream(self, metric: str, statistic: str, period: cdk.Duration = FIVE_MINUTES) -> cloudwatch.Metric:
        """The stream (Kinesis Data Streams developer guide, "Monitor with Amazon CloudWatch")."""
        return _metric("AWS/Kinesis", metric, statistic, period, {"StreamName": self._names.stream})

    def failure_queue(self, metric: str, statistic: str, period: cdk.Duration = FIVE_MINUTES) -> cloudwatch.Metric:
        """The queue of given-up batches (SQS developer guide, "Available CloudWatch metrics for Amazon SQS")."""
        return _metric("AWS/SQS", metric, statistic, period, {"QueueName": self._names.stream_failures})

    def workflow(
        self, metric: str, workflow: str, statistic: str, period: cdk.Duration = FIVE_MINUTES
    ) -> cloudwatch.Metric:
        """Executions, whatever version they run (Step Functions developer guide, "Monitoring with CloudWatch")."""
        dimensions = {"StateMachineArn": state_machine_arn(self._stack, self._names, workflow)}
        return _metric("AWS/States", metric, statistic, period, dimensions)

    def schedules(self, metric: str, statistic: str, period: cdk.Duration = FIVE_MINUTES) -> cloudwatch.Metric:
        """Starts by schedule (EventBridge Scheduler user guide, "Monitoring with Amazon CloudWatch")."""
        dimensions = {"ScheduleGroup": self._names.schedule_group}
        return _metric("AWS/Scheduler", metric, statistic, period, dimensions)

    def rule(self, metric: str, rule: str, statistic: str, period: cdk.Duration = FIVE_MINUTES) -> cloudwatch.Metric:
        """A rule of EventBridge (EventBridge user guide, "Monitoring Amazon EventBridge")."""
        return _metric("AWS/Events", metric, statistic, period, {"RuleName": self._names.rule(rule)})

    def table(self, metric: str, statistic: str, period: cdk.Duration = FIVE_MINUTES) -> cloudwatch.Metric:
        """The table of predictions (DynamoDB developer guide, "DynamoDB metrics and dimensions")."""
        return _metric("AWS/DynamoDB", metric, statistic, period, {"TableName": self._names.table})

    def bucket_size(self, purpose: str) -> cloudwatch.Metric:
        """Bytes in a bucket, counted once a day (S3 user guide, "Metrics and dimensions")."""
        dimensions = {"BucketName": self._names.bucket(purpose), "StorageType": "StandardStorage"}
        return _metric("AWS/S3", "BucketSizeBytes", "Average", cdk.Duration.days(1), dimensions)

    def scanned(self, period: cdk.Duration) -> cloudwatch.Metric:
        """Bytes that queries scanned (Athena user guide, "Monitor Athena query metrics with CloudWatch")."""
        dimensions = {"WorkGroup": self._names.workgroup, "QueryState": "SUCCEEDED", "QueryType": "DML"}
        return _metric("AWS/Athena", "ProcessedBytes", "Sum", period, dimensions)

    def own(
        self, metric: str, statistic: str, period: cdk.Duration = FIVE_MINUTES, **dimensions: str
    ) -> cloudwatch.Metric:
        """What our own code counts (`tasks.handlers`)."""
        return _metric(OWN, metric, statistic, period, {"service": self._names.service, **dimensions})


def fargate_vcpus(purchase: str, period: cdk.Duration) -> cloudwatch.Metric:
    """Virtual CPUs that run in the whole account, for Batch has no metrics of its own.

    `purchase` is `OnDemand` or `Spot` (ECS developer guide, "AWS Fargate usage metrics").
    """
    dimensions = {"Service": "Fargate", "Type": "Resource", "Resource": "vCPU", "Class": f"Standard/{purchase}"}
    return _metric("AWS/Usage", "ResourceCount", "Maximum", period, dimensions)


def state_machine_arn(stack: cdk.Stack, names: Names, workflow: str) -> str:
    """ARN of a workflow's state machine, without a version."""
    return stack.format_arn(
        service="states",
        resource="stateMachine",
        resource_name=names.state_machine(workflow),
        arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
    )


def _metric(
    namespace: str, name: str, statistic: str, period: cdk.Duration, dimensions: dict[str, str]
) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=name,
        statistic=statistic,
        period=period,
        dimensions_map=dimensions,
    )
