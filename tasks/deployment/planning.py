"""What to do, so that the endpoint serves what is asked: the lock, what is there, and then a plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tasks.deployment.deploying import plan_deploy
from tasks.deployment.executions import Executions
from tasks.deployment.lock import DeploymentLock, Hold
from tasks.deployment.plan import Execution, Situation
from tasks.deployment.requests import Naming
from tasks.deployment.rolling_back import is_served, plan_nothing, plan_rollback
from tasks.deployment.serving import ControlPlane, Served
from tasks.deployment.shifting import plan_shift
from tasks.deployment_request import Asked, Kind, is_by_hand, parse_deployment
from tasks.errors import EndpointBusy, NoSuchVersion, NothingToRollBackTo, ServiceUnavailable
from tasks.model_version import RegisteredVersion
from tasks.models import Registry
from tasks.settings import Settings
from tasks.storage import Storage
from tasks.verification import verify

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
            return self._roll_back(asked, execution, by_hand=is_by_hand(document))
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

    def _roll_back(self, asked: Asked, execution: Execution, *, by_hand: bool) -> dict[str, Any]:
        if by_hand:
            served = self.control_plane.served_meanwhile()
            active = self.registry.active()
            # Each workflow that activates a version causes such an event, and needs no rollback.
            if is_served(active, served):
                return plan_nothing(active, Situation(execution, served, active))
        version = self.registry.get(self._target(asked, execution, by_hand=by_hand))

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

    def _target(self, asked: Asked, execution: Execution, *, by_hand: bool) -> str:
        """The version to go back to."""
        if "version" in asked:
            return str(asked["version"])
        held = self.lock.hold()
        if held is not None and held.execution == execution.arn and held.version is not None:
            return held.version  # decided at the first attempt, when another execution held the lock
        active = self.registry.active()
        if by_hand:
            return active
        if held is not None and held.version != active and self.executions.is_running(held.execution):
            return active  # what is under way has not activated anything yet: to stop and undo it is what is asked
        registered = set(self.registry.versions())
        for version_id in self.registry.activations():
            if version_id != active and version_id in registered:
                return version_id
        raise NothingToRollBackTo(f"{active} is active, and no other registered version was before; name a version")

    def _situation(self, execution: Execution) -> Situation:
        served = self.control_plane.served()
        try:
            return Situation(execution, served, self.registry.active())
        except NoSuchVersion:
            return Situation(execution, served, None)

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
