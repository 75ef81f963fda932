"""The commands of the container image: `python -m batch_jobs score|serve|train|example`."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from types import FrameType

from batch_jobs.without_pandas import hide_pandas
from tasks.errors import NoSpaceForResults, ServiceUnavailable, TaskError

#: Exit codes (sysexits.h), by which the job definition decides whether another attempt makes sense.
OK, BAD_DATA, IO_ERROR, TRY_AGAIN = os.EX_OK, os.EX_DATAERR, os.EX_IOERR, os.EX_TEMPFAIL

_EXIT_CODES = """exit codes:
  0   done
  2   wrong usage
  65  the input, the model or the settings are at fault; another attempt would fail too
  74  the worker's disk is full or broken
  75  a service was throttled or out of reach; another attempt may succeed
"""
_SCORE_EXAMPLES = """examples:
  python -m batch_jobs score --run "$RUN" --shard "$SHARD"
  AWS_BATCH_JOB_ARRAY_INDEX=3 python -m batch_jobs score --run "$RUN" \\
      --manifest s3://results/runs/nightly/manifest/large.jsonl
"""
_SERVE_EXAMPLES = """examples:
  python -m batch_jobs serve --model build/model --version v1 --port 8080
  curl localhost:8080/ping
  curl localhost:8080/invocations -H 'Content-Type: application/json' -d '{"records": [{"distance": 762, …}]}'

a model's directory holds
  one of model.txt (LightGBM), model.json or model.ubj (XGBoost), model.onnx; pickles are refused
  signature.json   {"features": [{"name": "distance", "kind": "number", "nullable": false}, …]}
  golden.json      [{"record": {"distance": 762, …}, "score": 0.25}, …], records that must get these scores
"""
_TRAIN_EXAMPLES = """examples:
  python -m batch_jobs train --months 1-6 --version v1 --output build/models
  python -m batch_jobs train --months 1-6 --version v1 --output s3://models/versions --register
  python -m batch_jobs train --version v2 --trees 60 --leaves 15 --output build/models        # a simpler, worse one
  python -m batch_jobs train --version v3 --framework xgboost --output build/models           # another library
"""
_EXAMPLE_EXAMPLES = """examples:
  python -m batch_jobs example --output build/july --outcomes build/outcomes.parquet
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    signal.signal(signal.SIGTERM, _terminated)
    # OpenMP's threads wait by spinning unless told otherwise; beside other work on the same processors that made
    # training ten times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    asked = argument_parser().parse_args(arguments)
    # The commands' modules are heavy; usage errors and --help need none of them.
    command = importlib.import_module(f"batch_jobs.{asked.command}")
    try:
        command.run(asked)
    except TaskError as error:
        return _report(error, _exit_code(error))
    except OSError as error:
        return _report(error, IO_ERROR)
    except Exception as error:  # a defect: say all that there is to say
        traceback.print_exc()
        return _report(error, os.EX_SOFTWARE)
    return OK


def _exit_code(error: TaskError) -> int:
    if isinstance(error, ServiceUnavailable):
        return TRY_AGAIN
    return IO_ERROR if isinstance(error, NoSpaceForResults) else BAD_DATA


def _report(error: Exception, code: int) -> int:
    name, message = type(error).__name__, str(error)
    print(json.dumps({"level": "ERROR", "error": name, "message": message, "exitCode": code}), flush=True)
    print(f"{name}: {message}", file=sys.stderr, flush=True)
    return code


