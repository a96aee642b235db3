"""Chrome's trace event format (JSON), as Perfetto, chrome://tracing and the readers of PyTorch's profiles take it.

https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU. Times are microseconds with exactly
three decimals, so nanoseconds stay exact. Perfetto takes escapes in strings literally, so names hold no backslash
and no control character: a look-alike stands for them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from nsysgap.arrays import codes
from nsysgap.render.batches import CHUNK, batches, chunks
from nsysgap.render.rows import Rows

if TYPE_CHECKING:
    from nsysgap.render.compress import Sink
    from nsysgap.tracks import Arg, Counter, Flow, Slices, Texts, Viewed

Json = dict[str, Any]
Advance = Callable[[int], None]
_LOOK_ALIKES = {
    **{code: 0x2400 + code for code in range(0x20)},
    **dict.fromkeys((*range(0x7F, 0xA0), *range(0xD800, 0xE000)), 0xFFFD),
    ord("\\"): 0xFF3C,
}


def clean(name: str) -> str:
    r"""A name that every reader shows alike: "\n" becomes "␊", "\" the full-width backslash."""
    return name.translate(_LOOK_ALIKES)


def quoted(name: str) -> bytes:
    """A cleaned name as a JSON string."""
    return json.dumps(clean(name), ensure_ascii=False).encode()


def write_chrome(viewed: Viewed, file: Sink, advance: Advance | None = None) -> None:
    """Write a whole trace. `advance` is called with the number of slices written since the last call."""
    for part in chrome_parts(viewed, advance or (lambda _: None)):
        file.write(part)


def chrome_parts(viewed: Viewed, advance: Advance) -> Iterator[bytes | bytearray]:
    """The trace in pieces of a few MB: the header, then one event per line."""
    yield _header(viewed)
    tracks = _TrackTable(viewed)
    yield b",\n".join(_metadata(viewed))
    for source in viewed.sources:
        for chunk in chunks(source):
            for batch in batches(chunk):
                yield _slices(batch, tracks, viewed.zero)
            advance(len(chunk))
    for counter in viewed.counters():
        yield from _counter(counter, viewed)
    yield b"\n]}\n"


def _header(viewed: Viewed) -> bytes:
    head = {
        "schemaVersion": 1,
        "deviceProperties": list(viewed.gpus),
        "distributedInfo": {
            "backend": "nccl",
            "rank": viewed.facts.get("rank", 0),
            "world_size": viewed.facts.get("world_size", 1),
        },
        "displayTimeUnit": "ns",
        "otherData": viewed.facts,
    }
    text = json.dumps(_cleaned(head), ensure_ascii=False, allow_nan=False, indent=1)
    return f'{text[:-2]},\n"traceEvents": [\n'.encode()


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(key): _cleaned(member) for key, member in value.items()}
    return [_cleaned(member) for member in value] if isinstance(value, list | tuple) else value


def _metadata(viewed: Viewed) -> Iterator[bytes]:
    """Names of processes and threads and the order that chrome://tracing keeps (Perfetto sorts by name)."""
    for order, group in enumerate(viewed.groups):
        yield _meta("process_name", group.pid, 0, "name", quoted(group.name))
        yield _meta("process_sort_index", group.pid, 0, "sort_index", b"%d" % order)
        if group.gpu is not None:
            yield _meta("process_labels", group.pid, 0, "labels", b'"GPU %d"' % group.gpu)
    for order, track in enumerate(viewed.tracks):
        pid = viewed.groups[track.group].pid
        yield _meta("thread_name", pid, track.tid, "name", quoted(track.name))
        yield _meta("thread_sort_index", pid, track.tid, "sort_index", b"%d" % order)


def _meta(kind: str, pid: int, tid: int, key: str, value: bytes) -> bytes:
    return b'{"ph":"M","name":"%s","pid":%d,"tid":%d,"ts":0,"args":{"%s":%s}}' % (
        *(kind.encode(), pid, tid, key.encode()),
        value,
    )


