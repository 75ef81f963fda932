"""Kinesis streams that Lambda reads: nothing is lost on the way, and the function is told who it is."""

from contextvars import ContextVar
from typing import Any

from infra.local.emulator.private_names import Needs, module, rebind

NEEDS: Needs = {
    "services.kinesis": ("_expire_records",),
    "services.lambda_svc": ("_esms", "_execute_function", "_kinesis_positions", "_poll_kinesis"),
}

PARTIAL = "ReportBatchItemFailures"

_polling: ContextVar[bool] = ContextVar("polling", default=False)


class Streams:
    """The emulator's polling of streams, mended."""

    def __init__(self) -> None:
        self._lambda = module("services.lambda_svc")
        self._deliver_again_what_was_not_taken()
        self._keep_the_place_when_records_expire()

    def _deliver_again_what_was_not_taken(self) -> None:
        # Symptom: records that a function reports as not handled are skipped without a word. A batch that is failed
        # as a whole is delivered again, and the emulator's log says so.
        poll, execute = self._lambda._poll_kinesis, self._lambda._execute_function

        def poll_and_say_so() -> Any:
            token = _polling.set(True)
            try:
                return poll()
            finally:
                _polling.reset(token)

        def execute_batch(function: dict[str, Any], event: Any) -> Any:
            if not _polling.get():
                return execute(function, event)
            config = function.get("config") or function
            for record in event["Records"]:
                record["invokeIdentityArn"] = config["Role"]
            result = execute(function, event)
            failed = _failures(result) if self._reports_failures(event, config["FunctionName"]) else []
            if failed:
                items = ", ".join(failed)
                message = f"the function did not handle the records from {items} on: the batch is delivered again"
                return {**result, "error": True, "body": {"errorType": PARTIAL, "errorMessage": message}}
            return result

        rebind(poll, poll_and_say_so)
        rebind(execute, execute_batch)

    def _reports_failures(self, event: dict[str, Any], function: str) -> bool:
        stream = event["Records"][0]["eventSourceARN"]
        return any(
            PARTIAL in mapping.get("FunctionResponseTypes", [])
            for mapping in self._lambda._esms.values()
            if (mapping["EventSourceArn"], mapping["FunctionName"]) == (stream, function)
        )

    def _keep_the_place_when_records_expire(self) -> None:
        # Symptom: a mapping's place in a shard is a count of records; when old ones expire, it skips as many new ones.
        expire = module("services.kinesis")._expire_records

        def expire_and_move(stream: dict[str, Any]) -> None:
            before = {shard: len(state["records"]) for shard, state in stream["shards"].items()}
            expire(stream)
            gone = {shard: before[shard] - len(state["records"]) for shard, state in stream["shards"].items()}
            if any(gone.values()):
                for identity, mapping in list(self._lambda._esms.items()):
                    places = self._lambda._kinesis_positions.get(identity, {})
                    if mapping["EventSourceArn"] == stream["StreamARN"]:
                        for shard in places.keys() & gone.keys():
                            places[shard] = max(0, places[shard] - gone[shard])

        rebind(expire, expire_and_move)


def _failures(result: dict[str, Any]) -> list[str]:
    body = result.get("body")
    if result.get("error") or not isinstance(body, dict):
        return []
    return [str(failure.get("itemIdentifier")) for failure in body.get("batchItemFailures") or []]
