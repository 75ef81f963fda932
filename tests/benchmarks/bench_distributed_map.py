"""What a Distributed Map of 1,000 Lambda children takes on the embedded AWS, over HTTP, concurrency 10: seconds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

import boto3
from botocore.config import Config

from infra.local.server import start
from tests.benchmarks.figure import Figure, print_figures
from tests.benchmarks.map_of_functions import CHILDREN, PASS, Clients, distributed_map
from tests.benchmarks.measure import PEERS_PYTHON, run

REQUESTS = 200


def figures() -> Iterator[Figure]:
    """Children of both types, and the smallest request."""
    moto = run([PEERS_PYTHON, "-m", "tests.benchmarks.peer_moto", "map"]).json()["milliseconds"] / 1000
    with start() as aws:
        clients = Clients(
            partial(
                boto3.client,
                endpoint_url=aws.url,
                aws_access_key_id="test",
                aws_secret_access_key="test",
                config=Config(inject_host_prefix=False),
            )
        )
        items = [{"shardId": f"{number:05d}"} for number in range(CHILDREN)]
        for kind in ("EXPRESS", "STANDARD"):
            machine = clients.machine(f"map-{kind}", distributed_map(clients.function, kind))
            clients.seconds(machine, items[:20])
            seconds = clients.seconds(machine, items)
            yield Figure(
                f"{CHILDREN:,} {kind} children", seconds, "s", at_most=9, peer="moto, running no code", peer_value=moto
            )
        machine = clients.machine("pass", PASS, "EXPRESS")
        begin = time.monotonic()
        for _ in range(REQUESTS):
            clients.states.start_sync_execution(stateMachineArn=machine)
        yield Figure("StartSyncExecution of one Pass state", (time.monotonic() - begin) / REQUESTS * 1000, "ms")


if __name__ == "__main__":
    print_figures(figures())
