"""Gzip in a thread of its own, so that a trace is compressed while the next part of it is made."""

from __future__ import annotations

import threading
import zlib
from queue import Queue
from typing import Protocol

LEVEL = 1
GZIP = 16 + zlib.MAX_WBITS
WAITING = 4


class Sink(Protocol):
    """What a trace is written to."""

    def write(self, part: bytes | bytearray, /) -> int:
        """Take bytes."""


class GzipWriter:
    """A file to write to, compressed into `file`; the header holds no time and no name: same input, same bytes.

    Use it as a context manager: when the block ends, everything has been written. An error of the underlying file is
    raised by `write` or at the end.
    """

    def __init__(self, file: Sink, level: int = LEVEL) -> None:
        self._file = file
        self._compressor = zlib.compressobj(level, zlib.DEFLATED, GZIP)
        self._parts: Queue[bytes | bytearray | None] = Queue(WAITING)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> GzipWriter:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._parts.put(None)
        self._thread.join()
        self._raise()

    def write(self, part: bytes | bytearray, /) -> int:
        """Hand over bytes to be compressed."""
        self._raise()
        self._parts.put(part)
        return len(part)

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        while (part := self._parts.get()) is not None:
            if self._error is None:
                self._compress(part)
        if self._error is None:
            self._end()

    def _compress(self, part: bytes | bytearray) -> None:
        try:
            self._file.write(self._compressor.compress(part))
        except BaseException as error:  # handed to the thread that writes
            self._error = error

    def _end(self) -> None:
        try:
            self._file.write(self._compressor.flush())
        except BaseException as error:  # handed to the thread that writes
            self._error = error
