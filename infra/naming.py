"""Names of everything that is deployed: `ml-pipeline-{resourceType}-{environment}-{region}`.

The one place where names are made. Stacks name resources with it; the command line and the tests find the same
resources with it, so that no stack output has to be looked up.
"""

from dataclasses import dataclass

PREFIX = "ml-pipeline"

#: The stacks, in the order in which they depend on each other.
SECTIONS = (
    "storage",
    "network",
    "tasks",
    "batch",
    "models",
    "streaming",
    "api",
    "analytics",
    "workflows",
    "monitoring",
)

#: The environments that can be deployed.
ENVIRONMENTS = ("dev", "staging", "prod")

#: The workflows: one state machine each, started through its alias.
WORKFLOWS = ("batch-inference", "model-deploy", "model-rollback", "traffic-shift")

#: Those that change which model is served. One of them runs at a time.
DEPLOYMENT_WORKFLOWS = ("model-deploy", "model-rollback", "traffic-shift")

#: The workflows that start by themselves when it is their time.
SCHEDULED_WORKFLOWS = ("batch-inference",)

#: The Lambda functions of the batch workflow.
WORKFLOW_FUNCTIONS = ("normalise-run", "plan-shards", "score-shard", "check-shards", "summarise-run", "halt-run")

#: The Lambda functions of the workflows that change which model is served. These halt like the batch workflow, with
#: `halt-run`.
DEPLOYMENT_FUNCTIONS = ("plan-deployment", "smoke-test", "judge-traffic", "settle-deployment")

#: All Lambda functions. Their handlers are `tasks.handlers.<name with underscores>.handler`.
FUNCTIONS = (*WORKFLOW_FUNCTIONS, *DEPLOYMENT_FUNCTIONS, "preprocess", "predict", "score-stream", "ship-model")

#: What the batch image can be asked to do; one job definition each.
JOBS = ("score", "train")

#: EventBridge rules.
ENDED_RUNS = "ended-runs"
FOLLOWED_VERSION = "followed-version"

#: Production variants of the endpoint. Their names never change, so that scaling policies, alarms and dashboards stay
#: valid over any deployment of a model.
VARIANTS = ("ModelA", "ModelB")


