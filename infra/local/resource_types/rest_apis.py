"""``AWS::ApiGateway::*``: what the emulator's CloudFormation drops of REST APIs, methods, validators and stages."""

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

from infra.local.clients import Clients
from infra.local.emulator import Resource, ResourceRequest, ResourceType
from infra.local.resource_types.values import boolean, lower_first

Emulators = Callable[[ResourceRequest], Resource]


class RestApiTypes:
    """Carries the dropped properties through API Gateway's own API."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def types(self) -> dict[str, ResourceType]:
        """Return the resource types by name."""
        return {
            # Symptom: the emulator makes up an id and keeps nothing.
            "AWS::ApiGateway::RequestValidator": ResourceType(
                create=self._create_validator,
                update=self._update_validator,
                delete=self._delete_validator,
                properties=frozenset({"Name", "RestApiId", "ValidateRequestBody", "ValidateRequestParameters"}),
            )
        }

    def provision_api(self, request: ResourceRequest, emulators: Emulators) -> Resource:
        """Let the emulator make the API with its endpoint configuration in the API's own spelling."""
        spelled = {
            name: lower_first(value) if name == "EndpointConfiguration" else value
            for name, value in request.properties.items()
        }
        made = emulators(request.with_properties(spelled))
        self._patch(
            request,
            "update_rest_api",
            {"restApiId": made.physical_id},
            {
                "/apiKeySource": request.properties.get("ApiKeySourceType"),
                "/disableExecuteApiEndpoint": request.properties.get("DisableExecuteApiEndpoint"),
            },
        )
        return made

    def provision_method(self, request: ResourceRequest, emulators: Emulators) -> Resource:
        """Let the emulator make the method, then give it its request validator."""
        asked = request.properties
        booleans = {
            "ApiKeyRequired": boolean(asked.get("ApiKeyRequired", "false")),
            "RequestParameters": {
                name: boolean(required) for name, required in (asked.get("RequestParameters") or {}).items()
            },
        }
        made = emulators(request.with_properties({**asked, **booleans}))
        method = {"restApiId": asked["RestApiId"], "resourceId": asked["ResourceId"], "httpMethod": asked["HttpMethod"]}
        self._patch(request, "update_method", method, {"/requestValidatorId": asked.get("RequestValidatorId")})
        return made

    def provision_stage(self, request: ResourceRequest, emulators: Emulators) -> Resource:
        """Let the emulator make the stage, then set its cache and access log."""
        asked = request.properties
        # Symptom: limits of a method are kept under the path as the template spells it, and never found.
        settings = [
            {**setting, "ResourcePath": _decoded(str(setting.get("ResourcePath", "/*")))}
            for setting in asked.get("MethodSettings") or []
        ]
        made = emulators(request.with_properties({**asked, "MethodSettings": settings}))
        log, log_before = asked.get("AccessLogSetting") or {}, request.previous.get("AccessLogSetting") or {}
        stage = {"restApiId": asked["RestApiId"], "stageName": asked["StageName"]}
        if log_before and not log:
            removal = {"op": "remove", "path": "/accessLogSettings"}
            self._gateway(request).update_stage(**stage, patchOperations=[removal])
        self._patch(
            request,
            "update_stage",
            stage,
            {
                "/accessLogSettings/destinationArn": log.get("DestinationArn"),
                "/accessLogSettings/format": log.get("Format"),
                "/cacheClusterEnabled": asked.get("CacheClusterEnabled", request.previous and "false"),
                "/cacheClusterSize": asked.get("CacheClusterSize"),
            },
        )
        return made

    def _create_validator(self, request: ResourceRequest) -> Resource:
        asked = request.properties
        made = self._gateway(request).create_request_validator(
            restApiId=asked["RestApiId"],
            name=request.name("Name"),
            validateRequestBody=boolean(asked.get("ValidateRequestBody", "false")),
            validateRequestParameters=boolean(asked.get("ValidateRequestParameters", "false")),
        )
        return Resource(made["id"], {"RequestValidatorId": made["id"]})

    def _update_validator(self, request: ResourceRequest) -> Resource:
        if request.changed("Name", "RestApiId"):
            return self._create_validator(request)
        self._patch(
            request,
            "update_request_validator",
            {"restApiId": request.properties["RestApiId"], "requestValidatorId": request.physical_id},
            {
                "/validateRequestBody": request.properties.get("ValidateRequestBody", "false"),
                "/validateRequestParameters": request.properties.get("ValidateRequestParameters", "false"),
            },
        )
        return Resource(request.physical_id, {"RequestValidatorId": request.physical_id})

    def _delete_validator(self, request: ResourceRequest) -> None:
        gateway = self._gateway(request)
        with contextlib.suppress(gateway.exceptions.NotFoundException):
            gateway.delete_request_validator(
                restApiId=request.properties["RestApiId"], requestValidatorId=request.physical_id
            )

    def _patch(self, request: ResourceRequest, operation: str, which: Mapping[str, Any], values: Any) -> None:
        operations = [
            {"op": "replace", "path": path, "value": str(value).lower() if isinstance(value, bool) else str(value)}
            for path, value in values.items()
            if value not in (None, "", {})
        ]
        if operations:
            getattr(self._gateway(request), operation)(**which, patchOperations=operations)

    def _gateway(self, request: ResourceRequest) -> Any:
        return self._clients.root("apigateway", request.account, request.region)


def _decoded(path: str) -> str:
    """Return a template's resource path as the API spells it: ``/~1predict`` is ``/predict``."""
    return path[1:].replace("~1", "/") if path.startswith("/~1") else path
