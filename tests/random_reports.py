"""Random small reports for hypothesis: everything that real ones hold and much that they should not.

Times are few, so that rows touch, nest, overlap and tie all the time; so are processes, streams and correlation IDs.
A report is a list of rows (method of ReportBuilder, its arguments), which hypothesis prints and shrinks well.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from report_builder import NO_ID, ReportBuilder

Row = tuple[str, dict[str, Any]]
Rows = st.SearchStrategy[Row]
LAST = 50
HIDDEN_AFTER = 6  # so that such short times know untraced ones

_time = st.integers(0, LAST)
_length = st.sampled_from([0, 1, 1, 2, 2, 3, 5, 8, 13])
_long = st.sampled_from([0, 3, 6, 10, 15, 25])
_pid = st.sampled_from([1, 1, 1, 2])
_tid = st.sampled_from([1, 1, 1, 2])
_correlation = st.sampled_from([1, 1, 2, 2, 3, 3, 4, 5, 6, 6, 0, None])
_context = st.sampled_from([1, 1, 1, 2, None])
_stream = st.sampled_from([7, 7, 7, 8, None])
_node = st.sampled_from([None, None, None, 0, 1, 2])
_event = st.sampled_from([NO_ID, 1, 1, 2, -1, None])
_event_sync = st.sampled_from([NO_ID, 0, 5, 5, 6, -1, None])
_launch_names = (
    "cudaLaunchKernel_v7000",
    "cudaLaunchKernel_v7000",
    "cudaGraphLaunch_v10000",
    "cuMemcpyAsync",
    "cudaEventRecord_v3020",
    "free",
)
_sync_names = (
    *("cudaStreamSynchronize_v3020", "cudaStreamSynchronize_ptsz_v7000", "cuStreamSynchronize"),
    *("cudaDeviceSynchronize_v3020", "cuCtxSynchronize", "cudaEventSynchronize_v3020", "cuEventSynchronize"),
)


_ODD_SPANS: list[dict[str, int | None]] = [
    {"start": 0, "end": 0},
    {"start": 5, "end": 2},
    {"start": None, "end": 9},
    {"start": 3, "end": None},
]


@st.composite
def _span(draw: st.DrawFn, lengths: st.SearchStrategy[int] = _length) -> dict[str, int | None]:
    """Mostly a good interval; now and then untimed, reversed, or without start or end."""
    start = draw(_time)
    odd = draw(st.integers(0, 40))
    if odd < 4:
        return _ODD_SPANS[odd]
    return {"start": start, "end": start + draw(lengths)}


@st.composite
def _row(
    draw: st.DrawFn,
    /,
    method: str,
    lengths: st.SearchStrategy[int] | None = _length,
    **arguments: st.SearchStrategy[Any],
) -> Row:
    found = {} if lengths is None else draw(_span(lengths))
    return method, {**found, **{name: draw(strategy) for name, strategy in arguments.items()}}


def _sometimes_null(column: str) -> dict[str, Any]:
    """Arguments that now and then make a column NULL."""
    return {"more": st.sampled_from([{}] * 30 + [{column: None}])}


_op: dict[str, Any] = {
    "correlation": _correlation,
    "pid": _pid,
    "stream": _stream,
    "context": _context,
    "device": st.sampled_from([0, 0, 0, 0, 1, 2, None]),
    **_sometimes_null("globalPid"),
}
_graph_trace = {**_op, "device": st.sampled_from([0, 0, 1, 0x7FFFFFFF])}
_ON_ANOTHER_HOST = [{"globalPid": (2 << 48) | (pid << 24)} for pid in (1, 2)]
_thread: dict[str, Any] = {"pid": _pid, "tid": _tid, **_sometimes_null("globalTid")}
_only_short_name = [{"demangledName": missing, "shortName": 1} for missing in (None, 0, 99)]
_kernel_op = {**_op, "more": st.sampled_from([{}] * 30 + [{"globalPid": None}, *_ON_ANOTHER_HOST, *_only_short_name])}
_kernel = _row("kernel", node=_node, name=st.sampled_from(["a", "b"]), **_kernel_op)
_call = _row(
    "call",
    correlation=_correlation,
    name=st.sampled_from(_launch_names),
    eventClass=st.sampled_from([0, 0, 0, 1, 67]),
    **_thread,
)
_own_correlation = st.one_of(st.integers(20, 24), _correlation)
_sync = _row(
    "sync",
    _long,
    correlation=_own_correlation,
    name=st.sampled_from(_sync_names),
    record=st.sampled_from([True, True, False]),
    context=_context,
    stream=st.sampled_from([7, 7, 8, NO_ID, -1, None]),
    event=_event,
    event_sync=_event_sync,
    pid=_pid,
    tid=_tid,
)
_event_record = _row(
    "event_record",
    correlation=_own_correlation,
    context=_context,
    stream=_stream,
    event=_event,
    event_sync=_event_sync,
    call=st.booleans(),
    pid=_pid,
    tid=_tid,
)
_nvtx = _row(
    "nvtx",
    event_type=st.sampled_from([59, 59, 59, 60, 75, 34]),
    text=st.sampled_from(["outer", "inner", "", None]),
    **_thread,
)
_open_nvtx = _row(
    "nvtx", lengths=None, start=_time, end=st.none(), registered=st.sampled_from(["open", None]), pid=_pid, tid=_tid
)
_device = _row(
    "device",
    lengths=None,
    pid=_pid,
    ordinal=st.integers(0, 1),
    gpu=st.sampled_from([0, 1, 3, None]),
    more=st.sampled_from([{}, {"uuid": "MIG-a"}, {"uuid": "GPU-b"}]),
)
_gpu = _row(
    "gpu",
    lengths=None,
    number=st.integers(0, 3),
    name=st.sampled_from(["A", "B"]),
    cuDevice=st.sampled_from([0, 1, None]),
    uuid=st.sampled_from([None, "GPU-b"]),
)
_stream_kind = _row(
    "stream", lengths=None, stream=st.integers(7, 8), flag=st.integers(0, 3), pid=_pid, context=st.integers(1, 2)
)
_osrt, _overhead = (_row(table, _long, **_thread) for table in ("osrt", "overhead"))
_ROWS = st.one_of(
    *(_kernel, _kernel, _kernel, _call, _call, _call, _sync, _sync),
    *(_row("memcpy", node=_node, **_op), _row("memset", node=_node, **_op), _row("graph_trace", **_graph_trace)),
    *(_event_record, _nvtx, _open_nvtx, _osrt, _overhead),
)


_range = _row("nvtx", _long, text=st.sampled_from(["outer", "inner"]), pid=_pid, tid=_tid)


@st.composite
def _launch(draw: st.DrawFn) -> list[Row]:
    """A call and the ops it launched: shortly after it, now and then before, or on another stream or GPU."""
    correlation, pid, start, length = draw(st.integers(1, 9)), draw(_pid), draw(_time), draw(_length)
    kind = draw(st.sampled_from(["kernel", "kernel", "kernel", "memcpy", "memset", "graph_trace"]))
    graph = draw(st.integers(0, 3)) == 0 and kind != "graph_trace"
    name = "cudaGraphLaunch_v10000" if graph else "cudaLaunchKernel_v7000"
    call = {"start": start, "end": start + length, "correlation": correlation, "name": name}
    rows: list[Row] = [("call", {**call, "pid": pid, "tid": draw(_tid)})]
    for _ in range(draw(st.integers(1, 4)) if graph else 1):
        start = max(0, start + draw(st.integers(-1, 9)))
        place = {"stream": draw(_stream), "context": draw(_context), "device": draw(st.sampled_from([0, 0, 0, 1]))}
        op = {"start": start, "end": start + draw(_length), "correlation": correlation, "pid": pid, **place}
        rows.append((kind, {**op, "node": draw(st.integers(1, 2))} if graph else op))
    return rows


@st.composite
def report_rows(draw: st.DrawFn) -> list[Row]:
    """The rows of a report, at least one of them a kernel."""
    rows: list[Row] = [("kernel", {"start": 10, "end": 12, "correlation": 1})]
    for launch in draw(st.lists(_launch(), min_size=2, max_size=10)):
        rows += launch
    rows += draw(st.lists(_sync, min_size=1, max_size=4))
    rows += draw(st.lists(st.one_of(_event_record, _range, _osrt, _overhead), max_size=4))
    rows += draw(st.lists(_ROWS, max_size=12))
    rows += draw(st.lists(st.one_of(_gpu, _stream_kind), max_size=4))
    if draw(st.integers(0, 3)) == 0:
        rows.append(("row", {"table": "ANALYSIS_DETAILS", "duration": 1}))
        rows.append(("kernel", {"start": 10_000_000_000, "end": 10_000_000_000 + draw(st.integers(1, 9))}))
    return rows + draw(st.lists(_device, max_size=3))


def selections(most: int = 3) -> st.SearchStrategy[list[tuple[int, int]]]:
    """A few times to select, in any order, of any overlap."""
    one = st.tuples(_time, st.integers(1, 15)).map(lambda pair: (pair[0], pair[0] + pair[1]))
    return st.lists(one, min_size=1, max_size=most)


def build(rows: list[Row]) -> ReportBuilder:
    """The report of these rows."""
    report = ReportBuilder()
    for method, arguments in rows:
        plain = {name: value for name, value in arguments.items() if name != "more"}
        getattr(report, method)(**plain, **arguments.get("more", {}))
    return report
