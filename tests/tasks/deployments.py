"""The control plane at the edge: SageMaker and Step Functions in memory, and an endpoint that serves version v1."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError
from botocore.session import get_session
from botocore.validate import ParamValidator

from tasks.deployment.executions import Executions
from tasks.deployment.lock import DeploymentLock
from tasks.deployment.plan import Execution
from tasks.deployment.planning import Planner
from tasks.deployment.requests import Naming
from tasks.deployment.serving import ControlPlane
from tasks.deployment.settling import settle
from tasks.models.artifact import Artifact
from tasks.storage import Location
from tests.tasks.conftest import GOOD, MODEL_TEXT, SIGNATURE, World, version_of

ENDPOINT = "ml-pipeline-sagemaker-endpoint-dev-us-east-1"
FIRST_MODEL = "ml-pipeline-sagemaker-first-model-dev-us-east-1"
FIRST_CONFIG = "ml-pipeline-sagemaker-first-config-dev-us-east-1"
IMAGE = "000000000000.dkr.ecr.us-east-1.amazonaws.com/assets:one"
ROOT = "/ml-pipeline/models"
#: margin -1.5 + 0.5
GOLDEN = [{"record": GOOD, "score": 0.2689414213699951}]

_SHAPES = get_session().get_service_model("sagemaker")


class FakeSageMaker:
    """Models, configurations and one endpoint. Requests are checked against SageMaker's own model of its API."""

    def __init__(self) -> None:
        self.models: dict[str, dict[str, Any]] = {}
        self.configs: dict[str, dict[str, Any]] = {}
        self.endpoint: dict[str, Any] = {}
        self._times = (datetime(2026, 11, 23, tzinfo=UTC) + timedelta(seconds=n) for n in itertools.count())

    def create_model(self, **request: Any) -> None:
        self._add("CreateModel", self.models, request["ModelName"], request)

    def create_endpoint_config(self, **request: Any) -> None:
        for variant in request["ProductionVariants"]:
            self._found(self.models, variant["ModelName"])
        self._add("CreateEndpointConfig", self.configs, request["EndpointConfigName"], request)

    def update_endpoint(self, **request: Any) -> None:
        """As UpdateEndpoint, done at once."""
        _check("UpdateEndpoint", request)
        excluded = {each["VariantPropertyType"] for each in request["ExcludeRetainedVariantProperties"]}
        assert request["RetainAllVariantProperties"]
        assert excluded == {"DesiredWeight"}
        counts = {each["VariantName"]: each["DesiredInstanceCount"] for each in self.endpoint["ProductionVariants"]}
        self.serve(request["EndpointConfigName"], counts)

    def serve(self, config: str, counts: dict[str, int] | None = None) -> None:
        variants = [
            {
                "VariantName": each["VariantName"],
                "DesiredWeight": each["InitialVariantWeight"],
                "DesiredInstanceCount": (counts or {}).get(each["VariantName"], each["InitialInstanceCount"]),
            }
            for each in self._found(self.configs, config)["ProductionVariants"]
        ]
        self.endpoint = {
            "EndpointName": ENDPOINT,
            "EndpointConfigName": config,
            "EndpointStatus": "InService",
            "ProductionVariants": variants,
        }

    def update_endpoint_weights_and_capacities(self, **request: Any) -> None:
        _check("UpdateEndpointWeightsAndCapacities", request)
        for wanted in request["DesiredWeightsAndCapacities"]:
            for variant in self.endpoint["ProductionVariants"]:
                if variant["VariantName"] == wanted["VariantName"]:
                    variant |= wanted

    def describe_endpoint(self, EndpointName: str) -> dict[str, Any]:  # noqa: N803
        if self.endpoint.get("EndpointName") != EndpointName:
            raise not_found("endpoint", EndpointName)
        return {**self.endpoint, "ResponseMetadata": {}}

    def describe_endpoint_config(self, EndpointConfigName: str) -> dict[str, Any]:  # noqa: N803
        return {**self._found(self.configs, EndpointConfigName), "ResponseMetadata": {}}

    def describe_model(self, ModelName: str) -> dict[str, Any]:  # noqa: N803
        return {**self._found(self.models, ModelName), "ResponseMetadata": {}}

    def delete_endpoint_config(self, EndpointConfigName: str) -> dict[str, Any]:  # noqa: N803
        self._found(self.configs, EndpointConfigName)
        del self.configs[EndpointConfigName]
        return {}

    def delete_model(self, ModelName: str) -> dict[str, Any]:  # noqa: N803
        self._found(self.models, ModelName)
        del self.models[ModelName]
        return {}

    def get_paginator(self, operation: str) -> Any:
        records, key, name = {
            "list_endpoint_configs": (self.configs, "EndpointConfigs", "EndpointConfigName"),
            "list_models": (self.models, "Models", "ModelName"),
        }[operation]

        class Pages:
            def paginate(self, **request: str) -> Iterator[dict[str, Any]]:
                assert (request["SortBy"], request["SortOrder"]) == ("CreationTime", "Descending")
                found = [each for each in records.values() if request["NameContains"] in each[name]]
                for each in sorted(found, key=lambda each: each["CreationTime"], reverse=True):
                    yield {key: [{name: each[name]}]}

        return Pages()

    def _add(self, operation: str, records: dict[str, dict[str, Any]], name: str, request: dict[str, Any]) -> None:
        _check(operation, request)
        kept = {key: value for key, value in request.items() if key != "Tags"}
        if name in records:
            raise failure("ValidationException", f"Cannot create already existing {name}")
        arn = {"CreateModel": "ModelArn", "CreateEndpointConfig": "EndpointConfigArn"}[operation]
        records[name] = {**kept, arn: f"arn:{name}", "CreationTime": next(self._times)}

    def _found(self, records: dict[str, dict[str, Any]], name: str) -> dict[str, Any]:
        if name not in records:
            raise not_found("thing", name)
        return records[name]


