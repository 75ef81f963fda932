"""The services that the workflows of deployments call, as simple as these can tell them apart."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

from workflows.interpreter import StatesError, TaskCall

ROOT = Path(__file__).parents[2]
PLANS = ROOT / "tests" / "tasks" / "plans"
FUNCTIONS = ("PlanDeployment", "SmokeTest", "JudgeTraffic", "SettleDeployment", "HaltRun")


def plan_of(case: str) -> dict[str, Any]:
    """One of the plans that `plan-deployment` is held to give."""
    return json.loads((PLANS / f"{case}.json").read_text())


def weights_of(weights: list[dict[str, Any]]) -> dict[str, float]:
    return {weight["VariantName"]: weight["DesiredWeight"] for weight in weights}


class StubEndpoint:
    """An endpoint, the active version and the lock, and who was told.

    `failures` says which function or action fails, how, and how often. An update takes `looks` looks; `rolls_back`
    are configurations that SageMaker takes back by itself.
    """

    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan = plan
        self.config = plan["previous"]["config"]
        self.weights = weights_of(plan["previous"]["weights"])
        self.active = plan["activeVersion"]["after" if plan["activeVersion"]["set"] else "before"]
        self.locked, self.takes_lock = False, True
        self.made: list[str] = []
        self.calls: list[str] = []
        self.requests: dict[str, list[Any]] = {}
        self.told: list[dict[str, Any]] = []
        self.failures: dict[str, list[StatesError]] = {}
        self.not_before: dict[str, str] = {}
        self.looks = 2
        self.rolls_back: set[str] = set()
        self.reason: str | None = None
        self.verdicts: list[str] = []
        self.status = "InService"
        self.updating = 0
        self._wanted = self.config

    def fail(
        self, name: str, error: str, cause: str = "because", *, times: int = 1_000, after: str | None = None
    ) -> None:
        """Let calls fail, all from now on, or those after the first call of another."""
        self.failures[name] = [StatesError(error, cause)] * times
        if after is not None:
            self.not_before[name] = after

    @property
    def served(self) -> tuple[str, dict[str, float], str]:
        """Which configuration, with which weights, and the active version."""
        return self.config, self.weights, self.active

    async def run(self, call: TaskCall) -> Any:
        name = call.resource.rpartition(":")[2]
        if name == "invoke":
            name = call.arguments["FunctionName"].removeprefix("${").removesuffix("Function}")
        self.calls.append(name)
        self.requests.setdefault(name, []).append(deepcopy(call.arguments))
        if self.failures.get(name) and self.not_before.get(name, name) in self.calls:
            raise self.failures[name].pop()
        if name in FUNCTIONS:
            return {"Payload": getattr(self, f"on_{name}")(call.arguments["Payload"]), "StatusCode": 200}
        return getattr(self, f"on_{name}")(call.arguments)

    def on_PlanDeployment(self, event: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        self.locked = self.takes_lock
        return {"plan": self.plan}

    def on_createModel(self, request: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        self.made.append(request["ModelName"])
        return {"ModelArn": "arn"}

    def on_createEndpointConfig(self, request: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        self.made.append(request["EndpointConfigName"])
        return {"EndpointConfigArn": "arn"}

    def on_updateEndpoint(self, request: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        assert self.status != "Updating"
        self._wanted, self.updating, self.status = request["EndpointConfigName"], self.looks, "Updating"
        return {"EndpointArn": "arn"}

    def on_updateEndpointWeightsAndCapacities(self, request: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        assert self.status == "InService"
        self.weights = weights_of(request["DesiredWeightsAndCapacities"])
        self.updating, self.status = self.looks, "Updating"
        return {"EndpointArn": "arn"}

    def on_describeEndpoint(self, request: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        if self.status == "Updating" and not self.updating:
            self.status = "InService"
            if self._wanted not in self.rolls_back and self._wanted != self.config:
                self.config = self._wanted
                # The weights that are in the configuration.
                self.weights = {"ModelA": 100.0, "ModelB": 0.0}
        self.updating -= 1
        reason = {"FailureReason": self.reason} if self.reason else {}
        return {"EndpointStatus": self.status, "EndpointConfigName": self.config, "ProductionVariants": [], **reason}

    def on_putParameter(self, request: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        self.active = request["Value"]
        return {"Version": 2}

    def on_publish(self, request: dict[str, Any]) -> dict[str, Any]:
        self.told.append({"subject": request["Subject"], "message": json.loads(request["Message"])})
        return {"MessageId": "m"}

    def on_SmokeTest(self, event: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        assert event["plan"] == self.plan
        return {"records": 20, "milliseconds": 35}

    def on_JudgeTraffic(self, event: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        verdict = self.verdicts.pop(0) if self.verdicts else "go-on"
        return {"verdict": verdict, "reason": f"the judge says {verdict}", "variants": {}}

    def on_SettleDeployment(self, event: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        released, self.locked = self.locked, False
        return {"summary": {"id": event["plan"]["id"], "outcome": event["outcome"], "released": released}}

    def on_HaltRun(self, event: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        if event["redriveCount"] > event["failedAtRedrive"]:
            return {}
        raise StatesError(event["failure"]["Error"], event["failure"]["Cause"])
