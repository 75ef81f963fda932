"""Environment variables of all code that we deploy: the contract with `tasks.settings.Settings`."""

from infra.naming import Names
from infra.settings import Settings


def runtime_environment(settings: Settings, names: Names) -> dict[str, str]:
    """What every Lambda function and every Batch job finds in its environment."""
    return {
        "ML_PIPELINE_ENVIRONMENT": settings.environment,
        "ML_PIPELINE_DATA_BUCKET": names.bucket("data"),
        "ML_PIPELINE_MODELS_BUCKET": names.bucket("models"),
        "ML_PIPELINE_RESULTS_BUCKET": names.bucket("results"),
        "ML_PIPELINE_PREDICTIONS_TABLE": names.table,
        "ML_PIPELINE_ENDPOINT": names.endpoint,
        "ML_PIPELINE_PREPROCESS_FUNCTION": names.function("preprocess"),
        "ML_PIPELINE_PARAMETER_ROOT": settings.models_root,
        "ML_PIPELINE_RETENTION_DAYS": str(settings.retention.predictions),
        "ML_PIPELINE_MOST_RECORDS": str(settings.api.most_records),
    }
