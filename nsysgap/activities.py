"""What else a report records beside ops and calls: work and waiting that explains idle time, one row per stretch."""

from __future__ import annotations

from nsysgap.tables import Column, Schema

HOST_CALLBACK, DECOMPRESSION, LOADING, MPI = range(4)
ACTIVITIES = Schema(
    "activities",
    "Host callbacks, hardware decompression, loading of modules and MPI calls, sorted by start.",
    (
        Column("start", "int64", "ns", "start"),
        Column("end", "int64", "ns", "end"),
        Column("kind", "int8", "", "0 host callback, 1 hardware decompression, 2 loading of modules, 3 MPI call"),
        Column("process", "int32", "", "row of the processes table; -1 unknown"),
        Column("thread", "int32", "", "row of the threads table; -1 unknown"),
        Column("device", "int32", "", "Device.id; -1 none"),
        Column("name", "int32", "", "index into Trace.names; -1 none"),
    ),
)
