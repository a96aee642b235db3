"""NVTX extended payloads: binary data whose layout the report itself describes, decoded as described or refused.

NVTX_PAYLOAD_SCHEMAS and NVTX_PAYLOAD_SCHEMA_ENTRIES hold what the program registered: types, offsets and flags are
those of nvToolsExtPayload.h (https://github.com/NVIDIA/NVTX). Bytes between members are padding and hold anything: the
line of a Python frame is an int32 followed by four of them. An exported blob begins with the number of payloads (u64),
then for each its schema ID, size and offset within the blob (u64 each). Little-endian. Nothing outside a blob is read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsysgap.report.catalog import PAYLOAD_SCHEMAS
from nsysgap.report.cells import whole
from nsysgap.report.reads import OneOf, Present
from nsysgap.report.source import Source

_ENTRIES = "NVTX_PAYLOAD_SCHEMA_ENTRIES"
_ENUMS = "NVTX_PAYLOAD_ENUMS"
_FIXED_TYPES = ["i1", "u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8"]  # 11 to 18: int8 to uint64
_C_TYPES = [*_FIXED_TYPES, "<i8", "<u8"]  # 1 to 10: char to unsigned long long on 64-bit Linux
_TYPES = dict(enumerate(_C_TYPES + _FIXED_TYPES, start=1)) | {
    22: "<u8",  # size_t
    23: "<u8",  # an address
    80: "<u8",  # NVTX_PAYLOAD_ENTRY_TYPE_NVTX_REGISTERED_STRING_HANDLE: in an export the StringIds.id
}
_STRUCT_CODES = {"i1": "<b", "u1": "<B", "i2": "<h", "u2": "<H", "i4": "<i", "u4": "<I", "i8": "<q", "u8": "<Q"}
_ARRAY_LENGTH_INDEX = 3 << 4
_ARRAY_OR_POINTER = 0x7E
_DESCRIPTOR = struct.Struct("<QQQ")
_COUNT = struct.Struct("<Q")
MAX_FRAMES = 100_000
_FARTHEST = 1 << 20
PAYLOADS = (OneOf("eventType", (34,)), Present("binaryData"))  # which rows of NVTX_EVENTS carry one
PYTHON_SAMPLING, PYTHON_BACKTRACE = "Python Periodic Sampling", "Python Backtrace on CUDA"


@dataclass(frozen=True, slots=True)
class Entry:
    """One member of a payload schema: its type (a number of nvToolsExtPayload.h or the ID of a schema) and offset."""

    name: str
    type: int
    flags: int
    detail: int | None
    offset: int | None


@dataclass(frozen=True, slots=True)
class PayloadSchema:
    """A payload layout as registered; `size` is that of a static one, None where it varies."""

    domain: int
    id: int
    name: str
    size: int | None
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class StackLayout:
    """How a payload holds a stack: where its frame count is, where the frames begin, and the fields of each."""

    name: str
    count: struct.Struct
    count_offset: int
    frames_offset: int
    frame: np.dtype[Any]


def payload_schemas(source: Source) -> list[PayloadSchema]:
    """Every payload schema of a report, in its order."""
    if not source.catalog.has(PAYLOAD_SCHEMAS, "domainId", "schemaId", "name", "payloadSize"):
        return []
    entries: dict[tuple[int, int], list[Entry]] = {}
    if source.catalog.has(
        _ENTRIES, "domainId", "schemaId", "idx", "flags", "type", "name", "arrayOrUnionDetail", "offset"
    ):
        columns = ("domainId", "schemaId", "name", "type", "flags", "arrayOrUnionDetail", "offset", "idx")
        for domain, schema, name, kind, flags, detail, offset, _ in sorted(
            source.rows(_ENTRIES, columns), key=lambda row: whole(row[-1]) or 0
        ):
            layout = (whole(kind) or 0, whole(flags) or 0, whole(detail), whole(offset))
            entries.setdefault((domain, schema), []).append(Entry(str(name or ""), *layout))
    rows = source.rows(PAYLOAD_SCHEMAS, ("domainId", "schemaId", "name", "payloadSize"))
    return [
        PayloadSchema(domain, schema, str(name or ""), whole(size), tuple(entries.get((domain, schema), ())))
        for domain, schema, name, size in rows
    ]


def python_stacks(source: Source) -> frozenset[str]:
    """Which of PYTHON_SAMPLING and PYTHON_BACKTRACE a report holds stacks of: registered, and exported with blobs."""
    if not source.catalog.has("NVTX_EVENTS", "eventType", "binaryData"):
        return frozenset()
    names = frozenset(name for (name,) in source.rows(PAYLOAD_SCHEMAS, ("name",)))
    registered = names & {PYTHON_SAMPLING, PYTHON_BACKTRACE}
    return registered if registered and source.first("NVTX_EVENTS", (), *PAYLOADS) else frozenset()


def enum_sizes(source: Source) -> dict[int, int]:
    """The size in bytes of each registered enum, by schema ID."""
    if not source.catalog.has(_ENUMS, "schemaId", "size"):
        return {}
    return {schema: size for schema, size in source.rows(_ENUMS, ("schemaId", "size")) if whole(size)}


def stack_layouts(
    schemas: Sequence[PayloadSchema], enums: Mapping[int, int], names: Sequence[str]
) -> tuple[dict[tuple[int, int], StackLayout], list[str]]:
    """({(domain, schema ID): layout} of the schemas with these names, what is wrong with those that hold no stack)."""
    layouts: dict[tuple[int, int], StackLayout] = {}
    refused = []
    for schema in schemas:
        if schema.name in names:
            try:
                layouts[schema.domain, schema.id] = _layout(schema, schemas, enums)
            except ValueError as error:
                refused.append(f"'{schema.name}' {error}")
    return layouts, refused


def _layout(schema: PayloadSchema, schemas: Sequence[PayloadSchema], enums: Mapping[int, int]) -> StackLayout:
    arrays = [i for i, entry in enumerate(schema.entries) if entry.flags & _ARRAY_OR_POINTER]
    if arrays != [len(schema.entries) - 1] or schema.entries[-1].flags & _ARRAY_OR_POINTER != _ARRAY_LENGTH_INDEX:
        raise ValueError("does not end with one array whose length another member tells")
    frames = schema.entries[-1]
    members = [other for other in schemas if other.id == frames.type and other.domain == schema.domain]
    if len(members) != 1:
        raise ValueError("has frames of an unknown type")
    if frames.detail is None or not 0 <= frames.detail < len(schema.entries) - 1:
        raise ValueError("does not say how many frames there are")
    offsets = _offsets(schema.entries[:-1], enums)
    counter = schema.entries[frames.detail]
    if counter.type not in _TYPES:
        raise ValueError("counts frames in a type that is no integer")
    count = struct.Struct(_STRUCT_CODES[_TYPES[counter.type].strip("<")])
    end = offsets[-1]
    begin = end if frames.offset is None else _natural(frames.offset)
    if begin < offsets[frames.detail] + count.size:
        raise ValueError("has frames that begin before their count ends")
    return StackLayout(
        name=schema.name,
        count=count,
        count_offset=offsets[frames.detail],
        frames_offset=begin,
        frame=_frame_type(members[0], enums),
    )


def _frame_type(schema: PayloadSchema, enums: Mapping[int, int]) -> np.dtype[Any]:
    wanted = {"Function": "function", "File": "file", "Line": "line"}
    offsets = _offsets(schema.entries, enums)
    formats, starts, names = [], [], []
    for entry, offset in zip(schema.entries, offsets, strict=False):
        if entry.name in wanted and not entry.flags & _ARRAY_OR_POINTER:
            names.append(wanted[entry.name])
            formats.append(_TYPES.get(entry.type, ""))
            starts.append(offset)
    if sorted(names) != ["file", "function", "line"] or not all(formats):
        raise ValueError("has frames without function, file and line")
    size = schema.size or offsets[-1]
    if size >= _FARTHEST:
        raise ValueError(f"has frames of {size} bytes")
    if max(start + np.dtype(kind).itemsize for start, kind in zip(starts, formats, strict=True)) > size:
        raise ValueError("has frames with a member outside of them")
    return np.dtype({"names": names, "formats": formats, "offsets": starts, "itemsize": size})


def _offsets(entries: Sequence[Entry], enums: Mapping[int, int]) -> list[int]:
    """The offset of each entry, and where the next would begin: as told, else by natural alignment as in C."""
    offsets, end = [], 0
    for i, entry in enumerate(entries):
        size = np.dtype(_TYPES[entry.type]).itemsize if entry.type in _TYPES else enums.get(entry.type, 0)
        if not size or size > 8:
            raise ValueError(f"has a member '{entry.name}' of the unknown type {entry.type}")
        aligned = 0 if i == 0 else -(-end // size) * size
        offsets.append(aligned if entry.offset is None else _natural(entry.offset))
        end = offsets[-1] + size
    return [*offsets, -(-end // 8) * 8]


def _natural(offset: int) -> int:
    if not 0 <= offset < _FARTHEST:
        raise ValueError(f"has a member at the offset {offset}")
    return offset


def stack_bytes(
    blob: bytes, domain: int, layouts: Mapping[tuple[int, int], StackLayout]
) -> tuple[StackLayout, bytes] | None:
    """The layout and the frames' bytes of a blob's first stack, None if it holds no stack.

    Raises ValueError for a blob that is cut off or whose sizes contradict one another.
    """
    for schema, payload in payloads_of(blob):
        layout = layouts.get((domain, schema))
        if layout is not None:
            return layout, _frames(payload, layout)
    return None


def payloads_of(blob: bytes) -> Iterator[tuple[int, bytes]]:
    """(schema ID, bytes) of each payload of an exported blob.

    Raises ValueError, when it gets there, for what is cut off or lies outside.
    """
    if len(blob) < _COUNT.size:
        raise ValueError("too short")
    (payloads,) = _COUNT.unpack_from(blob)
    table_end = _COUNT.size + payloads * _DESCRIPTOR.size
    if table_end > len(blob):
        raise ValueError("too short for its payloads")
    for position in range(_COUNT.size, table_end, _DESCRIPTOR.size):
        schema, size, offset = _DESCRIPTOR.unpack_from(blob, position)
        if offset < table_end or offset + size > len(blob):
            raise ValueError("a payload lies outside")
        yield schema, blob[offset : offset + size]


def _frames(payload: bytes, layout: StackLayout) -> bytes:
    if layout.count_offset + layout.count.size > len(payload):
        raise ValueError("too short for its frame count")
    (count,) = layout.count.unpack_from(payload, layout.count_offset)
    if not 0 <= count <= MAX_FRAMES or layout.frames_offset + count * layout.frame.itemsize != len(payload):
        raise ValueError("its size is not that of its frames")
    return payload[layout.frames_offset :]


def decode_frames(layout: StackLayout, joined: bytes) -> dict[str, NDArray[np.int64]]:
    """The members function and file (StringIds.id) and line of consecutive frames, int64 arrays of shape (frames,)."""
    records = np.frombuffer(joined, layout.frame)
    return {name: records[name].astype(np.int64) for name in ("function", "file", "line")}


def string_ids(blob: bytes, domain: int, layouts: Mapping[tuple[int, int], StackLayout]) -> set[int]:
    """The StringIds that a blob may point to: those of a stack's frames, else every aligned 64-bit number in it."""
    try:
        stack = stack_bytes(blob, domain, layouts)
    except ValueError:
        stack = None
    if stack is None:
        return set(np.frombuffer(blob, "<i8", len(blob) // 8).tolist())
    members = decode_frames(*stack)
    return set(members["function"].tolist()) | set(members["file"].tolist())
