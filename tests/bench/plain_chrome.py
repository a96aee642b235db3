"""A Chrome trace the plain way, to compare with: rows from sqlite3, one dict per event, one json.dump of the list.

    python tests/bench/plain_chrome.py REPORT OUT.json

This is how converters from nsys to Chrome's format are published: kernels and API rows, no arrows, gaps or counters.
Standard library only.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from typing import Any

KERNELS = """SELECT start, end, deviceId, streamId, correlationId, globalPid, gridX, blockX, value
FROM CUPTI_ACTIVITY_KIND_KERNEL JOIN StringIds ON id = demangledName"""
CALLS = """SELECT start, end, globalTid, correlationId, value
FROM CUPTI_ACTIVITY_KIND_RUNTIME JOIN StringIds ON id = nameId"""


def events(connection: sqlite3.Connection) -> list[dict[str, Any]]:
    """One dict per kernel and API call."""
    found = []
    for start, end, device, stream, correlation, pid, grid, block, name in connection.execute(KERNELS):
        found.append(
            {
                "name": name,
                "ph": "X",
                "cat": "cuda",
                "ts": start / 1000,
                "dur": (end - start) / 1000,
                "tid": f"Stream {stream}",
                "pid": f"Device {device}",
                "args": {"correlation": correlation, "process": pid, "grid": grid, "block": block},
            }
        )
    for start, end, tid, correlation, name in connection.execute(CALLS):
        found.append(
            {
                "name": name,
                "ph": "X",
                "cat": "cuda_api",
                "ts": start / 1000,
                "dur": (end - start) / 1000,
                "tid": f"Thread {tid & 0xFFFFFF}",
                "pid": f"Process {tid >> 24 & 0xFFFFFF}",
                "args": {"correlation": correlation},
            }
        )
    return found


if __name__ == "__main__":
    report, target = sys.argv[1:]
    database = sqlite3.connect(f"file:{report}?mode=ro", uri=True)
    with open(target, "w") as file:  # noqa: PTH123 - the plain way
        json.dump(events(database), file)
    database.close()
