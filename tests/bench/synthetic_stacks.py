"""Python samples for a synthetic report: NVTX payloads as nsys 2025.3 stores them, with their schemas.

As in real captures of PyTorch programs some 3 of 10 stacks are distinct: they share their outer frames and differ in
the inner ones.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

SAMPLING, FRAME, STATE = 4294967298, 4294967296, 4294967297
DOMAIN = 9
FUNCTIONS, FILES, LINES = 2_000, 200, 1_500
_DISTINCT = 0.3
_TABLES = {
    "NVTX_PAYLOAD_SCHEMAS": "domainId, schemaId, name, type, flags, numEntries, payloadSize, alignTo",
    "NVTX_PAYLOAD_SCHEMA_ENTRIES": (
        'domainId, schemaId, idx, flags, type, name, description, arrayOrUnionDetail, "offset"'
    ),
    "NVTX_PAYLOAD_ENUMS": "domainId, schemaId, name, numEntries, size",
}
_ROWS: dict[str, list[tuple[object, ...]]] = {
    "NVTX_PAYLOAD_SCHEMAS": [
        (DOMAIN, SAMPLING, "Python Periodic Sampling", 2, None, 4, None, None),
        (DOMAIN, FRAME, None, 1, None, 3, 24, None),
    ],
    "NVTX_PAYLOAD_SCHEMA_ENTRIES": [
        (DOMAIN, SAMPLING, 0, None, 18, "Thread state ID", None, None, None),
        (DOMAIN, SAMPLING, 1, None, STATE, "Thread state", None, None, 8),
        (DOMAIN, SAMPLING, 2, None, 16, "Frames count", None, None, 12),
        (DOMAIN, SAMPLING, 3, 48, FRAME, "Frames", None, 2, 16),
        (DOMAIN, FRAME, 0, None, 80, "Function", None, None, None),
        (DOMAIN, FRAME, 1, None, 80, "File", None, None, 8),
        (DOMAIN, FRAME, 2, None, 15, "Line", None, None, 16),
    ],
    "NVTX_PAYLOAD_ENUMS": [(DOMAIN, STATE, None, 3, 4)],
}


def add_stacks(db: sqlite3.Connection, number: int, depth: int, seed: int) -> None:
    """Add `number` samples of `depth` frames, spread over the launching threads and the time of their calls."""
    rng = np.random.default_rng([seed, 34])
    first = int(db.execute("SELECT max(id) FROM StringIds").fetchone()[0]) + 1
    texts = [f"function_{i}" for i in range(FUNCTIONS)]
    texts += [f"/opt/venv/lib/python3.12/site-packages/package_{i % 20}/module_{i}.py" for i in range(FILES)]
    db.executemany("INSERT INTO StringIds (id, value) VALUES (?, ?)", enumerate(texts, start=first))
    for table, columns in _TABLES.items():
        db.execute(f"CREATE TABLE {table} ({columns})")
        marks = ", ".join("?" * len(_ROWS[table][0]))
        db.executemany(f"INSERT INTO {table} VALUES ({marks})", _ROWS[table])
    blobs = [_blob(frames) for frames in _stacks(rng, max(1, int(number * _DISTINCT)), depth, first)]
    tids = [tid for (tid,) in db.execute("SELECT DISTINCT globalTid FROM CUPTI_ACTIVITY_KIND_RUNTIME ORDER BY 1")]
    low, high = db.execute("SELECT min(start), max(start) FROM CUPTI_ACTIVITY_KIND_RUNTIME").fetchone()
    times = np.sort(rng.integers(low, high + 1, number)).tolist()
    chosen = rng.integers(0, len(blobs), number).tolist()
    db.executemany(
        f"INSERT INTO NVTX_EVENTS (start, eventType, globalTid, domainId, binaryData) VALUES (?, 34, ?, {DOMAIN}, ?)",
        ((time, tids[i % len(tids)], blobs[one]) for i, (time, one) in enumerate(zip(times, chosen, strict=True))),
    )


def _stacks(rng: np.random.Generator, distinct: int, depth: int, first: int) -> Iterator[NDArray[np.int64]]:
    """Distinct stacks, innermost frame first: int64 of shape (depth, 3), function and file as string IDs, line."""
    pool = np.column_stack(
        (
            first + rng.integers(0, FUNCTIONS, 20_000),
            first + FUNCTIONS + rng.integers(0, FILES, 20_000),
            rng.integers(1, LINES, 20_000),
        )
    )
    outer = [pool[rng.integers(0, len(pool), depth - depth // 3)] for _ in range(100)]
    for _ in range(distinct):
        inner = pool[rng.integers(0, len(pool), depth // 3)]
        yield np.concatenate((inner, outer[int(rng.integers(0, len(outer)))]))


def _blob(frames: NDArray[np.int64]) -> bytes:
    payload = struct.pack("<QII", 1, 1, len(frames)) + frames.astype("<i8").tobytes()
    return struct.pack("<QQQQ", 1, SAMPLING, len(payload), 32) + payload