def _terminated(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    """Leave by an exception, so that scratch directories are removed."""
    raise SystemExit(128 + number)


def argument_parser() -> argparse.ArgumentParser:
    """The command line; defaults of `serve` are taken from the environment."""
    parser = argparse.ArgumentParser(
        prog="python -m batch_jobs",
        description="Jobs of the ML pipeline.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")

    score = _command(commands, "score", "score one shard of a run", _SCORE_EXAMPLES)
    score.add_argument("--run", required=True, metavar="JSON", help="the normalised request of the run")
    which = score.add_mutually_exclusive_group(required=True)
    which.add_argument("--shard", metavar="JSON", help="the shard, a line of a manifest")
    which.add_argument(
        "--manifest",
        metavar="S3-URI",
        help="a manifest; AWS_BATCH_JOB_ARRAY_INDEX (0-based) tells which line is this job's",
    )

    _add_serve(commands)

    train = _command(commands, "train", "train the example model on the flights of some months", _TRAIN_EXAMPLES)
    train.add_argument("--months", default="1-6", help="months of 2013, such as 1-6 or 1,2,12 (default: %(default)s)")
    train.add_argument("--version", required=True, help="id of the model version")
    train.add_argument("--trees", type=_count, default=300, metavar="N", help="trees to learn (default: %(default)s)")
    train.add_argument(
        "--leaves", type=_leaves, default=63, metavar="N", help="leaves that a tree may have (default: %(default)s)"
    )
    train.add_argument(
        "--framework",
        choices=("lightgbm", "xgboost"),
        default="lightgbm",
        help="who learns; models of xgboost are scored in jobs and endpoints, not in Lambda (default: %(default)s)",
    )
    train.add_argument(
        "--output",
        required=True,
        metavar="DIR|S3-URI",
        help="where {version}/model.tar.gz goes; in a directory with version.json, what the registry would say of it",
    )
    train.add_argument("--register", action="store_true", help="register the version; activate it if none is active")
    train.add_argument("--activate", action="store_true", help="register and activate the version")

    example = _command(
        commands, "example", "write July's flights as input files, and what became of them", _EXAMPLE_EXAMPLES
    )
    example.add_argument("--output", required=True, metavar="DIR", help="where the input files go")
    example.add_argument("--outcomes", metavar="FILE", help="where the outcomes go (Parquet: source, row, late)")
    return parser


def _add_serve(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """SageMaker gives the one argument `serve`; what else there is to say comes by the environment."""
    environ = os.environ
    serve = _command(commands, "serve", "serve a model by HTTP, as SageMaker asks of a container", _SERVE_EXAMPLES)
    serve.add_argument(
        "--model",
        metavar="DIR",
        default=environ.get("SM_MODEL_DIR", "/opt/ml/model"),
        help="an extracted model.tar.gz (SM_MODEL_DIR; default: %(default)s)",
    )
    serve.add_argument(
        "--version",
        default=environ.get("ML_PIPELINE_MODEL_VERSION", ""),
        help="id of the model version, for the answers (ML_PIPELINE_MODEL_VERSION)",
    )
    serve.add_argument(
        "--threshold",
        type=float,
        default=environ.get("ML_PIPELINE_THRESHOLD", "0.5"),
        help="score from which a prediction is true (ML_PIPELINE_THRESHOLD; default: %(default)s)",
    )
    serve.add_argument(
        "--host",
        default=environ.get("ML_PIPELINE_HOST", "127.0.0.1"),
        help="address to listen on (ML_PIPELINE_HOST; default: %(default)s)",
    )
    serve.add_argument(
        "--port",
        type=_port,
        default=environ.get("SAGEMAKER_BIND_TO_PORT", "8080"),
        help="port to listen on, 0 for a free one (SAGEMAKER_BIND_TO_PORT; default: %(default)s)",
    )
    serve.add_argument(
        "--most-in-flight",
        type=_count,
        default=128,
        metavar="N",
        help="requests that may be under way; more are answered with 429 (default: %(default)s)",
    )
    serve.add_argument("--access-log", action="store_true", help="print a line for each request")


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port, 0 to 65535")
    return int(text)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of at least 1")
    return int(text)


def _leaves(text: str) -> int:
    if not text.isdecimal() or not 2 <= int(text) <= 131_072:  # LightGBM's bounds
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 2 to 131072")
    return int(text)


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, summary: str, examples: str
) -> argparse.ArgumentParser:
    return commands.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=examples + "\n" + _EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


if __name__ == "__main__":
    hide_pandas()
    sys.exit(main())
