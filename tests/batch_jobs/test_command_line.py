"""The commands: usage, exit codes and what they print."""

import json
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from batch_jobs import __main__ as command_line
from batch_jobs import score
from tasks.errors import InputChanged, NoSpaceForResults, ServiceUnavailable

RUN = {
    "runId": "r",
    "input": "s3://data/input/",
    "modelVersion": "v1",
    "scorer": "auto",
    "shardRows": 1000,
    "smallShardRows": 10,
    "toleratedFailurePercentage": 0,
    "concurrency": 1,
    "day": "2026-11-23",
    "startedAt": "2026-11-23T00:00:00.000Z",
    "framework": "lightgbm",
    "endpointRecords": 500,
    "endpointCallsPerSecond": 10,
}


@pytest.fixture(autouse=True)
def _handler_of_sigterm():
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def command(monkeypatch):
    """A command `score` that does what a test wants."""

    def install(run):
        monkeypatch.setitem(sys.modules, "batch_jobs.score", SimpleNamespace(run=run))
        return command_line.main(["score", "--run", "{}", "--shard", "{}"])

    return install


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputChanged("it was replaced"), 65),
        (NoSpaceForResults("the disk is full"), 74),
        (OSError("read error"), 74),
        (ServiceUnavailable("slow down"), 75),
    ],
)
def test_a_named_error_is_one_log_line_one_human_line_and_its_exit_code(command, capsys, error, code):
    def fail(arguments):
        raise error

    assert command(fail) == code
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {
        "level": "ERROR",
        "error": type(error).__name__,
        "message": str(error),
        "exitCode": code,
    }
    assert printed.err == f"{type(error).__name__}: {error}\n"


def test_a_defect_shows_its_traceback(command, capsys):
    def fail(arguments):
        raise ZeroDivisionError("oops")

    assert command(fail) == 70
    assert "Traceback" in capsys.readouterr().err


def test_success_is_zero(command):
    assert command(lambda arguments: None) == 0


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["dance"],
        ["score"],
        ["score", "--run", "{}"],
        ["score", "--run", "{}", "--shard", "{}", "--manifest", "m"],
        ["train", "--version", "v", "--output", "o", "--trees", "0"],
        ["train", "--version", "v", "--output", "o", "--leaves", "1"],
        ["train", "--version", "v", "--output", "o", "--framework", "sklearn"],
    ],
)
def test_wrong_usage_ends_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        command_line.main(arguments)
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


