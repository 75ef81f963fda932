"""Errors on purpose: the embedded AWS answers the calls that a test names as AWS does on a bad day.

    curl --aws-sigv4 aws:amz:us-east-1:faults --user test:test -H 'X-Amz-Target: MlPipelineFaults.Put' $URL
        --data '{"Service": "ssm", "Operation": "GetParameter", "Code": "ThrottlingException", "Times": 3}'

lets the next three such calls fail, and no other; ``MlPipelineFaults.Clear`` forgets what is left. What the embedded
AWS calls by itself never fails so, and no fault survives a restart.
"""

from collections import Counter
from functools import partial

from infra.local.emulator import Emulator
from infra.local.service_model import service
from infra.local.wire import Handler, Request, Response, error_response, json_response

SERVICE = "faults"
TARGET_PREFIX = "MlPipelineFaults."

# Those whose errors are JSON, with botocore's names of them.
_SERVICES = {"dynamodb": "dynamodb", "glue": "glue", "sagemaker": "sagemaker", "ssm": "ssm", "states": "stepfunctions"}
_MESSAGES = {"ThrottlingException": "Rate exceeded"}

Key = tuple[str, str, str]
"""Service, operation and code of the error."""


class Faults:
    """The faults that are still to happen; belongs to the event loop's thread."""

    def __init__(self) -> None:
        self._left: Counter[Key] = Counter()

    async def handle(self, request: Request) -> Response:
        """Answer ``Put`` and ``Clear``."""
        if request.action == "Clear":
            self._left.clear()
            return json_response({})
        try:
            wanted = request.json()
            key = (str(wanted["Service"]), str(wanted["Operation"]), str(wanted["Code"]))
            times = int(wanted.get("Times", 1))
        except (KeyError, ValueError) as error:
            return error_response("ValidationException", f"Service, Operation and Code are required: {error!r}")
        if request.action != "Put" or key[0] not in _SERVICES or times < 1:
            return error_response("ValidationException", f"Put a fault, at least once, of {', '.join(_SERVICES)}.")
        if key[1] not in service(_SERVICES[key[0]]).operation_names:
            return error_response("ValidationException", f"{key[0]} has no operation {key[1]}.")
        self._left[key] += times
        return json_response({})

    async def stand_before(self, name: str, request: Request, hand_on: Handler) -> Response:
        """Fail a call of service `name` that was named, hand on all others."""
        if request.access_key:
            for key, times in self._left.items():
                if times > 0 and key[:2] == (name, request.action):
                    self._left[key] -= 1
                    return error_response(key[2], _MESSAGES.get(key[2], "A fault that was asked for."))
        return await hand_on(request)

    def forget(self) -> None:
        """Let nothing fail any more."""
        self._left.clear()


def install(emulator: Emulator) -> None:
    """Stand before the services whose calls can fail."""
    faults = Faults()
    emulator.services.register(SERVICE, faults.handle, target_prefixes=(TARGET_PREFIX,), reset=faults.forget)
    for name in _SERVICES:
        emulator.services.wrap(name, partial(faults.stand_before, name))
