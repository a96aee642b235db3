"""Small reports with known stacks, made for tests: real SQLite files, laid out as nsys exports them."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PID = 7 << 24
MAIN, OTHER = PID | 7, PID | 8
SAMPLING, FRAME, BACKTRACE = 4294967298, 4294967296, 4294967301
QUOTE = '"'
Frame = tuple[str, str | None, int]
_TABLES = {
    "StringIds": "id, value",
    "CUPTI_ACTIVITY_KIND_KERNEL": (
        "start, end, deviceId, contextId, streamId, correlationId, globalPid, demangledName, shortName"
    ),
    "CUPTI_ACTIVITY_KIND_RUNTIME": (
        "start, end, eventClass, globalTid, correlationId, nameId, returnValue, callchainId"
    ),
    "OSRT_API": "start, end, globalTid, nameId, callchainId",
    "NVTX_EVENTS": "start, end, eventType, text, globalTid, endGlobalTid, textId, domainId, binaryData",
    "COMPOSITE_EVENTS": "id, start, globalTid",
    "META_DATA_CAPTURE": "name, value",
    "NVTX_PAYLOAD_SCHEMAS": "domainId, schemaId, name, type, flags, numEntries, payloadSize, alignTo",
    "NVTX_PAYLOAD_SCHEMA_ENTRIES": (
        'domainId, schemaId, idx, flags, type, name, description, arrayOrUnionDetail, "offset"'
    ),
    "NVTX_PAYLOAD_ENUMS": "domainId, schemaId, name, numEntries, size",
    **{f"{name}_CALLCHAINS": "id, symbol, module, unresolved, stackDepth" for name in ("SAMPLING", "CUDA", "OSRT")},
}
PYTHON_SCHEMAS: dict[str, list[tuple[Any, ...]]] = {
    "NVTX_PAYLOAD_SCHEMAS": [
        (1, SAMPLING, "Python Periodic Sampling", 2, None, 4, None, None),
        (1, FRAME, None, 1, None, 3, 24, None),
        (2, BACKTRACE, "Python Backtrace on CUDA", 2, None, 4, None, None),
        (2, 4294967299, None, 1, None, 3, 24, None),
    ],
    "NVTX_PAYLOAD_SCHEMA_ENTRIES": [
        (domain, schema, *entry)
        for domain, schema, frame in ((1, SAMPLING, FRAME), (2, BACKTRACE, 4294967299))
        for entry in (
            (0, None, 18, "Thread state ID", None, None, None),
            (1, None, 4294967297 if domain == 1 else 4294967300, "Thread state", None, None, 8),
            (2, None, 16, "Frames count", None, None, 12),
            (3, 48, frame, "Frames", None, 2, 16),
        )
    ]
    + [
        (domain, schema, *entry)
        for domain, schema, line in ((1, FRAME, 15), (2, 4294967299, 5))
        for entry in (
            (0, None, 80, "Function", None, None, None),
            (1, None, 80, "File", None, None, 8),
            (2, None, line, "Line", None, None, 16),
        )
    ],
    "NVTX_PAYLOAD_ENUMS": [(1, 4294967297, None, 3, 4), (2, 4294967300, None, 3, 4)],
}


def stack_blob(frames: Sequence[tuple[int, int, int]], schema: int = SAMPLING, padding: int = 0xDEADBEEF) -> bytes:
    """A Python stack as nsys stores it: (function, file, line) innermost first; the lines' padding holds anything."""
    payload = struct.pack("<QII", 1, 1, len(frames))
    payload += b"".join(struct.pack("<QQiI", function, file, line, padding) for function, file, line in frames)
    return struct.pack("<QQQQ", 1, schema, len(payload), 32) + payload


