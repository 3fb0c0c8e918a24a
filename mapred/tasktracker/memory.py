"""What task processes use of the machine's memory: the only reading of it."""

import os
from pathlib import Path
from typing import Final

_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
# What is left to the tracker itself, to the DataNode beside it, and to the system's caches.
TASKS_SHARE: Final = 0.8


def machine_bytes() -> int:
    """Of this machine, or of the container that this process is in."""
    whole = _PAGE * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text())
    except (OSError, ValueError):
        return whole
    return min(whole, limit)


def for_tasks(asked_bytes: int) -> int:
    """What tasks may use together; 0 asked: most of the machine's."""
    return asked_bytes or int(TASKS_SHARE * machine_bytes())


def used_bytes(pid: int) -> int:
    """Of a process and all that it has started. Pages of files, mapped ones too, don't count:
    the system can take them back."""
    return _own_bytes(pid) + sum(used_bytes(child) for child in _children(pid))


def _own_bytes(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/statm").read_text().split()
    except OSError:
        return 0
    return (int(fields[1]) - int(fields[2])) * _PAGE


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            text = Path(f"/proc/{pid}/task/{thread}/children").read_text()
            found += map(int, text.split())
    except OSError:
        # It has ended.
        pass
    return found
