"""Standard input of several runs in turn: each reads a file from the same place on; a pipe can be read only once."""

from __future__ import annotations

import os
import select
import stat
import sys
from collections.abc import Callable
from contextlib import suppress

READ_ONCE = (
    "standard input is a pipe, which can be read only once: this run gets what the one before it left. "
    "Give a file (< FILE), or leave out the plain run: --no-baseline."
)


class StandardInput:
    """Standard input as it is before the first run; runs share it, with its place in the file."""

    def __init__(self) -> None:
        self.kind, self.offset, self.runs = 0, 0, 0
        if sys.stdin is None:  # closed (<&-): whatever has number 0 is another file by now
            return
        with suppress(OSError):
            self.kind = os.fstat(0).st_mode
            if stat.S_ISREG(self.kind):
                self.offset = os.lseek(0, 0, os.SEEK_CUR)

    def before_run(self, say: Callable[[str], None]) -> None:
        """Let the next run read what the first one could, or say that it cannot."""
        self.runs += 1
        if stat.S_ISREG(self.kind):
            os.lseek(0, self.offset, os.SEEK_SET)
        elif self.runs == 2 and (stat.S_ISFIFO(self.kind) or stat.S_ISSOCK(self.kind)) and _was_used():
            say(READ_ONCE)


def _was_used() -> bool:
    """Whether the pipe holds something or has been closed: an open one without is what programs without input get."""
    waiting = select.poll()
    waiting.register(0, select.POLLIN)
    return bool(waiting.poll(0))
