"""Lambda: handlers run in worker processes of this machine's Python, with AWS's environment, errors and logs."""

from infra.local.emulator import Emulator
from infra.local.lambda_workers.images import ImageFunctions
from infra.local.lambda_workers.pool import Pool
from infra.local.logs import Logs


def install(emulator: Emulator) -> None:
    """Let functions of Python runtimes run in workers of ours."""
    pool = Pool(
        home=emulator.directory / "lambda",
        endpoint=emulator.url,
        assume=lambda role, session: emulator.identities.assume(role, "lambda.amazonaws.com", session),
        ship=Logs(emulator.services).write,
    )
    emulator.services.wrap("lambda", ImageFunctions(emulator.services).handle)
    emulator.functions.execute_with(pool.execute, pool.forget)
    emulator.at_stop(pool.stop)
