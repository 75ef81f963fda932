"""Custom resources: a function that fails before it answered CloudFormation fails the resource."""

from typing import Any

from infra.local.emulator.private_names import Needs, module, rebind

NEEDS: Needs = {
    "services.cloudformation.custom_resource": ("_pending", "deliver_response"),
    "services.lambda_svc": ("_execute_function_with_config_scope",),
}

ANSWER_PATH = "/_ministack/cfn-response/"


def fail_with_their_functions() -> None:
    """Answer for functions that cannot any more.

    Symptom: a stack waits an hour for the answer of a function that raised, timed out or could not start. (On AWS it
    does, too, after two more attempts; here the reason is known at once.)
    """
    custom_resources = module("services.cloudformation.custom_resource")
    execute = module("services.lambda_svc")._execute_function_with_config_scope

    def execute_and_answer(function: dict[str, Any], event: Any) -> Any:
        result = execute(function, event)
        url = event.get("ResponseURL") if isinstance(event, dict) else None
        token = str(url).rpartition(ANSWER_PATH)[2] if url and ANSWER_PATH in url else ""
        pending = custom_resources._pending.get(token)
        failed = result.get("error") or result.get("throttle")
        if pending and failed and not pending["event"].is_set():
            body = result.get("body") or {}
            reason = f"{body.get('errorType', 'Error')}: {body.get('errorMessage', body)}"
            answer = {"Status": "FAILED", "Reason": f"the function failed before it answered: {reason}"}
            custom_resources.deliver_response(token, answer)
        return result

    rebind(execute, execute_and_answer)
