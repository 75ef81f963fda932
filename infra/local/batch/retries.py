"""Whether a failed attempt is followed by another one.

Facts: AWS Batch API reference, "RetryStrategy" and "EvaluateOnExit".
"""

import re
from typing import Any

from infra.local.batch.errors import RequestRefusedError
from tasks.aws_limits import BATCH_ATTEMPTS

MOST_RULES = 5
_LONGEST_PATTERN = 512
_EXIT_CODE_PATTERN = re.compile(r"[0-9]*\*?")
_REASON_PATTERN = re.compile(r"[0-9A-Za-z.:\s]*\*?")
_CONDITIONS = {"onExitCode": _EXIT_CODE_PATTERN, "onReason": _REASON_PATTERN, "onStatusReason": _REASON_PATTERN}


def check_retry_strategy(strategy: dict[str, Any]) -> None:
    """Refuse a retry strategy that AWS Batch refuses.

    Raises
    ------
    RequestRefusedError
        If attempts are outside 1 to 10, there are more than 5 rules, or a rule is malformed.
    """
    attempts = strategy.get("attempts")
    rules = strategy.get("evaluateOnExit", [])
    if attempts is not None and not 1 <= attempts <= BATCH_ATTEMPTS.value:
        raise RequestRefusedError(f"Retry attempts must be between 1 and {BATCH_ATTEMPTS.value}.")
    if rules and attempts is None:
        raise RequestRefusedError("retryStrategy.attempts must be specified with retryStrategy.evaluateOnExit.")
    if len(rules) > MOST_RULES:
        raise RequestRefusedError(f"retryStrategy.evaluateOnExit can have at most {MOST_RULES} elements.")
    for rule in rules:
        _check_rule(rule)


def _check_rule(rule: dict[str, str]) -> None:
    if rule["action"].upper() not in {"RETRY", "EXIT"}:
        raise RequestRefusedError(f"evaluateOnExit action must be RETRY or EXIT, not {rule['action']}.")
    if not any(condition in rule for condition in _CONDITIONS):
        raise RequestRefusedError(f"An evaluateOnExit rule needs one of {', '.join(_CONDITIONS)}.")
    for condition, allowed in _CONDITIONS.items():
        pattern = rule.get(condition, "")
        if len(pattern) > _LONGEST_PATTERN or not allowed.fullmatch(pattern):
            raise RequestRefusedError(
                f"evaluateOnExit {condition} must match {allowed.pattern} and have at most "
                f"{_LONGEST_PATTERN} characters: {pattern!r}"
            )


def is_retried(
    strategy: dict[str, Any], attempts_made: int, exit_code: int | None, reason: str, status_reason: str
) -> bool:
    """Decide what follows an attempt that failed.

    Parameters
    ----------
    strategy
        The job's ``retryStrategy``.
    attempts_made
        Attempts that ended, including this one.
    exit_code
        The container's exit code; None when it never started. No `onExitCode` pattern matches None.
    reason, status_reason
        The container's and the attempt's reason, empty when there is none.

    Returns
    -------
    True if the job is to run again. The first rule whose conditions all hold decides; a failure that no rule
    names is retried while attempts are left.
    """
    if attempts_made >= strategy.get("attempts", 1):
        return False
    seen = {
        "onExitCode": "" if exit_code is None else str(exit_code),
        "onReason": reason,
        "onStatusReason": status_reason,
    }
    for rule in strategy.get("evaluateOnExit", []):
        if all(_matches(rule[name], value) for name, value in seen.items() if name in rule):
            return bool(rule["action"].upper() == "RETRY")
    return True


def _matches(pattern: str, value: str) -> bool:
    """Match as AWS Batch's globs do: an asterisk stands at the end only."""
    if pattern.endswith("*"):
        return value.startswith(pattern[:-1])
    return value == pattern
