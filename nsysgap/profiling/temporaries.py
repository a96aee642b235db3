"""What a killed nsys leaves behind in shared folders, told apart from what belongs to another nsys that still runs.

Another nsys of the same user may be at work, and it waits for ever when one of its files goes: so a file is only
removed if a process that we ended had it open, if its name holds the number of such a process, if our nsys has named
it, or if it is a raw report of our time and no nsys runs that could want it.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from nsysgap.profiling.processes import processes

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where nsys keeps its semaphores
# Followed in a name by the number of one of nsys's processes; a session's number has two digits before it.
_SESSION = "nvidia/nsight_systems/quadd_session_"
_NUMBERED = ("nvidia/nsight_systems/NSys-agent-instance-", "nvidia/nsight_systems/NSys-termination_status_")
_SEMAPHORE = "sem.NSys-process_waiter-"
_RAW_REPORT = "nsys-report-*"
_OPENED = (_RAW_REPORT, "nvidia/nsight_systems/telemetry-*/nsys-*")
_READERS = ("nsys", "QdstrmImporter")
_NAMED = re.compile(rb"'(/[^'\n]*/nsys-report-[^/'\n]*\.qdstrm)'")


class Temporaries:
    """The numbers of processes, and which of nsys's temporary files they had open; made before the first starts."""

    def __init__(self) -> None:
        self.began = time.time()
        self.folder = Path(tempfile.gettempdir())
        self.pids: set[int] = set()
        self.opened: set[Path] = set()

    def note(self, pids: Iterable[int]) -> None:
        """Note processes, while they live, that are about to be ended."""
        for pid in pids:
            self.pids.add(pid)
            self.opened |= {path for path in _open_files(pid) if any(path.match(pattern) for pattern in _OPENED)}

    def remove(self) -> None:
        """Remove what the noted processes left; only once they have ended."""
        paths = set(self.opened)
        for pid in self.pids:
            paths |= set(self.folder.glob(f"{_SESSION}[0-9][0-9]{pid}"))
            paths |= {path for name in _NUMBERED for path in self.folder.glob(f"{name}{pid}-*")}
            paths |= set(SHARED_MEMORY.glob(f"{_SEMAPHORE}{pid}-*"))
        if not _is_running(_READERS):
            paths |= {path for path in self.folder.glob(_RAW_REPORT) if self._is_new(path)}
        for path in paths:
            with suppress(OSError):
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _is_new(self, path: Path) -> bool:
        with suppress(OSError):
            status = path.stat()
            return status.st_uid == os.getuid() and status.st_mtime >= self.began - 1
        return False


def remove_named(said: bytes) -> None:
    """Remove the raw reports that an nsys, which has ended, said it was generating."""
    for name in _NAMED.findall(said):
        with suppress(OSError):
            Path(os.fsdecode(name)).unlink()


def _is_running(programs: tuple[str, ...]) -> bool:
    """Whether a program with one of these names runs, whoever started it."""
    return any(process.state != "Z" and process.program in programs for process in processes())


def _open_files(pid: int) -> set[Path]:
    """The files that a process has open; none where there is no /proc or it has ended."""
    files = set()
    with suppress(OSError):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                files.add(Path(re.sub(r" \(deleted\)$", "", str(link.readlink()))))
    return files
