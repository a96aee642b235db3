"""Perfetto's native trace format: TrackEvent packets, integer nanoseconds, interned strings, rows in our order.

Field numbers are those of Perfetto's protos/perfetto/trace (trace_packet.proto, track_event.proto and so on); packets
are written as tables of bytes. A slice is a BEGIN and an END packet, and an END closes whichever slice of its track is
open, so what matters is the order of packets of one moment: first what ends, then what begins, outer slices first, last
what lasts no time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nsysgap.arrays import codes
from nsysgap.render.batches import CHUNK, batches, chunks
from nsysgap.render.protobuf import Packets, message, number, text

if TYPE_CHECKING:
    from nsysgap.render.compress import Sink
    from nsysgap.tracks import Arg, Counter, Flow, Slices, Source, Texts, Viewed

Advance = Callable[[int], None]
Times = NDArray[np.int64]
# Trace, TracePacket
PACKET = 1
CLOCK_SNAPSHOT, TIMESTAMP, SEQUENCE_ID, TRACK_EVENT, INTERNED_DATA, SEQUENCE_FLAGS, TRACK_DESCRIPTOR = (
    *(6, 8, 10, 11, 12, 13),
    60,
)
STATE_CLEARED, NEEDS_STATE = 1, 2
# TrackEvent
CATEGORY, ANNOTATION, TYPE, NAME, TRACK, COUNTER_VALUE, COUNTER_DOUBLE, FLOW = (
    *(3, 4, 9, 10, 11, 30, 44),
    47,
)
BEGIN, END, COUNTER = 1, 2, 4
# InternedData
CATEGORIES, NAMES, ANNOTATION_NAMES, ANNOTATION_TEXTS = 1, 2, 3, 29
# DebugAnnotation
A_NAME, A_INT, A_DOUBLE, A_ENTRIES, A_ARRAY, A_TEXT = 1, 4, 5, 11, 12, 17
# TrackDescriptor, ProcessDescriptor, ThreadDescriptor, CounterDescriptor
UUID, T_NAME, PROCESS, THREAD, PARENT, T_COUNTER, CHILD_ORDERING, RANK = 1, 2, 3, 4, 5, 8, 11, 12
EXPLICIT = 3
REALTIME, BOOTTIME = 1, 6
OWN_IDS = 1 << 24  # process and thread IDs above these are tracks of ours


def write_perfetto(viewed: Viewed, file: Sink, advance: Advance | None = None) -> None:
    """Write a whole trace. `advance` is called with the number of slices written since the last call."""
    for part in _Writer(viewed, advance or (lambda _: None)).parts():
        file.write(part)


class _Writer:
    def __init__(self, viewed: Viewed, advance: Advance) -> None:
        self.viewed, self.advance = viewed, advance
        self._interned: dict[int, dict[str, int]] = {}
        self._new: list[bytes] = []
        self._next_uuid = 1 + len(viewed.groups) + len(viewed.tracks)

    def parts(self) -> Iterator[bytes | bytearray]:
        """The trace in pieces."""
        yield self._head()
        for source in self.viewed.sources:
            yield from self._ends(source)
        tied: list[Slices] = []
        for source in self.viewed.sources:
            for chunk in chunks(source):
                yield from self._begins(chunk, tied)
                self.advance(len(chunk))
        yield from self._tied(tied)
        for source in self.viewed.sources:
            for chunk in chunks(source):
                yield from self._moments(chunk)
        for counter in self.viewed.counters():
            yield from self._counter(counter)

    # Head: clocks, facts, tracks

    def _head(self) -> bytes:
        packets = [self._packet(number(SEQUENCE_FLAGS, STATE_CLEARED) + self._clocks())]
        viewed = self.viewed
        for rank, group in enumerate(viewed.groups):
            body = text(T_NAME, group.name)
            if group.gpu is None:
                body = message(PROCESS, number(1, group.pid) + text(6, group.name))
            packets.append(self._descriptor(1 + rank, body + number(CHILD_ORDERING, EXPLICIT) + number(RANK, rank)))
        packets += [self._descriptor(self._track_uuid(i), self._track(i)) for i in range(len(viewed.tracks))]
        return b"".join(packets) + self._facts()

    def _clocks(self) -> bytes:
        """Says which time of day the trace's first moment is, if the report does."""
        start = self.viewed.facts.get("session_start_utc_ns")
        if start is None:
            return b""
        clocks = ((BOOTTIME, 0), (REALTIME, start + self.viewed.zero))
        body = b"".join(message(1, number(1, clock) + number(2, time)) for clock, time in clocks)
        return number(TIMESTAMP, 0) + message(CLOCK_SNAPSHOT, body + number(2, BOOTTIME))

    def _track(self, index: int) -> bytes:
        """A descriptor's body: a thread of the program, or a named row below its group."""
        track = self.viewed.tracks[index]
        group = self.viewed.groups[track.group]
        order = number(PARENT, 1 + track.group) + number(RANK, index)
        if group.gpu is None and track.tid < OWN_IDS:
            return message(THREAD, number(1, group.pid) + number(2, track.tid) + text(5, track.name)) + order
        return text(T_NAME, track.name) + order

    def _facts(self) -> bytes:
        """otherData as one instant on a track of its own, where the UI shows it: the format has no other place."""
        uuid = self._new_uuid()
        facts = json.dumps(self.viewed.facts, ensure_ascii=False)
        annotation = message(ANNOTATION, text(10, "otherData") + text(6, facts))
        event = number(TYPE, 3) + number(TRACK, uuid) + text(23, "otherData") + annotation
        return self._descriptor(uuid, text(T_NAME, "nsysgap")) + self._packet(
            number(TIMESTAMP, 0) + message(TRACK_EVENT, event)
        )

    def _descriptor(self, uuid: int, body: bytes) -> bytes:
        return self._packet(message(TRACK_DESCRIPTOR, number(UUID, uuid) + body))

    @staticmethod
    def _packet(body: bytes) -> bytes:
        return message(PACKET, number(SEQUENCE_ID, 1) + body)

    def _track_uuid(self, index: int) -> int:
        return 1 + len(self.viewed.groups) + index

    def _new_uuid(self) -> int:
        self._next_uuid += 1
        return self._next_uuid - 1

    # Interned strings

    def _intern(self, kind: int, name: str) -> int:
        known = self._interned.setdefault(kind, {})
        if name not in known:
            known[name] = len(known) + 1
            self._new.append(message(kind, number(1, known[name]) + text(2, name)))
        return known[name]

    def _interned_now(self) -> bytes:
        """A packet with the strings that came up since the last one."""
        new, self._new = self._new, []
        if not new:
            return b""
        return self._packet(number(SEQUENCE_FLAGS, NEEDS_STATE) + message(INTERNED_DATA, b"".join(new)))

    # Slices

    def _event(self, count: int, kind: int, time: Times, track: NDArray[np.integer[Any]]) -> Packets:
        """Packets with everything but what is in the event itself."""
        packets = Packets(count)
        packets.const(number(SEQUENCE_ID, 1) + number(SEQUENCE_FLAGS, NEEDS_STATE))
        packets.varint(TIMESTAMP, time - self.viewed.zero)
        packets.open(TRACK_EVENT, wide=True)
        packets.const(number(TYPE, kind))
        packets.varint(TRACK, track.astype(np.int64) + self._track_uuid(0))
        return packets

    def _ends(self, source: Source) -> Iterator[bytes | bytearray]:
        for chunk in chunks(source):
            lasting = np.flatnonzero(chunk.end > chunk.start)
            if len(lasting):
                packets = self._event(len(lasting), END, chunk.end[lasting], chunk.track[lasting])
                yield packets.build(PACKET)

    def _begins(self, chunk: Slices, tied: list[Slices]) -> Iterator[bytes | bytearray]:
        lasting = chunk.end > chunk.start
        if chunk.tied is not None and chunk.tied.any():
            together = lasting & chunk.tied
            tied.append(chunk.take(np.flatnonzero(together)))
            lasting &= ~together
        if lasting.any():
            yield from self._written(chunk if lasting.all() else chunk.take(np.flatnonzero(lasting)))

    def _tied(self, tied: list[Slices]) -> Iterator[bytes | bytearray]:
        """Slices that begin at one moment, in rounds: first the longest of each track, which hold the others."""
        rounds = _rounds(tied)
        for turn in range(max((int(turns.max(initial=-1)) for turns in rounds), default=-1) + 1):
            for slices, mine in zip(tied, rounds, strict=True):
                rows = np.flatnonzero(mine == turn)
                if len(rows):
                    yield from self._written(slices.take(rows))

    def _moments(self, chunk: Slices) -> Iterator[bytes | bytearray]:
        """Slices without duration: BEGIN, then END."""
        rows = np.flatnonzero(chunk.end == chunk.start)
        if len(rows):
            yield from self._written(chunk.take(rows))
            yield self._event(len(rows), END, chunk.end[rows], chunk.track[rows]).build(PACKET)

    def _written(self, slices: Slices) -> Iterator[bytes | bytearray]:
        for batch in batches(slices, pairs=True):
            packets = self._event(len(batch), BEGIN, batch.start, batch.track)
            packets.const(number(CATEGORY, self._intern(CATEGORIES, batch.category)))
            packets.varint(NAME, self._ids(NAMES, batch.name))
            for flow in batch.flows:
                _flow(packets, flow)
            self._annotations(packets, batch.args)
            packets.close()
            yield self._interned_now()
            yield packets.build(PACKET)

    def _ids(self, kind: int, texts: Texts) -> Times:
        used, index = codes(texts.index)
        ids: Times = np.array([self._intern(kind, texts.texts[i]) for i in used.tolist()], np.int64)[index]
        return ids

    def _annotations(self, packets: Packets, args: tuple[Arg, ...]) -> None:
        within = ""
        for arg in args:
            if arg.within != within:
                if within:
                    packets.close()
                if arg.within:
                    packets.open(ANNOTATION)
                    packets.const(number(A_NAME, self._intern(ANNOTATION_NAMES, arg.within)))
                within = arg.within
            packets.open(A_ENTRIES if within else ANNOTATION)
            packets.const(number(A_NAME, self._intern(ANNOTATION_NAMES, arg.name)))
            self._value(packets, arg)
            packets.close()
        if within:
            packets.close()

    def _value(self, packets: Packets, arg: Arg) -> None:
        if not isinstance(arg.values, np.ndarray):
            packets.varint(A_TEXT, self._ids(ANNOTATION_TEXTS, arg.values))
        elif arg.values.ndim > 1:
            for column in arg.values.T:
                packets.open(A_ARRAY)
                packets.varint(A_INT, column)
                packets.close()
        elif arg.thousandths:
            packets.double(A_DOUBLE, arg.values / 1000)
        else:
            packets.varint(A_INT, arg.values)

    # Counters

    def _counter(self, counter: Counter) -> Iterator[bytes | bytearray]:
        uuid = self._new_uuid()
        unit = text(6, counter.unit) if counter.unit else b""
        yield self._descriptor(
            uuid,
            text(T_NAME, f"{counter.name} {counter.series}")
            + number(PARENT, 1 + counter.group)
            + message(T_COUNTER, unit)
            + number(RANK, uuid),
        )
        for low in range(0, len(counter.time), CHUNK):
            piece = slice(low, low + CHUNK)
            time = counter.time[piece]
            packets = self._event(len(time), COUNTER, time, np.full(len(time), uuid - self._track_uuid(0)))
            if counter.thousandths:
                packets.double(COUNTER_DOUBLE, counter.values[piece] / 1000)
            else:
                packets.varint(COUNTER_VALUE, counter.values[piece])
            packets.close()
            yield packets.build(PACKET)


