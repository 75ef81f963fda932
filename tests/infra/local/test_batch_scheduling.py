"""Which jobs run when: capacity, order, arrays, dependencies, and what cancel and terminate do to those that wait."""

import json
import time

import pytest

from infra.local.batch.errors import RequestRefusedError
from tests.infra.local.batch_world import BatchWorld, wait_for


@pytest.fixture
def world():
    world = BatchWorld()
    yield world
    world.service.stop()


@pytest.fixture
def gate(world, tmp_path):
    """A job that keeps all vCPUs of `world` busy until the gate is opened."""
    world.define("sh", "-c", f"until [ -e {tmp_path}/open ]; do sleep 0.01; done", name="gate", vcpus=4)
    world.wait(world.submit(definition="gate"), "RUNNING")
    return tmp_path / "open"


def _most_at_once(spans):
    moments = sorted([(start, 1) for start, _ in spans] + [(end, -1) for _, end in spans])
    running = most = 0
    for _, change in moments:
        running += change
        most = max(most, running)
    return most


def test_no_more_vcpus_run_at_once_than_the_compute_environment_has(world, tmp_path):
    world.define(
        "sh",
        "-c",
        f"date +%s%N >> {tmp_path}/$AWS_BATCH_JOB_ID; sleep 0.1; date +%s%N >> {tmp_path}/$AWS_BATCH_JOB_ID",
        vcpus=2,
    )
    for job_id in [world.submit() for _ in range(7)]:
        world.wait(job_id)
    spans = [tuple(map(int, file.read_text().split())) for file in tmp_path.iterdir()]

    assert len(spans) == 7
    assert _most_at_once(spans) == 2


def test_an_array_runs_every_index_once_within_the_capacity(world, tmp_path):
    world.define("sh", "-c", f"echo $AWS_BATCH_JOB_ARRAY_INDEX of $AWS_BATCH_JOB_ARRAY_SIZE >> {tmp_path}/seen")
    job = world.wait(world.submit(arrayProperties={"size": 20}))

    seen = (tmp_path / "seen").read_text().splitlines()
    assert sorted(seen) == sorted(f"{index} of 20" for index in range(20))
    assert job["status"] == "SUCCEEDED"
    assert job["arrayProperties"]["size"] == 20
    assert job["arrayProperties"]["statusSummary"]["SUCCEEDED"] == 20
    child = world.job(f"{job['jobId']}:7")
    assert child["arrayProperties"] == {"index": 7}
    assert child["status"] == "SUCCEEDED"


def test_an_array_fails_with_one_of_its_children_after_all_have_ended(world):
    world.define("sh", "-c", "[ $AWS_BATCH_JOB_ARRAY_INDEX != 2 ]")
    job = world.wait(world.submit(arrayProperties={"size": 5}))

    assert job["status"] == "FAILED"
    assert job["statusReason"] == "Array Child Job failed"
    summary = job["arrayProperties"]["statusSummary"]
    assert (summary["SUCCEEDED"], summary["FAILED"]) == (4, 1)


def test_jobs_of_a_queue_start_in_the_order_of_their_submission(world, gate, tmp_path):
    world.define("sh", "-c", f"echo $N >> {tmp_path}/order", vcpus=4)
    numbered = [{"environment": [{"name": "N", "value": str(number)}]} for number in range(5)]
    jobs = [world.submit(containerOverrides=overrides) for overrides in numbered]
    gate.touch()
    for job_id in jobs:
        world.wait(job_id)

    assert (tmp_path / "order").read_text().split() == ["0", "1", "2", "3", "4"]


def test_a_job_that_is_retried_goes_before_those_that_came_later(world, gate, tmp_path):
    world.define("sh", "-c", f"echo $N >> {tmp_path}/order; [ $N$AWS_BATCH_JOB_ATTEMPT != 01 ]", vcpus=4)
    numbered = [{"environment": [{"name": "N", "value": str(number)}]} for number in range(3)]
    jobs = [world.submit(containerOverrides=overrides, retryStrategy={"attempts": 2}) for overrides in numbered]
    gate.touch()
    for job_id in jobs:
        assert world.wait(job_id)["status"] == "SUCCEEDED"

    assert (tmp_path / "order").read_text().split() == ["0", "0", "1", "2"]


