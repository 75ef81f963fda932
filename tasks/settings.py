"""Where a task finds its buckets, its table and its registry: the one typed place that reads the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast, get_args

from tasks.errors import SettingsError

Environment = Literal["dev", "staging", "prod"]
#: Settings that a task may do without.
OptionalSetting = Literal[
    "data_bucket", "results_bucket", "models_bucket", "predictions_table", "endpoint", "preprocess_function"
]


@dataclass(frozen=True)
class Settings:
    """The settings of one deployment.

    What `OptionalSetting` lists may be empty where a task does not need it; `required` says which is missing when one
    is needed. `endpoint` is the name of the SageMaker endpoint, `preprocess_function` that of the Lambda function
    `preprocess`, `most_records` how many records one request to the API may hold.
    """

    environment: Environment
    region: str
    data_bucket: str
    results_bucket: str
    models_bucket: str
    predictions_table: str
    endpoint: str
    preprocess_function: str
    parameter_root: str
    retention_days: int
    most_records: int

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Read the settings from environment variables.

        Parameters
        ----------
        environ
            `ML_PIPELINE_ENVIRONMENT` (default `dev`), `AWS_REGION` (else `AWS_DEFAULT_REGION`),
            `ML_PIPELINE_DATA_BUCKET`, `ML_PIPELINE_RESULTS_BUCKET`, `ML_PIPELINE_MODELS_BUCKET`,
            `ML_PIPELINE_PREDICTIONS_TABLE`, `ML_PIPELINE_ENDPOINT`, `ML_PIPELINE_PREPROCESS_FUNCTION`,
            `ML_PIPELINE_PARAMETER_ROOT` (default `/ml-pipeline/models`), `ML_PIPELINE_RETENTION_DAYS` (default 30)
            and `ML_PIPELINE_MOST_RECORDS` (default 100).

        Raises
        ------
        SettingsError
            If a value is not allowed.
        """
        environment = environ.get("ML_PIPELINE_ENVIRONMENT", "dev")
        if environment not in get_args(Environment):
            raise SettingsError(f"ML_PIPELINE_ENVIRONMENT is {environment!r}; allowed are dev, staging and prod")
        return cls(
            environment=cast("Environment", environment),
            region=environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or "us-east-1",
            data_bucket=environ.get("ML_PIPELINE_DATA_BUCKET", ""),
            results_bucket=environ.get("ML_PIPELINE_RESULTS_BUCKET", ""),
            models_bucket=environ.get("ML_PIPELINE_MODELS_BUCKET", ""),
            predictions_table=environ.get("ML_PIPELINE_PREDICTIONS_TABLE", ""),
            endpoint=environ.get("ML_PIPELINE_ENDPOINT", ""),
            preprocess_function=environ.get("ML_PIPELINE_PREPROCESS_FUNCTION", ""),
            parameter_root=environ.get("ML_PIPELINE_PARAMETER_ROOT", "/ml-pipeline/models").rstrip("/"),
            retention_days=_count(environ, "ML_PIPELINE_RETENTION_DAYS", default="30", of="days"),
            most_records=_count(environ, "ML_PIPELINE_MOST_RECORDS", default="100", of="records"),
        )

    def required(self, name: OptionalSetting) -> str:
        """One of the settings that may be empty, for a task that needs it.

        Raises
        ------
        SettingsError
            If it is empty; names the environment variable to set.
        """
        value = str(getattr(self, name))
        if not value:
            raise SettingsError(f"set ML_PIPELINE_{name.upper()} in the environment")
        return value


def _count(environ: Mapping[str, str], name: str, *, default: str, of: str) -> int:
    text = environ.get(name, default)
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise SettingsError(f"{name} is {text!r}; it must be a whole number of {of}, at least 1")
    return int(text)
