"""`ml-pipeline local`: the embedded AWS in the foreground."""

import fcntl
import json
import os
import shutil
import signal
import sys
import threading
from pathlib import Path
from typing import Annotated, Any

import typer

from infra.cli.terminal.errors import UnavailableError
from infra.cli.terminal.target import HOME, LOCAL_FILE, local_endpoint, make_private

DEFAULT_PORT = 4566
DEFAULT_STATE = HOME / "state"


def local(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 picks a free one.")] = DEFAULT_PORT,
    state: Annotated[Path, typer.Option(help="Folder of its state, which outlives it.")] = DEFAULT_STATE,
    until_stdin_closes: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Run the embedded AWS until Ctrl-C.

    Any AWS client works with it: give it the printed URL as its endpoint, and any credentials.

    [bold]Examples[/]

      ml-pipeline local
      ml-pipeline local --port 0 --state /tmp/scratch
      aws --endpoint-url http://127.0.0.1:4566 s3 ls
    """
    from infra.local.errors import LocalError
    from infra.local.server import serve  # here, because the emulator takes a second to import

    running = local_endpoint()
    if running:
        raise UnavailableError(f"An embedded AWS runs for this folder already: {running}.", "Use it, or stop it first.")
    if until_stdin_closes:
        threading.Thread(target=_stop_when_stdin_closes, daemon=True).start()
    try:
        make_private(HOME)
        serve(port, state.resolve(), _announce)
    except LocalError as error:
        raise UnavailableError(str(error)) from error
    finally:
        _withdraw()


def clear(state: Path) -> None:
    """Remove the state of an embedded AWS.

    Raises
    ------
    UnavailableError
        If one that runs holds it; it locks the file `lock` in it as long as it runs.
    """
    if not state.exists():
        return
    with (state / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise UnavailableError(f"The state in {state} is in use by an embedded AWS.", "Stop that first.") from error
        shutil.rmtree(state)


def _announce(aws: Any) -> None:
    draft = LOCAL_FILE.with_suffix(".new")
    draft.write_text(json.dumps({"url": aws.url, "pid": aws.pid}) + "\n")
    draft.replace(LOCAL_FILE)  # whole or not at all, for whoever reads it at this moment
    sys.stdout.write(f"The embedded AWS is ready at {aws.url}\n")
    sys.stdout.flush()


def _withdraw() -> None:
    try:
        ours = json.loads(LOCAL_FILE.read_text())["pid"] == os.getpid()
    except (FileNotFoundError, ValueError, KeyError):
        return
    if ours:
        LOCAL_FILE.unlink()


def _stop_when_stdin_closes() -> None:
    """End when whoever started us ends, however that happens: the kernel closes the pipe."""
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
