"""What to do, so that the endpoint serves what is asked: the lock, what is there, and then a plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tasks.deployment.deploying import plan_deploy
from tasks.deployment.executions import Executions
from tasks.deployment.input import Asked, Kind, is_by_hand, parse_deployment
from tasks.deployment.lock import DeploymentLock, Hold
from tasks.deployment.plan import Execution, Situation
from tasks.deployment.requests import Naming
from tasks.deployment.rolling_back import is_served, plan_nothing, plan_rollback
from tasks.deployment.serving import ControlPlane, Served
from tasks.deployment.shifting import plan_shift
from tasks.errors import EndpointBusy, NoSuchVersion, NothingToRollBackTo, ServiceUnavailable, TaskError
from tasks.models.registry import Registry
from tasks.models.verification import verify
from tasks.models.version import RegisteredVersion
from tasks.settings import Settings
from tasks.storage import Storage

#: After these the same execution plans again, with the lock that it has.
_TRIED_AGAIN = (EndpointBusy, ServiceUnavailable)


@dataclass(frozen=True)
class Planner:
    """Plans deployments, rollbacks and shifts of one endpoint."""

    registry: Registry
    storage: Storage
    control_plane: ControlPlane
    executions: Executions
    lock: DeploymentLock
    naming: Naming

    @classmethod
    def of(cls, settings: Settings) -> Planner:
        """The planner of a deployment."""
        executions = Executions()
        return cls(
            registry=Registry(settings.parameter_root),
            storage=Storage(),
            control_plane=ControlPlane(settings.required("endpoint")),
            executions=executions,
            lock=DeploymentLock(settings.parameter_root, executions),
            naming=Naming.of(settings),
        )

    def plan(self, kind: Kind, document: Any, execution: Execution) -> dict[str, Any]:
        """Plan, and take the lock.

        The same execution may plan again: it has the lock, and gets the same plan as long as the same is served. The
        lock stays taken when the plan cannot be made for the moment, for that is tried again.

        Parameters
        ----------
        document
            The input of the execution.

        Returns
        -------
        The plan as JSON, see `plan_document`.

        Raises
        ------
        InvalidDeployment
            If the input is wrong, or asks for what makes no sense now.
        NoSuchVersion, InvalidRegistration, NothingToRollBackTo
            If there is no such version, it is not registered as it should be, or there is none to go back to.
        ArtifactMissing, ArtifactTampered, UnsupportedModel, InvalidSignature, GoldenRecordsDiffer
            If the version must not be served.
        DeploymentInProgress
            If another execution changes what is served, and this is no rollback.
        EndpointBusy, EndpointUnavailable, ServiceUnavailable
            If the endpoint is being updated or not there, or a service does not answer.
        """
        asked = parse_deployment(kind, document)
        if kind == "rollback":
            return self._follow(execution) if is_by_hand(document) else self._roll_back(asked, execution)
        if kind == "deploy":
            version = self._version_to_deploy(asked)
            promoted = None if asked.get("role") == "challenger" else version.version_id
            return self._holding(execution, kind, promoted, lambda: self._deploy(asked, version, execution))
        return self._holding(execution, kind, None, lambda: plan_shift(asked, self._situation(execution)))

    def _deploy(self, asked: Asked, version: RegisteredVersion, execution: Execution) -> dict[str, Any]:
        situation = self._situation(execution)
        verify(version, self.storage)
        return plan_deploy(asked, version, situation, self.naming)

    def _version_to_deploy(self, asked: Asked) -> RegisteredVersion:
        if "version" in asked:
            return self.registry.get(asked["version"])
        versions = [self.registry.get(version_id) for version_id in self.registry.versions()]
        if not versions:
            raise NoSuchVersion("no model version is registered, so there is none to deploy")
        return max(versions, key=lambda version: (version.created_at, version.version_id))

    def _follow(self, execution: Execution) -> dict[str, Any]:
        """Roll back, or forward, to the version that somebody has set by hand.

        What they set may be no version, or none that can be served: then the failure says what is served instead.
        """
        served = self.control_plane.served_meanwhile()
        try:
            decided = self._decided(execution)
            version = self.registry.active_version() if decided is None else self.registry.get(decided)
            # Each workflow that activates a version causes such an event, and needs no rollback.
            if decided is None and is_served(version.version_id, served):
                return plan_nothing(version.version_id, Situation(execution, served, version.version_id))
            return self._plan_rollback(version, execution, by_hand=True)
        except TaskError as error:
            if type(error) in _TRIED_AGAIN:
                raise
            still = f"{_most_served(served) or 'no version of ours'} is served as before ({served.in_words()})"
            raise type(error)(f"{error}. {still}; the parameter is left as it is") from error

    def _roll_back(self, asked: Asked, execution: Execution) -> dict[str, Any]:
        target = asked.get("version") or self._decided(execution) or self._version_before()
        return self._plan_rollback(self.registry.get(target), execution, by_hand=False)

    def _plan_rollback(self, version: RegisteredVersion, execution: Execution, *, by_hand: bool) -> dict[str, Any]:
        def planned() -> dict[str, Any]:
            situation = self._situation(execution)
            if by_hand:
                situation = Situation(execution, situation.served, _most_served(situation.served))
            return plan_rollback(
                version,
                situation,
                self.naming,
                kept=lambda: self.control_plane.kept_configs(self.naming.prefix("config")),
                verify=lambda: verify(version, self.storage),
                by_hand=by_hand,
            )

        return self._holding(execution, "rollback", version.version_id, planned)

    def _decided(self, execution: Execution) -> str | None:
        """The version that this execution decided for at its first attempt, when another execution held the lock."""
        held = self.lock.hold()
        return held.version if held is not None and held.execution == execution.arn else None

    def _version_before(self) -> str:
        """The version to go back to where none is named.

        What the parameter says counts as a version only if it is registered. Else the last one that is was never
        replaced: to go back is to set the parameter right.
        """
        said = self.registry.active()
        registered = set(self.registry.versions())
        usable = [version_id for version_id in self.registry.activations() if version_id in registered]
        active = said if said in registered else None
        current = active or next(iter(usable), None)
        held = self.lock.hold()
        under_way = held is not None and held.version != current and self.executions.is_running(held.execution)
        if current is not None and (active is None or under_way):
            return current  # what is under way has not activated anything yet: to stop and undo it is what is asked
        for version_id in usable:
            if version_id != active:
                return version_id
        state = f"{active} is active" if active else f"the active version is set to {said!r}, which is not registered"
        raise NothingToRollBackTo(f"{state}, and no other registered version was before; name a version")

    def _situation(self, execution: Execution) -> Situation:
        served = self.control_plane.served()
        try:
            active = self.registry.active()
        except NoSuchVersion:
            return Situation(execution, served, None)
        if self.registry.is_registered(active):
            return Situation(execution, served, active)
        return Situation(execution, served, None, misnamed=True)

    def _holding(
        self, execution: Execution, kind: Kind, version: str | None, planned: Callable[[], dict[str, Any]]
    ) -> dict[str, Any]:
        """Plan with the lock taken; it is given back if there will be no plan."""
        hold = Hold(execution.arn, kind, execution.started_at, version)
        self.lock.acquire(hold, stop_holder=kind == "rollback")
        try:
            return planned()
        except Exception as error:
            if type(error) not in _TRIED_AGAIN:
                self.lock.release(execution.arn)
            raise


def _most_served(served: Served) -> str | None:
    return max(served.variants, key=lambda variant: variant.weight).version
