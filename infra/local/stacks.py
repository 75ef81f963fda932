"""CloudFormation that takes changes of outputs alone, and answers when the work is done, if it is done soon.

The CDK looks at a stack at once and then every five seconds (``aws-cdk``, ``waitForStackDeploy``); a stack takes a
second here. Answering after it is done saves most of that wait, and changes nothing else.
"""

import asyncio
import re
import time
from urllib.parse import parse_qs, urlencode

from infra.local.emulator import Emulator
from infra.local.wire import Handler, Request, Response

STARTERS = frozenset({"CreateStack", "DeleteStack", "ExecuteChangeSet", "UpdateStack"})
PATIENCE_SECONDS = 15.0
PAUSE_SECONDS = 0.02


def install(emulator: Emulator) -> None:
    """Stand in front of the emulator's CloudFormation."""

    async def accept_changed_outputs(request: Request, cloudformation: Handler) -> Response:
        response = await cloudformation(request)
        made = re.search(rb"<CreateChangeSetResult>\s*<Id>([^<]+)</Id>", response.body)
        if made:
            emulator.resources.accept_changed_outputs(made.group(1).decode())
        return response

    emulator.services.wrap("cloudformation", accept_changed_outputs)
    emulator.services.wrap("cloudformation", answer_when_done)


async def answer_when_done(request: Request, cloudformation: Handler) -> Response:
    """Hand a request on; after one that starts work on a stack, wait for its end for a while."""
    response = await cloudformation(request)
    asked = parse_qs(request.body.decode(errors="replace"))
    if asked.get("Action", [""])[0] not in STARTERS or "StackName" not in asked or response.status != 200:
        return response
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and await _is_busy(asked["StackName"][0], request, cloudformation):
        await asyncio.sleep(PAUSE_SECONDS)
    return response


async def _is_busy(stack: str, request: Request, cloudformation: Handler) -> bool:
    body = urlencode({"Action": "DescribeStacks", "Version": "2010-05-15", "StackName": stack}).encode()
    headers = {"content-type": "application/x-www-form-urlencoded"}
    described = await cloudformation(
        Request("POST", "/", headers, body, {}, request.account, request.region, request.access_key)
    )
    return re.search(rb"<StackStatus>\w*_IN_PROGRESS</StackStatus>", described.body) is not None
