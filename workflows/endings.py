"""How executions end: somebody is told, and what failed stops so that it can be redriven."""

from __future__ import annotations

from workflows.sdk import State
from workflows.states import LAMBDA_TRANSIENT, Catch, LambdaTask, Task, on_transient

#: The topic is encrypted, so that its key may be what is throttled.
SNS_TRANSIENT = (
    "SNS.AmazonSNSException",
    "SNS.InternalErrorException",
    "SNS.KMSThrottlingException",
    "SNS.SdkClientException",
    "SNS.ThrottledException",
)


def tell(name: str, *, subject: str, message: str, catch: Catch | None = None) -> Task:
    """Publish a message to the topic of runs.

    Parameters
    ----------
    name
        Name of the state.
    subject
        Subject of the message.
    message
        Payload expression of the message, a text when evaluated.
    catch
        What to do where the topic is out of reach.
    """
    return Task(
        name,
        resource="arn:aws:states:::sns:publish",
        parameters={"TopicArn": "${RunsTopic}", "Subject": subject, "Message.$": message},
        result_path=None,
        timeout_seconds=60,
        retry=on_transient(*SNS_TRANSIENT),
        **({} if catch is None else {"catch": catch}),
    )


def tell_failure(*, subject: str, then: State) -> Task:
    """Publish all that is known at a failure. A topic that is out of reach must not hide why the run failed."""
    return tell(
        "Tell failure",
        subject=subject,
        message="States.JsonToString($)",
        catch=Catch(error_equals=["States.ALL"], result_path="$.untold", next_step=then),
    )


def halt_run() -> LambdaTask:
    """Fail under the failure's own name, or go on after a redrive (decision 1).

    It takes `$.failure`, and `$.failedAtRedrive`, the execution's redrive count when that happened.
    """
    return LambdaTask(
        "Halt run",
        function="HaltRun",
        payload={
            "failure.$": "$.failure",
            "failedAtRedrive.$": "$.failedAtRedrive",
            "redriveCount.$": "$$.Execution.RedriveCount",
        },
        timeout_seconds=60,
        retry=on_transient(*LAMBDA_TRANSIENT),
    )
