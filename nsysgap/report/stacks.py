"""Every call stack that a report holds: Python samples and backtraces, CPU samples, backtraces of CUDA and OS calls.

Python stacks are payloads of NVTX_EVENTS rows of eventType 34, in the column binaryData that only
`nsys export --include-blobs=true` fills. CPU samples are COMPOSITE_EVENTS with SAMPLING_CALLCHAINS. Single calls name a
chain in callchainId: of CUDA_CALLCHAINS (in rows of eventClass 67, which repeat the call) or OSRT_CALLCHAINS.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsysgap import tables
from nsysgap.report.cells import whole
from nsysgap.report.metadata import key_values
from nsysgap.report.payloads import (
    PAYLOADS,
    PYTHON_BACKTRACE,
    PYTHON_SAMPLING,
    StackLayout,
    decode_frames,
    enum_sizes,
    payload_schemas,
    stack_bytes,
    stack_layouts,
)
from nsysgap.report.read import RUNTIME
from nsysgap.report.reads import LATEST, Absent, Columns, Condition, NoneOf, OneOf, Present, Progress, Read
from nsysgap.report.source import Source
from nsysgap.report.stack_frames import FrameBuilder
from nsysgap.tables import CUDA_CALL, NATIVE_SAMPLE, NONE, OSRT_CALL, PYTHON_CALL, PYTHON_SAMPLE, Notice, Table, Trace
from nsysgap.units import counted

_PYTHON = {PYTHON_SAMPLING: PYTHON_SAMPLE, PYTHON_BACKTRACE: PYTHON_CALL}
_WITHOUT_BLOBS = (
    "{} may be Python stacks, but the report was exported without them: nsys export --type sqlite "
    "--include-blobs=true REPORT.nsys-rep."
)
ALL_SOURCES = frozenset((PYTHON_SAMPLE, NATIVE_SAMPLE, PYTHON_CALL, CUDA_CALL, OSRT_CALL))
BATCH = 4_096
Integers = NDArray[np.int64]


def read_stacks(
    source: Source, trace: Trace, sources: frozenset[int] = ALL_SOURCES, progress: Progress | None = None
) -> tables.Stacks:
    """Read the stacks of these sources (PYTHON_SAMPLE, NATIVE_SAMPLE, PYTHON_CALL, CUDA_CALL, OSRT_CALL).

    Their texts are added to `trace.names`. What cannot be decoded is left out, counted and warned about. Raises
    NsysgapError when the file is damaged.
    """
    return _Reading(source, trace, sources, progress).stacks()


def read_samples(source: Source, trace: Trace, progress: Progress | None = None) -> tables.Stacks:
    """Only what was sampled, Python's and native."""
    return read_stacks(source, trace, frozenset((PYTHON_SAMPLE, NATIVE_SAMPLE)), progress)


