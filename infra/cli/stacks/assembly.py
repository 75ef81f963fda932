"""The synthesized app as it lies on the disk: stacks, their order, their templates, and what they need."""

import json
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any


class Assembly:
    """A cloud assembly, the folder that `cdk synth` writes.

    Parameters
    ----------
    folder
        The folder; read when it is asked for something.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def bootstrap_version(self) -> int:
        """The oldest version of the CDK's bootstrap that the stacks can be deployed with; 0 if they need none."""
        needed = (a.get("properties", {}).get("requiresBootstrapStackVersion", 0) for a in self._artifacts.values())
        return max((int(version) for version in needed), default=0)

    def template(self, stack: str) -> dict[str, Any]:
        """Read the template of a stack."""
        template: dict[str, Any] = json.loads((self.folder / f"{stack}.template.json").read_text())
        return template

    def dependencies(self, stack: str) -> list[str]:
        """Name the stacks that must be there before a stack."""
        named = self._artifacts[stack].get("dependencies", ())
        return [name for name in named if self._artifacts[name]["type"] == "aws:cloudformation:stack"]

    def with_dependencies(self, stacks: Iterable[str]) -> set[str]:
        """Name the stacks and all that they stand on; all that there are, if none is given."""
        waiting = list(stacks) or [n for n, a in self._artifacts.items() if a["type"] == "aws:cloudformation:stack"]
        found: set[str] = set()
        while waiting:
            stack = waiting.pop()
            if stack not in found:
                found.add(stack)
                waiting += self.dependencies(stack)
        return found

    def images(self, stacks: Iterable[str]) -> list[tuple[str, str]]:
        """List the container images that stacks need, each as repository and tag; both hold placeholders of the CDK."""
        images = []
        for stack in sorted(stacks):
            manifest = self.folder / f"{stack}.assets.json"
            listed = json.loads(manifest.read_text())["dockerImages"] if manifest.exists() else {}
            for image in listed.values():
                images += [(d["repositoryName"], d["imageTag"]) for d in image["destinations"].values()]
        return images

    @cached_property
    def _artifacts(self) -> dict[str, dict[str, Any]]:
        artifacts: dict[str, dict[str, Any]] = json.loads((self.folder / "manifest.json").read_text())["artifacts"]
        return artifacts