@dataclass
class FakeStates:
    """Step Functions: the executions that go on."""

    running: set[str] = field(default_factory=set)
    stopped: dict[str, str] = field(default_factory=dict)

    def describe_execution(self, executionArn: str) -> dict[str, str]:  # noqa: N803
        if executionArn.endswith("forgotten"):
            raise failure("ExecutionDoesNotExist", executionArn)
        return {"status": "RUNNING" if executionArn in self.running else "FAILED"}

    def stop_execution(self, executionArn: str, error: str, cause: str) -> None:  # noqa: N803
        self.running.remove(executionArn)
        self.stopped[executionArn] = f"{error}: {cause}"


def failure(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


def not_found(what: str, name: str) -> ClientError:
    return failure("ValidationException", f'Could not find {what} "{name}".')


def execution(name: str = "run-1", workflow: str = "model-deploy") -> Execution:
    machine = f"ml-pipeline-sfn-{workflow}-dev-us-east-1"
    return Execution(f"arn:aws:states:us-east-1:000000000000:execution:{machine}:{name}", "2026-11-23T10:15:00.000Z")


@dataclass
class House:
    """An endpoint whose variants both serve v1, 80 to 20, as a fresh deployment leaves it, and all around it."""

    world: World
    sagemaker: FakeSageMaker
    states: FakeStates

    @property
    def executions(self) -> Executions:
        return Executions(self.states, sleep=lambda seconds: None)

    @property
    def lock(self) -> DeploymentLock:
        return DeploymentLock(ROOT, self.executions)

    @property
    def control_plane(self) -> ControlPlane:
        return ControlPlane(ENDPOINT, self.sagemaker)

    def register(self, *versions: str, **changes: Any) -> None:
        """Register versions, each created after the one before it."""
        for number, version_id in enumerate(versions):
            version, body = version_of(Artifact(MODEL_TEXT, SIGNATURE, GOLDEN), version_id)
            self.world.storage.write(Location.parse(version.artifact), body)
            created = f"2026-11-23T0{number + 1}:00:00Z"
            self.world.registry.register(replace(version, created_at=created, **changes))

    def plan(self, kind: Any, document: Any = None, by: Execution | None = None) -> dict[str, Any]:
        """Plan as an execution that goes on."""
        by = by or execution()
        self.states.running.add(by.arn)
        planner = Planner(
            registry=self.world.registry,
            storage=self.world.storage,
            control_plane=self.control_plane,
            executions=self.executions,
            lock=self.lock,
            naming=Naming("dev", "us-east-1"),
        )
        return planner.plan(kind, {} if document is None else document, by)

    def carry_out(self, plan: dict[str, Any]) -> None:
        """What the workflow does with a plan when all goes well."""
        needs = plan["needs"]
        if needs["model"]:
            self.sagemaker.create_model(**plan["model"])
        if needs["config"]:
            self.sagemaker.create_endpoint_config(**plan["config"])
        if needs["update"]:
            self.sagemaker.update_endpoint(**plan["update"])
        if needs["weights"]:
            self.sagemaker.update_endpoint_weights_and_capacities(
                EndpointName=plan["endpoint"], DesiredWeightsAndCapacities=plan["weights"]
            )
        if needs["activate"]:
            self.world.registry.activate(plan["activeVersion"]["after"])

    def settle(self, plan: dict[str, Any], outcome: Any = "succeeded") -> dict[str, Any]:
        naming = Naming("dev", "us-east-1")
        summary = settle(plan, outcome, self.control_plane, self.lock, naming)
        self.states.running.discard(plan["execution"])
        return summary

    def run(self, kind: Any, document: Any = None, name: str = "run-1") -> dict[str, Any]:
        """A whole execution; gives its plan."""
        plan = self.plan(kind, document, execution(name))
        self.carry_out(plan)
        self.settle(plan)
        return plan

    def deploy(self, *versions: str) -> None:
        """Deploy versions as champions, one after the other."""
        for version in versions:
            self.run("deploy", {"version": version}, name=f"deploy-{version}")

    def served(self) -> dict[str, tuple[str | None, float]]:
        """Version and weight of each variant."""
        return {each.name: (each.version, each.weight) for each in self.control_plane.served().variants}

    def set_weights(self, a: float, b: float) -> None:
        self.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=ENDPOINT, DesiredWeightsAndCapacities=weights(a, b)
        )


