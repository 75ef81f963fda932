"""How a distributed Map asks for objects in S3: through the same tasks that do the work of Task states."""

from __future__ import annotations

from collections.abc import Mapping

from workflows.interpreter.errors import StatesError
from workflows.interpreter.interfaces import Json, TaskCall
from workflows.interpreter.payload import text_of
from workflows.interpreter.visit import Visit

GET_OBJECT = "arn:aws:states:::s3:getObject"
PUT_OBJECT = "arn:aws:states:::s3:putObject"


async def ask(visit: Visit, resource: str, arguments: Json) -> Json:
    """Make a request and give its answer. It stands in no history."""
    return await visit.world.tasks.run(TaskCall(resource, arguments, visit.context))


def require(arguments: Mapping[str, Json], names: str) -> None:
    """Fail with Step Functions' words for a parameter that a request cannot do without.

    Parameters
    ----------
    arguments
        The parameters that there are.
    names
        Names of those that there must be, with spaces between.

    Raises
    ------
    StatesError
        ``States.Runtime`` when one is missing.
    """
    missing = [f"The field '{name}' is required but was missing" for name in names.split() if name not in arguments]
    if missing:
        raise StatesError(
            "States.Runtime",
            f"The Parameters '{text_of(arguments)}' could not be used to start the Task: [{', '.join(missing)}]",
        )
