"""Lambda: who executes functions, and how services of ours invoke them in-process."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from infra.local.emulator.permissions import Permissions
from infra.local.emulator.private_names import Needs, module, rebind
from infra.local.errors import ServiceCallError

NEEDS: Needs = {
    "services.lambda_svc": (
        "_emit_lambda_logs",
        "_execute_function_warm",
        "_execute_function_with_config_scope",
        "_get_func_record_for_ref",
        "_resolve_layer_zip",
        "_throttle_response",
        "invalidate_worker",
    ),
}


@dataclass(frozen=True)
class Deployed:
    """A function version as it is to be executed.

    Attributes
    ----------
    config
        Members of ``GetFunctionConfiguration``.
    code
        The deployment package (zip).
    layers
        The layers' packages (zip), in the function's order.
    """

    config: Mapping[str, Any]
    code: bytes
    layers: Callable[[], list[bytes]]


@dataclass(frozen=True)
class Outcome:
    """What an invocation came to.

    Attributes
    ----------
    payload
        The handler's result, or AWS's error object: ``errorMessage``, ``errorType``, ``stackTrace``…
    failed
        Whether the payload is an error object (``FunctionError: Unhandled``).
    log
        What the handler wrote.
    throttled
        Nothing ran, because too many invocations run already.
    """

    payload: Any
    failed: bool = False
    log: str = ""
    throttled: bool = False


Execute = Callable[[Deployed, Any, str], Outcome]
"""Runs a function on an event under a request id, on the calling thread."""


class Functions:
    """The emulator's Lambda service, open to an executor of ours."""

    def __init__(self, permissions: Permissions) -> None:
        self._service = module("services.lambda_svc")
        self._permissions = permissions

    def execute_with(self, execute: Execute, forget: Callable[[str], None]) -> None:
        """Let `execute` run the functions of Python runtimes.

        Symptoms: the emulator's workers cost 50 ms when a handler logs nothing
        (``lambda_runtime.Worker._drain_stderr_bounded``), every exception surfaces as ``Runtime.HandlerError``
        and ends the worker, and workers outlive a killed server.

        Parameters
        ----------
        execute
            See `Execute`.
        forget
            Called with a function's name when its code or configuration changed or it was deleted.
        """
        service = self._service
        execute_warm = service._execute_function_warm
        invalidate = service.invalidate_worker

        def execute_function(function: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
            config = function.get("config") or function
            if not _is_ours(function):
                answer: dict[str, Any] = execute_warm(function, event, request_id)
                return answer
            layers = config.get("Layers") or []
            deployed = Deployed(
                config, function["code_zip"], lambda: [service._resolve_layer_zip(layer) for layer in layers]
            )
            outcome = execute(deployed, event, request_id)
            if outcome.throttled:
                throttle: dict[str, Any] = service._throttle_response(
                    reason_code="ConcurrentInvocationLimitExceeded", msg="Rate Exceeded."
                )
                return throttle
            return {"body": outcome.payload, "error": outcome.failed, "log": outcome.log}

        def invalidate_worker(name: str, *args: Any, **kwargs: Any) -> None:
            invalidate(name, *args, **kwargs)
            forget(name)

        emit_logs = service._emit_lambda_logs

        def emit_logs_of_others(function: dict[str, Any], *args: Any, **kwargs: Any) -> None:
            # Symptom: a log stream per invocation; AWS has one per worker. The executor writes its own.
            if not _is_ours(function):
                emit_logs(function, *args, **kwargs)

        rebind(emit_logs, emit_logs_of_others)
        rebind(execute_warm, execute_function)
        rebind(invalidate, invalidate_worker)

    def invoke(self, function: str, payload: Any, *, access_key: str, region: str) -> Outcome:
        """Invoke a function and wait for it, as ``lambda:InvokeFunction`` by a role, without the way over HTTP.

        Parameters
        ----------
        function
            Name or ARN, with a version or alias if wanted.
        payload
            The event; must be what JSON can hold.
        access_key
            Of the role's session (`Identities.assume`), whose policies must allow the invocation.

        Raises
        ------
        ServiceCallError
            ``AccessDeniedException``, ``ResourceNotFoundException`` or ``TooManyRequestsException``.
        """
        base, config, _ = self._service._get_func_record_for_ref(function)
        if base is None or config is None:
            raise ServiceCallError("ResourceNotFoundException", f"Function not found: {function}", 404)
        arn = function if function.startswith("arn:") else config["FunctionArn"]
        denial = self._permissions.denial(access_key, "lambda:InvokeFunction", arn, region)
        if denial:
            raise ServiceCallError("AccessDeniedException", denial, 403)
        result = self._service._execute_function_with_config_scope(base, payload)
        if result.get("throttle"):
            raise ServiceCallError("TooManyRequestsException", "Rate Exceeded.", 429)
        return Outcome(result.get("body"), bool(result.get("error")), result.get("log", ""))


def _is_ours(function: Mapping[str, Any]) -> bool:
    config = function.get("config") or function
    return bool(function.get("code_zip")) and str(config.get("Runtime", "")).startswith("python")