def weights(a: float, b: float) -> list[dict[str, Any]]:
    return [{"VariantName": "ModelA", "DesiredWeight": a}, {"VariantName": "ModelB", "DesiredWeight": b}]


def fresh(world: World) -> House:
    """What `cdk deploy` leaves behind."""
    sagemaker = FakeSageMaker()
    sagemaker.create_model(
        ModelName=FIRST_MODEL,
        ExecutionRoleArn="arn:aws:iam::000000000000:role/ml-pipeline-iam-endpoint-dev-us-east-1",
        PrimaryContainer={
            "Image": IMAGE,
            "ModelDataUrl": "s3://models/v1/model.tar.gz",
            "Environment": {"ML_PIPELINE_MODEL_VERSION": "v1", "ML_PIPELINE_THRESHOLD": "0.5"},
        },
        VpcConfig={"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1", "subnet-2"]},
        EnableNetworkIsolation=True,
    )
    sagemaker.create_endpoint_config(
        EndpointConfigName=FIRST_CONFIG,
        ProductionVariants=list(_first_variants()),
        KmsKeyId="arn:aws:kms:us-east-1:000000000000:key/1",
    )
    sagemaker.serve(FIRST_CONFIG)
    version, body = version_of(Artifact(MODEL_TEXT, SIGNATURE, GOLDEN))
    # The world's own v1 has no golden records, which no deployment would take.
    world.storage.write(Location.parse(version.artifact), body)
    registered, _ = version.registration()
    world.registry._ssm.put_parameter(
        Name=f"{ROOT}/versions/v1/metadata", Value=registered.to_json(), Type="String", Overwrite=True
    )
    return House(world, sagemaker, FakeStates())


def _first_variants() -> Iterable[dict[str, Any]]:
    for name, weight in (("ModelA", 80.0), ("ModelB", 20.0)):
        yield {
            "VariantName": name,
            "ModelName": FIRST_MODEL,
            "InstanceType": "ml.c6i.large",
            "InitialInstanceCount": 1,
            "InitialVariantWeight": weight,
        }


def _check(operation: str, request: dict[str, Any]) -> None:
    report = ParamValidator().validate(request, _SHAPES.operation_model(operation).input_shape)
    assert not report.has_errors(), report.generate_report()
