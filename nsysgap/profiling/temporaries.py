"""What a killed nsys leaves behind in shared folders, told apart from what belongs to another nsys that still runs.

Another nsys of the same user may be at work, and it stops for ever when one of its files goes: so a file is only
removed if a process that we ended had it open, or if its name holds the number of such a process.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where nsys keeps its semaphores
# Followed in a name by the number of one of nsys's processes; a session's number has two digits before it.
_SESSION = "nvidia/nsight_systems/quadd_session_"
_NUMBERED = ("nvidia/nsight_systems/NSys-agent-instance-", "nvidia/nsight_systems/NSys-termination_status_")
_SEMAPHORE = "sem.NSys-process_waiter-"
_OPENED = ("nsys-report-*", "nvidia/nsight_systems/telemetry-*/nsys-*")


class Temporaries:
    """The numbers of processes, and which of nsys's temporary files they had open."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.gettempdir())
        self.pids: set[int] = set()
        self.opened: set[Path] = set()

    def note(self, pids: Iterable[int]) -> None:
        """Note processes, while they live, that are about to be ended."""
        for pid in pids:
            self.pids.add(pid)
            self.opened |= {path for path in _open_files(pid) if any(path.match(one) for one in _OPENED)}

    def remove(self) -> None:
        """Remove what the noted processes left; only once they have ended."""
        found = set(self.opened)
        for pid in self.pids:
            found |= set(self.folder.glob(f"{_SESSION}[0-9][0-9]{pid}"))
            found |= {path for name in _NUMBERED for path in self.folder.glob(f"{name}{pid}-*")}
            found |= set(SHARED_MEMORY.glob(f"{_SEMAPHORE}{pid}-*"))
        for path in found:
            with suppress(OSError):
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _open_files(pid: int) -> set[Path]:
    """The files that a process has open; none where there is no /proc or it has ended."""
    found = set()
    with suppress(OSError):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                found.add(Path(re.sub(r" \(deleted\)$", "", str(link.readlink()))))
    return found
