"""Which physical GPU an op ran on: a row's deviceId is only its process's own ordinal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nsysgap.arrays import combined_codes, distinct
from nsysgap.report.cells import whole, words
from nsysgap.report.source import Source
from nsysgap.tables import Device, Notice, Table
from nsysgap.units import counted

HOST_SHIFT = 48  # nsys keeps host and virtual machine above the pid
PER_NUMBER = 1 << 16  # where numbers alone do not name GPUs, this many share one
MOST_NUMBERS = 1 << 14
BEGINS_ON_HOST = 0x7FFFFFFF  # CUPTI's deviceId and contextId of a whole graph that begins with a host node


class Gpu(NamedTuple):
    """A row of TARGET_INFO_GPU. `host`: the upper 16 bits of its processes' globalPid, None where not told."""

    host: int | None
    id: int
    name: str | None
    sm_count: int | None
    memory: int | None
    bus: str | None
    cuda: int | None
    uuid: str


class Identity(NamedTuple):
    """What an ordinal of a process stands for: a GPU's number, and what else it takes to name one ("" nothing)."""

    number: int
    which: str
    resolved: str
    host: int
    known: bool


@dataclass(frozen=True)
class Gpus:
    """Which GPUs ops ran on. `device`: the `Device.id` of every op; `devices`: those, and all that are described;
    `gpu_of`: by (global process ID, its ordinal)."""

    device: NDArray[np.int32]
    devices: tuple[Device, ...]
    notices: tuple[Notice, ...]
    gpu_of: dict[tuple[int, int], int]


def identify_gpus(source: Source, processes: Table, process: NDArray[np.int32], ordinal: NDArray[np.int32]) -> Gpus:
    """Match the ordinals of ops with GPUs: `process` and `ordinal` are columns of ops, int32 of shape (ops,)."""
    pairs, number = combined_codes(process, ordinal)
    used, first = np.unique(pairs, return_index=True)
    owners = [int(processes["global_pid"][process[row]]) for row in first.tolist()]
    ordinals = [int(ordinal[row]) for row in first.tolist()]
    gpus = read_gpus(source)
    resolving = _Identities(source, gpus, list(zip(owners, ordinals, strict=True)))
    identities = resolving.all()
    ids = _device_ids(identities, gpus)
    table = np.zeros(number, np.int32)
    table[used] = [ids[identity.number, identity.which] for identity in identities]
    pair_ids = {
        pair: ids[identity.number, identity.which] for pair, identity in zip(resolving.pairs, identities, strict=True)
    }
    notices = (*_unknown(identities, owners), *_begun_on_host(identities))
    return Gpus(table[pairs], _devices(gpus, identities, ids), notices, pair_ids)


class _Identities:
    """Resolves (global process ID, ordinal) pairs, of which none is there twice."""

    def __init__(self, source: Source, gpus: list[Gpu], pairs: list[tuple[int, int]]) -> None:
        self.gpus = gpus
        self.pairs = pairs
        self.table: dict[tuple[int, int], tuple[int | None, str]] = {}
        for cells in source.rows("TARGET_INFO_CUDA_DEVICE", ("pid", "cudaId", "gpuId", "uuid")):
            pid, cuda, gpu, uuid = whole(cells[0]), whole(cells[1], 32), whole(cells[2], 32), words(cells[3])
            if pid is not None and cuda is not None and (gpu is not None or uuid):
                self.table.setdefault((pid, cuda), (gpu, uuid))
        self.hosts = {_host(process) for process, _ in pairs if process}
        self.users: dict[tuple[int, int], int] = defaultdict(int)
        for process, ordinal in pairs:
            self.users[_host(process), ordinal] += 1

    def all(self) -> list[Identity]:
        """The identity of each pair."""
        identities = [self._identity(process, ordinal) for process, ordinal in self.pairs]
        if len(self.hosts) > 1:
            identities = [
                identity._replace(which=f"{identity.which} on {identity.host}".strip()) for identity in identities
            ]
        return identities

    def _other_pids(self, pid: int) -> str:
        """Why the table that maps numbers does not tell where it is there: containers number their processes anew."""
        if not self.table or any(known == pid for known, _ in self.table):
            return ""
        return " (container's pids)"

    def _identity(self, process: int, ordinal: int) -> Identity:
        host, pid = _host(process), process >> 24 & 0xFFFFFF
        here = _of_host(self.gpus, host)
        if (pid, ordinal) in self.table:
            gpu, uuid = self.table[pid, ordinal]
            if gpu is not None:
                return Identity(gpu, "", "TARGET_INFO_CUDA_DEVICE", host, True)
            described = next((candidate.id for candidate in here if candidate.uuid == uuid), None)
            if described is not None:
                return Identity(described, "", "uuid", host, True)
            return Identity(ordinal, uuid, "MIG uuid", host, True)
        if len(here) > 1 and self.users[host, ordinal] > 1:
            which = f"of {pid}" if process else "of no process"
            return Identity(ordinal, which, f"not known{self._other_pids(pid)}", host, False)
        named = [candidate.id for candidate in here if candidate.cuda == ordinal]
        if not self.table and len(named) == 1:
            return Identity(named[0], "", "TARGET_INFO_GPU.cuDevice", host, True)
        return Identity(ordinal, "", f"the process's own number{self._other_pids(pid)}", host, True)


def _host(process: int) -> int:
    return process >> HOST_SHIFT & 0xFFFF


def _of_host(gpus: list[Gpu], host: int) -> list[Gpu]:
    """The GPUs of a host; all where none is said to be of that host."""
    return [gpu for gpu in gpus if gpu.host == host] or gpus


