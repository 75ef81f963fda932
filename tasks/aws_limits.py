"""What AWS refuses by size, number or range: one table, each entry with the page that says so.

Facts about AWS and nothing of this application, so that every room may read them: what is sent is held against them
beforehand, and the embedded AWS refuses what AWS would. What AWS's own descriptions of its APIs state (lengths,
patterns, ranges of members) is not repeated here; see `infra.local.service_model`. Sizes are bytes of UTF-8 unless they
say "characters".
"""

from __future__ import annotations

from dataclasses import dataclass

_KIB = 1024
_MIB = 1024 * _KIB


@dataclass(frozen=True)
class Limit:
    """The most of something that AWS takes; its name is that of the entry.

    Attributes
    ----------
    value, unit
        How much of what.
    page
        The documentation page and its section or member.
    error
        The error's code with which AWS refuses more; of API Gateway the type of gateway response.
    """

    value: int
    unit: str
    page: str
    error: str

    def __str__(self) -> str:
        return f"{self.value:,} {self.unit}"


def utf8_bytes(text: str) -> int:
    """The size of a text as AWS counts it: bytes of UTF-8. Half surrogates, which have none, count as three."""
    return len(text.encode("utf-8", "surrogatepass"))


_SSM = "Systems Manager API reference, PutParameter"
PARAMETER_STANDARD_VALUE = Limit(4 * _KIB, "bytes", f"{_SSM}, Value", "ValidationException")
PARAMETER_ADVANCED_VALUE = Limit(8 * _KIB, "bytes", f"{_SSM}, Value", "ValidationException")
#: 2,048 with what the service adds by itself.
PARAMETER_NAME = Limit(1011, "characters", f"{_SSM}, Name", "ValidationException")
PARAMETER_LEVELS = Limit(15, "levels", f"{_SSM}, Name", "HierarchyLevelLimitExceededException")

_LAMBDA = "Lambda developer guide, Lambda quotas"
LAMBDA_REQUEST = Limit(6 * _MIB, "bytes", f"{_LAMBDA}, Invocation payload", "RequestEntityTooLargeException")
#: 6 MB and a little more, as Lambda's own message says.
LAMBDA_RESPONSE = Limit(6 * _MIB + 100, "bytes", f"{_LAMBDA}, Invocation payload", "Function.ResponseSizeTooLarge")
LAMBDA_ASYNCHRONOUS_REQUEST = Limit(_MIB, "bytes", "Lambda API reference, Invoke", "RequestEntityTooLargeException")
LAMBDA_ENVIRONMENT = Limit(4 * _KIB, "bytes", f"{_LAMBDA}, Environment variables", "InvalidParameterValueException")
LAMBDA_LAYERS = Limit(5, "layers", f"{_LAMBDA}, Function layers", "InvalidParameterValueException")
LAMBDA_MEMORY = Limit(10_240, "MB", f"{_LAMBDA}, Memory allocation", "ValidationException")
LAMBDA_TIMEOUT = Limit(900, "seconds", f"{_LAMBDA}, Timeout", "ValidationException")
LAMBDA_NAME = Limit(64, "characters", "Lambda API reference, CreateFunction, FunctionName", "ValidationException")

_API = "API Gateway developer guide, Quotas for configuring and running a REST API"
API_PAYLOAD = Limit(10 * _MIB, "bytes", f"{_API}, Payload size", "REQUEST_TOO_LARGE")
API_HEADERS = Limit(
    10_240, "bytes", f"{_API}, Total combined size of request line and header values", "REQUEST_TOO_LARGE"
)
API_INTEGRATION_TIMEOUT = Limit(29_000, "milliseconds", f"{_API}, Integration timeout", "BadRequestException")
API_MODEL = Limit(400 * _KIB, "bytes", f"{_API}, Maximum API model size", "BadRequestException")
API_STAGE_NAME = Limit(128, "characters", f"{_API}, Stage name", "BadRequestException")

_DYNAMODB = "DynamoDB developer guide, Quotas in Amazon DynamoDB"
DYNAMODB_ITEM = Limit(400 * _KIB, "bytes", f"{_DYNAMODB}, Items", "ValidationException")
DYNAMODB_PARTITION_KEY = Limit(2 * _KIB, "bytes", f"{_DYNAMODB}, Partition keys", "ValidationException")
DYNAMODB_SORT_KEY = Limit(_KIB, "bytes", f"{_DYNAMODB}, Sort keys", "ValidationException")
DYNAMODB_EXPRESSION = Limit(4 * _KIB, "bytes", f"{_DYNAMODB}, Expression parameters", "ValidationException")
DYNAMODB_NUMBER = Limit(38, "significant digits", f"{_DYNAMODB}, Data types, Number", "ValidationException")
DYNAMODB_NESTING = Limit(32, "levels", f"{_DYNAMODB}, Nested attributes", "ValidationException")
DYNAMODB_BATCH_WRITE = Limit(25, "items", "DynamoDB API reference, BatchWriteItem", "ValidationException")
DYNAMODB_BATCH_GET = Limit(100, "items", "DynamoDB API reference, BatchGetItem", "ValidationException")
DYNAMODB_TRANSACTION = Limit(100, "items", "DynamoDB API reference, TransactWriteItems", "ValidationException")

