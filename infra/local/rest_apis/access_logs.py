"""Access logs of stages: the stage's format, filled in.

Facts: API Gateway developer guide, "Variables for access logging for API Gateway". A variable that has no value is
written as ``-``.
"""

import asyncio
import contextvars
import datetime as dt
import hashlib
import re

from infra.local.emulator import Exchange, Services
from infra.local.logs import Logs

VARIABLE = re.compile(r"\$(?:\{(context(?:\.\w+)+)\}|(context(?:\.\w+)+))")


class AccessLogs:
    """Writes a line for each exchange, before the caller has its answer.

    Parameters
    ----------
    logs
        Where to.
    services
        Scopes the writing to the API's account and region.
    """

    def __init__(self, logs: Logs, services: Services) -> None:
        self._logs = logs
        self._services = services

    async def write(self, exchange: Exchange) -> None:
        """Append the exchange's line to a stream of the stage's log group."""
        await asyncio.to_thread(contextvars.copy_context().run, self._write, exchange)

    def _write(self, exchange: Exchange) -> None:
        group = exchange.destination.split(":log-group:")[-1].removesuffix(":*")
        with self._services.scope(exchange.account, exchange.region):
            self._logs.write(group, stream(exchange), [line(exchange)])


def stream(exchange: Exchange) -> str:
    """Return the log stream, one for each stage, as API Gateway names them: by a hash."""
    return hashlib.md5(f"{exchange.api}/{exchange.stage}".encode(), usedforsecurity=False).hexdigest()


def line(exchange: Exchange, now: dt.datetime | None = None) -> str:
    """Return the stage's format with its variables filled in."""
    values = _values(exchange, now or dt.datetime.now(dt.UTC))
    return VARIABLE.sub(lambda found: values.get(found[1] or found[2]) or "-", exchange.format)


def _values(exchange: Exchange, now: dt.datetime) -> dict[str, str]:
    milliseconds = str(round(exchange.seconds * 1000))
    answered_by_integration = not exchange.error_type
    values = {
        "accountId": exchange.account,
        "apiId": exchange.api,
        "awsEndpointRequestId": exchange.request_id,
        "error.message": exchange.error,
        "error.messageString": f'"{exchange.error}"' if exchange.error else "",
        "error.responseType": exchange.error_type,
        "error.validationErrorString": exchange.explanation,
        "extendedRequestId": exchange.request_id,
        "httpMethod": exchange.method,
        "identity.apiKeyId": exchange.api_key,
        "identity.sourceIp": exchange.source_ip,
        "identity.userAgent": exchange.user_agent,
        "integration.latency": milliseconds if answered_by_integration else "",
        "integration.status": str(exchange.status) if answered_by_integration else "",
        "integrationLatency": milliseconds if answered_by_integration else "",
        "integrationStatus": str(exchange.status) if answered_by_integration else "",
        "path": exchange.path,
        "protocol": "HTTP/1.1",
        "requestId": exchange.request_id,
        "requestTime": f"{now:%d/%b/%Y:%H:%M:%S %z}",
        "requestTimeEpoch": str(round(now.timestamp() * 1000)),
        "resourcePath": exchange.resource_path,
        "responseLatency": milliseconds,
        "responseLength": str(exchange.length),
        "stage": exchange.stage,
        "status": str(exchange.status),
    }
    return {f"context.{name}": value for name, value in values.items()}
