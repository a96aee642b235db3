"""A bounded ring of commands in memory that two processes share: one writes, one reads.

The memory has no name: an anonymous file (memfd_create; where the system has none, a temporary file
that is unlinked at once), whose descriptor the second process inherits. When both are gone, however
they ended, the kernel frees it: nothing is left in /dev/shm.

Layout: the head (commands written so far) and the tail (commands read so far) as 64-bit counters on
cache lines of their own, three flags, then the records. Each counter has one writer. Records are
written before the head moves, and read before the tail moves; x86-64 keeps that order for other
cores. Each record carries its sequence number, and the reader refuses one out of sequence.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from typing import TYPE_CHECKING

import numpy as np
from common.errors import WorkloadError

if TYPE_CHECKING:
    from numpy.typing import NDArray

COMMAND = np.dtype([("sequence", "<u8"), ("shape", "<u4"), ("slot", "<u4")])
"""A command: multiply the operands of `slot` in the pool of a shape. `sequence` counts from 0."""

LINE = 64
HEAD, TAIL, CLOSED, STARTED, READY = (line * LINE // 8 for line in range(5))
HEADER_BYTES = 5 * LINE
LARGEST = 2**26


class Ring:
    """One end of the ring. `create` makes the memory, `attach` joins it in another process."""

    def __init__(self, descriptor: int, capacity: int) -> None:
        """Map the memory of an open descriptor, which stays open and is closed by `close_memory`."""
        self.descriptor, self.capacity = descriptor, capacity
        size = HEADER_BYTES + capacity * COMMAND.itemsize
        self._memory = mmap.mmap(descriptor, size)
        self._header: NDArray[np.uint64] = np.frombuffer(self._memory, "<u8", HEADER_BYTES // 8)
        self._records: NDArray[np.void] = np.frombuffer(self._memory, COMMAND, capacity, HEADER_BYTES)

    @classmethod
    def create(cls, capacity: int) -> Ring:
        """Return a new, empty ring; raises `WorkloadError` where there is no memory for it."""
        if not 1 <= capacity <= LARGEST:
            raise WorkloadError(f"a ring holds 1 to {LARGEST} commands, not {capacity}")
        try:
            descriptor = _anonymous_file()
            os.ftruncate(descriptor, HEADER_BYTES + capacity * COMMAND.itemsize)
            return cls(descriptor, capacity)
        except OSError as error:
            raise WorkloadError(f"no shared memory for the ring: {error.strerror}") from error

    @classmethod
    def attach(cls, descriptor: int, capacity: int) -> Ring:
        """Return the other end of a ring."""
        return cls(descriptor, capacity)

    @property
    def written(self) -> int:
        """Commands written so far."""
        return int(self._header[HEAD])

    @property
    def read_so_far(self) -> int:
        """Commands read so far."""
        return int(self._header[TAIL])

    @property
    def closed(self) -> bool:
        """Whether the writer has said that no more will come."""
        return bool(self._header[CLOSED])

    @property
    def started(self) -> bool:
        """Whether the reader has asked for commands."""
        return bool(self._header[STARTED])

    @property
    def ready(self) -> bool:
        """Whether the writer has attached."""
        return bool(self._header[READY])

    def join(self) -> None:
        """Say, as the writer, that it is there."""
        self._header[READY] = 1

    def start(self) -> None:
        """Say, as the reader, that the writer may begin."""
        self._header[STARTED] = 1

    def close(self) -> None:
        """Say, as the writer, that no more will come."""
        self._header[CLOSED] = 1

    def write(self, commands: NDArray[np.void]) -> int:
        """Write as many commands as there is room for; return how many that were."""
        head = self.written
        count = min(len(commands), self.capacity - (head - self.read_so_far))
        for place, begin, end in self._pieces(head, count):
            self._records[place : place + end - begin] = commands[begin:end]
        self._header[HEAD] = head + count
        return count

    def read(self, most: int) -> NDArray[np.void]:
        """Return up to `most` commands in order, none if there are none.

        Raises `WorkloadError` for a command out of sequence: then the memory was damaged.
        """
        tail = self.read_so_far
        count = min(most, self.written - tail)
        found = np.empty(count, COMMAND)
        for place, begin, end in self._pieces(tail, count):
            found[begin:end] = self._records[place : place + end - begin]
        if count and not (found["sequence"] == np.arange(tail, tail + count, dtype=np.uint64)).all():
            raise WorkloadError(f"the ring is damaged: a command after number {tail} is another's")
        self._header[TAIL] = tail + count
        return found

    def _pieces(self, position: int, count: int) -> list[tuple[int, int, int]]:
        """Return (place in the ring, begin, end) of the one or two pieces of `count` commands."""
        place = position % self.capacity
        first = min(count, self.capacity - place)
        return [(place, 0, first), (0, first, count)] if first < count else [(place, 0, count)]

    def close_memory(self) -> None:
        """Unmap the memory and close the descriptor."""
        del self._header, self._records
        self._memory.close()
        os.close(self.descriptor)


def _anonymous_file() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("nsysgap-ring")
    with tempfile.TemporaryFile() as file:  # unlinked as soon as it exists
        return os.dup(file.fileno())
