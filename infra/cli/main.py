"""The `ml-pipeline` command: what it can do, and how it tells what went wrong."""

import signal
import sys
from collections.abc import Sequence

import typer

from infra.cli.api import api
from infra.cli.deploy import deploy
from infra.cli.deploy_workflows import deploy_workflows
from infra.cli.destroy import destroy
from infra.cli.diff import diff
from infra.cli.example import example
from infra.cli.executions import executions
from infra.cli.experiment import experiment
from infra.cli.local import local
from infra.cli.models import models
from infra.cli.replay import replay
from infra.cli.report import report
from infra.cli.run import run
from infra.cli.terminal.console import print_error
from infra.cli.terminal.credentials import explain
from infra.cli.terminal.errors import CommandError, UnavailableError
from infra.cli.weights import weights
from tasks.errors import ServiceUnavailable, TaskError

#: Signals that end a command as Ctrl-C does; a terminal that is closed sends SIGHUP.
_ENDING = (signal.SIGTERM, signal.SIGHUP)

_HELP = """Machine-learning inference as workflows on AWS, or on the embedded AWS of this machine.

[bold]First steps[/]

  ml-pipeline example                    all of it, on a month of real flights
  ml-pipeline local                      keep the embedded AWS running
  ml-pipeline deploy                     deploy everything, here or to your account
  ml-pipeline api                        see how to call the API
  ml-pipeline run batch-inference        score what is in the data bucket
  ml-pipeline executions --failed        see what failed
  ml-pipeline replay --failed-since 24h  run the failed ones again

[bold]Another model[/]

  ml-pipeline models register FOLDER     check a model, make it a version
  ml-pipeline models deploy v2 --role challenger
  ml-pipeline experiment status          see which one is better
  ml-pipeline models deploy v2           let it have all traffic
  ml-pipeline models rollback            or go back, in seconds

[bold]Exit codes[/]

  0  done
  1  the work was done and it failed
  2  refused: the request makes no sense or would do harm
  3  something is missing: an endpoint, a tool, a port
  130  interrupted, by Ctrl-C; 143 by `kill`, 129 by a terminal that was closed
"""

app = typer.Typer(
    help=_HELP,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (example, local, deploy, deploy_workflows, diff, destroy, api, run, executions, replay, weights, report):
    app.command()(command)
app.add_typer(models, name="models")
app.add_typer(experiment, name="experiment")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave the process with its exit code.

    Parameters
    ----------
    arguments
        The words after the command's name; those of this process if None.
    """
    # What the command has started is stopped, what it holds is given back. `nohup` has SIGHUP ignored, and it stays so.
    before = {number: signal.getsignal(number) for number in _ENDING}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, lambda which, _: sys.exit(128 + which))
    try:
        code = _exit_code(arguments)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if code in {128 + number for number in (signal.SIGINT, *_ENDING)}:
        sys.stderr.write("interrupted\n")
    sys.exit(code)


def _exit_code(arguments: Sequence[str] | None) -> int:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        app(args=arguments, prog_name="ml-pipeline")
    except SystemExit as end:
        return int(end.code or 0)
    except CommandError as error:
        print_error(error)
        return error.exit_code
    except (BotoCoreError, ServiceUnavailable) as error:
        print_error(explain(error) or _unreachable(error))
        return UnavailableError.exit_code
    except (ClientError, TaskError, OSError) as error:  # of the system's: a full disk, a file that may not be written
        told = explain(error) or CommandError(str(error))
        print_error(told)
        return told.exit_code
    return 0


def _unreachable(error: Exception) -> UnavailableError:
    if ".amazonaws.com" in str(error):
        remedy = "Check the network, and the name of the region."
    else:
        remedy = "If the embedded AWS was stopped or killed, start it again with `make local` or `make run`."
    return UnavailableError(f"AWS cannot be reached: {error}", remedy)


if __name__ == "__main__":
    main()