_BATCH = "AWS Batch user guide, AWS Batch service quotas"
BATCH_ARRAY = Limit(10_000, "children", f"{_BATCH}, Maximum array size", "ClientException")
BATCH_ATTEMPTS = Limit(10, "attempts", "AWS Batch API reference, RetryStrategy", "ClientException")
BATCH_DEPENDENCIES = Limit(20, "jobs", f"{_BATCH}, Maximum number of job dependencies", "ClientException")
BATCH_JOB = Limit(30 * _KIB, "bytes", f"{_BATCH}, Maximum job payload size for SubmitJob", "ClientException")
BATCH_JOB_DEFINITION = Limit(24 * _KIB, "bytes", f"{_BATCH}, Maximum job definition size", "ClientException")
#: The job is taken, and its task cannot be started.
BATCH_OVERRIDES = Limit(8 * _KIB, "bytes", "Amazon ECS API reference, RunTask, overrides", "InvalidParameterException")
BATCH_LEAST_TIMEOUT = Limit(60, "seconds", "AWS Batch API reference, JobTimeout", "ClientException")

_KINESIS = "Kinesis Data Streams developer guide, Handle large records"
#: The partition key counts too. A stream can be set to take more.
KINESIS_RECORD = Limit(_MIB, "bytes", f"{_KINESIS}; API reference, PutRecord, Data", "InvalidArgumentException")

_SNS = "SNS API reference, Publish"
#: The attributes count too. A topic can be set to take more.
SNS_MESSAGE = Limit(256 * _KIB, "bytes", f"{_SNS}, Message", "InvalidParameter")
SNS_SUBJECT = Limit(100, "characters", f"{_SNS}, Subject", "InvalidParameter")
SNS_TOPIC_NAME = Limit(256, "characters", "SNS API reference, CreateTopic, Name", "InvalidParameter")

_SQS = "SQS developer guide, Amazon SQS message quotas"
SQS_MESSAGE = Limit(_MIB, "bytes", f"{_SQS}, Message size", "InvalidParameterValue")
SQS_ATTRIBUTES = Limit(10, "attributes", f"{_SQS}, Message attributes", "InvalidParameterValue")
SQS_DELAY = Limit(900, "seconds", f"{_SQS}, Message timer", "InvalidParameterValue")
SQS_QUEUE_NAME = Limit(80, "characters", "SQS API reference, CreateQueue, QueueName", "InvalidParameterValue")

EVENTS_ENTRIES = Limit(_MIB, "bytes", "EventBridge API reference, PutEvents", "ValidationException")
SCHEDULER_INPUT = Limit(256 * _KIB, "bytes", "Scheduler user guide, Quotas, Target input size", "ValidationException")

_METRICS = "CloudWatch API reference, PutMetricData"
METRICS_REQUEST = Limit(_MIB, "bytes", _METRICS, "RequestEntityTooLargeException")
METRICS_OF_REQUEST = Limit(1000, "metrics", f"{_METRICS}, MetricData", "InvalidParameterValue")
METRICS_VALUES = Limit(150, "values", f"{_METRICS}, Values", "InvalidParameterValue")

_LOGS = "CloudWatch Logs API reference, PutLogEvents"
LOGS_BATCH = Limit(_MIB, "bytes", _LOGS, "InvalidParameterException")
LOGS_OVERHEAD = Limit(26, "bytes", f"{_LOGS}: what each event adds to its batch", "InvalidParameterException")
LOGS_SPAN = Limit(24 * 3600, "seconds", f"{_LOGS}: between the first and the last", "InvalidParameterException")

_S3 = "S3 user guide, Naming Amazon S3 objects"
S3_KEY = Limit(_KIB, "bytes", _S3, "KeyTooLongError")
S3_METADATA = Limit(2 * _KIB, "bytes", "S3 user guide, Working with object metadata", "MetadataTooLarge")
S3_DELETE = Limit(1000, "keys", "S3 API reference, DeleteObjects", "MalformedXML")
S3_LEAST_PART = Limit(5 * _MIB, "bytes", "S3 user guide, Amazon S3 multipart upload limits", "EntityTooSmall")
S3_OBJECT_TAGS = Limit(10, "tags", "S3 user guide, Categorizing your storage using tags", "BadRequest")

_IAM = "IAM user guide, IAM and AWS STS quotas"
IAM_MANAGED_POLICY = Limit(6144, "characters", f"{_IAM}, Managed policy size", "LimitExceeded")
IAM_INLINE_POLICIES = Limit(10_240, "characters", f"{_IAM}, Role inline policy size", "LimitExceeded")
IAM_TRUST_POLICY = Limit(2048, "characters", f"{_IAM}, Role trust policy length", "LimitExceeded")

_CLOUDFORMATION = "CloudFormation user guide, Understand CloudFormation quotas"
CLOUDFORMATION_BODY = Limit(51_200, "bytes", f"{_CLOUDFORMATION}, Template body size in a request", "ValidationError")
CLOUDFORMATION_RESOURCES = Limit(500, "resources", f"{_CLOUDFORMATION}, Resources", "ValidationError")
CLOUDFORMATION_PARAMETERS = Limit(200, "parameters", f"{_CLOUDFORMATION}, Parameters", "ValidationError")

SAGEMAKER_BODY = Limit(6 * _MIB, "bytes", "SageMaker Runtime API reference, InvokeEndpoint, Body", "ValidationError")
STEP_FUNCTIONS_INPUT = Limit(
    256 * _KIB,
    "bytes",
    "Step Functions developer guide, Quotas related to state machine executions",
    "InvalidExecutionInput",
)