@dataclass
class _Reading:
    """What is known while the stacks of some sources are read."""

    source: Source
    trace: Trace
    sources: frozenset[int]
    progress: Progress | None
    warnings: list[Notice] = field(default_factory=list)

    def stacks(self) -> tables.Stacks:
        self.builder = FrameBuilder(self.trace.names)
        python = self._python() if self.sources & {PYTHON_SAMPLE, PYTHON_CALL} else {}
        samples = [python[PYTHON_SAMPLE]] if PYTHON_SAMPLE in python else []
        calls = [self._python_calls(python[PYTHON_CALL])] if PYTHON_CALL in python else []
        if NATIVE_SAMPLE in self.sources:
            samples += self._cpu_samples()
        for kind, table, chains in (
            (CUDA_CALL, RUNTIME, "CUDA_CALLCHAINS"),
            (OSRT_CALL, "OSRT_API", "OSRT_CALLCHAINS"),
        ):
            if kind in self.sources:
                calls += self._call_stacks(kind, table, chains)
        frames, stacks, chain = self.builder.tables()
        return tables.Stacks(
            frames=frames,
            stacks=stacks,
            chain=chain,
            samples=_table(tables.STACK_SAMPLES, samples, self.trace, "time"),
            calls=_table(tables.CALL_STACKS, calls, self.trace, "start"),
            period_ns=self._periods(),
            warnings=tuple(self.warnings),
        )

    def _periods(self) -> dict[int, int]:
        """The sampling periods that the capture was asked for."""
        periods = {}
        for name, value in key_values(self.source, "META_DATA_CAPTURE"):
            if value.isdigit() and int(value):
                if name == "PYTHON_BACKTRACE_SAMPLING_OPTIONS:SAMPLING_RATE":
                    periods[PYTHON_SAMPLE] = 1_000_000_000 // int(value)
                elif name == "LINUX_PERF_OPTIONS:SAMPLING_PERIOD":
                    periods[NATIVE_SAMPLE] = int(value)
        return periods

    def _python(self) -> dict[int, Columns]:
        """Python stacks by source: time, global_tid, stack."""
        layouts, refused = stack_layouts(payload_schemas(self.source), enum_sizes(self.source), tuple(_PYTHON))
        if refused:
            self._warn(f"Python stacks cannot be read: the payload schema {'; '.join(sorted(set(refused)))}.")
        if not layouts:
            return {}
        if not self.source.catalog.has("NVTX_EVENTS", "start", "globalTid", "eventType", "domainId", "binaryData"):
            self._exported_without_blobs()
            return {}
        decoder = _Decoder(layouts, self.builder)
        rows = self._blob_rows(decoder)
        if not len(rows["time"]) and not decoder.malformed:
            self._exported_without_blobs(Absent("binaryData"), Absent("text"))
        for reason, number in sorted(decoder.malformed.items()):
            said = counted(number, "Python stack is", "Python stacks are")
            self._warn(f"{said} not laid out as the schema says ({reason}): left out.")
        if decoder.odd:
            said = counted(decoder.odd, "Python stack has", "Python stacks have")
            self._warn(f"{said} no thread or no time: left out.")
        return {
            kind: {name: column[rows["source"] == kind] for name, column in rows.items()}
            for kind in sorted(self.sources & {PYTHON_SAMPLE, PYTHON_CALL})
        }

    def _blob_rows(self, decoder: _Decoder) -> Columns:
        samples = []
        columns = ("start", "globalTid", "domainId", "binaryData")
        with _uncollected(), closing(self.source.rows("NVTX_EVENTS", columns, *PAYLOADS)) as rows:
            for time, tid, domain, blob in rows:
                known = decoder.stack(domain, blob)
                if known and whole(time, LATEST.bit_length()) is not None and whole(tid) is not None:
                    samples.append((time, tid, *known))
                elif known:
                    decoder.odd += 1
        decoder.finish()
        time, tid, stack, kind = np.array(samples, np.int64).reshape(len(samples), 4).T
        return {"time": time, "global_tid": tid, "stack": stack.astype(np.int32), "source": kind.astype(np.int8)}

    def _exported_without_blobs(self, *where: Condition) -> None:
        if number := self.source.count("NVTX_EVENTS", OneOf("eventType", (34,)), *where):
            self._warn(_WITHOUT_BLOBS.format(counted(number, "NVTX mark", "NVTX marks")))

    def _python_calls(self, columns: Columns) -> Columns:
        """Python backtraces as call stacks: each begins with the CUDA call (an eventClass 67 row) it was taken for."""
        start, tid = columns["time"], columns["global_tid"]
        end, correlation = start.copy(), np.zeros(len(start), np.int64)
        if len(start) and self.source.catalog.has(RUNTIME, "eventClass", "correlationId"):
            reads = [
                Read("start", "start", time=True),
                Read("end", "end", NONE, time=True),
                Read("tid", "globalTid"),
                Read("id", "correlationId"),
            ]
            calls = self.source.columns(RUNTIME, reads, NoneOf("eventClass", (0, 1)), self.progress)
            order = np.lexsort((calls["start"], calls["tid"]))
            position = _find_pairs(calls["tid"][order], calls["start"][order], tid, start)
            known = np.flatnonzero(position != NONE)
            row = order[position[known]]
            end[known], correlation[known] = np.maximum(calls["end"][row], start[known]), calls["id"][row]
        kept = {name: columns[name] for name in ("global_tid", "stack", "source")}
        return {"start": start, "end": end, "correlation": correlation, **kept}

    def _cpu_samples(self) -> list[Columns]:
        if not self.source.catalog.has("COMPOSITE_EVENTS", "id", "start", "globalTid"):
            return []
        chains = self._chains("SAMPLING_CALLCHAINS")
        reads = [Read("id", "id"), Read("time", "start", time=True), Read("global_tid", "globalTid")]
        columns = self.source.columns("COMPOSITE_EVENTS", reads, progress=self.progress)
        columns["stack"] = chains(columns.pop("id"))
        known = columns["stack"] != NONE
        if missing := int((~known).sum()):
            self._warn(f"{counted(missing, 'CPU sample has', 'CPU samples have')} no call chain: left out.")
        columns = {name: column[known] for name, column in columns.items()}
        columns["source"] = np.full(len(columns["time"]), NATIVE_SAMPLE, np.int8)
        return [columns]

    def _call_stacks(self, kind: int, table: str, chains_table: str) -> list[Columns]:
        if (
            not self.source.catalog.has(table, "start", "end", "globalTid", "callchainId")
            or chains_table not in self.source.catalog
        ):
            return []
        chains = self._chains(chains_table)
        reads = [
            *(Read("id", "callchainId", NONE), Read("start", "start", time=True), Read("end", "end", NONE, time=True)),
            *(Read("global_tid", "globalTid"), Read("correlation", "correlationId")),
        ]
        columns = self.source.columns(table, reads, Present("callchainId"), self.progress)
        columns["stack"] = chains(columns.pop("id"))
        known = columns["stack"] != NONE
        columns = {name: column[known] for name, column in columns.items()}
        columns["end"] = np.maximum(columns["end"], columns["start"])
        columns["source"] = np.full(len(columns["start"]), kind, np.int8)
        return [columns]

    def _chains(self, table: str) -> Any:
        """A function from chain IDs to rows of the stacks table, NONE where there is no such chain."""
        if not self.source.catalog.has(table, "id", "symbol", "module", "stackDepth"):
            return lambda ids: np.full(len(ids), NONE, np.int32)
        reads = [
            Read("id", "id"),
            Read("symbol", "symbol", NONE),
            Read("module", "module", NONE),
            Read("depth", "stackDepth"),
        ]
        columns = self.source.columns(table, reads, progress=self.progress)
        order = np.lexsort((columns["depth"], columns["id"]))
        ids = columns["id"][order]
        heads = np.flatnonzero(np.concatenate(([True], ids[1:] != ids[:-1]))) if len(ids) else np.empty(0, np.int64)
        counts = np.diff(np.append(heads, len(ids)))
        members = {"function": columns["symbol"][order], "file": columns["module"][order], "line": np.zeros_like(ids)}
        first = self.builder.reserve(len(heads))
        self.builder.put(first + np.arange(len(heads)), counts, members, native=True)
        present = ids[heads]

        def stack(wanted: NDArray[np.int64]) -> NDArray[np.int32]:
            position = np.searchsorted(present, wanted)
            inside = position < len(present)
            inside[inside] = present[position[inside]] == wanted[inside]
            return np.where(inside, first + position, NONE).astype(np.int32)

        return stack

    def _warn(self, said: str) -> None:
        self.warnings.append(Notice("warning", said))


