"""Share the traffic between the two variants anew: at once, step by step behind guard-rails, or by comparing them.

Input
-----
All keys are optional; `{}`, the console's default input and an EventBridge event (whose `detail` may hold the same
keys) are accepted. One of:

- `weights`: a weight for each of `ModelA` and `ModelB`, set at once.
- `steps`: a list of `{"weights", "bakeSeconds"}`, walked in order. While a step bakes, after 30 seconds and then each
  time twice as long, and at its end, the variants are held against `guardRails` (`errorPercent`, `latencyP99Ms`,
  `fewestInvocations`). `end`: `promote` (the default: the variant with most of the traffic gets all of it, and its
  version becomes active) or `keep`.
- `automatic`: the variants are compared every `checkSeconds`, and each time a second later, until one of them is better
  or `longestSeconds` have passed; then the challenger is promoted or rolled back.

Without any of them nothing is changed.

Output
------
The shift's summary; with `automatic` a comparison that ends in a rollback is a success, too. `unsettled` or `untold` in
it: all is served as asked, but the lock could not be given back (the next deployment takes it over) or the topic not be
told.

Errors
------
`InvalidDeployment`, `DeploymentInProgress`: the request is refused; nothing was changed. `GuardRailBroken`: a variant
broke a guard-rail during a step; the cause says which, and with which numbers. `EndpointUpdateFailed`,
`EndpointUpdateTimedOut`, and SageMaker's and Parameter Store's own errors. After each of these the weights are those
from before the shift.

Side effects
------------
Sets the endpoint's weights, and the parameter of the active version where a version is promoted. Holds the lock of
deployments meanwhile; one message to the runs topic, for a failure too.

Redrive
-------
A redriven execution begins anew with a plan of its own, for all was put back.
"""

from __future__ import annotations

from typing import Any

from tasks.deployment.input import SHIFT_SCHEMA
from workflows.deployment_endings import LAMBDA_TIMEOUT_SECONDS, Endings, caught, endings
from workflows.deployment_steps import plan_deployment, share_traffic
from workflows.endpoint_changes import set_weights
from workflows.sdk import Chain, ChoiceRule, State
from workflows.states import (
    LAMBDA_TRANSIENT,
    TASK_TRANSIENT,
    Catch,
    Choice,
    Fail,
    LambdaTask,
    Pass,
    SequentialMap,
    Succeed,
    Wait,
    on_transient,
)
from workflows.workflow import Workflow

#: Fifty steps, or one comparison, of a week each.
TIMEOUT_SECONDS = 351 * 24 * 3600
#: How long a step bakes before its first look, in seconds.
FIRST_LOOK_SECONDS = 30

_ROLL_BACK = ChoiceRule.StringEquals("$.judged.verdict", "roll-back")


def build() -> Workflow:
    """Author the workflow."""
    ends = endings("Traffic shift")
    plan = plan_deployment("shift", ends)
    end = share_traffic(ends)
    steps = SequentialMap(
        "Shift step by step",
        items_path="$.plan.steps",
        item_selector={"plan.$": "$.plan", "step.$": "$$.Map.Item.Value"},
        each=_step(),
        result_path=None,
        catch=caught(ends.endpoint_changed),
    )
    steps.next(end)
    how = Choice(
        "How to shift?",
        rules=[
            (ChoiceRule.BooleanEquals("$.plan.automatic", True), _comparison(ends, promote=end)),
            (ChoiceRule.IsPresent("$.plan.steps[0]", True), steps),
        ],
        default=end,
    )
    plan.next(how)
    ends.halt.next(plan)
    return Workflow(
        name="traffic-shift",
        comment="Share the traffic between the two variants anew",
        start=plan,
        timeout_seconds=TIMEOUT_SECONDS,
        input_schema=SHIFT_SCHEMA,
        documentation=__doc__ or "",
    )


def _step() -> State:
    """Set the weights of a step and let them bake.

    The waits between looks double. So the looks are few, however long a step bakes, and what breaks a guard-rail is
    noticed before it has lasted as long again.
    """
    broken = Fail("Guard-rail broken", error="GuardRailBroken", cause_path="$.judged.reason")
    set_step = set_weights("Set weights of step", weights="$.step.weights")
    begin = Pass(
        "Begin to bake",
        parameters={
            "plan.$": "$.plan",
            "since.$": "$$.State.EnteredTime",
            "left.$": "$.step.bakeSeconds",
            "wait": FIRST_LOOK_SECONDS,
            "less": -FIRST_LOOK_SECONDS,
        },
    )
    bake = Wait("Bake", seconds_path="$.wait")
    bake_to_the_end = Wait("Bake to the end", seconds_path="$.left")
    judge = _judge("Judge step")
    longer = ChoiceRule.NumericGreaterThanPath("$.left", "$.wait")
    in_between = Choice("Look in between?", rules=[(longer, bake)], default=bake_to_the_end)
    count = Pass(
        "Count seconds baked",
        parameters={
            "plan.$": "$.plan",
            "since.$": "$.since",
            "left.$": "States.MathAdd($.left, $.less)",
            "wait.$": "States.MathAdd($.wait, $.wait)",
            "less.$": "States.MathAdd($.less, $.less)",
        },
    )
    judged = Choice(
        "Step judged?",
        rules=[(_ROLL_BACK, broken), (longer, count)],
        default=Succeed("Step done", output_path="$.judged"),
    )
    bake.next(judge)
    bake_to_the_end.next(judge)
    count.next(in_between)
    Chain([set_step, begin, in_between])
    judge.next(judged)
    return set_step


def _comparison(ends: Endings, *, promote: State) -> State:
    """Compare the variants until one of them is better.

    Each look comes a second later than the one before, so that a comparison of a week takes about a thousand: an
    execution may have 25,000 events. The test is valid at any time, so the times of the looks do not matter to it.
    """
    failed = caught(ends.endpoint_changed)
    even = set_weights("Set weights to compare", weights="$.plan.steps[0].weights", catch=failed)
    begin = Pass(
        "Begin to compare",
        parameters={"since.$": "$$.State.EnteredTime", "wait.$": "$.plan.checkSeconds"},
        result_path="$.comparison",
    )
    wait = Wait("Compare", seconds_path="$.comparison.wait")
    judge = _judge("Judge comparison", since="$.comparison.since", catch=failed)
    later = Pass(
        "Wait a second longer",
        parameters={"since.$": "$.comparison.since", "wait.$": "States.MathAdd($.comparison.wait, 1)"},
        result_path="$.comparison",
    )
    roll_back = set_weights("Roll challenger back", weights="$.plan.rollBack", catch=failed)
    roll_back.next(ends.rolled_back)
    judged = Choice(
        "Comparison judged?",
        rules=[(_ROLL_BACK, roll_back), (ChoiceRule.StringEquals("$.judged.verdict", "promote"), promote)],
        default=later,
    )
    later.next(wait)
    Chain([even, begin, wait, judge, judged])
    return even


def _judge(name: str, *, since: str = "$.since", catch: Catch | None = None) -> LambdaTask:
    fields: dict[str, Any] = {} if catch is None else {"catch": catch}
    return LambdaTask(
        name,
        function="JudgeTraffic",
        payload={"plan.$": "$.plan", "since.$": since},
        result_selector={
            "verdict.$": "$.Payload.verdict",
            "reason.$": "$.Payload.reason",
            "variants.$": "$.Payload.variants",
        },
        result_path="$.judged",
        timeout_seconds=LAMBDA_TIMEOUT_SECONDS,
        retry=on_transient(*LAMBDA_TRANSIENT, *TASK_TRANSIENT),
        **fields,
    )
