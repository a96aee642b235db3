"""What else a report records beside ops and calls: work and waiting that explains idle time, one row per stretch."""

from __future__ import annotations

from nsysgap.tables import Column, Schema

HOST_CALLBACK, DECOMPRESSION, LOADING, MPI, LIBRARY, GRAPHICS, CONTEXT, FULL_BUFFER = range(8)
ENGINES = (DECOMPRESSION, GRAPHICS)
"""Work of the GPU beside the ops'."""
ACTIVITIES = Schema(
    "activities",
    "What else held the GPU or the host: work and waiting beside ops and calls, sorted by start.",
    (
        Column("start", "int64", "ns", "start"),
        Column("end", "int64", "ns", "end"),
        Column("kind", "int8", "", "HOST_CALLBACK to FULL_BUFFER, above"),
        Column("process", "int32", "", "row of the processes table; -1 unknown"),
        Column("thread", "int32", "", "row of the threads table; -1 unknown"),
        Column("device", "int32", "", "Device.id; -1 none"),
        Column("name", "int32", "", "index into Trace.names; -1 none"),
    ),
)
