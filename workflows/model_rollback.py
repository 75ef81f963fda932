"""Go back to a model version that was served before: within seconds while it is warm, else with a new fleet.

Input
-----
All keys are optional; `{}`, the console's default input and an EventBridge event (whose `detail` may hold the same
keys) are accepted. `version` (default: the active one if a deployment is under way, which is then stopped; else the one
that was active before). EventBridge's event that the parameter of the active version was changed by hand goes back, or
forward, to the version that the parameter names; where that version has its
traffic already, nothing is done and nobody is told. Where the parameter names no registered version, the failure says
what it names, which versions there are and what is served, and the parameter is left to who set it (decision 12).

Output
------
The rollback's summary. `unsettled` or `untold` in it: all is served as asked, but the lock could not be given back (the
next deployment takes it over) or the topic not be told.

Errors
------
`InvalidDeployment`, `NoSuchVersion`, `InvalidRegistration`, `NothingToRollBackTo`: the request is refused; nothing was
changed.
`EndpointBusy`: the endpoint is updating still after about an hour, and SageMaker takes no other change meanwhile; the
version that was active before serves. `EndpointUpdateFailed`, `EndpointUpdateTimedOut`, `SmokeTestFailed`, and
SageMaker's and Parameter Store's own errors: what served before the rollback serves again.

Side effects
------------
Stops a running deployment or shift and takes its lock. Sets weights, and where the version is not warm the endpoint's
configuration: the one it was served with if that is kept, else a new one with a new model. Sets the parameter of the
active version, last. Removes models and configurations that are out of use; one message to the runs topic, for a
failure too.

Redrive
-------
A redriven execution begins anew with a plan of its own, for all was put back.
"""

from __future__ import annotations

from tasks.deployment.input import ROLLBACK_SCHEMA
from workflows.deployment_endings import endings
from workflows.deployment_steps import plan_deployment, serve_version
from workflows.sdk import ChoiceRule
from workflows.states import Choice
from workflows.workflow import Workflow

#: An hour for the endpoint to come to rest, three changes of it, and as many to undo them.
TIMEOUT_SECONDS = 12 * 3600


def build() -> Workflow:
    """Author the workflow."""
    ends = endings("Model rollback")
    plan = plan_deployment("rollback", ends)
    needed = Choice(
        "Anything to roll back?",
        rules=[
            (
                ChoiceRule.Or(
                    [
                        ChoiceRule.BooleanEquals(f"$.plan.needs.{what}", True)
                        for what in ("update", "weights", "activate")
                    ]
                ),
                serve_version(ends),
            )
        ],
        default=ends.nothing_to_do,
    )
    plan.next(needed)
    ends.halt.next(plan)
    return Workflow(
        name="model-rollback",
        comment="Go back to a model version that was served before",
        start=plan,
        timeout_seconds=TIMEOUT_SECONDS,
        input_schema=ROLLBACK_SCHEMA,
        documentation=__doc__ or "",
    )
