"""What API Gateway says when it refuses a request itself: in the words and the shape of the function's own errors.

`{"error": name, "message": what is wrong and what to do, "requestId": …, "errors": []}`. API Gateway fills in its
variables without running a template language (API Gateway developer guide, "Set up gateway responses to customize error
responses").
"""

import json
from dataclasses import dataclass

from aws_cdk import aws_apigateway as apigateway


@dataclass(frozen=True)
class GatewayError:
    """One kind of refusal: the type in API Gateway's terms, the HTTP status, our name of it, and the message.

    Without a status, API Gateway's own stays. `retry_after` is how many seconds to wait, where waiting helps.
    """

    kind: str
    status: int | None
    name: str
    message: str
    retry_after: int | None = None


#: API Gateway's message, in quotes that it puts there itself.
_ITS_OWN_MESSAGE = "$context.error.messageString"

GATEWAY_ERRORS = (
    GatewayError(
        "BAD_REQUEST_BODY",
        400,
        "InvalidBody",
        "The body is not JSON with a list of records that have all required fields: "
        "$context.error.validationErrorString",
    ),
    # It lists the parameters that are missing.
    GatewayError("BAD_REQUEST_PARAMETERS", 400, "InvalidParameters", _ITS_OWN_MESSAGE),
    GatewayError("INVALID_API_KEY", 403, "InvalidApiKey", "Send the API key in the header x-api-key."),
    GatewayError("ACCESS_DENIED", 403, "AccessDenied", "The API does not let this caller in."),
    # What API Gateway says to a path or method that does not exist.
    GatewayError(
        "MISSING_AUTHENTICATION_TOKEN", 404, "NotFound", "There are GET and POST of /predict, and nothing else."
    ),
    GatewayError("RESOURCE_NOT_FOUND", 404, "NotFound", "There are GET and POST of /predict, and nothing else."),
    GatewayError("REQUEST_TOO_LARGE", 413, "RequestTooLarge", "Send fewer records at once."),
    GatewayError("UNSUPPORTED_MEDIA_TYPE", 415, "UnsupportedMediaType", "Send application/json."),
    GatewayError("THROTTLED", 429, "Throttled", "Too many requests at once: send fewer, or wait.", retry_after=1),
    GatewayError("QUOTA_EXCEEDED", 429, "QuotaExceeded", "The day's quota of this API key is used up."),
    GatewayError("INTEGRATION_TIMEOUT", 504, "Timeout", "The prediction took too long. Try again."),
    # The last two stand for all others, of several statuses.
    GatewayError("DEFAULT_4XX", None, "RequestRefused", _ITS_OWN_MESSAGE),
    # Nothing about the inside: the request id leads to it in the logs.
    GatewayError("DEFAULT_5XX", None, "InternalError", "The prediction failed. Try again."),
)


def add_gateway_errors(api: apigateway.RestApi) -> None:
    """Give an API these answers."""
    for error in GATEWAY_ERRORS:
        api.add_gateway_response(
            error.kind,
            type=apigateway.ResponseType.of(error.kind),
            status_code=str(error.status) if error.status else None,
            response_headers={"Retry-After": f"'{error.retry_after}'"} if error.retry_after else None,
            templates={"application/json": _template(error)},
        )


def _template(error: GatewayError) -> str:
    document = {"error": error.name, "message": error.message, "requestId": "$context.requestId", "errors": []}
    return json.dumps(document).replace(json.dumps(_ITS_OWN_MESSAGE), _ITS_OWN_MESSAGE)
