"""The consumer's side: starts the producer, reads the ring, hands commands to a runner."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import WorkloadError

from queueing.ring import Ring

if TYPE_CHECKING:
    from collections.abc import Iterator

    from queueing.buckets import Runner
    from queueing.produce import Plan

READ_MOST = 4096
NAP_S = 20e-6
CHECK_EVERY = 250
END_AFTER_S = 10.0


class ProducerProcess:
    """The other process: alive, ended well, or gone."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        """Watch a started process."""
        self._process = process
        self.pid = process.pid

    def check(self, ring: Ring, commands: int) -> None:
        """Raise `WorkloadError` where it ended before it closed the ring."""
        code = self._process.poll()
        if code is not None and not ring.closed:
            raise WorkloadError(
                f"the producer (process {self.pid}) ended {how_it_ended(code)} after "
                f"{ring.written} of {commands} commands: the consumer stops"
            )

    def end(self) -> None:
        """Wait for its end, or end it."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(END_AFTER_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def how_it_ended(code: int) -> str:
    """Return a process's exit code in words."""
    if code >= 0:
        return f"with exit code {code}"
    try:
        return f"by signal {signal.Signals(-code).name}"
    except ValueError:
        return f"by signal {-code}"


@contextmanager
def producing(plan: Plan) -> Iterator[tuple[Ring, ProducerProcess]]:
    """Make a ring and start a producer; both are gone at the end, whatever happens."""
    ring = Ring.create(plan.capacity)
    try:
        process = _start(ring, plan)
        try:
            yield ring, process
        finally:
            process.end()
    finally:
        ring.close_memory()


def _start(ring: Ring, plan: Plan) -> ProducerProcess:
    command = [
        *(sys.executable, "-m", "queueing.produce"),
        *(str(ring.descriptor), str(os.getpid()), plan.to_json()),
    ]
    folder = str(Path(__file__).parents[1])
    paths = [folder, *filter(None, [os.environ.get("PYTHONPATH")])]
    return ProducerProcess(
        subprocess.Popen(
            command,
            pass_fds=(ring.descriptor,),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )
    )


def wait_for(ring: Ring, process: ProducerProcess, commands: int) -> None:
    """Wait until the producer has started, so that its start is in nobody's figures."""
    while not ring.ready:
        process.check(ring, commands)
        time.sleep(1e-3)


def consume(ring: Ring, process: ProducerProcess, runner: Runner, commands: int, idle_s: float) -> int:
    """Read and run all commands; return how often an idle time flushed what waited.

    Raises `WorkloadError` when the producer ends early, or fewer commands came than it promised.
    """
    idle_flushes = naps = 0
    last = time.monotonic()
    ring.start()
    while True:
        found = ring.read(READ_MOST)
        if len(found):
            runner.take(found)
            last = time.monotonic()
        elif ring.closed and ring.written == ring.read_so_far:
            break
        else:
            if runner.waiting and time.monotonic() - last >= idle_s:
                runner.flush()
                idle_flushes += 1
            naps += 1
            if naps % CHECK_EVERY == 0:
                process.check(ring, commands)
            time.sleep(NAP_S)
    runner.flush()
    if runner.done != commands:
        raise WorkloadError(f"wrong result: {runner.done} of {commands} commands were run")
    return idle_flushes