def test_the_queue_of_higher_priority_goes_first(world, gate, tmp_path):
    world.create_queue("urgent", "ce", priority=10)
    world.define("sh", "-c", f"echo $AWS_BATCH_JQ_NAME >> {tmp_path}/order", vcpus=4)
    jobs = [world.submit(), world.submit(queue="urgent")]
    gate.touch()
    for job_id in jobs:
        world.wait(job_id)

    assert (tmp_path / "order").read_text().split() == ["urgent", "q"]


def test_the_next_compute_environment_is_used_when_the_first_is_full(world, gate):
    world.create_environment("spare", 1)
    world.create_queue("both", "ce", "spare")
    world.define("sh", "-c", "echo $AWS_BATCH_CE_NAME")
    job = world.wait(world.submit(queue="both"))

    assert world.lines(job) == ["spare"]
    gate.touch()


def test_a_job_larger_than_any_environment_waits_and_says_why(world):
    world.define("true", vcpus=5)
    job = world.job(world.submit())

    assert job["status"] == "RUNNABLE"
    assert job["statusReason"].startswith("MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE")


def test_more_capacity_starts_what_waited_for_it(world):
    world.define("true", vcpus=5)
    job_id = world.submit()
    world.call("UpdateComputeEnvironment", computeEnvironment="ce", computeResources={"maxvCpus": 8})

    assert world.wait(job_id)["status"] == "SUCCEEDED"


def test_a_disabled_environment_starts_nothing_until_it_is_enabled(world):
    world.call("UpdateComputeEnvironment", computeEnvironment="ce", state="DISABLED")
    world.define("true")
    job_id = world.submit()
    time.sleep(0.1)
    assert world.job(job_id)["status"] == "RUNNABLE"

    world.call("UpdateComputeEnvironment", computeEnvironment="ce", state="ENABLED")
    assert world.wait(job_id)["status"] == "SUCCEEDED"


def test_a_job_starts_after_what_it_depends_on(world, tmp_path):
    world.define("sh", "-c", f"until [ -e {tmp_path}/open ]; do sleep 0.01; done; touch {tmp_path}/done", name="first")
    world.define("sh", "-c", f"ls {tmp_path}/done", name="second")
    first = world.submit(definition="first")
    second = world.submit(definition="second", dependsOn=[{"jobId": first}])
    world.wait(first, "RUNNING")
    assert world.job(second)["status"] == "PENDING"

    (tmp_path / "open").touch()
    assert world.wait(second)["status"] == "SUCCEEDED"


def test_a_failed_dependency_fails_what_depends_on_it_at_any_depth(world):
    world.define("false", name="bad")
    world.define("true", name="good")
    bad = world.submit(definition="bad", retryStrategy={"attempts": 1})
    middle = world.submit(definition="good", dependsOn=[{"jobId": bad}])
    last = world.submit(definition="good", dependsOn=[{"jobId": middle}])
    job = world.wait(last)
    late = world.job(world.submit(definition="good", dependsOn=[{"jobId": bad}]))

    assert job["status"] == late["status"] == "FAILED"
    assert job["statusReason"] == "Dependent Job failed"
    assert job["attempts"] == []


def test_a_sequential_array_runs_one_after_the_other(world, tmp_path):
    world.define(
        "sh", "-c", f"sleep 0.0$((5 - AWS_BATCH_JOB_ARRAY_INDEX)); echo $AWS_BATCH_JOB_ARRAY_INDEX >> {tmp_path}/o"
    )
    world.wait(world.submit(arrayProperties={"size": 5}, dependsOn=[{"type": "SEQUENTIAL"}]))

    assert (tmp_path / "o").read_text().split() == ["0", "1", "2", "3", "4"]


def test_a_sequential_array_of_the_largest_size_ends_when_its_first_child_fails(world):
    world.define("false")
    job = world.wait(world.submit(arrayProperties={"size": 10_000}, dependsOn=[{"type": "SEQUENTIAL"}]))

    assert job["arrayProperties"]["statusSummary"]["FAILED"] == 10_000


