"""The settings of a task."""

import pytest

from tasks.errors import SettingsError
from tasks.settings import Settings


def test_what_the_environment_does_not_say_has_a_default():
    settings = Settings.from_environment({})

    assert (settings.environment, settings.region, settings.parameter_root) == (
        "dev",
        "us-east-1",
        "/ml-pipeline/models",
    )
    assert (settings.retention_days, settings.most_records) == (30, 100)


def test_a_setting_that_is_needed_and_absent_is_named():
    assert Settings.from_environment({"ML_PIPELINE_ENDPOINT": "e"}).required("endpoint") == "e"
    with pytest.raises(SettingsError, match="set ML_PIPELINE_ENDPOINT in the environment"):
        Settings.from_environment({}).required("endpoint")


@pytest.mark.parametrize("name", ["ML_PIPELINE_RETENTION_DAYS", "ML_PIPELINE_MOST_RECORDS"])
@pytest.mark.parametrize("value", ["", "0", "-1", "ten", "1.5", "²"])
def test_a_count_that_is_none_is_refused_by_name(name, value):
    with pytest.raises(SettingsError, match=rf"^{name} is {value!r}"):
        Settings.from_environment({name: value})


def test_an_unknown_environment_is_refused():
    with pytest.raises(SettingsError, match="'test'; allowed are dev, staging and prod"):
        Settings.from_environment({"ML_PIPELINE_ENVIRONMENT": "test"})
