import json
from dataclasses import replace

import pytest

from tests.workflows.interpreter.stage import (
    EXECUTION_ARN,
    Play,
    failing,
    in_turn,
    machine,
    play,
    taking,
    task,
)
from workflows.interpreter import Journal, StatesError

ECHO = machine(Work={"Type": "Pass", "End": True})


def one_by_one(**fields):
    return machine(Each={"Type": "Map", "MaxConcurrency": 1, "ItemProcessor": ECHO, "End": True, **fields})


def test_a_line_of_states_enters_and_exits_each_one_and_links_every_event_to_the_one_before():
    definition = machine(
        First={"Type": "Pass", "Result": {"n": 1}, "Next": "Second"},
        Second={"Type": "Choice", "Choices": [], "Default": "Last"},
        Last={"Type": "Succeed"},
    )
    seen = play(definition, {"n": 0})
    assert seen.chain == [
        (0, "ExecutionStarted"),
        (0, "PassStateEntered"),
        (2, "PassStateExited"),
        (3, "ChoiceStateEntered"),
        (4, "ChoiceStateExited"),
        (5, "SucceedStateEntered"),
        (6, "SucceedStateExited"),
        (7, "ExecutionSucceeded"),
    ]
    assert seen.details("PassStateEntered") == [
        {"name": "First", "input": '{"n":0}', "inputDetails": {"truncated": False}}
    ]
    assert seen.details("PassStateExited") == [
        {"name": "First", "output": '{"n":1}', "outputDetails": {"truncated": False}}
    ]
    assert seen.details("ExecutionSucceeded") == [{"output": '{"n":1}', "outputDetails": {"truncated": False}}]


def test_iterations_one_after_the_other_follow_the_last_state_of_the_iteration_before():
    assert play(one_by_one(), [1, 2]).chain == [
        (0, "ExecutionStarted"),
        (0, "MapStateEntered"),
        (2, "MapStateStarted"),
        (3, "MapIterationStarted"),
        (4, "PassStateEntered"),
        (5, "PassStateExited"),
        (6, "MapIterationSucceeded"),
        (6, "MapIterationStarted"),
        (8, "PassStateEntered"),
        (9, "PassStateExited"),
        (10, "MapIterationSucceeded"),
        (11, "MapStateSucceeded"),
        (11, "MapStateExited"),
        (13, "ExecutionSucceeded"),
    ]


def test_a_map_over_nothing_starts_and_succeeds():
    seen = play(one_by_one(), [])
    assert seen.outcome.output == []
    assert seen.chain[2:5] == [(2, "MapStateStarted"), (3, "MapStateSucceeded"), (3, "MapStateExited")]


def test_iterations_side_by_side_all_start_before_any_task_starts():
    definition = machine(Each={"Type": "Map", "ItemProcessor": machine(Work=task("work")), "End": True})
    kinds = play(definition, [1, 2], work=taking(1)).types
    assert kinds[3:11] == [
        "MapIterationStarted",
        "MapIterationStarted",
        "TaskStateEntered",
        "TaskScheduled",
        "TaskStateEntered",
        "TaskScheduled",
        "TaskStarted",
        "TaskStarted",
    ]


def test_a_failed_iteration_aborts_its_siblings_in_the_order_of_their_items():
    definition = machine(Each={"Type": "Map", "ItemProcessor": machine(Work=task("work")), "End": True})

    async def second_fails(call):
        await taking(1 if call.arguments == 1 else 60)(call)
        raise StatesError("Broken", "it is")

    seen = play(definition, [0, 1, 2], work=second_fails)
    failed = next(event for event in seen.journal if event.type == "TaskFailed")
    assert [(event.previous_id, event.type) for event in seen.journal][failed.id :] == [
        (failed.id, "MapIterationAborted"),
        (failed.id, "TaskStateAborted"),
        (failed.id, "MapIterationFailed"),
        (failed.id, "TaskStateAborted"),
        (failed.id, "MapIterationAborted"),
        (failed.id, "TaskStateAborted"),
        (failed.id, "MapStateFailed"),
        (failed.id + 7, "ExecutionFailed"),
    ]
    assert seen.seconds < 60
    assert len(seen.tasks.cancelled) == 2