def test_n_to_n_pairs_the_children_of_two_arrays(world, tmp_path):
    world.define(
        "sh", "-c", f"sleep 0.0$AWS_BATCH_JOB_ARRAY_INDEX; touch {tmp_path}/$AWS_BATCH_JOB_ARRAY_INDEX", name="a"
    )
    world.define("sh", "-c", f"ls {tmp_path}/$AWS_BATCH_JOB_ARRAY_INDEX", name="b")
    first = world.submit(definition="a", arrayProperties={"size": 4})
    second = world.submit(definition="b", arrayProperties={"size": 4}, dependsOn=[{"jobId": first, "type": "N_TO_N"}])

    assert world.wait(second)["status"] == "SUCCEEDED"


def test_cancel_fails_what_waits_and_leaves_what_runs(world, gate):
    world.define("true", vcpus=4)
    waiting = world.submit()
    world.call("CancelJob", jobId=waiting, reason="changed my mind")
    running = world.call("ListJobs", jobQueue="q")["jobSummaryList"][0]["jobId"]
    world.call("CancelJob", jobId=running, reason="changed my mind")

    job = world.job(waiting)
    assert (job["status"], job["statusReason"], job["isCancelled"]) == ("FAILED", "changed my mind", True)
    assert world.job(running)["status"] == "RUNNING"
    gate.touch()
    assert world.wait(running)["status"] == "SUCCEEDED"


def test_terminating_an_array_ends_running_and_waiting_children_and_starts_none(world, tmp_path):
    world.define("sh", "-c", f"touch {tmp_path}/$AWS_BATCH_JOB_ARRAY_INDEX; sleep 60")
    array = world.submit(arrayProperties={"size": 50})
    for index in range(4):
        wait_for(tmp_path / str(index))
    world.call("TerminateJob", jobId=array, reason="enough")
    job = world.wait(array)

    assert job["status"] == "FAILED"
    assert job["statusReason"] == "enough"
    assert job["arrayProperties"]["statusSummary"]["FAILED"] == 50
    assert {file.name for file in tmp_path.iterdir()} == {"0", "1", "2", "3"}


def test_overrides_beyond_the_limit_of_a_task_fail_the_job(world):
    world.define("true")
    job = world.job(world.submit(containerOverrides={"command": ["x" * 9_000]}))

    assert job["status"] == "FAILED"
    assert job["statusReason"] == "Container Overrides length must be at most 8192"


def test_deleting_a_queue_terminates_its_jobs(world):
    world.define("sleep", "60")
    job_id = world.submit()
    world.wait(job_id, "RUNNING")
    world.call("UpdateJobQueue", jobQueue="q", state="DISABLED")
    world.call("DeleteJobQueue", jobQueue="q")

    assert world.wait(job_id)["status"] == "FAILED"
    assert world.call("DescribeJobQueues", jobQueues=["q"]) == {"jobQueues": []}


def test_a_disabled_queue_takes_no_jobs(world):
    world.define("true")
    world.call("UpdateJobQueue", jobQueue="q", state="DISABLED")

    with pytest.raises(RequestRefusedError, match="not in ENABLED state"):
        world.submit()


def test_after_a_restart_ended_jobs_are_as_they_were_and_others_have_failed(world, gate):
    world.define("true", vcpus=4)
    waiting = world.submit(arrayProperties={"size": 3})
    running = world.call("ListJobs", jobQueue="q")["jobSummaryList"][0]["jobId"]
    saved = json.loads(json.dumps(world.service.save()))
    gate.touch()
    world.wait(waiting)
    world.define("echo", "x", name="done")
    ended = world.wait(world.submit(definition="done"))
    saved_later = world.service.save()

    again = BatchWorld()
    again.service.load(saved)
    assert again.job(running)["statusReason"] == "Host EC2 (instance local) terminated."
    assert again.job(waiting)["status"] == "FAILED"
    assert again.job(waiting)["arrayProperties"]["statusSummary"]["FAILED"] == 3
    again.service.load(saved_later)
    assert again.job(ended["jobId"]) == ended
    assert again.wait(again.submit(definition="done"))["status"] == "SUCCEEDED"
    again.service.stop()
