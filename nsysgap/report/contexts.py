"""Which context a GPU held when: GPU_CONTEXT_SWITCH_EVENTS (`--gpuctxsw=true`), one row per moment of a switch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nsysgap.arrays import distinct
from nsysgap.names import Names
from nsysgap.report.metadata import process_names
from nsysgap.report.reads import Columns, Read
from nsysgap.report.source import Source
from nsysgap.report.streams import PID_SHIFT
from nsysgap.report.usable import Usable
from nsysgap.tables import NONE

CONTEXT_TABLES = ("GPU_CONTEXT_SWITCH_EVENTS", "FECS_EVENTS")  # the latter in the oldest exports
# Tags as ENUM_GPU_CTX_SWITCH names them, the same in every exporter that has it; those between are requests and
# acknowledgements.
SAVE_END, RESTORE_START, CONTEXT_START = 7, 8, 9


def read_contexts(source: Source, usable: Usable, names: Names, last: int) -> Iterator[Columns]:
    """Per table the stretches in which a GPU held a context: start, end, device (the GPU's number), process (global
    process ID, 0 unknown), name. A context that was never saved held it until another took over, else until `last`.
    """
    for table in CONTEXT_TABLES:
        if source.catalog.has(table, "timestamp", "tag") and source.has_rows(table):
            yield usable.spans(table, _stretches(source, table, names, last))


def _stretches(source: Source, table: str, names: Names, last: int) -> Columns:
    reads = [
        Read("time", "timestamp"),
        Read("tag", "tag", NONE, "int32"),
        Read("sequence", "seqNo"),
        Read("context", "contextId"),
        Read("process", "globalPid"),
        Read("gpu", "gpuId", NONE, "int32"),
    ]
    events = source.columns(table, reads)
    order = np.lexsort((events["sequence"], events["time"]))
    stretches: list[tuple[int, int, int, int, int]] = []  # start, end, GPU, process, context
    held: dict[int, tuple[int, int, int]] = {}  # GPU -> context, process, since
    for row in order.tolist():
        gpu, tag, time = (int(events[name][row]) for name in ("gpu", "tag", "time"))
        context, process = int(events["context"][row]), int(events["process"][row])
        begins = tag in (RESTORE_START, CONTEXT_START)
        there = held.get(gpu)
        if there is not None and ((begins and there[0] != context) or (tag == SAVE_END and there[0] == context)):
            stretches.append((there[2], time, gpu, there[1], there[0]))
            del held[gpu]
        if begins and gpu not in held:
            held[gpu] = context, process, time
    stretches += [(since, max(since, last), gpu, process, context) for gpu, (context, process, since) in held.items()]
    return _columns(source, names, stretches)


def _columns(source: Source, names: Names, stretches: list[tuple[int, int, int, int, int]]) -> Columns:
    start, end, gpu, process, context = np.array(stretches, np.int64).reshape(len(stretches), 5).T
    processes = distinct(process >> PID_SHIFT << PID_SHIFT)
    named = dict(zip(processes.tolist(), process_names(source, names, processes).tolist(), strict=True))
    texts = [
        _name(names, named, int(global_pid), int(number)) for global_pid, number in zip(process, context, strict=True)
    ]
    return {
        "start": start,
        "end": end,
        "device": gpu.astype(np.int32),
        "process": process >> PID_SHIFT << PID_SHIFT,
        "name": np.array(texts, np.int32),
    }


def _name(names: Names, named: dict[int, int], process: int, context: int) -> int:
    """The index of what people are shown for a context."""
    whose = process >> PID_SHIFT << PID_SHIFT
    pid, name = whose >> PID_SHIFT & 0xFFFFFF, named[whose]
    called = f" ({names[name]})" if name != NONE else ""
    who = f"process {pid}{called}" if whose else "an unknown process"
    return names.add(f"GPU context {context} of {who}".encode())