def test_an_iteration_that_ends_in_a_fail_state_fails_without_an_aborted_state():
    broken = machine(Stop={"Type": "Fail", "Error": "No", "Cause": "never"})
    assert play(one_by_one(ItemProcessor=broken), [1]).chain[3:] == [
        (3, "MapIterationStarted"),
        (4, "FailStateEntered"),
        (5, "MapIterationFailed"),
        (5, "MapStateFailed"),
        (7, "ExecutionFailed"),
    ]


def test_a_retried_map_starts_again_and_fails_only_when_no_attempt_is_left():
    broken = machine(Stop={"Type": "Fail", "Error": "No"})
    retry = [{"ErrorEquals": ["No"], "MaxAttempts": 1}]
    assert play(one_by_one(ItemProcessor=broken, Retry=retry), [1]).chain[2:] == [
        (2, "MapStateStarted"),
        (3, "MapIterationStarted"),
        (4, "FailStateEntered"),
        (5, "MapIterationFailed"),
        (5, "MapStateStarted"),
        (7, "MapIterationStarted"),
        (8, "FailStateEntered"),
        (9, "MapIterationFailed"),
        (9, "MapStateFailed"),
        (11, "ExecutionFailed"),
    ]


def test_a_caught_map_fails_and_exits():
    broken = machine(Stop={"Type": "Fail", "Error": "No", "Cause": "never"})
    definition = machine(
        Each={
            "Type": "Map",
            "ItemProcessor": broken,
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "After"}],
            "End": True,
        },
        After={"Type": "Pass", "End": True},
    )
    seen = play(definition, [1])
    assert seen.outcome.output == {"Error": "No", "Cause": "never"}
    assert seen.chain[6:9] == [(5, "MapStateFailed"), (7, "MapStateExited"), (8, "PassStateEntered")]


def test_a_parallel_succeeds_after_the_last_event_of_its_branches():
    definition = machine(
        Both={"Type": "Parallel", "Branches": [ECHO, machine(Wait={"Type": "Wait", "Seconds": 5, "End": True})]}
        | {"End": True}
    )
    assert play(definition).chain[1:] == [
        (0, "ParallelStateEntered"),
        (2, "ParallelStateStarted"),
        (3, "PassStateEntered"),
        (4, "PassStateExited"),
        (3, "WaitStateEntered"),
        (6, "WaitStateExited"),
        (7, "ParallelStateSucceeded"),
        (7, "ParallelStateExited"),
        (9, "ExecutionSucceeded"),
    ]


def test_a_failed_branch_aborts_the_waiting_one():
    wait = machine(Wait={"Type": "Wait", "Seconds": 50, "End": True})
    stop = machine(Stop={"Type": "Fail", "Error": "No"})
    definition = machine(Both={"Type": "Parallel", "Branches": [wait, stop], "End": True})
    seen = play(definition)
    assert seen.chain[3:] == [
        (3, "WaitStateEntered"),
        (3, "FailStateEntered"),
        (5, "WaitStateAborted"),
        (5, "ParallelStateFailed"),
        (7, "ExecutionFailed"),
    ]
    assert seen.details("ExecutionFailed") == [{"error": "No"}]


def test_a_distributed_map_tells_of_its_map_run_and_not_of_its_children():
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, **ECHO}
    definition = machine(Each={"Type": "Map", "Label": "each", "ItemProcessor": processor, "End": True})
    seen = play(definition, [1, 2])
    assert seen.chain[1:] == [
        (0, "MapStateEntered"),
        (2, "MapStateStarted"),
        (3, "MapRunStarted"),
        (4, "MapRunSucceeded"),
        (5, "MapStateSucceeded"),
        (5, "MapStateExited"),
        (7, "ExecutionSucceeded"),
    ]
    (map_run,) = seen.map_runs
    assert seen.details("MapRunStarted") == [{"mapRunArn": map_run.arn}]
    assert [child.journal.types() for child in map_run.children] == [
        ["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"]
    ] * 2