def _flow(packets: Packets, flow: Flow) -> None:
    """Arrow ends: two slices that share a number are joined, whichever comes first, so each arrow has its own.

    A terminating flow ID would have to come second, which skewed clocks do not promise.
    """
    if not flow.out:
        packets.fixed64(FLOW, flow.id if flow.pair is None else flow.pair)
        return
    packets.fixed64(FLOW, flow.id)
    if flow.pair is not None and flow.more is not None:
        for i in range(int(flow.more[0])):
            packets.fixed64(FLOW, flow.pair + i)


def _rounds(tied: list[Slices]) -> list[NDArray[np.int64]]:
    """For each slice how many of those that begin with it on its track hold it, the earlier given of equals first."""
    if not tied:
        return []
    track = np.concatenate([chunk.track for chunk in tied])
    start, end = np.concatenate([chunk.start for chunk in tied]), np.concatenate([chunk.end for chunk in tied])
    order = np.lexsort((-end, start, track))
    fresh = np.append(True, (track[order][1:] != track[order][:-1]) | (start[order][1:] != start[order][:-1]))
    position = np.arange(len(order))
    turn = np.empty(len(order), np.int64)
    turn[order] = position - np.maximum.accumulate(np.where(fresh, position, 0))
    return np.split(turn, np.cumsum([len(chunk) for chunk in tied])[:-1])
