"""What a report becomes: typed tables of columns, described once, checked on the way out of the reader.

A `Schema` names every column with dtype, unit and meaning; a `Table` holds one numpy array per column and does not
change. `Trace` is all tables of one report. docs/tables.md is generated from this module.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nsysgap.arrays import distinct
from nsysgap.intervals import IntervalSet
from nsysgap.left_out import LeftOut
from nsysgap.names import Names

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[Any]
OP_KINDS = ("kernel", "memcpy", "memset", "graph")
KERNEL, MEMCPY, MEMSET, GRAPH = range(4)
OPEN_END = np.iinfo(np.int64).max
NONE, NO_GRAPH_NODE = -1, 0


def stream_ids(stored: NDArray[np.int32]) -> NDArray[np.int64]:
    """Streams' IDs as CUPTI counts them, in 32 bits, unsigned; -1 where the report holds none."""
    return np.where(stored == NONE, np.int64(NONE), stored.astype(np.int64) & 0xFFFFFFFF)


def stream_id(stored: int) -> int | None:
    """`stream_ids` of one, None where the report holds none."""
    return None if stored == NONE else stored & 0xFFFFFFFF


def stream_name(stored: int) -> str:
    """ "Stream 7"."""
    return "No stream" if stream_id(stored) is None else f"Stream {stream_id(stored)}"