def test_a_lambda_function_has_events_of_its_own_kind():
    function = "arn:aws:lambda:us-east-1:000000000000:function:score"
    definition = machine(Score=task("score", Resource=function, TimeoutSeconds=9))
    seen = play(definition, {"x": 1}, score=in_turn({"y": 2}))
    assert seen.types[2:5] == ["LambdaFunctionScheduled", "LambdaFunctionStarted", "LambdaFunctionSucceeded"]
    assert seen.details("LambdaFunctionScheduled") == [
        {
            "resource": function,
            "input": '{"x":1}',
            "inputDetails": {"truncated": False},
            "timeoutInSeconds": 9,
        }
    ]
    assert seen.details("LambdaFunctionStarted") == [None]
    assert seen.details("LambdaFunctionSucceeded") == [{"output": '{"y":2}', "outputDetails": {"truncated": False}}]


def test_a_failed_lambda_function_names_error_and_cause():
    definition = machine(Score=task("score", Resource="arn:aws:lambda:us-east-1:0:function:score"))
    seen = play(definition, score=failing("BadModel", "no trees"))
    assert seen.details("LambdaFunctionFailed") == [{"error": "BadModel", "cause": "no trees"}]
    assert seen.details("ExecutionFailed") == [{"error": "BadModel", "cause": "no trees"}]


def test_a_service_task_names_service_action_region_and_parameters():
    definition = machine(
        Tell=task("x", Resource="arn:aws:states:::sns:publish", Parameters={"TopicArn": "t"}, HeartbeatSeconds=5)
    )
    seen = play(definition, publish=in_turn({"MessageId": "m"}))
    assert seen.details("TaskScheduled") == [
        {
            "resourceType": "sns",
            "resource": "publish",
            "region": "us-east-1",
            "parameters": '{"TopicArn":"t"}',
            "heartbeatInSeconds": 5,
        }
    ]
    assert seen.details("TaskStarted") == [{"resourceType": "sns", "resource": "publish"}]
    (succeeded,) = seen.details("TaskSucceeded")
    assert succeeded["resource"] == "publish"
    assert json.loads(succeeded["output"]) == {"MessageId": "m"}


def test_a_task_of_the_sdk_integration_names_the_service_as_its_type():
    definition = machine(Put=task("x", Resource="arn:aws:states:::aws-sdk:dynamodb:putItem"))
    (scheduled,) = play(definition).details("TaskScheduled")
    assert (scheduled["resourceType"], scheduled["resource"]) == ("aws-sdk:dynamodb", "putItem")


def test_a_job_that_is_waited_for_is_submitted_before_it_succeeds():
    async def job(call):
        call.submitted({"JobId": "j"})
        return await taking(300, {"Status": "SUCCEEDED"})(call)

    definition = machine(Job=task("x", Resource="arn:aws:states:::batch:submitJob.sync"))
    seen = play(definition, submitJob=job)
    assert seen.types[2:6] == ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"]
    (submitted,) = seen.details("TaskSubmitted")
    assert submitted["resource"] == "submitJob.sync"
    assert json.loads(submitted["output"]) == {"JobId": "j"}
    assert seen.seconds == 300


def test_a_job_that_the_service_did_not_accept_failed_to_be_submitted():
    definition = machine(Job=task("x", Resource="arn:aws:states:::batch:submitJob.sync"))
    seen = play(definition, submitJob=failing("Batch.ServerException", "no share"))
    assert seen.types[-2:] == ["TaskSubmitFailed", "ExecutionFailed"]
    assert seen.details("TaskSubmitFailed") == [
        {
            "resourceType": "batch",
            "resource": "submitJob.sync",
            "error": "Batch.ServerException",
            "cause": "no share",
        }
    ]


def test_a_job_that_was_accepted_and_then_failed_is_a_failed_task():
    def job(call):
        call.submitted({"JobId": "j"})
        raise StatesError("States.TaskFailed", "exit code 1")

    seen = play(machine(Job=task("x", Resource="arn:aws:states:::batch:submitJob.sync")), submitJob=job)
    assert seen.types[-3:] == ["TaskSubmitted", "TaskFailed", "ExecutionFailed"]


