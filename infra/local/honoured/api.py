"""REST API."""

from infra.local.honoured.rules import Honoured

EVERY_ANSWER_COMPUTED = "no answer is cached: each is computed"
NO_METRICS = "no metrics are counted"
METHODS_AT_ONCE = "methods and models take effect without one; gateway responses with it"

TYPES = {
    "AWS::ApiGateway::Account": Honoured(recorded={"access logs are written without it": ("CloudWatchRoleArn",)}),
    "AWS::ApiGateway::ApiKey": Honoured(
        works=("Description", "Enabled", "Name", "Tags"),
        recorded={"usage plans alone decide": ("StageKeys",)},
    ),
    "AWS::ApiGateway::Deployment": Honoured(works=("Description",), recorded={METHODS_AT_ONCE: ("RestApiId",)}),
    "AWS::ApiGateway::GatewayResponse": Honoured(
        works=("ResponseParameters", "ResponseTemplates", "ResponseType", "RestApiId", "StatusCode")
    ),
    "AWS::ApiGateway::Method": Honoured(
        works=(
            "ApiKeyRequired",
            "AuthorizationType",
            "HttpMethod",
            "Integration.IntegrationHttpMethod",
            "Integration.Type",
            "Integration.Uri",
            "RequestModels",
            "RequestParameters",
            "RequestValidatorId",
            "ResourceId",
            "RestApiId",
        ),
        recorded={EVERY_ANSWER_COMPUTED: ("Integration.CacheKeyParameters",)},
    ),
    "AWS::ApiGateway::Model": Honoured(works=("ContentType", "Description", "Name", "RestApiId", "Schema")),
    "AWS::ApiGateway::RequestValidator": Honoured(
        works=("Name", "RestApiId", "ValidateRequestBody", "ValidateRequestParameters")
    ),
    "AWS::ApiGateway::Resource": Honoured(works=("ParentId", "PathPart", "RestApiId")),
    "AWS::ApiGateway::RestApi": Honoured(
        works=("Description", "Name", "Tags"),
        recorded={"every API is reached on 127.0.0.1, without TLS": ("EndpointConfiguration",)},
    ),
    "AWS::ApiGateway::Stage": Honoured(
        works=(
            "AccessLogSetting",
            "DeploymentId",
            "MethodSettings.HttpMethod",
            "MethodSettings.ResourcePath",
            "MethodSettings.ThrottlingBurstLimit",
            "MethodSettings.ThrottlingRateLimit",
            "RestApiId",
            "StageName",
            "Tags",
        ),
        recorded={
            EVERY_ANSWER_COMPUTED: (
                "CacheClusterEnabled",
                "CacheClusterSize",
                "MethodSettings.CacheDataEncrypted",
                "MethodSettings.CacheTtlInSeconds",
                "MethodSettings.CachingEnabled",
            ),
            NO_METRICS: ("MethodSettings.MetricsEnabled",),
            "there is no execution log": ("MethodSettings.DataTraceEnabled",),
            "no traces are collected": ("TracingEnabled",),
        },
    ),
    "AWS::ApiGateway::UsagePlan": Honoured(
        works=("ApiStages", "Description", "Quota", "Tags", "Throttle", "UsagePlanName")
    ),
    "AWS::ApiGateway::UsagePlanKey": Honoured(works=("KeyId", "KeyType", "UsagePlanId")),
}