def _device_ids(identities: list[Identity], gpus: list[Gpu]) -> dict[tuple[int, str], int]:
    """An ID for each GPU, in the order of number and `which`: its number, where numbers alone name all."""
    keys = sorted({(identity.number, identity.which) for identity in identities} | {(gpu.id, "") for gpu in gpus})
    if not any(which for _, which in keys):
        return {key: key[0] for key in keys}
    return {key: min(key[0], MOST_NUMBERS) * PER_NUMBER + rank for rank, key in enumerate(keys)}


def _devices(gpus: list[Gpu], identities: list[Identity], ids: dict[tuple[int, str], int]) -> tuple[Device, ...]:
    """Every GPU that an op ran on and every one that the report describes, by number."""
    devices: dict[int, Device] = {}
    for identity in identities:
        device_id = ids[identity.number, identity.which]
        devices.setdefault(device_id, _device(_of_host(gpus, identity.host), identity, device_id))
    used = {(identity.host, identity.number) for identity in identities if identity.known}
    for gpu in gpus:
        device_id = ids[gpu.id, ""]
        if device_id not in devices and (gpu.host, gpu.id) not in used:
            devices[device_id] = _described(gpu, device_id)
    return tuple(sorted(devices.values(), key=lambda device: (device.number, device.which or "")))


def _device(gpus: list[Gpu], identity: Identity, device_id: int) -> Device:
    """The device of an identity, described by the GPU with its number, or by what all its host's GPUs share."""
    one_gpu = not identity.which or identity.which == f"on {identity.host}"
    own = [gpu for gpu in gpus if gpu.id == identity.number] if one_gpu else gpus
    alike = len({(gpu.name, gpu.sm_count, gpu.memory) for gpu in own}) == 1
    device = _described(own[-1], device_id) if alike else Device(device_id)
    if not one_gpu:
        device = replace(device, bus=None, sm_count=None, total_memory=None)
    own_number = _own(identity.number, device_id)
    return replace(device, which=identity.which or None, own_number=own_number, resolved=identity.resolved)


def _described(gpu: Gpu, device_id: int) -> Device:
    return Device(device_id, gpu.name, gpu.sm_count, gpu.memory, gpu.bus, own_number=_own(gpu.id, device_id))


def _own(number: int, device_id: int) -> int | None:
    """The GPU's number where its ID is another."""
    return None if number == device_id else number


def _unknown(identities: list[Identity], owners: list[int]) -> Iterable[Notice]:
    """A warning where processes use one ordinal and nothing tells whether that is one GPU."""
    unknown = {owner for identity, owner in zip(identities, owners, strict=True) if not identity.known}
    if unknown:
        said = counted(len(unknown), "process runs", "processes run")
        yield Notice(
            "warning",
            f"{said} on a GPU that the report does not tell: each numbers its GPUs itself, and the report describes "
            'several. They are kept apart ("of PID"), though they may share one.',
        )


def _begun_on_host(identities: list[Identity]) -> Iterable[Notice]:
    """A warning where processes have no other op that would tell the GPU of whole graphs that begin on the host."""
    number = sum(identity.number == BEGINS_ON_HOST for identity in identities)
    if number:
        said = counted(number, "process ran", "processes ran")
        yield Notice(
            "warning",
            f"{said} only whole graphs that begin with a host node: on which GPU the report does not tell, and numbers "
            f"it {BEGINS_ON_HOST}.",
        )


def read_gpus(source: Source) -> list[Gpu]:
    """The GPUs that TARGET_INFO_GPU describes, of several rows for one the last, with TARGET_INFO_CUDA_GPU's sizes."""
    number = source.catalog.first("TARGET_INFO_GPU", "id", "deviceId")
    if number is None:
        return []
    columns = (number, "vmId", "name", "smCount", "totalMemory", "busLocation", "cuDevice", "uuid")
    sizes = {gpu: (sms, memory) for gpu, sms, memory in source.rows("TARGET_INFO_CUDA_GPU", _OLDEST_SIZES)}
    gpus: dict[tuple[int | None, int], Gpu] = {}
    for cell, vm, name, sms, memory, bus, cuda, uuid in source.rows("TARGET_INFO_GPU", columns):
        gpu, host = whole(cell, 32), whole(vm)
        if gpu is not None:
            host = None if host is None else host >> HOST_SHIFT & 0xFFFF
            size = (sms, memory) if sms is not None or memory is not None else sizes.get(gpu, (None, None))
            said = (words(name) or None, whole(size[0]), whole(size[1]), words(bus) or None)
            gpus[host, gpu] = Gpu(host, gpu, *said, whole(cuda, 32), words(uuid))
    return list(gpus.values())


_OLDEST_SIZES = ("deviceId", "numMultiprocessors", "globalMemorySize")


def placed_graphs(columns: dict[str, NDArray[Any]]) -> None:
    """Give whole graphs that begin with a host node the device and context of their process's other ops.

    Of those on the same stream, else of all, the first to start counts. `columns`: all ops, changed in place.
    """
    nowhere = np.flatnonzero(columns["device"] == BEGINS_ON_HOST)
    if not len(nowhere):
        return
    other = np.flatnonzero(columns["device"] != BEGINS_ON_HOST)
    other = other[np.argsort(columns["start"][other], kind="stable")]
    for row in nowhere.tolist():
        mine = other[columns["process"][other] == columns["process"][row]]
        beside = mine[columns["stream"][mine] == columns["stream"][row]]
        for first in (beside if len(beside) else mine)[:1].tolist():
            columns["device"][row], columns["context"][row] = columns["device"][first], columns["context"][first]


def one_caller(threads: NDArray[np.int64]) -> int:
    """The process that made all API calls, by its calls' globalTids; 0 where several did, or none."""
    callers = distinct(threads[threads > 0] >> 24) << 24
    return int(callers[0]) if len(callers) == 1 else 0