@pytest.mark.parametrize("kind", ["Map", "Parallel"])
def test_a_runtime_error_ends_the_execution_at_once_whatever_runs_beside(kind):
    bad = machine(Bad={"Type": "Pass", "InputPath": "$.missing", "End": True})
    slow = machine(Slow={"Type": "Wait", "Seconds": 60, "End": True})
    inside = {
        "Map": {"ItemProcessor": bad, "ItemsPath": "$.items"},
        "Parallel": {"Branches": [slow, bad]},
    }[kind]
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "After"}]
    definition = machine(
        Both={"Type": kind, **inside, "Catch": catch, "End": True}, After={"Type": "Pass", "End": True}
    )
    seen = play(definition, {"items": [1]})
    assert seen.outcome.error == "States.Runtime"
    assert seen.types[-2:] == ["PassStateEntered", "ExecutionFailed"]
    assert seen.chain[-1][0] == len(seen.journal) - 1


def test_an_activity_starts_when_a_worker_takes_it():
    async def work(call):
        await taking(3)(call)
        call.started("worker-1")
        return call.token is not None

    arn = "arn:aws:states:us-east-1:000000000000:activity:label"
    seen = play(machine(Label=task("x", Resource=arn)), label=work)
    assert seen.types[2:5] == ["ActivityScheduled", "ActivityStarted", "ActivitySucceeded"]
    assert seen.details("ActivityStarted") == [{"workerName": "worker-1"}]
    assert seen.outcome.output is True


@pytest.mark.parametrize("pattern", [".waitForTaskToken", ".sync"])
def test_a_token_is_there_before_the_parameters_are_filled_and_is_new_for_each_attempt(pattern):
    definition = machine(
        Ask=task(
            "x",
            Resource=f"arn:aws:states:::states:startExecution{pattern}",
            Parameters={"StateMachineArn": "a", "Input": {"token.$": "$$.Task.Token"}},
            Retry=[{"ErrorEquals": ["Again"]}],
        )
    )
    seen = play(definition, startExecution=in_turn(StatesError("Again"), "done"))
    first, second = seen.tasks.calls
    assert first.arguments["Input"] == {"token": first.token}
    assert second.arguments["Input"] == {"token": second.token}
    assert first.token != second.token


def test_credentials_reach_the_task_and_the_history():
    definition = machine(Work=task("work", Credentials={"RoleArn.$": "$.role"}))
    seen = play(definition, {"role": "arn:role"})
    assert seen.tasks.calls[0].credentials == {"RoleArn": "arn:role"}
    assert seen.details("TaskScheduled")[0]["taskCredentials"] == {"roleArn": "arn:role"}


def test_history_has_the_shape_of_the_api():
    started, entered, *_ = play(ECHO).journal.history()
    assert started["id"] == 1
    assert started["executionStartedEventDetails"]["roleArn"] == "role"
    assert entered["previousEventId"] == 0
    assert entered["stateEnteredEventDetails"]["name"] == "Work"
    assert entered["timestamp"].tzinfo is not None


def test_a_journal_comes_back_from_json_as_it_was():
    journal = play(one_by_one(), [1, 2]).journal
    copy = Journal.from_json(json.loads(json.dumps(journal.to_json())))
    assert copy.execution_arn == EXECUTION_ARN
    assert copy.events == journal.events


def test_the_observer_sees_the_events_of_children_in_journals_of_their_own():
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}, **ECHO}
    seen = play(machine(Each={"Type": "Map", "ItemProcessor": processor, "End": True}), [1])
    arns = {journal.execution_arn for journal, _ in seen.events}
    (child,) = seen.map_runs[0].children
    assert arns == {EXECUTION_ARN, child.arn}
    assert [status for _, status in seen.children] == ["RUNNING", "SUCCEEDED"]


