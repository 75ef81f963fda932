"""A request that AWS refuses, and how each protocol says so."""

import uuid
from xml.sax.saxutils import escape

from infra.local.wire import Request, Response, error_response
from tasks.aws_limits import Limit


class Refusal(Exception):
    """AWS's answer to a request that it does not take.

    Parameters
    ----------
    code, message, status
        AWS's error code and message, and the HTTP status.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


def refuse_beyond(limit: Limit, size: float, message: str, status: int = 400) -> None:
    """Refuse what is more than the limit.

    Raises
    ------
    Refusal
        With the limit's error code.
    """
    if size > limit.value:
        raise Refusal(limit.error, message, status)


def rendered(refusal: Refusal, request: Request) -> Response:
    """Return the answer in the protocol of the request: Query, or one of those with JSON."""
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return error_response(refusal.code, refusal.message, refusal.status)
    text = (
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{refusal.code}</Code><Message>{escape(refusal.message)}"
        f"</Message></Error><RequestId>{uuid.uuid4()}</RequestId></ErrorResponse>"
    )
    return Response(refusal.status, {"Content-Type": "text/xml"}, text.encode("utf-8", "replace"))


def rendered_by_s3(refusal: Refusal) -> Response:
    """Return S3's answer (S3 API reference, "Error responses")."""
    text = f"<Error><Code>{refusal.code}</Code><Message>{escape(refusal.message)}</Message></Error>"
    return Response(refusal.status, {"Content-Type": "application/xml"}, text.encode("utf-8", "replace"))
