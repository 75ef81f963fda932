"""Bring a registered model version into service, behind a smoke test, and go back to what served before if it fails.

Input
-----
All keys are optional; `{}`, the console's default input and an EventBridge event (whose `detail` may hold the same
keys) are accepted. `version` (default: the version that was registered last), `role` (`champion`, the default, gets all
traffic and becomes the active version; `challenger` gets `sharePercent` of it, default 20).

Output
------
The deployment's summary. `unsettled` or `untold` in it: all is served as asked, but the lock could not be given back
(the next deployment takes it over) or the topic not be told.

Errors
------
`InvalidDeployment`, `NoSuchVersion`, `DeploymentInProgress`: the request is refused; nothing was changed.
`InvalidRegistration`, `ArtifactMissing`, `ArtifactTampered` (of the artifact, or of the registered signature),
`UnsupportedModel`, `InvalidSignature`, `GoldenRecordsDiffer`: the version must not be served; nothing was changed.
`EndpointBusy`: the endpoint is updating still after about an hour; nothing was changed.
`EndpointUpdateFailed` (SageMaker went back by itself, or the endpoint is out of service), `EndpointUpdateTimedOut` (it
is updating still after more than an hour), `SmokeTestFailed` (golden records were not answered as registered), and
SageMaker's and Parameter Store's own errors: what served before serves again.

Side effects
------------
A model and an endpoint configuration; the endpoint's configuration and weights; the parameter of the active version.
Holds the lock of deployments meanwhile; removes models and configurations that are out of use; one message to the runs
topic, for a failure too.

Restoring
---------
The version goes into the variant that is not active, with weight 0 until its smoke test passed, so the active variant
answers all the while. After a failure the endpoint gets back its configuration, its weights and the active version, in
this order, each though another could not be put back. What could not is under `unrestored` in the message; the
execution fails with the error that came first.

Redrive
-------
A redriven execution begins anew with a plan of its own, for all was put back.
"""

from __future__ import annotations

from tasks.deployment.input import DEPLOY_SCHEMA
from workflows.deployment_endings import endings
from workflows.deployment_steps import plan_deployment, serve_version
from workflows.workflow import Workflow

#: Three changes of the endpoint and as many to undo them, each as long as a change may take.
TIMEOUT_SECONDS = 12 * 3600


def build() -> Workflow:
    """Author the workflow."""
    ends = endings("Model deployment")
    plan = plan_deployment("deploy", ends)
    plan.next(serve_version(ends))
    ends.halt.next(plan)
    return Workflow(
        name="model-deploy",
        comment="Bring a registered model version into service",
        start=plan,
        timeout_seconds=TIMEOUT_SECONDS,
        input_schema=DEPLOY_SCHEMA,
        documentation=__doc__ or "",
    )
