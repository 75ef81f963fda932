"""`example`: July's flights as input files."""

from __future__ import annotations

import argparse
from pathlib import Path

from batch_jobs.flights import write_july, write_july_outcomes


def run(arguments: argparse.Namespace) -> None:
    """Write the files; the output is their names."""
    for file in write_july(Path(arguments.output)):
        print(file)
    if arguments.outcomes:
        write_july_outcomes(Path(arguments.outcomes))
        print(arguments.outcomes)
