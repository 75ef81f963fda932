"""The REST API in front of the endpoint: `GET /predict` for one record, cached, and `POST /predict` for many."""

import json
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from constructs import Construct

from infra import shipped_model
from infra.acknowledgements import acknowledge
from infra.aspects import retain
from infra.naming import Names
from infra.parts.deployed_function import deployed_function
from infra.parts.gateway_errors import add_gateway_errors
from infra.parts.log_group import log_group
from infra.settings import Settings
from infra.stacks.storage import StorageStack
from infra.stacks.tasks import TasksStack
from tasks.records.signature import Signature

STAGE = "v1"

#: One line of JSON for each request. It names neither features nor predictions.
_ACCESS_LOG = {
    "requestId": "$context.requestId",
    "traceId": "$context.xrayTraceId",
    "time": "$context.requestTime",
    "apiKeyId": "$context.identity.apiKeyId",
    "sourceIp": "$context.identity.sourceIp",
    "userAgent": "$context.identity.userAgent",
    "method": "$context.httpMethod",
    "path": "$context.path",
    "status": "$context.status",
    "error": "$context.error.responseType",
    "latencyMs": "$context.responseLatency",
    "functionStatus": "$context.integration.status",
    "functionLatencyMs": "$context.integration.latency",
    "responseBytes": "$context.responseLength",
}


class ApiStack(cdk.Stack):
    """API, its one stage, an API key, and the usage plan that limits it.

    The features of the shipped model are the query parameters of GET and the required fields of POST's records. The
    function behind both checks kinds and values, for it can name the record and the field that is wrong.
    """

    def __init__(
        self, scope: Construct, settings: Settings, names: Names, storage: StorageStack, tasks: TasksStack, **stack: Any
    ) -> None:
        super().__init__(scope, names.stack("api"), **stack)
        self.add_stack_dependency(tasks, "it calls a function by its name")
        self._settings = settings.api
        self._names = names
        self._api = self._rest_api(settings, storage)
        self._add_methods(shipped_model.signature(settings.first_model))
        add_gateway_errors(self._api)
        self._add_key()
        self._accept_findings()

    def _rest_api(self, settings: Settings, storage: StorageStack) -> apigateway.RestApi:
        logs = log_group(self, "AccessLogs", f"/aws/apigateway/{self._names.api}", settings, storage.logs_key)
        limits: dict[str, Any] = {
            "metrics_enabled": True,
            "data_trace_enabled": False,
            "throttling_rate_limit": self._settings.rate,
            "throttling_burst_limit": self._settings.burst,
        }
        api = apigateway.RestApi(
            self,
            "Predictions",
            rest_api_name=self._names.api,
            description="Predictions of the models behind the endpoint",
            endpoint_types=[apigateway.EndpointType.REGIONAL],
            # Without a role in the account's settings API Gateway refuses a stage with access logs (API Gateway
            # developer guide, "Permissions for CloudWatch logging"), so a fresh account needs one.
            cloud_watch_role=True,
            deploy_options=apigateway.StageOptions(
                stage_name=STAGE,
                tracing_enabled=True,
                access_log_destination=apigateway.LogGroupLogDestination(logs),
                access_log_format=apigateway.AccessLogFormat.custom(json.dumps(_ACCESS_LOG)),
                cache_cluster_enabled=True,
                cache_cluster_size=f"{self._settings.cache_gb:g}",
                **limits,
                # A method's settings take the place of the stage's, they do not add to them.
                method_options={
                    "/predict/GET": apigateway.MethodDeploymentOptions(
                        caching_enabled=True,
                        cache_ttl=cdk.Duration.seconds(self._settings.cache_seconds),
                        cache_data_encrypted=True,
                        **limits,
                    ),
                    # API Gateway does not key its cache on the body: two bodies would get the same answer.
                    "/predict/POST": apigateway.MethodDeploymentOptions(caching_enabled=False, **limits),
                },
            ),
        )
        for shared in ("CloudWatchRole", "Account"):
            retain(api.node.find_child(shared), "The account's other APIs log with it, those of other stacks too")
        return api

    def _add_methods(self, signature: Signature) -> None:
        function = deployed_function(self, self._names, "predict")
        parameters = {
            f"method.request.querystring.{feature.name}": not feature.nullable for feature in signature.features
        }
        # GET has no model of a body and POST no required parameters, so one validator serves both.
        validator = self._api.add_request_validator(
            "Validator",
            request_validator_name="parameters-and-body",
            validate_request_parameters=True,
            validate_request_body=True,
        )
        resource = self._api.root.add_resource("predict")
        resource.add_method(
            "GET",
            apigateway.LambdaIntegration(function, cache_key_parameters=list(parameters), allow_test_invoke=False),
            api_key_required=True,
            request_parameters=parameters,
            request_validator=validator,
        )
        model = self._api.add_model(
            "Records",
            model_name="PredictRequest",
            description="Records to predict, each with the fields that the model cannot do without",
            content_type="application/json",
            schema=_body_schema(signature, self._settings.most_records),
        )
        resource.add_method(
            "POST",
            apigateway.LambdaIntegration(function, allow_test_invoke=False),
            api_key_required=True,
            # Under $default another content type does not lead around the check.
            request_models={"application/json": model, "$default": model},
            request_validator=validator,
        )

    def _add_key(self) -> None:
        plan = self._api.add_usage_plan(
            "Plan",
            name=self._names.of("apigateway-plan"),
            description="Requests a second and a day of each API key",
            throttle=apigateway.ThrottleSettings(rate_limit=self._settings.rate, burst_limit=self._settings.burst),
            quota=apigateway.QuotaSettings(limit=self._settings.quota, period=apigateway.Period.DAY),
            api_stages=[apigateway.UsagePlanPerApiStage(api=self._api, stage=self._api.deployment_stage)],
        )
        key = self._api.add_api_key(
            "Key",
            api_key_name=self._names.of("apigateway-key"),
            description="The first caller's key; give each further caller one of their own",
        )
        plan.add_api_key(key)

    def _accept_findings(self) -> None:
        acknowledge(
            self._api, "APIG3", "Callers hold keys with quotas; a web ACL is of use once the API is open to strangers."
        )
        acknowledge(self._api, "APIG4", "Callers are services with API keys, a usage plan and a daily quota.")
        acknowledge(self._api, "COG4", "Callers are services with API keys, not people who sign in.")
        acknowledge(
            self._api,
            "APIG6",
            "API Gateway writes execution logs to a group that it makes itself, without our key and retention; the "
            "access log and the trace of each request say what failed.",
        )
        acknowledge(
            self._api,
            "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs]",
            "The role is one for all APIs of the account and region, so it is as wide as AWS makes it for that.",
        )


def _body_schema(signature: Signature, most_records: int) -> apigateway.JsonSchema:
    """Structure alone: a list of objects that have the required fields."""
    kinds = apigateway.JsonSchemaType
    return apigateway.JsonSchema(
        schema=apigateway.JsonSchemaVersion.DRAFT4,
        type=kinds.OBJECT,
        required=["records"],
        additional_properties=False,
        properties={
            "records": apigateway.JsonSchema(
                type=kinds.ARRAY,
                min_items=1,
                max_items=most_records,
                items=apigateway.JsonSchema(
                    type=kinds.OBJECT,
                    required=[feature.name for feature in signature.features if not feature.nullable],
                ),
            )
        },
    )