class _TrackTable:
    """The pid and tid of each track as JSON."""

    def __init__(self, viewed: Viewed) -> None:
        self.texts = [b'"pid":%d,"tid":%d' % (viewed.groups[track.group].pid, track.tid) for track in viewed.tracks]


def _slices(batch: Slices, tracks: _TrackTable, zero: int) -> bytearray:
    """Complete events, each with its flow events right behind it."""
    rows = Rows(len(batch))
    rows.const(b',\n{"ph":"X","cat":%s,"name":' % quoted(batch.category))
    _text(rows, batch.name)
    rows.const(b",")
    used, index = codes(batch.track)
    pid_tid = [tracks.texts[i] for i in used.tolist()]
    rows.text(index, pid_tid)
    rows.const(b',"ts":')
    rows.thousandths(batch.start - zero)
    rows.const(b',"dur":')
    rows.thousandths(batch.end - batch.start)
    bound = [flow for flow in batch.flows if flow.shared is not None and flow.shared[0]]
    for flow in bound:
        _bound_flow(rows, flow)
    if batch.args:
        _args(rows, batch.args)
    rows.const(b"}")
    for flow in batch.flows:
        if flow not in bound:
            _flow_event(rows, flow, index, pid_tid, zero)
    return rows.build_text()


def _text(rows: Rows, texts: Texts) -> None:
    used, index = codes(texts.index)
    rows.text(index, [quoted(texts.texts[i]) for i in used.tolist()])


def _args(rows: Rows, args: tuple[Arg, ...]) -> None:
    rows.const(b',"args":{')
    within, first = "", True
    for arg in args:
        if arg.within != within:
            rows.const((b"}" if within else b"") + (b"" if first else b","))
            rows.const(quoted(arg.within) + b":{" if arg.within else b"")
        elif not first:
            rows.const(b",")
        within, first = arg.within, False
        rows.const(quoted(arg.name) + b":")
        _value(rows, arg)
    rows.const(b"}}" if within else b"}")


def _value(rows: Rows, arg: Arg) -> None:
    if not isinstance(arg.values, np.ndarray):
        _text(rows, arg.values)
    elif arg.values.ndim > 1:
        for i, column in enumerate(arg.values.T):
            rows.const(b"," if i else b"[")
            rows.integer(column)
        rows.const(b"]")
    elif arg.thousandths:
        rows.thousandths(arg.values)
    else:
        rows.integer(arg.values)


def _flow_event(rows: Rows, flow: Flow, index: Any, pid_tid: list[bytes], zero: int) -> None:
    """An arrow's end beside its slice: bp "e" binds it to the slice around its time, not to the next one."""
    category = quoted(flow.category)
    kind = b'"s"' if flow.out else b'"f","bp":"e"'
    rows.const(b',\n{"ph":%s,"cat":%s,"name":%s,"id":' % (kind, category, category))
    rows.integer(flow.id)
    rows.const(b",")
    rows.text(index, pid_tid)
    rows.const(b',"ts":')
    rows.thousandths(flow.at - zero)
    rows.const(b"}")


def _bound_flow(rows: Rows, flow: Flow) -> None:
    """An arrow's end as part of its slice: needs no moment that is the slice's alone."""
    rows.const(b',"bind_id":"0x')  # decimal digits read as hexadecimal ones are as unique
    rows.integer(flow.id)
    rows.const(b'","flow_out":true' if flow.out else b'","flow_in":true')


def _counter(counter: Counter, viewed: Viewed) -> Iterator[bytes | bytearray]:
    """Counter events: Perfetto names the track "name series"."""
    head = b',\n{"ph":"C","name":%s,"pid":%d,"ts":' % (
        quoted(counter.name),
        viewed.groups[counter.group].pid,
    )
    for low in range(0, len(counter.time), CHUNK):
        piece = slice(low, low + CHUNK)
        rows = Rows(len(counter.time[piece]))
        rows.const(head)
        rows.thousandths(counter.time[piece] - viewed.zero)
        rows.const(b',"args":{%s:' % quoted(counter.series))
        (rows.thousandths if counter.thousandths else rows.integer)(counter.values[piece])
        rows.const(b"}}")
        yield rows.build_text()
