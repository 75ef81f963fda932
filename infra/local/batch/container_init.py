"""First process of a job: it stands for the container, in which everything ends with the main process.

Run as a script, by path, with ``-I -S``: it imports little (not even `contextlib` or `shutil`), so that a job starts in
milliseconds. On its standard input it receives what to run (`encoded_order`); after that the pipe only stays open. When
it closes, the job is killed: by the embedded AWS on purpose, or because the embedded AWS is gone, also when it was
killed itself.

The exit code is the main process's own, or 128 + the signal that ended it, as container engines report it.
"""

import marshal
import os
import select
import signal
import sys

KILLED = 128 + signal.SIGKILL
CANNOT_RUN = 126

_LENGTH_BYTES = 8
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def encoded_order(argv: list[str], environment: dict[str, str]) -> bytes:
    """Return what tells an init process what to run; `argv[0]` is looked up in the environment's ``PATH``."""
    order = marshal.dumps((argv, environment))
    return len(order).to_bytes(_LENGTH_BYTES, "big") + order


def main() -> None:
    """Run the main process to its end, then end what it left behind and remove the working directory."""
    # From here to the handlers a SIGTERM waits: it must neither be lost nor end this process alone.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    directory = os.getcwd()
    order = _receive(sys.stdin.fileno())
    if order is None:
        _remove(directory)
        os._exit(KILLED)
    if sys.platform == "linux":
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    wakeup, wakeup_write = os.pipe()
    for descriptor in (wakeup, wakeup_write):
        os.set_blocking(descriptor, False)
    signal.set_wakeup_fd(wakeup_write, warn_on_full_buffer=False)
    main_process = _fork(*order)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(main_process, signal.SIGTERM))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    exit_code = _wait(main_process, wakeup)
    _end_descendants(main_process)
    _remove(directory)
    os._exit(exit_code)


def _receive(control: int) -> tuple[list[str], dict[str, str]] | None:
    """Return command and environment, or None if the pipe closed before they came."""
    length = int.from_bytes(_read(control, _LENGTH_BYTES), "big")
    order = _read(control, length)
    if not length or len(order) < length:
        return None
    argv, environment = marshal.loads(order)  # noqa: S302  (from our own parent)
    return argv, environment


def _read(descriptor: int, length: int) -> bytes:
    received = b""
    while len(received) < length:
        part = os.read(descriptor, length - len(received))
        if not part:
            break
        received += part
    return received


def _fork(argv: list[str], environment: dict[str, str]) -> int:
    init = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setpgid(0, 0)
        signal.set_wakeup_fd(-1)
        for changed_by_python in (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(changed_by_python, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        if sys.platform == "linux":
            _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != init:
            os._exit(KILLED)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.execvpe(argv[0], argv, environment)  # noqa: S606  (the command is the job's)
    except OSError as error:
        os.write(2, f"exec {argv[0]}: {error.strerror}\n".encode())
    finally:
        os._exit(CANNOT_RUN)


def _prctl(option: int, value: int) -> None:
    import ctypes

    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _wait(main_process: int, wakeup: int) -> int:
    """Wait for the main process or for the control pipe's end; return the container's exit code."""
    control = sys.stdin.fileno()
    while True:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == main_process:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
        if pid:
            continue
        readable, _, _ = select.select([control, wakeup], [], [])
        if control in readable:
            return KILLED
        os.read(wakeup, 4096)


def _end_descendants(main_process: int) -> None:
    """Kill the main process's group, then whatever was orphaned into our care, until nothing is left."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:  # noqa: SIM105  (suppress() costs an import)
        os.killpg(main_process, signal.SIGKILL)
    except ProcessLookupError:
        pass
    while True:
        for child in _children():
            os.kill(child, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _children() -> list[int]:
    pid = os.getpid()
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as listing:
            return [int(child) for child in listing.read().split()]
    except OSError:  # not Linux: orphans do not come to us, and the group has been killed
        return []


def _remove(directory: str) -> None:
    """Remove the working directory as far as it can be: whoever waits for this process tries again."""
    os.chdir("/")
    try:
        for parent, directories, files in os.walk(directory, topdown=False):
            for name in directories + files:
                path = os.path.join(parent, name)
                is_directory = name in directories and not os.path.islink(path)
                (os.rmdir if is_directory else os.unlink)(path)
        os.rmdir(directory)
    except OSError:
        pass


if __name__ == "__main__":
    main()
