"""How a serving process follows the registry, and what it does while that is of no use."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from tasks.errors import InvalidRegistration, NoSuchVersion, ServiceUnavailable
from tasks.models.active_version import ActiveVersion, Setback
from tasks.models.artifact import Artifact
from tasks.models.registry import Registry
from tests.tasks.conftest import MODEL_TEXT, SIGNATURE, World, version_of

ROOT = "/ml-pipeline/models"
PARAMETER = f"{ROOT}/active-version"


class Watched:
    """Parameter Store with its calls counted, and with failures of the caller's choice."""

    def __init__(self, ssm: Any) -> None:
        self._ssm = ssm
        self.looks = 0
        self.failure: Exception | None = None

    def __getattr__(self, operation: str) -> Any:
        self.looks += 1
        if self.failure is not None:
            raise self.failure
        return getattr(self._ssm, operation)


@dataclass
class House:
    """A process, its registry, and the time."""

    world: World
    ssm: Watched
    now: float = 1_000.0
    told: list[Setback] = field(default_factory=list)

    def process(self, root: str = ROOT) -> ActiveVersion:
        """A process that has just started."""
        return ActiveVersion(Registry(root, self.ssm), self.told.append, lambda: self.now)

    def write(self, value: str, name: str = PARAMETER) -> None:
        self.world.registry._ssm.put_parameter(Name=name, Value=value, Type="String", Overwrite=True)


@pytest.fixture
def house(world: World) -> House:
    house = House(world, Watched(world.registry._ssm))
    world.registry.register(version_of(Artifact(MODEL_TEXT, SIGNATURE, []), "v2")[0])
    return house


def throttled(house: House) -> None:
    house.ssm.failure = ClientError(
        {"Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}, "GetParameter"
    )


def unreachable(house: House) -> None:
    house.ssm.failure = EndpointConnectionError(endpoint_url="https://ssm")


def refused(house: House) -> None:
    house.ssm.failure = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetParameter")


def damaged(house: House) -> None:
    house.write('{"versionId": "v2"}', f"{ROOT}/versions/v2/metadata")
    house.write("v2")


def deleted(house: House) -> None:
    house.world.registry._ssm.delete_parameter(Name=PARAMETER)


def said(value: str) -> Callable[[House], None]:
    return lambda house: house.write(value)


#: What can be wrong with the parameter or the registry behind it.
MISTAKES = {
    "a typo": said("v22"),
    "a blank too many": said("v1 "),
    "garbage": said('../{"a": 1}'),
    "as long as a parameter can be": said("x" * 4_096),
    "metadata that nobody can read": damaged,
    "no parameter": deleted,
}
#: What can be wrong with Parameter Store.
FAILURES = {"throttled": throttled, "unreachable": unreachable, "refused": refused}


def test_parameter_store_is_asked_once_a_minute(house: House) -> None:
    active = house.process()
    first = active.get()
    looks = house.ssm.looks
    house.now += 59
    active.get()

    assert first.version_id == "v1"
    assert house.ssm.looks == looks == 2  # which is active, and its metadata

    house.now += 1
    active.get()
    assert house.ssm.looks == 3  # metadata never changes
    assert house.told == []


def test_a_newer_active_version_is_noticed_within_a_minute(house: House) -> None:
    active = house.process()
    active.get()
    house.write("v2")

    assert active.get().version_id == "v1"
    house.now += 60
    assert active.get().version_id == "v2"


@pytest.mark.parametrize("wrong", MISTAKES | FAILURES)
def test_whatever_is_wrong_the_version_that_is_known_stays_and_the_registry_is_left_in_peace(
    house: House, wrong: str
) -> None:
    active = house.process()
    active.get()
    (MISTAKES | FAILURES)[wrong](house)
    house.now += 60

    assert active.get().version_id == "v1"
    looks = house.ssm.looks
    for _ in range(61):
        house.now += 0.1
        assert active.get().version_id == "v1"
    assert house.ssm.looks == looks  # it is not asked again with every request


@pytest.mark.parametrize("wrong", MISTAKES | FAILURES)
def test_once_it_is_set_right_it_is_noticed_within_seconds(house: House, wrong: str) -> None:
    active = house.process()
    active.get()
    metadata = house.world.registry.get("v2").to_json()
    (MISTAKES | FAILURES)[wrong](house)
    house.now += 60
    active.get()

    house.ssm.failure = None
    house.write(metadata, f"{ROOT}/versions/v2/metadata")
    house.write("v2")
    house.now += 10
    assert active.get().version_id == "v2"


@pytest.mark.parametrize("wrong", [name for name in MISTAKES if name != "no parameter"])
def test_a_process_that_starts_with_a_mistake_takes_the_version_that_was_active_before(
    house: House, wrong: str
) -> None:
    for value in ("v2", "v1", "v3", "v4"):  # v3 and v4 were never registered
        house.write(value)
    MISTAKES[wrong](house)

    assert house.process().get().version_id == "v1"
    assert house.told[0].instead is not None


def test_of_the_versions_before_one_with_unreadable_metadata_is_passed_over(house: House) -> None:
    damaged(house)
    house.write("v22")

    assert house.process().get().version_id == "v1"


@pytest.mark.parametrize("wrong", ["no parameter", *FAILURES])
def test_a_process_that_starts_and_finds_nothing_says_that_it_is_unavailable_and_looks_again_after_seconds(
    house: House, wrong: str
) -> None:
    (MISTAKES | FAILURES)[wrong](house)
    active = house.process()

    with pytest.raises(ServiceUnavailable, match="no usable model version is known"):
        active.get()
    looks = house.ssm.looks
    with pytest.raises(ServiceUnavailable):
        active.get()
    assert house.ssm.looks == looks

    house.ssm.failure = None
    house.write("v2")
    house.now += 10
    assert active.get().version_id == "v2"


def test_a_failure_is_news_once(house: House) -> None:
    active = house.process()
    active.get()
    for value in ("v22", "v22", "v33"):
        house.write(value)
        house.now += 60
        active.get()
    house.write("v1")
    house.now += 60
    active.get()
    house.write("v33")
    house.now += 60
    active.get()

    assert [(setback.is_news, "v22" in str(setback.failure)) for setback in house.told] == [
        (True, True),
        (False, True),
        (True, False),
        (True, False),
    ]
    assert {type(setback.failure) for setback in house.told} == {NoSuchVersion}
    assert {setback.instead.version_id for setback in house.told if setback.instead} == {"v1"}


def test_the_mistake_is_told_with_what_the_parameter_says_and_what_there_is(house: House) -> None:
    house.write("v22")
    house.process().get()

    assert str(house.told[0].failure) == (
        f"the parameter {PARAMETER} says 'v22': model version 'v22' is not registered; registered are v1, v2"
    )


def test_spoilt_metadata_is_named(house: House) -> None:
    damaged(house)

    with pytest.raises(InvalidRegistration, match="versions/v2/metadata is not what registration writes"):
        house.world.registry.active_version()
