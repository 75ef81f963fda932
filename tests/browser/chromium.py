"""A headless browser, pinned by package-lock.json and installed with `make`. It needs Linux on x86-64."""

from __future__ import annotations

import os
import platform
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
UNPACKED = HERE / "node_modules" / ".chromium"
RUNS_HERE = platform.system() == "Linux" and platform.machine() == "x86_64"


def install() -> None:
    """Install the browser unless it is there."""
    target = HERE / "node_modules" / ".installed"
    subprocess.run(["make", "--silent", target.relative_to(HERE.parents[1])], cwd=HERE.parents[1], check=True)


@contextmanager
def visiting(url: str, names: dict[str, str]) -> Iterator[None]:
    """Visit a page with a fresh profile until the end of the block.

    Parameters
    ----------
    names
        Addresses of host names that no DNS server knows.
    """
    rules = ",".join(f"MAP {name} {address}" for name, address in names.items())
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [
            str(UNPACKED / "chromium"),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            f"--user-data-dir={profile}",
            f"--host-resolver-rules={rules}",
            url,
        ]
        environment = {**os.environ, "LD_LIBRARY_PATH": str(UNPACKED / "lib"), "HOME": profile}
        with subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            try:
                yield
            finally:
                process.terminate()
                process.wait(20)
