"""State machines that are deleted while executions run: they are there until the last one has ended.

Source: Step Functions API reference, "DeleteStateMachine".
"""

from __future__ import annotations

from collections.abc import Collection

from infra.local.emulator import Services
from infra.local.step_functions.arns import Arn
from infra.local.step_functions.machines import Machines
from infra.local.step_functions.store import Store
from infra.local.step_functions.tags import Tags


class Deletions:
    """Takes away what is deleted as soon as nothing runs any more.

    The store ends the executions of a machine in `Store.deleting` at their next state.
    """

    def __init__(self, services: Services, machines: Machines, store: Store, tags: Tags) -> None:
        self._services = services
        self._machines = machines
        self._store = store
        self._tags = tags

    def begin(self, arn: str) -> None:
        """Delete a state machine, now or when its executions have ended."""
        self._store.deleting.add(arn)
        self.settle()

    def settle(self) -> None:
        """Take away the machines whose executions have ended meanwhile."""
        if not self._store.deleting:
            return
        busy = {record.machine.arn for record in self._store.running()}
        for text in self._store.deleting - busy:
            arn = Arn.parse(text, "stateMachine")
            with self._services.scope(arn.account, arn.region):
                self._machines.remove(text)
                self._tags.forget(text)
            self._store.deleting.discard(text)

    def save(self) -> list[str]:
        """Return what survives a restart."""
        return sorted(self._store.deleting)

    def load(self, saved: Collection[str]) -> None:
        """Take back what `save` returned."""
        self._store.deleting.update(saved)
