"""The producer process: makes commands and writes them into the ring, as fast as there is room.

Started by `consume.py` with the ring's descriptor: `python -m queueing.produce DESCRIPTOR JSON`.
It ends when all is written, or, with a sentence, when the consumer is gone.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from queueing.ring import COMMAND, Ring

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHUNK = 4096
NAP_S = 50e-6
CHECK_EVERY = 100
"""Naps between two looks at whether the other process is alive."""


@dataclass(frozen=True)
class Plan:
    """What to produce: `commands` in all, command i of shape i % `shapes`, slot i // shapes % slots.

    `pause_every` commands the producer pauses for `pause_s` (0: never).
    """

    capacity: int
    commands: int
    slots: int
    shapes: int = 1
    pause_every: int = 0
    pause_s: float = 0.0

    def to_json(self) -> str:
        """The plan as an argument."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """The plan from an argument."""
        return cls(**json.loads(text))


def make_commands(plan: Plan, begin: int, end: int) -> NDArray[np.void]:
    """Return the commands of these numbers."""
    numbers = np.arange(begin, end, dtype=np.uint64)
    commands = np.empty(end - begin, COMMAND)
    commands["sequence"] = numbers
    commands["shape"] = numbers % plan.shapes
    commands["slot"] = numbers // plan.shapes % plan.slots
    return commands


class ConsumerGoneError(Exception):
    """The process that reads the ring has ended."""


class Producer:
    """Writes a plan's commands into a ring; `parent` is the consumer's process ID."""

    def __init__(self, ring: Ring, plan: Plan, parent: int) -> None:
        """Begin with nothing written."""
        self.ring, self.plan, self.parent = ring, plan, parent
        self._naps = 0

    def run(self) -> None:
        """Wait for the start, write everything, close. Raises `ConsumerGoneError`."""
        self.ring.join()
        while not self.ring.started:
            self._nap()
        plan = self.plan
        step = min(CHUNK, plan.pause_every or CHUNK)
        for begin in range(0, plan.commands, step):
            self._write(make_commands(plan, begin, min(begin + step, plan.commands)))
            if plan.pause_every and (begin + step) % plan.pause_every == 0:
                time.sleep(plan.pause_s)
        self.ring.close()

    def _write(self, commands: NDArray[np.void]) -> None:
        while len(commands):
            written = self.ring.write(commands)
            commands = commands[written:]
            if len(commands):
                self._nap()

    def _nap(self) -> None:
        """Wait a little for the consumer, and see now and then that it lives."""
        self._naps += 1
        if self._naps % CHECK_EVERY == 0 and os.getppid() != self.parent:
            raise ConsumerGoneError
        time.sleep(NAP_S)


def main(arguments: list[str]) -> int:
    """Produce as the arguments say; return 0, or 1 when the consumer is gone."""
    descriptor, parent, plan = int(arguments[0]), int(arguments[1]), Plan.from_json(arguments[2])
    ring = Ring.attach(descriptor, plan.capacity)
    try:
        Producer(ring, plan, parent).run()
    except ConsumerGoneError:
        print(
            f"batching: the consumer (process {parent}) ended after {ring.read_so_far} of "
            f"{plan.commands} commands: the producer stops",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
