"""Results as pandas DataFrames, for the Python API and for CSV and Parquet. Times are ns, columns as documented."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.idle.document import group_rows
from nsysgap.analysis.idle.gap_chunks import listed_gaps
from nsysgap.analysis.idle.grouping import Group
from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.causes import PARTS
from nsysgap.gap_columns import Coded, Column, GapList, Masked, joined
from nsysgap.tables import NONE, OP_KINDS, Trace, stream_ids

if TYPE_CHECKING:
    import pandas as pd


def gaps_frame(idle: IdleReport, rows: NDArray[np.intp]) -> pd.DataFrame:
    """`columns_frame` of the gaps with these numbers."""
    return columns_frame(listed_gaps(idle, rows))


def columns_frame(gaps: GapList) -> pd.DataFrame:
    """One row per gap, with the columns of `GapColumns.flat`."""
    import pandas as pd

    columns = joined(chunk.flat() for chunk in gaps.chunks)
    return pd.DataFrame({name: _pandas(column) for name, column in columns.items()})


def _pandas(column: Column) -> Any:
    import pandas as pd

    if isinstance(column, Masked):
        return pd.arrays.IntegerArray(column.values, ~column.known)
    if isinstance(column, Coded):
        values = np.empty(len(column.values), object)
        values[:] = column.values
        return values[column.code]
    return column


def groups_frame(by: str, groups: Sequence[Group]) -> pd.DataFrame:
    """One row per group of idle time, largest first: a column of what it is grouped by, then idle_ns, gaps (how many
    have a share in it), longest_ns, main_cause.
    """
    import pandas as pd

    columns = ["name", "idle_ns", "gaps", "longest_ns", "main_cause"]
    return pd.DataFrame(group_rows(groups), columns=columns).rename(columns={"name": by})


def idle_frame(idle: IdleReport) -> pd.DataFrame:
    """One row per GPU: device, name, window_{start,end}_ns, busy_ns, idle_ns, gaps, longest_gap_ns, <part>_ns."""
    import pandas as pd

    rows = [
        {
            "device": idle.trace.device(device.device).number,
            "name": idle.trace.device(device.device).name,
            "window_start_ns": device.window[0],
            "window_end_ns": device.window[1],
            "busy_ns": device.busy,
            "idle_ns": device.idle,
            "gaps": device.gap_count,
            "longest_gap_ns": device.longest_gap,
            **{f"{name}_ns": int(value) for name, value in zip(PARTS, device.idle_by_part, strict=True)},
        }
        for device in idle.devices
    ]
    before = ["device", "name", "window_start_ns", "window_end_ns", "busy_ns", "idle_ns", "gaps", "longest_gap_ns"]
    return pd.DataFrame(rows, columns=[*before, *(f"{name}_ns" for name in PARTS)])


def launches_frame(idle: IdleReport) -> pd.DataFrame:
    """One row per op that a single call launched: kind, name, device, stream, start_ns, end_ns, api (the call's name),
    call_ns, latency_ns, queue_ns, unqueued, process (pid), thread (tid), correlation_id.
    """
    import pandas as pd

    trace, latencies = idle.trace, idle.latencies
    thread = trace.api["thread"][latencies.api_call]
    frame = _ops_frame(trace, latencies.op)
    return frame.assign(
        api=_names(trace, trace.api["name"][latencies.api_call]),
        call_ns=latencies.call,
        latency_ns=latencies.latency,
        queue_ns=latencies.queue,
        unqueued=latencies.unqueued,
        process=trace.processes["pid"][trace.threads["process"][thread]],
        thread=trace.threads["tid"][thread],
        correlation_id=trace.ops["correlation"][latencies.op],
    ).astype({"kind": pd.CategoricalDtype(list(OP_KINDS))})


def _ops_frame(trace: Trace, rows: NDArray[np.intp]) -> pd.DataFrame:
    import pandas as pd

    ops = trace.ops
    return pd.DataFrame(
        {
            "kind": np.array(OP_KINDS, object)[ops["kind"][rows]],
            "name": _names(trace, ops["name"][rows]),
            "device": _numbers(trace, ops["device"][rows]),
            "stream": _stream_ids(ops["stream"][rows]),
            "start_ns": ops["start"][rows],
            "end_ns": ops["end"][rows],
        }
    )


def _numbers(trace: Trace, devices: NDArray[np.int32]) -> NDArray[np.int32]:
    """The GPUs' numbers."""
    present, index = np.unique(devices, return_inverse=True)
    return np.array([trace.device(int(device)).number for device in present], np.int32)[index]


def _stream_ids(stored: NDArray[np.int32]) -> pd.Series[int]:
    import pandas as pd

    ids = pd.Series(stream_ids(stored), dtype="Int64")
    return ids.mask(ids == NONE)


def _names(trace: Trace, index: NDArray[np.int32]) -> NDArray[np.object_]:
    present, inverse = np.unique(index, return_inverse=True)
    texts = np.array([trace.name(int(number)) for number in present], object)
    return texts[inverse] if len(present) else np.empty(0, object)


def syncs_frame(idle: IdleReport) -> pd.DataFrame:
    """One row per synchronising call: api, start_ns, end_ns, waited, wait_ns, tail_ns (missing where it found nothing
    to wait for), finished_ns (latest end of the ops it covers, missing without any), process (pid), thread (tid).
    """
    import pandas as pd

    trace, syncs = idle.trace, idle.syncs
    thread = trace.api["thread"][syncs.call]
    frame = pd.DataFrame(
        {
            "api": _names(trace, trace.api["name"][syncs.call]),
            "start_ns": trace.api["start"][syncs.call],
            "end_ns": trace.api["end"][syncs.call],
            "waited": syncs.waited,
            "wait_ns": pd.array(syncs.wait, dtype="Int64"),
            "tail_ns": pd.array(syncs.tail, dtype="Int64"),
            "finished_ns": pd.array(syncs.finished, dtype="Int64"),
            "process": trace.processes["pid"][trace.threads["process"][thread]],
            "thread": trace.threads["tid"][thread],
        }
    )
    frame.loc[~syncs.waited, ["wait_ns", "tail_ns"]] = pd.NA
    frame.loc[syncs.finished == np.iinfo(np.int64).min, "finished_ns"] = pd.NA
    return frame