@dataclass(frozen=True)
class Names:
    """The names of one deployment.

    Parameters
    ----------
    environment
        `dev`, `staging` or `prod`.
    region
        AWS region, such as `us-east-1`.
    account
        AWS account id, or a CDK token that stands for it. Only bucket names carry it, for they are global.

    Examples
    --------
    >>> Names("prod", "us-east-1", "123456789012").table
    'ml-pipeline-dynamodb-predictions-prod-us-east-1'
    """

    environment: str
    region: str
    account: str

    def of(self, resource_type: str) -> str:
        """Name of a resource, given its type and purpose, such as `lambda-preprocess`."""
        return f"{PREFIX}-{resource_type}-{self.environment}-{self.region}"

    def stack(self, section: str) -> str:
        """Name of a stack, given its section, one of `SECTIONS`."""
        return self.of(section)

    def bucket(self, purpose: str) -> str:
        """Name of a bucket, given its purpose: `data`, `models`, `results` or `access-logs`."""
        return self.of(f"s3-{purpose}-{self.account}")

    def function(self, name: str) -> str:
        """Name of a Lambda function, given one of `FUNCTIONS`."""
        return self.of(f"lambda-{name}")

    def job_definition(self, job: str) -> str:
        """Name of a Batch job definition, given one of `JOBS`."""
        return self.of(f"batch-{job}")

    def role(self, purpose: str) -> str:
        """Name of an IAM role, given who assumes it. IAM names are global, hence the region in it matters."""
        return self.of(f"iam-{purpose}")

    def key_alias(self, purpose: str) -> str:
        """Alias of a KMS key, given what it encrypts."""
        return f"alias/{self.of(f'kms-{purpose}')}"

    @property
    def service(self) -> str:
        """Whose logs, metrics and traces they are: environments may share an account."""
        return f"{PREFIX}-{self.environment}"

    @property
    def table(self) -> str:
        """DynamoDB table of the predictions."""
        return self.of("dynamodb-predictions")

    @property
    def topic(self) -> str:
        """SNS topic that is told about the end of each run."""
        return self.of("sns-runs")

    @property
    def alarms_topic(self) -> str:
        """SNS topic of the alarms; e-mail and Slack hang on it."""
        return self.of("sns-alarms")

    @property
    def endpoint(self) -> str:
        """SageMaker endpoint."""
        return self.of("sagemaker-endpoint")

    @property
    def first_config(self) -> str:
        """Endpoint configuration of the first deployment."""
        return self.of("sagemaker-first-config")

    @property
    def first_model(self) -> str:
        """SageMaker model of the first deployment."""
        return self.of("sagemaker-first-model")

    @property
    def api(self) -> str:
        """API Gateway REST API."""
        return self.of("apigateway-predictions")

    @property
    def stream(self) -> str:
        """Kinesis stream of records to score."""
        return self.of("kinesis-records")

    @property
    def stream_failures(self) -> str:
        """SQS queue that hears of batches of the stream that were given up."""
        return self.of("sqs-stream-failures")

    @property
    def workgroup(self) -> str:
        """Athena workgroup."""
        return self.of("athena-predictions")

    @property
    def schedule_group(self) -> str:
        """EventBridge Scheduler's group of the workflows' schedules."""
        return self.of("scheduler-workflows")

    def schedule(self, workflow: str, profile: str) -> str:
        """Name of a schedule, given the workflow and the profile, such as `daily`; at most 64 characters."""
        return f"{workflow}-{profile}-{self.environment}"

    def alarm(self, purpose: str) -> str:
        """Name of a CloudWatch alarm, given what it watches."""
        return self.of(f"alarm-{purpose}")

    def rule(self, purpose: str) -> str:
        """Name of an EventBridge rule, given what it looks out for."""
        return self.of(f"events-{purpose}")

    def dashboard(self, purpose: str) -> str:
        """Name of a CloudWatch dashboard, given what it shows."""
        return self.of(f"dashboard-{purpose}")

    @property
    def job_queue(self) -> str:
        """Batch job queue."""
        return self.of("batch-queue")

    @property
    def compute_environment(self) -> str:
        """Batch compute environment."""
        return self.of("batch-compute")

    @property
    def database(self) -> str:
        """Glue database of the predictions."""
        return self.of("glue-predictions")

    @property
    def crawler(self) -> str:
        """Glue crawler that catalogs the predictions."""
        return self.of("glue-crawler-predictions")

    def state_machine(self, workflow: str) -> str:
        """Name of a state machine, given the name of its workflow, such as `batch-inference`."""
        return self.of(f"sfn-{workflow}")

    def as_json(self) -> dict[str, object]:
        """All names as JSON: for the command line, scripts and tests.

        Returns
        -------
        Mapping with the keys `stacks`, `buckets`, `functions`, `jobDefinitions` (purpose -> name each), `table`,
        `topic`, `jobQueue`, `computeEnvironment`, `database`, `crawler`, `stateMachines`, `alias`,
        `endpoint`, `api`, `stream`, `streamFailures`, `workgroup`, `alarmsTopic`.
        """
        return {
            "stacks": {section: self.stack(section) for section in SECTIONS},
            "buckets": {purpose: self.bucket(purpose) for purpose in ("data", "models", "results")},
            "functions": {name: self.function(name) for name in FUNCTIONS},
            "jobDefinitions": {job: self.job_definition(job) for job in JOBS},
            "stateMachines": {workflow: self.state_machine(workflow) for workflow in WORKFLOWS},
            "alias": ALIAS,
            "table": self.table,
            "topic": self.topic,
            "jobQueue": self.job_queue,
            "computeEnvironment": self.compute_environment,
            "database": self.database,
            "crawler": self.crawler,
            "endpoint": self.endpoint,
            "api": self.api,
            "stream": self.stream,
            "streamFailures": self.stream_failures,
            "workgroup": self.workgroup,
            "alarmsTopic": self.alarms_topic,
        }


#: Alias through which callers start a workflow; it points to the version deployed last.
ALIAS = "live"
