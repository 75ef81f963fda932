"""How much memory a job uses.

Chosen over a limit on the address space (``RLIMIT_AS``), because a container's limit is on memory in use: libraries
reserve gigabytes that they never touch, and an exceeded container is killed rather than refused an allocation.
"""

from pathlib import Path

import psutil

# Where there are such lists: psutil would look at every process of the machine, ten times a second.
_KERNEL_LISTS_CHILDREN = Path("/proc/thread-self/children").exists()


def memory_in_use(init_pid: int) -> int:
    """Return the bytes of memory that a job's processes use, without those shared with files.

    The kernel's memory controller counts file pages too, but reclaims them before it kills. Pages that forked
    processes share are counted for each of them: `proportional_memory_in_use` is exact.

    Parameters
    ----------
    init_pid
        The job's init process, which is not counted itself. Gone processes use nothing.
    """
    return sum(_private(pid) for pid in descendants(init_pid))


def proportional_memory_in_use(init_pid: int) -> int:
    """Return the same, with pages that several processes share divided among them: slower and exact.

    Where the platform does not tell, it is `memory_in_use`.
    """
    return sum(min(_private(pid), _proportional(pid)) for pid in descendants(init_pid))


def descendants(pid: int) -> list[int]:
    """Return the ids of all processes below `pid`."""
    found: list[int] = []
    pending = _children(pid)
    while pending:
        child = pending.pop()
        found.append(child)
        pending += _children(child)
    return found


def _children(pid: int) -> list[int]:
    if not _KERNEL_LISTS_CHILDREN:
        return _children_by_psutil(pid)
    try:
        listings = [(task / "children").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:  # the process is gone
        return []
    return [int(child) for listing in listings for child in listing.split()]


def _children_by_psutil(pid: int) -> list[int]:
    try:
        return [child.pid for child in psutil.Process(pid).children()]
    except psutil.Error:
        return []


def _private(pid: int) -> int:
    try:
        usage = psutil.Process(pid).memory_info()
    except psutil.Error:
        return 0
    return int(usage.rss) - int(getattr(usage, "shared", 0))


def _proportional(pid: int) -> int:
    try:
        usage = psutil.Process(pid).memory_full_info()
    except psutil.Error:
        return 0
    return int(getattr(usage, "pss", usage.rss))