@pytest.mark.parametrize(
    ("state", "given"),
    [
        ({"Type": "Pass", "Next": "Round"}, None),
        (
            {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:listBuckets", "Parameters": {}, "Next": "Round"},
            None,
        ),
        ({"Type": "Parallel", "Branches": [ECHO, ECHO], "ResultPath": None, "Next": "Round"}, None),
        ({"Type": "Map", "ItemProcessor": ECHO, "MaxConcurrency": 2, "Next": "Round"}, [0] * 7_000),
    ],
    ids=lambda value: value["Type"] if isinstance(value, dict) else "",
)
def test_the_last_event_that_a_history_has_room_for_is_the_failure(state, given):
    seen = Play({"StartAt": "Round", "States": {"Round": state}}, given).run()

    last = seen.journal.events[-1]
    assert (last.id, last.previous_id, last.type) == (25_000, 24_999, "ExecutionFailed")
    assert seen.outcome.error == "States.Runtime"
    assert seen.outcome.cause == "The execution reached the maximum number of history events (25000)."


def test_the_history_of_an_express_execution_has_no_limit():
    seen = Play(machine(Rounds={"Type": "Map", "ItemProcessor": ECHO, "End": True}), [0] * 7_000)
    seen.execution = replace(seen.execution, arn=EXECUTION_ARN.replace(":execution:", ":express:"))
    seen.journal.execution_arn = seen.execution.arn
    seen.run()
    assert seen.outcome.status == "SUCCEEDED"
    assert len(seen.journal) > 25_000


def test_an_execution_that_takes_too_long_names_the_timeout_in_its_history_alone():
    seen = Play({**machine(Nap={"Type": "Wait", "Seconds": 25, "End": True}), "TimeoutSeconds": 3}).run()
    last = seen.journal.events[-1]
    assert (last.type, last.previous_id, last.details) == ("ExecutionTimedOut", 0, {"error": "States.Timeout"})
    assert (seen.outcome.error, seen.outcome.cause) == (None, None)


def test_error_and_cause_are_cut_to_what_the_api_can_tell():
    seen = play(machine(Stop={"Type": "Fail", "Error": "e" * 300, "Cause": "c" * 40_000}))
    assert (len(seen.outcome.error), len(seen.outcome.cause)) == (256, 32_768)
    assert seen.details("ExecutionFailed") == [{"error": seen.outcome.error, "cause": seen.outcome.cause}]


def test_a_version_and_an_alias_stand_in_the_first_event():
    seen = Play(ECHO, 1)
    seen.execution = replace(seen.execution, version_arn="arn:v:1", alias_arn="arn:a:live")
    seen.run()
    started = seen.details("ExecutionStarted")[0]
    assert (started["stateMachineVersionArn"], started["stateMachineAliasArn"]) == ("arn:v:1", "arn:a:live")


def test_only_tasks_that_somebody_can_report_about_have_a_token():
    asks = {"Parameters": {"StateMachineArn": "a", "Input": {"token.$": "$$.Task.Token"}}}
    seen = play(machine(Ask=task("x", Resource="arn:aws:states:::states:startExecution", **asks)))
    assert seen.outcome.error == "States.Runtime"
    assert "'$$.Task.Token'" in seen.outcome.cause


def test_the_input_stands_in_the_first_event_as_its_sender_wrote_it():
    seen = Play(ECHO, [1, 2])
    seen.execution = replace(seen.execution, input_text="[1, 2]")
    seen.run()
    assert seen.details("ExecutionStarted")[0]["input"] == "[1, 2]"
    assert seen.details("PassStateEntered")[0]["input"] == "[1,2]"


def test_a_request_that_cannot_be_made_is_never_scheduled():
    seen = Play(machine(Work=task("work")))

    def check(call):
        raise StatesError("States.Runtime", "The activity does not exist.")

    seen.tasks.check = check
    seen.run()
    assert seen.types == ["ExecutionStarted", "TaskStateEntered", "ExecutionFailed"]
    assert seen.outcome.cause == (
        "An error occurred while executing the state 'Work' (entered at the event id #2). The activity does not exist."
    )
