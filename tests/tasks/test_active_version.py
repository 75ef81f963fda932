"""How a serving process follows the registry."""

import pytest

from tasks.active_version import ActiveVersion
from tasks.artifact import Artifact
from tasks.errors import NoSuchVersion, ServiceUnavailable
from tasks.models import Registry
from tests.tasks.conftest import MODEL_TEXT, SIGNATURE, version_of


class Watched(Registry):
    """Counts the looks, and fails while it is throttled."""

    def __init__(self, root, ssm):
        super().__init__(root, ssm)
        self.looks, self.throttled = 0, False

    def _read(self, name):
        self.looks += 1
        if self.throttled:
            raise ServiceUnavailable("Rate exceeded")
        return super()._read(name)


@pytest.fixture
def registry(world):
    return Watched("/ml-pipeline/models", world.registry._ssm)


@pytest.fixture
def clock():
    class Clock:
        now = 1_000.0

        def __call__(self):
            return self.now

    return Clock()


def activate_v2(world):
    version, _ = version_of(Artifact(MODEL_TEXT, SIGNATURE, []), "v2")
    world.registry.register(version)
    world.registry.activate("v2")


def test_parameter_store_is_asked_once_a_minute(registry, clock):
    active = ActiveVersion(registry, clock)
    first = active.get()
    looks = registry.looks
    clock.now += 59
    active.get()

    assert first.version_id == "v1"
    assert registry.looks == looks == 2  # which is active, and its metadata

    clock.now += 1
    active.get()
    assert registry.looks == 3  # metadata never changes


def test_a_newer_active_version_is_noticed_within_a_minute(world, registry, clock):
    active = ActiveVersion(registry, clock)
    active.get()
    activate_v2(world)

    assert active.get().version_id == "v1"
    clock.now += 60
    assert active.get().version_id == "v2"


def test_while_parameter_store_is_throttled_the_last_known_version_serves(world, registry, clock):
    active = ActiveVersion(registry, clock)
    active.get()
    activate_v2(world)
    registry.throttled = True
    clock.now += 60

    assert active.get().version_id == "v1"
    looks = registry.looks
    active.get()
    assert registry.looks == looks  # it is not asked again with every request

    registry.throttled = False
    clock.now += 10
    assert active.get().version_id == "v2"


def test_without_anything_known_a_throttled_parameter_store_is_told(registry, clock):
    registry.throttled = True

    with pytest.raises(ServiceUnavailable):
        ActiveVersion(registry, clock).get()


def test_no_active_version_is_told(world, clock):
    with pytest.raises(NoSuchVersion):
        ActiveVersion(Registry("/elsewhere", world.registry._ssm), clock).get()
