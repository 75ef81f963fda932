"""What can go wrong in a command, told to the person who typed it."""


class CommandError(Exception):
    """The command did its work and the work failed (exit code 1).

    Parameters
    ----------
    problem
        What is wrong, one sentence.
    remedy
        What to do about it, one sentence; empty when there is nothing sensible to advise.
    """

    exit_code = 1

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy


class RefusedError(CommandError):
    """What was asked for makes no sense or would do harm; nothing was done (exit code 2)."""

    exit_code = 2


class UnavailableError(CommandError):
    """Something that the command stands on is missing: an endpoint, a tool, a port (exit code 3)."""

    exit_code = 3
