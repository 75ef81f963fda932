"""Jobs are real processes: what they do, how they end, and that nothing of them is left."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from infra.local.batch import images
from tests.infra.local.batch_world import BatchWorld, python, wait_for

ROLE = "arn:aws:iam::000000000000:role/"


@pytest.fixture
def world():
    world = BatchWorld()
    yield world
    world.service.stop()


def test_a_command_that_ends_well_succeeds_with_its_lines_in_its_log_stream(world):
    job = world.run("sh", "-c", "echo out; echo err >&2; printf 'no end of line'")

    assert job["status"] == "SUCCEEDED"
    assert job["statusReason"] == "Essential container in task exited"
    assert job["container"]["exitCode"] == 0
    assert job["container"]["logStreamName"] == f"d/default/{job['container']['taskArn'].rpartition('/')[2]}"
    assert world.lines(job) == ["out", "err", "no end of line"]
    assert job["createdAt"] <= job["startedAt"] <= job["stoppedAt"]


def test_every_line_is_in_the_log_before_the_job_ends(world):
    job = world.run(*python("for n in range(30_000): print(n)"))

    assert world.lines(job) == [str(n) for n in range(30_000)]
    assert world.clients.logs.calls < 100


def test_a_line_appears_in_the_log_while_the_job_still_runs(world, tmp_path):
    world.define("sh", "-c", f"echo early; until [ -e {tmp_path}/go ]; do sleep 0.01; done")
    job = world.wait(world.submit(), "RUNNING")
    deadline = time.monotonic() + 20

    while world.lines(job) != ["early"]:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert world.job(job["jobId"])["status"] == "RUNNING"
    (tmp_path / "go").touch()
    world.wait(job["jobId"])


def test_an_attempt_that_the_service_itself_fails_leaves_no_process(world, tmp_path, monkeypatch):
    def broken(**request):
        raise RuntimeError("a defect")

    monkeypatch.setattr(world.clients.logs, "put_log_events", broken)

    job = world.run("sh", "-c", f"echo $$ > {tmp_path}/pid; echo line; sleep 60")

    assert job["status"] == "FAILED"
    assert "a defect" in str(job)
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))


def test_a_line_longer_than_an_event_is_split_and_an_empty_one_left_out(world):
    job = world.run(*python("print('a' * 600_000); print(); print('b')"))

    *parts, last = world.lines(job)
    assert "".join(parts) == "a" * 600_000
    assert max(map(len, parts)) <= 256 * 1024 - 26
    assert last == "b"


def test_the_exit_code_is_the_commands(world):
    job = world.run("sh", "-c", "exit 7")

    assert job["status"] == "FAILED"
    assert job["container"]["exitCode"] == 7
    assert [attempt["container"]["exitCode"] for attempt in job["attempts"]] == [7]


def test_a_command_sees_its_own_variables_and_none_of_the_hosts(world, monkeypatch):
    monkeypatch.setenv("HOST_SECRET", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of the user")
    world.define("env", container={"environment": [{"name": "MODE", "value": "a"}, {"name": "KEEP", "value": "k"}]})
    overrides = {"environment": [{"name": "MODE", "value": "b"}]}
    job = world.wait(world.submit(containerOverrides=overrides))

    seen = dict(line.split("=", 1) for line in world.lines(job))
    assert seen["MODE"] == "b"
    assert seen["KEEP"] == "k"
    assert seen["AWS_BATCH_JOB_ID"] == job["jobId"]
    assert seen["AWS_BATCH_JOB_ATTEMPT"] == "1"
    assert seen["AWS_BATCH_JQ_NAME"] == "q"
    assert seen["AWS_BATCH_CE_NAME"] == "ce"
    assert seen["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
    assert seen["AWS_REGION"] == "us-east-1"
    assert not {"HOST_SECRET", "AWS_SECRET_ACCESS_KEY", "AWS_BATCH_JOB_ARRAY_INDEX"} & set(seen)


def test_a_command_has_the_credentials_of_the_job_role(world):
    job = world.run("sh", "-c", "echo $AWS_ACCESS_KEY_ID", container={"jobRoleArn": ROLE + "job"})

    assert world.lines(job) == [f"key of {ROLE}job"]


def test_the_working_directory_is_empty_at_first_and_gone_at_last(world):
    job = world.run("sh", "-c", "pwd; ls -A | wc -l; mkdir deep; touch deep/file; pwd; echo $TMPDIR")

    before, entries, after, temporary = world.lines(job)
    assert entries.strip() == "0"
    assert before == after == temporary
    assert not Path(before).exists()


def test_parameters_replace_references_in_the_command(world):
    world.define("echo", "Ref::greeting", "Ref::who", "Ref::unknown", parameters={"greeting": "hello", "who": "you"})
    job = world.wait(world.submit(parameters={"who": "world"}))

    assert world.lines(job) == ["hello world Ref::unknown"]


def test_a_failed_attempt_is_repeated_as_often_as_allowed(world, tmp_path):
    command = f"echo $AWS_BATCH_JOB_ATTEMPT >> {tmp_path}/attempts; exit 3"
    job = world.run("sh", "-c", command, retryStrategy={"attempts": 3})

    assert job["status"] == "FAILED"
    assert (tmp_path / "attempts").read_text().split() == ["1", "2", "3"]
    assert [attempt["container"]["exitCode"] for attempt in job["attempts"]] == [3, 3, 3]
    assert len({attempt["container"]["logStreamName"] for attempt in job["attempts"]}) == 3


def test_a_rule_on_the_exit_code_ends_the_job_at_once(world, tmp_path):
    rules = [{"onExitCode": "4*", "action": "EXIT"}, {"onReason": "*", "action": "RETRY"}]
    command = f"echo x >> {tmp_path}/attempts; exit 42"
    job = world.run("sh", "-c", command, retryStrategy={"attempts": 5, "evaluateOnExit": rules})

    assert job["status"] == "FAILED"
    assert (tmp_path / "attempts").read_text() == "x\n"


def test_a_job_killed_half_way_is_retried_and_succeeds(world, tmp_path):
    world.define(
        *python(
            "import os, time; open(os.environ['OUT'] + os.environ['AWS_BATCH_JOB_ATTEMPT'], 'w').write(str(os."
            "getpid())); time.sleep(0 if os.environ['AWS_BATCH_JOB_ATTEMPT'] == '2' else 60)"
        ),
        container={"environment": [{"name": "OUT", "value": f"{tmp_path}/pid"}]},
        retryStrategy={"attempts": 2},
    )
    job_id = world.submit()
    world.wait(job_id, "RUNNING")
    wait_for(tmp_path / "pid1")
    time.sleep(0.05)
    os.kill(int((tmp_path / "pid1").read_text()), signal.SIGKILL)
    job = world.wait(job_id)

    assert job["status"] == "SUCCEEDED"
    assert [attempt["container"]["exitCode"] for attempt in job["attempts"]] == [137, 0]


def test_a_timeout_kills_a_job_that_ignores_sigterm_and_is_not_retried(world, tmp_path):
    job = world.run(
        *python(
            f"import signal, time; open('{tmp_path}/attempts', 'a').write('x'); "
            "signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
        ),
        timeout={"attemptDurationSeconds": 1},
        retryStrategy={"attempts": 3},
    )

    assert job["status"] == "FAILED"
    assert job["statusReason"] == "Job attempt duration exceeded timeout"
    assert job["container"]["exitCode"] == 137
    assert (tmp_path / "attempts").read_text() == "x"
    assert 1000 <= job["stoppedAt"] - job["startedAt"] < 5000


def test_a_terminated_job_may_clean_up_and_fails_with_the_given_reason(world):
    world.define("sh", "-c", "trap 'echo cleaning; exit 0' TERM; echo ready; while :; do sleep 0.01; done")
    job_id = world.submit(retryStrategy={"attempts": 3})
    job = world.wait(job_id, "RUNNING")
    deadline = time.monotonic() + 20
    while not world.lines(job):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    world.call("TerminateJob", jobId=job_id, reason="not needed")
    job = world.wait(job_id)

    assert job["status"] == "FAILED"
    assert job["statusReason"] == "not needed"
    assert job["isTerminated"]
    assert len(job["attempts"]) == 1
    assert world.lines(job) == ["ready", "cleaning"]


def test_a_job_beyond_its_memory_is_killed_and_says_why(world):
    job = world.run(
        *python("import time; hog = bytearray(300_000_000); time.sleep(60)"),
        memory=100,
        retryStrategy={"attempts": 5, "evaluateOnExit": [{"onReason": "OutOfMemoryError*", "action": "EXIT"}]},
    )

    assert job["status"] == "FAILED"
    assert job["container"]["exitCode"] == 137
    assert job["container"]["reason"] == "OutOfMemoryError: Container killed due to memory usage"
    assert len(job["attempts"]) == 1


def test_memory_of_child_processes_counts(world):
    hog = "import time; hog = bytearray(70_000_000); time.sleep(60)"
    children = f"import subprocess as s, sys; [s.Popen([sys.executable, '-c', {hog!r}]) for _ in 'ab'][0].wait()"
    job = world.run(*python(children), memory=120)

    assert job["container"].get("reason") == "OutOfMemoryError: Container killed due to memory usage"


def test_memory_that_is_reserved_or_shared_or_a_files_is_no_reason_to_kill(world):
    code = (
        "import mmap, os, time; hog = bytearray(60_000_000); reserved = mmap.mmap(-1, 1 << 30, mmap.MAP_PRIVATE)\n"
        "file = open('f', 'wb+'); file.truncate(200_000_000)\n"
        "mapped = mmap.mmap(file.fileno(), 0); sum(mapped[::4096])\n"
        "for _ in range(3):\n if os.fork() == 0: time.sleep(.4); os._exit(0)\n"
        "time.sleep(.5); print('alive')"
    )
    job = world.run(*python(code), memory=130)

    assert job["status"] == "SUCCEEDED", job
    assert world.lines(job) == ["alive"]


def test_processes_that_a_job_leaves_behind_end_with_it(world):
    daemon = "import os, time\nif not os.fork():\n os.setsid(); os.fork() or time.sleep(600); os._exit(0)\nos.wait()"
    job = world.run("sh", "-c", f"sleep 601 & echo $!; {sys.executable} -c '{daemon}'; exit 0")

    assert job["status"] == "SUCCEEDED"
    assert not psutil.pid_exists(int(world.lines(job)[0]))
    assert not [process for process in psutil.process_iter(["cmdline"]) if daemon in (process.info["cmdline"] or [])]


def test_an_image_in_ecr_runs_as_batch_jobs(world, monkeypatch, tmp_path):
    (tmp_path / "batch_jobs").mkdir()
    (tmp_path / "batch_jobs" / "__init__.py").touch()
    (tmp_path / "batch_jobs" / "__main__.py").write_text("import sys; print(sys.argv[1:])")
    monkeypatch.setitem(images.OURS.environment, "PYTHONPATH", str(tmp_path))
    world.clients.ecr.pushed["ml-pipeline"].add("abc")
    image = "000000000000.dkr.ecr.us-east-1.amazonaws.com/ml-pipeline:abc"
    job = world.run("score", "--shard", "1", container={"image": image})

    assert world.lines(job) == ["['score', '--shard', '1']"]


@pytest.mark.parametrize(
    "image",
    [
        "000000000000.dkr.ecr.us-east-1.amazonaws.com/ml-pipeline:missing",
        "000000000000.dkr.ecr.us-east-1.amazonaws.com/unknown:latest",
        "nvidia/cuda:12",
    ],
)
def test_an_image_that_nothing_stands_for_fails_the_job_by_name(world, image):
    world.clients.ecr.pushed["ml-pipeline"].add("abc")
    job = world.run("true", container={"image": image})

    assert job["status"] == "FAILED"
    assert job["statusReason"] == "Task failed to start"
    assert job["container"]["reason"].startswith("CannotPullContainerError: ")
    assert image in job["container"]["reason"]
    assert "exitCode" not in job["container"]


@pytest.mark.parametrize(
    ("container", "reason"),
    [
        ({"command": ["no-such-program"]}, 'CannotStartContainerError: .*"no-such-program": executable file not found'),
        ({"jobRoleArn": ROLE + "missing"}, "ECS was unable to assume the role '.*missing'"),
        (
            {"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "nobody-made-it"}}},
            "ResourceInitializationError: .*ResourceNotFoundException",
        ),
    ],
)
def test_a_task_that_cannot_start_says_why(world, container, reason):
    job = world.run("true", container=container)

    assert job["status"] == "FAILED"
    assert job["statusReason"] == "Task failed to start"
    assert re.match(reason, job["container"]["reason"]), job["container"]["reason"]


def test_log_group_and_stream_are_those_of_the_log_configuration(world):
    options = {"awslogs-group": "/mine", "awslogs-create-group": "true", "awslogs-stream-prefix": "score"}
    job = world.run("echo", "x", container={"logConfiguration": {"logDriver": "awslogs", "options": options}})

    assert job["container"]["logStreamName"].startswith("score/default/")
    assert world.lines(job, "/mine") == ["x"]


def test_stopping_the_service_ends_running_jobs(world, tmp_path):
    world.define("sh", "-c", f"trap '' TERM; echo $$ > {tmp_path}/part; mv {tmp_path}/part {tmp_path}/pid; sleep 60")
    job_id = world.submit()
    wait_for(tmp_path / "pid")
    world.service.stop()

    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))
    assert world.job(job_id)["status"] == "FAILED"
    assert world.job(job_id)["statusReason"] == "Host EC2 (instance local) terminated."


def test_no_process_and_no_directory_survives_when_the_service_is_killed(tmp_path):
    script = (
        "from tests.infra.local.batch_world import BatchWorld; import time\n"
        "world = BatchWorld()\n"
        f"world.define('sh', '-c', 'trap \"\" TERM; sleep 602 & (echo $$ $! ; pwd) > {tmp_path}/part; "
        f"mv {tmp_path}/part {tmp_path}/job; wait')\n"
        "world.submit(); time.sleep(60)"
    )
    host = subprocess.Popen([sys.executable, "-c", script], cwd=Path(__file__).parents[3])
    wait_for(tmp_path / "job")
    pids, directory = (tmp_path / "job").read_text().splitlines()
    host.kill()
    host.wait()
    deadline = time.monotonic() + 10

    while any(map(psutil.pid_exists, map(int, pids.split()))) or Path(directory).exists():
        assert time.monotonic() < deadline, f"{pids} {directory} survive"
        time.sleep(0.01)
