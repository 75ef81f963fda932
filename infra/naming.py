"""Names of everything that is deployed: `ml-pipeline-{resourceType}-{environment}-{region}`.

The one place where names are made. Stacks name resources with it; the command line and the tests find the same
resources with it, so that no stack output has to be looked up.
"""

from dataclasses import dataclass

PREFIX = "ml-pipeline"

#: The stacks, in the order in which they depend on each other.
SECTIONS = ("storage", "network", "tasks", "batch", "analytics", "workflows")

#: The Lambda functions of the batch workflow. Their handlers are `tasks.handlers.<name with underscores>.handler`.
FUNCTIONS = ("normalise-run", "plan-shards", "score-shard", "check-shards", "summarise-run", "halt-run")

#: What the batch image can be asked to do; one job definition each.
JOBS = ("score", "train")


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
    def table(self) -> str:
        """DynamoDB table of the predictions."""
        return self.of("dynamodb-predictions")

    @property
    def topic(self) -> str:
        """SNS topic that is told about the end of each run."""
        return self.of("sns-runs")

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
        `topic`, `jobQueue`, `computeEnvironment`, `database`, `crawler`, `stateMachines`, `alias`.
        """
        return {
            "stacks": {section: self.stack(section) for section in SECTIONS},
            "buckets": {purpose: self.bucket(purpose) for purpose in ("data", "models", "results")},
            "functions": {name: self.function(name) for name in FUNCTIONS},
            "jobDefinitions": {job: self.job_definition(job) for job in JOBS},
            "stateMachines": {"batch-inference": self.state_machine("batch-inference")},
            "alias": ALIAS,
            "table": self.table,
            "topic": self.topic,
            "jobQueue": self.job_queue,
            "computeEnvironment": self.compute_environment,
            "database": self.database,
            "crawler": self.crawler,
        }


#: Alias through which callers start a workflow; it points to the version deployed last.
ALIAS = "live"
