"""Which resources a call is authorized on, where the emulator does not know.

Symptom: with roles enforced, a policy on a crawler, a repository, a job queue or a log stream allows nothing, because
the emulator asks for ``*`` or for another resource. Source: Service Authorization Reference, "Actions, resources, and
condition keys" of each service. A call is allowed when every resource returned here is.
"""

from collections.abc import Callable
from typing import Any

from infra.local.emulator import Emulator
from infra.local.wire import Request

Derive = Callable[[Request], list[str]]
"""Returns the ARNs of a call; an empty list leaves the answer to the emulator."""

LOG_STREAM_ACTIONS = frozenset({"CreateLogStream", "DeleteLogStream", "GetLogEvents", "PutLogEvents"})
LOG_GROUP_READS = frozenset({"DescribeLogStreams", "FilterLogEvents"})


def install(emulator: Emulator) -> None:
    """Tell the emulator what the calls of these services are about."""
    for service, derive in (
        ("ecr", ecr),
        ("glue", glue),
        ("logs", logs),
        ("ssm", ssm),
    ):
        emulator.permissions.name_resources(service, derive)


def ecr(request: Request) -> list[str]:
    """Return the repositories of a call that may name several."""
    return [_arn(request, "ecr", "repository", name) for name in _members(request).get("repositoryNames") or []]


def glue(request: Request) -> list[str]:
    """Return a crawler, or catalog, database and table: Glue wants a permission on each of these three."""
    body = _members(request)
    name = body.get("Name", "")
    if "Crawler" in request.action:
        return [_arn(request, "glue", "crawler", name)] if name else []
    catalog = f"arn:aws:glue:{request.region}:{request.account}:catalog"
    if request.action.endswith(("Database", "Databases")):
        database = name or (body.get("DatabaseInput") or {}).get("Name", "*")
        return [catalog, _arn(request, "glue", "database", database)]
    database = body.get("DatabaseName")
    if not database:
        return []
    table = body.get("TableName") or name or (body.get("TableInput") or {}).get("Name", "*")
    return [
        catalog,
        _arn(request, "glue", "database", database),
        _arn(request, "glue", "table", f"{database}/{table}"),
    ]


def logs(request: Request) -> list[str]:
    """Return the log stream of a call, which a policy on ``log-group:NAME:*`` covers."""
    body = _members(request)
    group = f"arn:aws:logs:{request.region}:{request.account}:log-group:{body.get('logGroupName', '')}"
    if request.action in LOG_STREAM_ACTIONS:
        return [f"{group}:log-stream:{body.get('logStreamName', '')}"]
    if request.action in LOG_GROUP_READS:
        return [f"{group}:log-stream:"]
    return []


def ssm(request: Request) -> list[str]:
    """Return the parameters of a call that names several, or the path that it reads below."""
    body = _members(request)
    names = body.get("Names") or ([body["Path"]] if "Path" in body else [])
    return [name if name.startswith("arn:") else _arn(request, "ssm", "parameter", name.lstrip("/")) for name in names]


def _arn(request: Request, service: str, kind: str, name: str) -> str:
    if name.startswith("arn:"):
        return name
    return f"arn:aws:{service}:{request.region}:{request.account}:{kind}/{name}"


def _members(request: Request) -> dict[str, Any]:
    try:
        return request.json()
    except ValueError:  # the service says what is wrong with it
        return {}
