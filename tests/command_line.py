"""Runs the command line in this process: what it prints as bytes, how it exits, and nothing of it left behind.

    done = run("gaps", NAIVE, "--format", "json", columns=120, environment={"TMPDIR": "/small"}, cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")

A process of its own takes half a second to start; tests start one only where the process is the point: signals, closed
outputs, terminals, `python -m nsysgap` itself (`process(...)` gives its command and environment).
"""

from __future__ import annotations

import io
import json
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import EllipsisType
from typing import Any, TextIO

import pytest
from contracts import require_contract
from folders import NAIVE, ROOT

from nsysgap.commands import main

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Done:
    """What a command did."""

    returncode: int
    output: bytes
    stderr: str

    @property
    def stdout(self) -> str:
        """What it printed, as text."""
        return self.output.decode().replace(os.linesep, "\n")


def run(
    *arguments: object,
    columns: int = 80,
    environment: Mapping[str, str | None] | None = None,
    cwd: Path | None = None,
    output: TextIO | EllipsisType | None = ...,
) -> Done:
    """Run `nsysgap ARGUMENTS`. A variable that is None is not set; anything but an exit is raised, as it came.

    `output` stands in for standard output: a file of its own, or None where the shell closed it (>&-).
    """
    held, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
    out = held if isinstance(output, EllipsisType) else output
    with _surroundings({"COLUMNS": str(columns), **(environment or {})}, cwd, out, err):
        try:
            main([str(one) for one in arguments])
        except SystemExit as ended:
            code = ended.code
    assert isinstance(code, int)
    done = Done(code, _written(held), _written(err).decode())
    require_contract(done.output)
    return done


def gaps_json(*arguments: object) -> dict[str, Any]:
    """What `nsysgap gaps --format json` says of the naive sample."""
    done = run("gaps", NAIVE, "--format", "json", *arguments)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def process(*arguments: object) -> list[str]:
    """The command that runs `nsysgap ARGUMENTS` in a process of its own."""
    return [sys.executable, "-m", "nsysgap", *map(str, arguments)]


def process_environment(**more: str) -> dict[str, str]:
    """The environment of such a process, wherever it is started."""
    return {**os.environ, "PYTHONPATH": str(ROOT), **more}


@contextmanager
def _surroundings(
    environment: Mapping[str, str | None], cwd: Path | None, out: TextIO | None, err: TextIO
) -> Iterator[None]:
    """The process as a new one would find it, and as it was afterwards."""
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.delenv(name, raising=False) if value is None else patch.setenv(name, value)
        if cwd is not None:
            patch.chdir(cwd)
        if "TMPDIR" in environment:
            patch.setattr(tempfile, "tempdir", None)  # Python asks for it once in a process
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)


def _written(stream: io.TextIOWrapper) -> bytes:
    stream.flush()
    assert isinstance(stream.buffer, io.BytesIO)
    return stream.buffer.getvalue()