@dataclass
class StackReport:
    """Rows to be written. Times are in ns."""

    rows: dict[str, list[tuple[Any, ...]]] = field(default_factory=lambda: {name: [] for name in _TABLES})
    strings: dict[str, int] = field(default_factory=dict)
    left_out: set[tuple[str, str]] = field(default_factory=set)

    def text(self, text: str) -> int:
        """The StringIds.id of a text."""
        return self.strings.setdefault(text, len(self.strings) + 1)

    def gap(self, start: int, end: int, *, tid: int = MAIN, correlation: int = 0, call_ns: int = 0) -> None:
        """A gap [start, end) that a kernel ends, launched by a call of `call_ns` that returns as the kernel starts."""
        number = correlation or 1 + len(self.rows["CUPTI_ACTIVITY_KIND_KERNEL"])
        name = self.text("kernel")
        kernels = self.rows["CUPTI_ACTIVITY_KIND_KERNEL"]
        if not kernels:
            kernels.append((start - 10, start, 0, 1, 7, 999_999, tid >> 24 << 24, name, name))
            self.call("cudaLaunchKernel", start - 20, start - 10, tid=tid, correlation=999_999)
        else:
            kernels[-1] = (kernels[-1][0], start, *kernels[-1][2:])
        kernels.append((end, end + 10, 0, 1, 7, number, tid >> 24 << 24, name, name))
        self.call("cudaLaunchKernel", end - call_ns, end, tid=tid, correlation=number)

    def call(
        self,
        name: str,
        start: int,
        end: int,
        *,
        tid: int = MAIN,
        correlation: int = 0,
        chain: int | None = None,
        event_class: int = 0,
    ) -> None:
        """A CUDA API row."""
        row = (start, end, event_class, tid, correlation, self.text(name), 0, chain)
        self.rows["CUPTI_ACTIVITY_KIND_RUNTIME"].append(row)

    def ids(self, frames: Sequence[Frame]) -> list[tuple[int, int, int]]:
        """Frames with their texts as StringIds."""
        return [(self.text(function), 0 if file is None else self.text(file), line) for function, file, line in frames]

    def blob(self, time: int, data: bytes | str | None, *, tid: int = MAIN, domain: int = 1) -> None:
        """An NVTX mark with a binary payload."""
        self.rows["NVTX_EVENTS"].append((time, None, 34, None, tid, None, None, domain, data))
        for table, rows in PYTHON_SCHEMAS.items():
            self.rows[table] = self.rows[table] or list(rows)

    def python(self, time: int, frames: Sequence[Frame], *, tid: int = MAIN) -> None:
        """A Python sample, innermost frame first."""
        self.blob(time, stack_blob(self.ids(frames)), tid=tid)

    def chain(self, kind: str, frames: Sequence[tuple[str, str]], number: int) -> int:
        """A native call chain (function, module), innermost first."""
        for depth, (symbol, module) in enumerate(frames):
            self.rows[f"{kind}_CALLCHAINS"].append((number, self.text(symbol), self.text(module), None, depth))
        return number

    def native(self, time: int, frames: Sequence[tuple[str, str]], *, tid: int = MAIN) -> None:
        """A CPU sample."""
        number = len(self.rows["COMPOSITE_EVENTS"]) + 1
        self.rows["COMPOSITE_EVENTS"].append((number, time, tid))
        self.chain("SAMPLING", frames, number)

    def nvtx(self, name: str, start: int, end: int | None, *, tid: int = MAIN, kind: int = 59) -> None:
        """An NVTX range."""
        self.rows["NVTX_EVENTS"].append((start, end, kind, name, tid, None, None, 0, None))

    def write(self, path: Path) -> Path:
        """The report as an SQLite file; tables without rows are left out, as nsys does."""
        self.rows["StringIds"] = [(number, text) for text, number in self.strings.items()]
        with closing(sqlite3.connect(path)) as connection:
            for table, columns in _TABLES.items():
                if self.rows[table]:
                    kept = [one for one in columns.split(", ") if (table, one.strip('"')) not in self.left_out]
                    places = [i for i, one in enumerate(columns.split(", ")) if one in kept]
                    quoted = ", ".join(f'"{one.strip(QUOTE)}"' for one in kept)
                    connection.execute(f'CREATE TABLE "{table}" ({quoted})')
                    marks = ", ".join("?" * len(kept))
                    rows = [tuple(row[i] for i in places) for row in self.rows[table]]
                    connection.executemany(f'INSERT INTO "{table}" VALUES ({marks})', rows)
            connection.commit()
        return path
