"""The names of NVTX domains: a program's libraries mark their ranges in domains of their own, such as NCCL's."""

from __future__ import annotations

import numpy as np

from nsysgap.report.cells import whole, words
from nsysgap.report.reads import OneOf
from nsysgap.report.source import Source
from nsysgap.report.streams import PID_SHIFT
from nsysgap.tables import Table

DOMAIN_CREATED = 75  # ENUM_NSYS_EVENT_TYPE: NvtxDomainCreate


def read_domains(source: Source, processes: Table) -> dict[tuple[int, int], str]:
    """The name of each NVTX domain: {(row of processes, domain ID): name}; IDs are a process's own."""
    if not source.catalog.has("NVTX_EVENTS", "eventType", "domainId", "globalTid"):
        return {}
    columns = ("globalTid", "domainId", "text", "textId")
    rows = list(source.rows("NVTX_EVENTS", columns, OneOf("eventType", (DOMAIN_CREATED,))))
    ids = sorted({text_id for *_, own, text_id in rows if own is None and whole(text_id) is not None})
    shared = dict(source.rows("StringIds", ("id", "value"), OneOf("id", tuple(ids)))) if ids else {}
    names = {}
    for thread, domain, own, text_id in rows:
        name = words(shared.get(text_id) if own is None else own)
        if name and whole(thread) is not None and whole(domain) is not None:
            process = int(np.searchsorted(processes["global_pid"], thread >> PID_SHIFT << PID_SHIFT))
            if process < processes.rows and processes["global_pid"][process] == thread >> PID_SHIFT << PID_SHIFT:
                names[process, domain] = name
    return names