@contextmanager
def _uncollected() -> Iterator[None]:
    """Do not look for rings of objects meanwhile: there are none, and among millions of rows looking takes a tenth."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


class _Decoder:
    """Decodes each distinct blob once: a program passes through few distinct stacks."""

    def __init__(self, layouts: dict[tuple[int, int], StackLayout], builder: FrameBuilder) -> None:
        from hashlib import blake2b

        self.layouts = layouts
        self._digest = partial(blake2b, digest_size=16)
        self.builder = builder
        self.malformed: dict[str, int] = {}
        self.odd = 0
        self._known: dict[tuple[int, bytes], tuple[int, int] | str] = {}
        self._waiting: dict[str, tuple[StackLayout, list[int], list[bytes]]] = {}

    def stack(self, domain: int, blob: bytes) -> tuple[int, int] | None:
        """(row of the stacks table, source) of a blob; None if it holds no stack or is malformed, which is counted."""
        key = (domain, self._digest(blob).digest())  # the blobs themselves may be gigabytes
        decoded = self._known.get(key)
        if decoded is None:
            decoded = self._known[key] = self._new(domain, blob)
        if isinstance(decoded, tuple):
            return decoded
        if decoded:
            self.malformed[decoded] = self.malformed.get(decoded, 0) + 1
        return None

    def _new(self, domain: int, blob: bytes) -> tuple[int, int] | str:
        try:
            decoded = stack_bytes(blob, domain, self.layouts)
        except ValueError as error:
            return str(error)
        if decoded is None:
            return ""  # another payload of the same domain
        layout, frames = decoded
        row = self.builder.reserve(1)
        _, rows, waiting = self._waiting.setdefault(layout.name, (layout, [], []))
        rows.append(row)
        waiting.append(frames)
        if len(rows) >= BATCH:
            self.finish()
        return row, _PYTHON[layout.name]

    def finish(self) -> None:
        """Decode what waits."""
        for layout, rows, waiting in self._waiting.values():
            counts = np.array([len(frames) for frames in waiting], np.int64) // layout.frame.itemsize
            members = decode_frames(layout, b"".join(waiting))
            self.builder.put(np.array(rows, np.int64), counts, members, native=False)
        self._waiting.clear()


def _find_pairs(tid: Integers, time: Integers, wanted_tid: Integers, wanted_time: Integers) -> NDArray[np.intp]:
    """The place of each wanted (thread, time) among sorted ones, NONE where it is not."""
    threads = np.unique(np.concatenate((tid, wanted_tid)))
    rows = np.full(len(wanted_tid), NONE, np.intp)
    for thread in threads:
        low, high = np.searchsorted(tid, thread, side="left"), np.searchsorted(tid, thread, side="right")
        mine = np.flatnonzero(wanted_tid == thread)
        row = low + np.searchsorted(time[low:high], wanted_time[mine])
        inside = row < high
        inside[inside] = time[row[inside]] == wanted_time[mine[inside]]
        rows[mine[inside]] = row[inside]
    return rows


def _table(schema: tables.Schema, parts: list[Columns], trace: Trace, by: str) -> Table:
    """One table of several readers' columns, in order of time, each row with its thread."""
    if not parts:
        return schema.empty()
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    threads = trace.threads["global_tid"]
    tids = columns["global_tid"] if by == "time" else columns.pop("global_tid")
    row = np.searchsorted(threads, tids)
    known = row < len(threads)
    known[known] = threads[row[known]] == tids[known]
    columns["thread"] = np.where(known, row, NONE).astype(np.int32)
    order = np.argsort(columns[by], kind="stable")
    return Table(schema, {name: column[order] for name, column in columns.items()})
