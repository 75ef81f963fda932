"""Put services of ours beside, in the place of, or in front of the emulator's."""

import asyncio
import contextlib
import contextvars
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from infra.local.emulator.private_names import Needs, module, rebind
from infra.local.errors import ServiceCallError
from infra.local.wire import Handler, Request, Response, Wrapper

NEEDS: Needs = {
    "app": ("SERVICE_HANDLERS", "_loaded_modules", "_state_map", "_get_module", "call_service_handler_sync"),
    "core.router": ("SERVICE_PATTERNS", "extract_access_key_id"),
    "core.iam_actions": ("SERVICE_TO_IAM_NAMESPACE", "_BOTOCORE_SERVICE_MAP"),
    "core.responses": (
        "_request_account_id",
        "_request_region",
        "fix_success_content_type",
        "get_account_id",
        "get_region",
    ),
}

Save = Callable[[], Any]
"""Returns what survives a restart, made of what JSON can hold."""

Load = Callable[[Any], None]
"""Receives what `Save` returned in the life before."""

Triple = tuple[int, dict[str, str], bytes]
EmulatorHandler = Callable[[str, str, dict[str, str], bytes, dict[str, list[str]]], Awaitable[Triple]]


class _ServiceModule:
    """What the emulator expects of a module in its list of services."""

    def __init__(self, handler: Handler | None, save: Save, load: Load, reset: Callable[[], None]) -> None:
        self._handler = handler
        self.get_state = save
        self.load_persisted_state = load
        self.reset = reset

    async def handle_request(
        self, method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
    ) -> Triple:
        assert self._handler is not None  # noqa: S101  (a module that only keeps state is not routed to)
        response = await self._handler(_request(method, path, headers, body, query))
        return response.status, dict(response.headers), response.body


class Services:
    """The emulator's list of services, open to ours."""

    def __init__(self) -> None:
        self._app = module("app")
        self._router = module("core.router")
        self._iam_actions = module("core.iam_actions")
        self._responses = module("core.responses")
        self._two_protocols: set[str] = set()
        self._leave_bodies_their_type()

    def register(
        self,
        name: str,
        handler: Handler,
        *,
        target_prefixes: tuple[str, ...] = (),
        rest_models: tuple[str, ...] = (),
        save: Save = lambda: None,
        load: Load = lambda _saved: None,
        reset: Callable[[], None] = lambda: None,
    ) -> None:
        """Serve `name` with `handler`, in the place of the emulator's own service if it has one.

        Parameters
        ----------
        name
            The service's SigV4 signing name (``batch``, ``sagemaker``): requests are routed by it, and IAM
            actions are ``name:Operation``.
        handler
            Answers the requests, after authentication and authorization.
        target_prefixes
            What the service's ``X-Amz-Target`` headers start with, where it speaks a JSON protocol.
        rest_models
            botocore's names of the descriptions that tell which operation a path is, where it speaks a REST protocol
            beside, which the emulator does not know: without, such calls are not authorized.
        save, load
            Persistence: `save` at a clean stop, `load` at the next start when there is something to load. A
            `save` that returns ``None`` keeps nothing.
        reset
            Forget everything (the emulator's ``POST /_ministack/reset``).
        """
        pattern = self._router.SERVICE_PATTERNS.setdefault(name, {})
        pattern["target_prefixes"] = [*pattern.get("target_prefixes", []), *target_prefixes]
        self._iam_actions.SERVICE_TO_IAM_NAMESPACE.setdefault(name, name)
        if rest_models:
            self._two_protocols.add(name)
            self._iam_actions._BOTOCORE_SERVICE_MAP[name] = list(rest_models)
        service = _ServiceModule(handler, save, load, reset)
        self._app._loaded_modules[name] = service
        self._app._state_map[name] = name
        self._app.SERVICE_HANDLERS[name] = service.handle_request

    def _leave_bodies_their_type(self) -> None:
        # Symptom: what a model answers as application/json has the type of SageMaker's control plane.
        fix_success_content_type = self._responses.fix_success_content_type

        def fix_that_of_one_protocol(service: str, status: int, headers: dict[str, str]) -> None:
            if service not in self._two_protocols:
                fix_success_content_type(service, status, headers)

        rebind(fix_success_content_type, fix_that_of_one_protocol)

    def wrap(self, name: str, wrapper: Wrapper) -> None:
        """Put `wrapper` in front of the emulator's service `name`: it answers or hands on.

        A later wrapper stands in front of the earlier ones.
        """
        inner: EmulatorHandler = self._app.SERVICE_HANDLERS[name]

        async def hand_on(request: Request) -> Response:
            status, headers, body = await inner(
                request.method, request.path, dict(request.headers), request.body, dict(request.query)
            )
            return Response(status, headers, body)

        async def handle_request(
            method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
        ) -> Triple:
            response = await wrapper(_request(method, path, headers, body, query), hand_on)
            return response.status, dict(response.headers), response.body

        self._app.SERVICE_HANDLERS[name] = handle_request

    def keep(self, name: str, save: Save, load: Load, reset: Callable[[], None] = lambda: None) -> None:
        """Persist something under a `name` of its own, beside what the services keep.

        For wrappers and resource types with state; see `register` for `save`, `load` and `reset`.
        """
        self._app._loaded_modules[name] = _ServiceModule(None, save, load, reset)
        self._app._state_map[name] = name

    @contextlib.contextmanager
    def scope(self, account: str, region: str) -> Iterator[None]:
        """Act for `account` and `region` inside the block; threads of ours start without either."""
        account_token = self._responses._request_account_id.set(account)
        region_token = self._responses._request_region.set(region)
        try:
            yield
        finally:
            self._responses._request_region.reset(region_token)
            self._responses._request_account_id.reset(account_token)

    def call(self, service: str, target: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Call an operation of a JSON-protocol service in-process, as the root of the scope's account.

        For resource types and services of ours that stand on others; what a *user's* code does goes over
        HTTP with its role's credentials instead. Must not be called on the event loop.

        Parameters
        ----------
        service
            Name in the emulator's list, e.g. ``states``.
        target
            The ``X-Amz-Target`` header, e.g. ``AWSStepFunctions.CreateStateMachine``.
        payload
            The request's members.

        Raises
        ------
        ServiceCallError
            With the service's error code and message.
        """
        headers = {"x-amz-target": target, "content-type": "application/x-amz-json-1.0"}
        # The coroutine would run in the server loop's own context and lose the account and region.
        context = contextvars.copy_context()
        handler: EmulatorHandler = self._app.SERVICE_HANDLERS[service]

        async def in_context(*request: Any) -> Triple:
            return await asyncio.get_running_loop().create_task(handler(*request), context=context)  # type: ignore[arg-type]

        status, _, body = self._app.call_service_handler_sync(
            in_context, "POST", "/", headers, json.dumps(payload).encode(), {}
        )
        answer: dict[str, Any] = json.loads(body) if body else {}
        if status >= 300:
            code = str(answer.get("__type", "InternalFailure")).rpartition("#")[2]
            raise ServiceCallError(code, str(answer.get("message", answer.get("Message", ""))), status)
        return answer


def _request(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]) -> Request:
    responses, router = module("core.responses"), module("core.router")
    return Request(
        method=method,
        path=path,
        headers=headers,
        body=body,
        query=query,
        account=responses.get_account_id(),
        region=responses.get_region(),
        access_key=router.extract_access_key_id(headers, query),
    )
