"""Which versions were active one after the other."""

from __future__ import annotations

from tasks.models.artifact import Artifact
from tasks.models.registry import Registry
from tests.tasks.conftest import MODEL_TEXT, SIGNATURE, version_of

ARTIFACT = Artifact(MODEL_TEXT, SIGNATURE, [])


def test_the_history_of_the_active_version_is_told_newest_first_without_repetitions(world):
    for version_id in ("v2", "v3"):
        world.registry.register(version_of(ARTIFACT, version_id)[0])
    for version_id in ("v2", "v2", "v1", "v3", "v3"):
        world.registry.activate(version_id)

    assert world.registry.activations() == ["v3", "v1", "v2", "v1"]
    assert Registry("/elsewhere").activations() == []


def test_the_whole_history_counts_however_many_pages_it_has(world):
    world.registry.register(version_of(ARTIFACT, "v2")[0])
    for number in range(60):
        world.registry.activate(("v2", "v1")[number % 2])

    assert len(world.registry.activations()) == 61