@pytest.mark.parametrize("command_name", ["score", "serve", "train", "example"])
def test_help_is_quick_and_has_examples(command_name):
    code = (
        "import sys; from batch_jobs.__main__ import main\n"
        "try: main([sys.argv[1], '--help'])\n"
        "except SystemExit: print([heavy for heavy in ('numpy', 'pyarrow', 'botocore') if heavy in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code, command_name], capture_output=True, text=True, timeout=60)

    assert f"python -m batch_jobs {command_name}" in shown.stdout
    assert "exit codes:" in shown.stdout
    assert shown.stdout.endswith("[]\n")


@pytest.fixture
def settings(monkeypatch):
    for name in ("RESULTS_BUCKET", "DATA_BUCKET", "PREDICTIONS_TABLE"):
        monkeypatch.setenv(f"ML_PIPELINE_{name}", name.lower())
    monkeypatch.delenv("AWS_BATCH_JOB_ARRAY_INDEX", raising=False)


class Objects:
    """The part of `Storage` that the command itself uses."""

    def __init__(self, monkeypatch, **objects):
        self.objects, self.written = objects, {}
        monkeypatch.setattr(score, "Storage", lambda: self)
        monkeypatch.setattr(score, "TableWriter", lambda table: None)

    def read(self, place):
        return self.objects.get(place.key)

    def read_json(self, place):
        return json.loads(self.objects.get(place.key, "null"))

    def write_json(self, place, document):
        self.written[place.key] = document


SHARD = {
    "shardId": "00007",
    "lane": "large",
    "bucket": "data",
    "key": "a.csv",
    "etag": "e",
    "format": "csv",
    "compression": None,
    "rowGroups": None,
    "firstRow": 1,
    "aboutRows": 1,
    "rows": None,
    "bytes": 5,
}


def run_score(*arguments):
    return command_line.main(["score", "--run", json.dumps(RUN), *arguments])


def test_an_array_job_scores_the_line_of_its_index(settings, monkeypatch, capsys):
    lines = "\n".join(json.dumps(SHARD | {"shardId": f"{number:05d}"}) for number in range(3))
    Objects(monkeypatch, manifest=lines.encode())
    scored = []
    monkeypatch.setattr(
        score, "score_shard", lambda run, shard, **options: scored.append(shard.shard_id) or {"rows": 1}
    )
    monkeypatch.setenv("AWS_BATCH_JOB_ARRAY_INDEX", "2")

    assert run_score("--manifest", "s3://results/manifest") == 0
    assert scored == ["00002"]
    assert json.loads(capsys.readouterr().out)["rows"] == 1


@pytest.mark.parametrize(
    ("index", "manifest", "message"),
    [
        ("", "manifest", "needs AWS_BATCH_JOB_ARRAY_INDEX"),
        ("0", "gone", "no manifest at"),
        ("9", "manifest", "has 1 lines"),
    ],
)
def test_an_array_job_without_its_line_says_why(settings, monkeypatch, capsys, index, manifest, message):
    Objects(monkeypatch, manifest=json.dumps(SHARD).encode())
    monkeypatch.setenv("AWS_BATCH_JOB_ARRAY_INDEX", index)

    assert run_score("--manifest", f"s3://results/{manifest}") == 65
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("text", ["nonsense", "[]"])
def test_a_shard_that_is_no_json_object_is_refused(settings, monkeypatch, capsys, text):
    Objects(monkeypatch)

    assert run_score("--shard", text) == 65
    assert "InvalidRunRequest: --shard" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"), [(InputChanged("it was replaced"), 65), (OSError("it broke"), 74), (ValueError("a defect"), 70)]
)
def test_why_a_shard_failed_is_noted_for_the_verdict(settings, monkeypatch, capsys, error, code):
    objects = Objects(monkeypatch)

    def fail(run, shard, **options):
        raise error

    monkeypatch.setattr(score, "score_shard", fail)

    assert run_score("--shard", json.dumps(SHARD)) == code
    assert objects.written == {"runs/r/failures/00007.json": {"error": type(error).__name__, "message": str(error)}}


def test_a_reason_that_cannot_be_noted_does_not_hide_itself(settings, monkeypatch, capsys):
    objects = Objects(monkeypatch)

    def fail(run, shard, **options):
        raise InputChanged("it was replaced")

    def refuse(place, document):
        raise ClientError({"Error": {"Code": "NoSuchBucket"}}, "PutObject")

    monkeypatch.setattr(score, "score_shard", fail)
    objects.write_json = refuse

    assert run_score("--shard", json.dumps(SHARD)) == 65
    assert "InputChanged: it was replaced" in capsys.readouterr().err


def test_a_termination_cleans_up(tmp_path):
    code = (
        "import os, signal, sys, types\n"
        "from batch_jobs.__main__ import main\n"
        "from tasks.local_disk import scratch_directory\n"
        "def run(arguments):\n"
        "    with scratch_directory() as scratch:\n"
        "        (scratch / 'file').write_text('x')\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "sys.modules['batch_jobs.score'] = types.SimpleNamespace(run=run)\n"
        "sys.exit(main(['score', '--run', '{}', '--shard', '{}']))"
    )
    ended = subprocess.run([sys.executable, "-c", code], env={"TMPDIR": str(tmp_path)}, timeout=60)

    assert ended.returncode == 143
    assert list(tmp_path.iterdir()) == []