def names_launch(correlation: Array) -> NDArray[np.bool_]:
    """Which correlation IDs of ops are keys to a launch call: neither 0 nor -1, which stands for NULL."""
    return np.asarray((correlation != 0) & (correlation != NONE))


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, numpy dtype, unit and meaning."""

    name: str
    dtype: str
    unit: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Schema:
    """The columns of a table, in order, with one line of meaning for the whole."""

    name: str
    meaning: str
    columns: tuple[Column, ...]

    def empty(self) -> Table:
        """A table of this schema without rows."""
        return Table(self, {column.name: np.empty(0, column.dtype) for column in self.columns})


class Table(Mapping[str, Array]):
    """Arrays of equal length under the names of a schema; immutable, `table["start"]` gives a column.

    Raises ValueError when a column is missing, unknown, of another dtype or of another length.
    """

    __slots__ = ("_columns", "_distinct", "rows", "schema")

    def __init__(self, schema: Schema, columns: Mapping[str, Array]) -> None:
        self.schema = schema
        self._columns = {column.name: columns[column.name] for column in schema.columns if column.name in columns}
        self._distinct: dict[str, Array] = {}
        self.rows = len(next(iter(self._columns.values()))) if self._columns else 0
        self._check(columns)
        for array in self._columns.values():
            array.flags.writeable = False

    def _check(self, given: Mapping[str, Array]) -> None:
        expected = {column.name: np.dtype(column.dtype) for column in self.schema.columns}
        if expected.keys() != given.keys():
            raise ValueError(f"{self.schema.name}: columns {sorted(given)} instead of {sorted(expected)}")
        for name, array in self._columns.items():
            if array.dtype != expected[name] or array.shape != (self.rows,):
                raise ValueError(
                    f"{self.schema.name}.{name}: {array.dtype}{array.shape}, not {expected[name]}({self.rows},)"
                )

    def __getitem__(self, name: str) -> Array:
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        """The number of columns, as for any mapping; rows are counted by `rows`."""
        return len(self._columns)

    def __repr__(self) -> str:
        return f"<{self.schema.name}: {self.rows} rows x {len(self)} columns>"

    def _repr_html_(self) -> str:
        return self.to_pandas().to_html(max_rows=20, escape=True)

    def distinct(self, name: str) -> Array:
        """The distinct values of a column, sorted; looked for once."""
        if name not in self._distinct:
            self._distinct[name] = distinct(self._columns[name])
        return self._distinct[name]

    def take(self, index: Array) -> Table:
        """The rows at the given positions, or where a mask is true."""
        return Table(self.schema, {name: array[index] for name, array in self._columns.items()})

    def to_pandas(self) -> pd.DataFrame:
        """The table as a DataFrame with the same columns and dtypes."""
        import pandas as pd

        return pd.DataFrame(dict(self._columns))


OPS = Schema(
    "ops",
    "GPU operations: one row per kernel, memory copy, memset or whole-graph record, sorted by start; equal starts keep "
    "the order kernel, memcpy, memset, graph, then the report's row order. Rows without a usable time are not here.",
    (
        Column("start", "int64", "ns", "start on the GPU"),
        Column("end", "int64", "ns", "end on the GPU"),
        Column("kind", "int8", "", "0 kernel, 1 memcpy, 2 memset, 3 graph (a whole graph launch)"),
        Column("device", "int32", "", "physical GPU: Device.id, which is its number where that names one GPU"),
        Column("process", "int32", "", "row of the processes table; -1 unknown"),
        Column("context", "int32", "", "CUDA context"),
        Column("stream", "int32", "", "CUDA stream"),
        Column("correlation", "int64", "", "correlation ID within the process; 0 or -1 (NULL) = none: no launch call"),
        Column("graph_node", "int64", "", "CUDA graph node ID; 0 = not launched by a graph"),
        Column("name", "int32", "", "index into Trace.names"),
        Column("row", "int32", "", "position of the row in its own table of the report, from 0"),
    ),
)
OP_DETAILS = Schema(
    "op_details",
    "What only viewers show of an op, row for row beside ops; -1 where the op has no such value.",
    (
        Column("grid_x", "int32", "blocks", "grid size"),
        Column("grid_y", "int32", "blocks", "grid size"),
        Column("grid_z", "int32", "blocks", "grid size"),
        Column("block_x", "int32", "threads", "block size"),
        Column("block_y", "int32", "threads", "block size"),
        Column("block_z", "int32", "threads", "block size"),
        Column("registers", "int32", "", "registers per thread"),
        Column("static_shared", "int32", "B", "static shared memory per block"),
        Column("dynamic_shared", "int32", "B", "dynamic shared memory per block"),
        Column("bytes", "int64", "B", "bytes copied or set"),
        Column("copy_kind", "int32", "", "direction of a copy: ENUM_CUDA_MEMCPY_OPER"),
        Column("value", "int64", "", "value that a memset wrote"),
        Column("graph", "int64", "", "CUDA graph ID"),
        Column("graph_exec", "int64", "", "executable CUDA graph ID"),
    ),
)
API = Schema(
    "api",
    "CUDA runtime and driver calls (CUPTI_ACTIVITY_KIND_RUNTIME), sorted by start, equal starts in the report's order.",
    (
        Column("start", "int64", "ns", "the call was entered"),
        Column("end", "int64", "ns", "the call returned"),
        Column("thread", "int32", "", "row of the threads table"),
        Column("correlation", "int64", "", "correlation ID within the process; 0 = none"),
        Column("name", "int32", "", "index into Trace.names, version suffixes such as _v7000 and _ptsz removed"),
        Column("failed", "bool", "", "the call returned an error code"),
    ),
)
SYNC_RECORDS = Schema(
    "sync_records",
    "What a synchronising call waited for (CUPTI_ACTIVITY_KIND_SYNCHRONIZATION), in the report's order.",
    (
        Column("process", "int32", "", "row of the processes table"),
        Column("correlation", "int64", "", "correlation ID of the call"),
        Column("context", "int32", "", "CUDA context; -1 none"),
        Column("stream", "int32", "", "CUDA stream; -1 none"),
        Column("event", "int64", "", "CUDA event ID; -1 none"),
        Column("event_sync", "int64", "", "links to the event record of the same value; -1 none"),
        Column("green_context", "int32", "", "green context within the CUDA context; 0 none"),
    ),
)
EVENT_RECORDS = Schema("event_records", "cudaEventRecord calls (CUPTI_ACTIVITY_KIND_CUDA_EVENT).", SYNC_RECORDS.columns)
LEGACY_NULL_STREAM, BLOCKING_STREAM = 3, 1
STREAMS = Schema(
    "streams",
    "CUDA streams that the report describes (TARGET_INFO_CUDA_STREAM), and every context's legacy null stream.",
    (
        Column("process", "int32", "", "row of the processes table"),
        Column("context", "int32", "", "CUDA context"),
        Column("stream", "int32", "", "CUDA stream"),
        Column("flag", "int32", "", "0 unknown, 1 blocking (waits for the null stream), 2 non-blocking, 3 legacy null"),
        Column("green_context", "int32", "", "green context that its ops ran in; 0 none"),
    ),
)
NVTX = Schema(
    "nvtx",
    "NVTX push/pop (59) and start/end (60) ranges, sorted by start, equal starts longest first.",
    (
        Column("start", "int64", "ns", "start"),
        Column("end", "int64", "ns", f"end; {OPEN_END} = open, the report has no end"),
        Column("thread", "int32", "", "row of the threads table, where the range began"),
        Column("end_thread", "int32", "", "row of the threads table, where it ended; -1 the same"),
        Column("name", "int32", "", "index into Trace.names"),
        Column("domain", "int64", "", "NVTX domain ID; 0 the default domain"),
        Column("color", "int64", "", "ARGB; -1 none"),
        Column("start_end", "bool", "", "a start/end range (60), which may overlap others, not push/pop (59)"),
    ),
)
THREAD_SPANS = (
    Column("start", "int64", "ns", "start"),
    Column("end", "int64", "ns", "end"),
    Column("thread", "int32", "", "row of the threads table"),
    Column("name", "int32", "", "index into Trace.names"),
)
OSRT = Schema("osrt", "Operating-system runtime calls (OSRT_API), sorted by start.", THREAD_SPANS)
OVERHEAD = Schema("overhead", "The profiler's own work on a thread (PROFILER_OVERHEAD), sorted by start.", THREAD_SPANS)
PROCESSES = Schema(
    "processes",
    "Every process seen in an event row.",
    (
        Column("global_pid", "int64", "", "nsys's global process ID: low 24 bits cleared"),
        Column("pid", "int64", "", "process ID: (global_pid >> 24) & 0xFFFFFF"),
        Column("name", "int32", "", "index into Trace.names; -1 unknown"),
    ),
)
THREADS = Schema(
    "threads",
    "Every thread seen in an event row.",
    (
        Column("global_tid", "int64", "", "nsys's global thread ID"),
        Column("process", "int32", "", "row of the processes table"),
        Column("tid", "int64", "", "thread ID: global_tid & 0xFFFFFF"),
        Column("name", "int32", "", "index into Trace.names; -1 unknown"),
    ),
)
GPU_METRICS = Schema(
    "gpu_metrics",
    "Sampled hardware counters (GPU_METRICS), sorted by time, equal times in the report's order. A sample describes "
    "the interval from its time to the next sample's of the same device and counter.",
    (
        Column("time", "int64", "ns", "start of the interval that the value describes"),
        Column("device", "int32", "", "physical GPU"),
        Column("metric", "int32", "", "index into Trace.names: the counter, with its unit in brackets"),
        Column("value", "int64", "", "the counter's value: whole percent, Hz, or what its name says"),
    ),
)
FRAMES = Schema(
    "frames",
    "Every distinct place in the program that any stack passes through.",
    (
        Column("function", "int32", "", "index into Trace.names"),
        Column("file", "int32", "", "index into Trace.names: source file, of native code the module; -1 unknown"),
        Column("line", "int32", "", "line of the source file; 0 unknown"),
        Column("native", "bool", "", "native code, not Python"),
    ),
)
STACKS = Schema(
    "stacks",
    "Every distinct call stack: a stretch of Stacks.chain, innermost frame first.",
    (
        Column("first", "int64", "", "where its frames begin in Stacks.chain"),
        Column("count", "int32", "", "how many frames it has"),
    ),
)
STACK_SAMPLES = Schema(
    "stack_samples",
    "Stacks taken periodically, sorted by time, equal times in the report's order.",
    (
        Column("time", "int64", "ns", "when the stack was taken"),
        Column("thread", "int32", "", "row of the threads table; -1 a thread without any other event"),
        Column("global_tid", "int64", "", "nsys's global thread ID"),
        Column("stack", "int32", "", "row of the stacks table"),
        Column("source", "int8", "", "0 Python sampling, 1 CPU sampling"),
    ),
)
CALL_STACKS = Schema(
    "call_stacks",
    "Stacks taken where a call was made, sorted by start.",
    (
        Column("start", "int64", "ns", "start of the call, or when the stack was taken"),
        Column("end", "int64", "ns", "end of the call; equal to start where unknown"),
        Column("thread", "int32", "", "row of the threads table; -1 a thread without any other event"),
        Column("correlation", "int64", "", "correlation ID of the CUDA call; 0 = none or unknown"),
        Column("stack", "int32", "", "row of the stacks table"),
        Column("source", "int8", "", "2 Python backtrace, 3 CUDA backtrace, 4 OS runtime backtrace"),
    ),
)
CALL_TREE = Schema(
    "call_tree",
    "Idle time by call path: parents before children, siblings in the order of their frames.",
    (
        Column("parent", "int32", "", "row of the calling node; -1 an outermost frame"),
        Column("frame", "int32", "", "row of the frames table"),
        Column("self_ns", "int64", "ns", "idle time with this frame innermost"),
        Column("total_ns", "int64", "ns", "idle time under this node, itself included"),
        Column("near_ns", "int64", "ns", "of self_ns: what went to merely the nearest sample, not to one inside"),
        Column("self_samples", "int64", "", "stacks with this frame innermost"),
        Column("total_samples", "int64", "", "stacks under this node, itself included"),
    ),
)
PYTHON_SAMPLE, NATIVE_SAMPLE, PYTHON_CALL, CUDA_CALL, OSRT_CALL = range(5)
GRAPH_NODES = Schema(
    "graph_nodes",
    "CUDA graph nodes created (CUDA_GRAPH_NODE_EVENTS), in the report's order. A graph's ID is its nodes' IDs' upper "
    "32 bits; instantiating or cloning a graph makes copies of its nodes.",
    (
        Column("time", "int64", "ns", "when the node was created"),
        Column("thread", "int32", "", "row of the threads table; -1 unknown"),
        Column("process", "int32", "", "row of the processes table; -1 unknown"),
        Column("node", "int64", "", "graph node ID, as in ops"),
        Column("original", "int64", "", "ID of the node that this one is a copy of; 0 none"),
    ),
)
GRAPH_EVENTS = Schema(
    "graph_events",
    "CUDA graphs created, cloned, instantiated (CUDA_GRAPH_EVENTS, --cuda-graph-trace=graph), in the report's order.",
    (
        Column("time", "int64", "ns", "when"),
        Column("thread", "int32", "", "row of the threads table; -1 unknown"),
        Column("process", "int32", "", "row of the processes table; -1 unknown"),
        Column("event", "int32", "", "94 instantiated, 95 created, 96 cloned (ENUM_NSYS_EVENT_CLASS)"),
        Column("graph", "int64", "", "graph ID"),
        Column("original", "int64", "", "ID of the graph that this one is a clone of; 0 none"),
        Column("executable", "int64", "", "executable graph ID; 0 none"),
    ),
)
SCHEMAS = (
    *(OPS, OP_DETAILS, API, SYNC_RECORDS, EVENT_RECORDS, STREAMS, NVTX, OSRT, OVERHEAD, PROCESSES, THREADS),
    *(GPU_METRICS, FRAMES, STACKS, STACK_SAMPLES, CALL_STACKS, CALL_TREE, GRAPH_NODES, GRAPH_EVENTS),
)


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the reader of the figures must know. `level`: "incomplete" (events were lost), "warning" or "note"."""

    level: str
    text: str


