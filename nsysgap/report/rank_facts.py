"""What a report says of its processes' ranks: NCCL's payloads, NVTX marks, the environment, host and clock.

NCCL marks its calls with NVTX ranges in the domain "NCCL" whose payloads tell communicator, number of ranks and rank
(NVTX_PAYLOAD_SCHEMAS; exported only with --include-blobs=true).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from nsysgap.report.cells import whole, words
from nsysgap.report.metadata import key_values
from nsysgap.report.payloads import payload_schemas, payloads_of
from nsysgap.report.reads import OneOf, Present
from nsysgap.report.source import Source
from nsysgap.report.streams import PID_SHIFT

RANK_VARIABLES = (
    *("RANK", "OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "MV2_COMM_WORLD_RANK", "FLUX_TASK_RANK"),
    "SLURM_PROCID",
)
SIZE_VARIABLES = (
    *("WORLD_SIZE", "OMPI_COMM_WORLD_SIZE", "PMIX_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE", "FLUX_JOB_SIZE"),
    "SLURM_NTASKS",
)
_MARK = 39
_PUSH_POP = 59
_MPI_RANK = re.compile(r"^MPI Rank (\d+)$")
_VARIABLE = re.compile(r'^([A-Za-z_][A-Za-z0-9_]*)="?(.*?)"?$', re.DOTALL)
_COMMUNICATOR, _RANKS, _RANK = "NCCL communicator ID", "No. of ranks", "Rank"
_MESSAGE = "Message size [bytes]"


@dataclass(frozen=True)
class NcclCall:
    """A marked NCCL call: its thread's global ID, [start, end) in ns, the communicator's ID, the bytes of its message
    as NCCL counts them (of AllGather what each rank sends), None where there is none."""

    global_tid: int
    start: int
    end: int
    communicator: int
    message_bytes: int | None = None


@dataclass(frozen=True)
class RankFacts:
    """What a report tells, by global process ID (low 24 bits cleared) where it says whose it is.

    `nccl`: (rank, world size) of the first communicator that a process joined, which is the one of all ranks;
    `mpi`: rank by a mark "MPI Rank N"; `environment`: (rank, world size), of a process that the report does not name.
    """

    nccl: dict[int, tuple[int, int]] = field(default_factory=dict)
    mpi: dict[int, int] = field(default_factory=dict)
    environment: tuple[int | None, int | None] = (None, None)
    calls: tuple[NcclCall, ...] = ()
    host: str | None = None
    gpu_uuid: dict[int, str] = field(default_factory=dict)
    utc_start_ns: int | None = None


def read_rank_facts(source: Source) -> RankFacts:
    """Everything that a report says of ranks."""
    joined, calls = _nccl(source)
    return RankFacts(
        nccl=joined,
        mpi=_mpi_marks(source),
        environment=_environment(source),
        calls=calls,
        host=_host(source),
        gpu_uuid=_uuids(source),
        utc_start_ns=_utc_start(source),
    )


def _nccl(source: Source) -> tuple[dict[int, tuple[int, int]], tuple[NcclCall, ...]]:
    layouts: dict[int, dict[str, int]] = {}
    for schema in payload_schemas(source):
        offsets = {entry.name: entry.offset for entry in schema.entries if entry.offset is not None}
        offsets |= {entry.name: 0 for entry in schema.entries if entry.offset is None and entry.name == _COMMUNICATOR}
        if _COMMUNICATOR in offsets:
            layouts[schema.id] = offsets
    joined: dict[int, tuple[int, int]] = {}
    calls = []
    if not layouts or not source.catalog.has("NVTX_EVENTS", "binaryData", "eventType"):
        return joined, ()
    for call, offsets, payload in _marked_calls(source, layouts):
        calls.append(call)
        rank, ranks = _number(payload, offsets.get(_RANK), 4), _number(payload, offsets.get(_RANKS), 4)
        process = call.global_tid >> PID_SHIFT << PID_SHIFT
        if rank is not None and ranks and ranks > joined.get(process, (0, 0))[1]:
            joined[process] = (rank, ranks)
    return joined, tuple(calls)


def _marked_calls(
    source: Source, layouts: dict[int, dict[str, int]]
) -> Iterator[tuple[NcclCall, dict[str, int], bytes]]:
    """Every marked call that names a communicator, with its payload and where its members are in it."""
    columns = ("globalTid", "start", "end", "binaryData")
    for row in source.rows("NVTX_EVENTS", columns, OneOf("eventType", (_PUSH_POP,)), Present("binaryData")):
        tid, start, end = (whole(cell) for cell in row[:3])
        if tid is None or start is None or end is None or not isinstance(row[3], bytes):
            continue
        with suppress(ValueError):  # what is damaged tells no rank
            for schema, payload in payloads_of(row[3]):
                offsets = layouts.get(schema, {})
                communicator = _number(payload, offsets.get(_COMMUNICATOR), 8)
                if communicator is not None:
                    size = _number(payload, offsets.get(_MESSAGE), 8)
                    yield NcclCall(tid, start, end, communicator, size), offsets, payload


def _number(payload: bytes, offset: int | None, size: int) -> int | None:
    if offset is None or offset + size > len(payload):
        return None
    return int.from_bytes(payload[offset : offset + size], "little")


def _mpi_marks(source: Source) -> dict[int, int]:
    ranks: dict[int, int] = {}
    if not source.catalog.has("NVTX_EVENTS", "eventType", "globalTid", "text"):
        return ranks
    for tid, text in source.rows("NVTX_EVENTS", ("globalTid", "text"), OneOf("eventType", (_MARK,)), Present("text")):
        mark = _MPI_RANK.match(words(text))
        number = whole(tid)
        if mark is not None and number is not None:
            ranks.setdefault(number >> PID_SHIFT << PID_SHIFT, int(mark.group(1)))
    return ranks


def _environment(source: Source) -> tuple[int | None, int | None]:
    """(rank, world size) by the environment that nsys started the program with."""
    variables: dict[str, str] = {}
    for name, value in key_values(source, "TARGET_INFO_SYSTEM_ENV"):
        if name == "DeviceEnvironment":
            pairs = (part.partition("=") for part in value.split(";"))
            variables |= {key: text for key, equals, text in pairs if equals}
    for name, value in key_values(source, "META_DATA_CAPTURE"):
        if name == "PROCESS_0:ENVIRONMENT_VARIABLE" and (pair := _VARIABLE.match(value)):
            variables[pair.group(1)] = pair.group(2)
    return rank_of(variables)


def rank_of(variables: Mapping[str, str]) -> tuple[int | None, int | None]:
    """(rank, world size) that variables of the environment tell."""
    return _first_number(variables, RANK_VARIABLES), _first_number(variables, SIZE_VARIABLES)


def _first_number(variables: Mapping[str, str], names: tuple[str, ...]) -> int | None:
    texts = (variables.get(name, "") for name in names)
    return next((int(text) for text in texts if text.isascii() and text.isdigit() and len(text) < 10), None)


def _host(source: Source) -> str | None:
    environment = dict(key_values(source, "TARGET_INFO_SYSTEM_ENV"))
    return environment.get("Hostname") or environment.get("HostName") or None


def _uuids(source: Source) -> dict[int, str]:
    number = source.catalog.first("TARGET_INFO_GPU", "id", "deviceId")
    if number is None or not source.catalog.has("TARGET_INFO_GPU", "uuid"):
        return {}
    rows = source.rows("TARGET_INFO_GPU", (number, "uuid"))
    return {gpu: words(uuid) for cell, uuid in rows if (gpu := whole(cell, 32)) is not None and uuid}


def _utc_start(source: Source) -> int | None:
    first = source.first("TARGET_INFO_SESSION_START_TIME", ("utcEpochNs",))
    return whole(first[0]) if first else None
