"""Runs inside a worker process: loads a Lambda handler and feeds it events. Standard library only.

Started as ``python -S bootstrap.py REQUESTS RESPONSES LIFELINE`` (file descriptors). Frames on the first two are a
4-byte big-endian length and JSON. Output of the handler goes to the process's own stdout and stderr, where
a marker ends each invocation's part. How errors look follows the AWS Lambda developer guide ("Lambda function
handler in Python", "Python function logging") and what AWS returns for each of these cases.
"""

import importlib
import json
import logging
import os
import struct
import sys
import threading
import time
import traceback
from collections.abc import Callable
from decimal import Decimal
from typing import Any, BinaryIO

MARKER = "\x00end of "
LENGTH = struct.Struct(">I")
_UNESCAPED = frozenset({"AWS_Lambda_python3.12", "AWS_Lambda_python3.13", "AWS_Lambda_python3.14"})

Handler = Callable[[Any, "Context"], Any]


class Context:
    """The second argument of a handler."""

    def __init__(self, request_id: str, function_arn: str, deadline: float) -> None:
        self.aws_request_id = request_id
        self.invoked_function_arn = function_arn
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.client_context = None
        self.identity = None
        self._deadline = deadline

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until the invocation is ended."""
        return max(0, int((self._deadline - time.time()) * 1000))

    @staticmethod
    def log(message: object) -> None:
        """Write to the function's log."""
        sys.stdout.write(str(message))


class _LogRecords(logging.Handler):
    """AWS's format of standard log records."""

    request_id = ""

    def emit(self, record: logging.LogRecord) -> None:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        text = f"[{record.levelname}]\t{moment}.{int(record.msecs):03d}Z\t{self.request_id}\t{record.getMessage()}"
        if record.exc_info:
            text += "\n" + "".join(traceback.format_exception(*record.exc_info)).rstrip()
        sys.stdout.write(text + "\n")


def load(handler_name: str) -> tuple[Handler | None, dict[str, Any]]:
    """Return the handler, or ``None`` and AWS's error object."""
    module_name, _, function_name = handler_name.rpartition(".")
    if not module_name:
        message = f"Bad handler '{handler_name}': not enough values to unpack (expected 2, got 1)"
        return None, error_object("Runtime.MalformedHandlerName", message)
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        message = f"Unable to import module '{module_name}': {error}"
        return None, error_object("Runtime.ImportModuleError", message)
    except SyntaxError as error:
        message = f"Syntax error in module '{module_name}': {error}"
        place = _as_on_lambda(f'  File "{error.filename}" Line {error.lineno}')
        trace = [f"{place}\n    {error.text}"]
        return None, error_object("Runtime.UserCodeSyntaxError", message, trace=trace)
    except Exception as error:
        return None, raised(error, "", first_frame=_first_frame_outside(error))
    handler = getattr(module, function_name, None)
    if handler is None:
        message = f"Handler '{function_name}' missing on module '{module_name}'"
        return None, error_object("Runtime.HandlerNotFound", message)
    return handler, {}


def run(handler: Handler, event: Any, context: Context) -> tuple[bool, str]:
    """Call the handler; return whether it failed, and the result or the error object as JSON text."""
    try:
        result = handler(event, context)
    except Exception as error:
        return True, json.dumps(raised(error, context.aws_request_id, first_frame=1))
    try:
        if isinstance(result, bytes):  # Lambda's runtime hands bytes on as they are: JSON text, here
            result = json.loads(result)
        # As the runtime does: NaN and Infinity go out as such, though no JSON has them; text is escaped to ASCII, which
        # counts for the size of the answer, but for the newer runtimes (aws-lambda-python-runtime-interface-client,
        # lambda_runtime_marshaller.py).
        payload = json.dumps(result, ensure_ascii=os.environ["AWS_EXECUTION_ENV"] not in _UNESCAPED, default=_decimal)
        if "\\ud" in payload or not payload.isascii():
            # Half a surrogate pair has no bytes. AWS's older runtimes hand on its escape, which no reader takes.
            json.dumps(result, ensure_ascii=False, default=_decimal).encode()
    except (TypeError, ValueError) as error:
        message = f"Unable to marshal response: {error}"
        return True, json.dumps(error_object("Runtime.MarshalError", message, context.aws_request_id))
    return False, payload


def raised(error: Exception, request_id: str, first_frame: int) -> dict[str, Any]:
    """Return AWS's error object for an exception, and log it as AWS does.

    Parameters
    ----------
    first_frame
        How many frames of the traceback belong to this file.
    """
    frames = [
        _as_on_lambda(frame) for frame in traceback.format_list(traceback.extract_tb(error.__traceback__)[first_frame:])
    ]
    message = str(error).encode(errors="backslashreplace").decode()  # it may hold half surrogates
    found = error_object(type(error).__name__, message, request_id, frames)
    sys.stdout.write(
        f"[ERROR] {found['errorType']}: {found['errorMessage']}\nTraceback (most recent call last):\n{''.join(frames)}"
    )
    return found


def error_object(error_type: str, message: str, request_id: str = "", trace: list[str] | None = None) -> dict[str, Any]:
    """Return the payload of a failed invocation."""
    return {"errorMessage": message, "errorType": error_type, "requestId": request_id, "stackTrace": trace or []}


def _as_on_lambda(frame: str) -> str:
    return frame.replace(f'"{os.environ.get("LAMBDA_TASK_ROOT", "")}/', '"/var/task/', 1)


def _first_frame_outside(error: Exception) -> int:
    frames = traceback.extract_tb(error.__traceback__)
    ours = (__file__, importlib.__file__)
    inside = [i for i, frame in enumerate(frames) if frame.filename in ours or frame.filename.startswith("<frozen")]
    return inside[-1] + 1 if inside else 0


def _decimal(value: object) -> float:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def _receive(stream: BinaryIO) -> Any:
    header = stream.read(LENGTH.size)
    if len(header) < LENGTH.size:
        sys.exit(0)
    return json.loads(stream.read(LENGTH.unpack(header)[0]))


def _send(stream: BinaryIO, status: str, payload: str) -> None:
    body = json.dumps({"status": status}).encode() + b"\n" + payload.encode()
    stream.write(LENGTH.pack(len(body)) + body)
    stream.flush()


def _die_with_server(lifeline: int) -> None:
    os.read(lifeline, 1)  # returns when the last process that could write has ended
    os._exit(1)


def main(request_fd: int, response_fd: int, lifeline: int) -> None:
    """Serve invocations until the server closes the requests or dies."""
    threading.Thread(target=_die_with_server, args=(lifeline,), daemon=True).start()
    requests, responses = os.fdopen(request_fd, "rb"), os.fdopen(response_fd, "wb")
    sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")  # type: ignore[union-attr]
    sys.stderr = sys.stdout
    records = _LogRecords()
    logging.getLogger().addHandler(records)
    for entry in reversed(os.environ.pop("_ML_PIPELINE_PATH").split(os.pathsep)):
        sys.path.insert(0, entry)
    handler, error = load(os.environ["_HANDLER"])
    _send(responses, "ready" if handler else "failed", json.dumps(error))
    while handler:
        request = _receive(requests)
        records.request_id = request["request_id"]
        os.environ["_X_AMZN_TRACE_ID"] = request["trace_id"]
        context = Context(request["request_id"], request["function_arn"], request["deadline"])
        failed, payload = run(handler, request["event"], context)
        _send(responses, "failed" if failed else "ok", payload)
        sys.stdout.write(f"{MARKER}{request['request_id']}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:4]))