@dataclass(frozen=True, slots=True)
class Device:
    """A physical GPU of the report; `name` and `sm_count` are None where the report does not say.

    `id` is what ops carry: the GPU's `number`, unless numbers alone do not name the report's GPUs. Then `which` says
    which ("MIG-...": a part of a GPU; "of 7001": the GPU of process 7001, not known which; "on 2": of host 2).
    `resolved` says how ops were matched with it, for people; "" without ops.
    """

    id: int
    name: str | None = None
    sm_count: int | None = None
    total_memory: int | None = None
    bus: str | None = None
    which: str | None = None
    own_number: int | None = None
    resolved: str = field(default="", compare=False)

    @property
    def number(self) -> int:
        """The GPU's number, of several with one number that number."""
        return self.id if self.own_number is None else self.own_number

    @property
    def label(self) -> str:
        """What people are shown: "0", "0 of 7001"."""
        return f"{self.number} {self.which}" if self.which else str(self.number)

    def named(self) -> dict[str, Any]:
        """What documents name it by: "device", and "which" only where the number does not name one GPU."""
        return {"device": self.number, **({"which": self.which} if self.which else {})}


@dataclass(frozen=True)
class Trace:
    """All tables of one report.

    `gpu_of`: the `Device.id` of each (global process ID, its own ordinal); `sm_active`: the GPU metric "SMs Active", in
    percent; `tables_present`: the names of the report's tables that have rows; `unread`: when those have rows that none
    of these tables holds; `python_stacks`: its kinds, by schema; `domains`: names by (row of processes, domain ID).
    """

    path: str
    ops: Table
    api: Table
    names: Names
    processes: Table
    threads: Table
    devices: tuple[Device, ...] = ()
    sync_records: Table = field(default_factory=SYNC_RECORDS.empty)
    event_records: Table = field(default_factory=EVENT_RECORDS.empty)
    streams: Table = field(default_factory=STREAMS.empty)
    gpu_of: Mapping[tuple[int, int], int] = field(default_factory=dict)
    nvtx: Table = field(default_factory=NVTX.empty)
    domains: Mapping[tuple[int, int], str] = field(default_factory=dict)
    osrt: Table = field(default_factory=OSRT.empty)
    overhead: Table = field(default_factory=OVERHEAD.empty)
    sm_active: Table = field(default_factory=GPU_METRICS.empty)
    warnings: tuple[Notice, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    migration_causes: NDArray[np.int8] | None = None  # CUPTI's, by row of copies (ops' `row`)
    activities: Table | None = None  # of the schema ACTIVITIES; None: not read
    last_words: tuple[str, ...] = ()  # of standard error
    errors: Mapping[tuple[str, int], int] = field(default_factory=dict)  # (call, error code) -> how often
    target: Mapping[str, str] = field(default_factory=dict)  # the machine, as TARGET_INFO_SYSTEM_ENV tells
    tables_present: frozenset[str] = frozenset()
    unread: Mapping[str, IntervalSet] = field(default_factory=dict)
    python_stacks: frozenset[str] = frozenset()
    nsys_version: str | None = None
    schema_version: str | None = None
    duration_ns: int | None = None

    def device(self, number: int) -> Device:
        """The GPU of that number, nameless if the report does not describe it."""
        return next((device for device in self.devices if device.id == number), Device(number))

    def name(self, index: int) -> str:
        """The text at an index of a `name` column; "" for -1."""
        return "" if index == NONE else self.names[index]


@dataclass(frozen=True)
class Stacks:
    """Every stack of one report. `chain`: the frames of all stacks, rows of `frames`, int32, innermost first.

    `period_ns`: the time between two samples as the capture was asked for, by source, where the report says so.
    """

    frames: Table
    stacks: Table
    chain: Array
    samples: Table
    calls: Table
    period_ns: Mapping[int, int] = field(default_factory=dict)
    warnings: tuple[Notice, ...] = ()
