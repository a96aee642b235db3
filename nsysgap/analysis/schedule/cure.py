"""What a critical path's largest part is, and what that asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nsysgap.analysis.schedule.constants import MANY_WAITS
from nsysgap.analysis.schedule.path_rows import OWN_CODE, PathRow
from nsysgap.units import percent, printable

LAUNCHING = "host and launches"


@dataclass(frozen=True, slots=True)
class Limit:
    """A share of the path that one cure could take out. `kind`: kernel, pageable copy, pinned copy, range, os wait,
    host and launches, sync tail, between ops, other calls; `name`: the kernel, range or call; `ns` of the path."""

    kind: str
    name: str
    ns: int


def limits_of(parts: Mapping[str, int], rows: Sequence[PathRow]) -> list[Limit]:
    """The path's shares by what would take them out, largest first."""
    limits = [
        *_copies(rows),
        *_one("kernel", [row for row in rows if row.part == "gpu" and not row.detail]),
        *_range(rows),
        *_one("os wait", [row for row in rows if row.part == "os_wait"]),
        Limit(LAUNCHING, "", _launching(parts, rows)),
        Limit("sync tail", "", parts["sync_tail"]),
        Limit("between ops", "", parts["between_ops"]),
        *_one("other calls", [row for row in rows if row.part == "other_calls"]),
    ]
    return sorted((limit for limit in limits if limit.ns > 0), key=lambda limit: -limit.ns)


def _one(kind: str, mine: Sequence[PathRow]) -> list[Limit]:
    """All of a kind together, under the name of the largest."""
    if not mine:
        return []
    return [Limit(kind, max(mine, key=lambda row: row.ns).name, sum(row.ns for row in mine))]


def _copies(rows: Sequence[PathRow]) -> list[Limit]:
    copies = [row for row in rows if row.part == "gpu" and row.detail]
    pageable = [row for row in copies if row.detail == "pageable"]
    return [
        *_one("pageable copy", pageable),
        *_one("pinned copy", [row for row in copies if row.detail != "pageable"]),
    ]


def _by_range(rows: Sequence[PathRow]) -> dict[str, int]:
    """The program's own time in each range, ns."""
    sums: dict[str, int] = {}
    for row in rows:
        if row.part == "host" and row.name != OWN_CODE:
            sums[row.name] = sums.get(row.name, 0) + row.ns
    return sums


def _range(rows: Sequence[PathRow]) -> list[Limit]:
    sums = _by_range(rows)
    if not sums:
        return []
    name = max(sums, key=lambda range_name: (sums[range_name], range_name))
    return [Limit("range", name, sums[name])]


def _launching(parts: Mapping[str, int], rows: Sequence[PathRow]) -> int:
    """Launch calls, their latency, and the program's own code outside of ranges."""
    return parts["host"] - sum(_by_range(rows).values()) + parts["launch_calls"] + parts["launch_latency"]


def cure_text(parts: Mapping[str, int], limits: Sequence[Limit]) -> str:
    """What the largest part asks for, a sentence; what waits and steps between ops ask for, where those are many."""
    if not limits:
        return "Nothing is on the path."
    whole = max(sum(parts.values()), 1)
    first = limits[0]
    share, name = percent(first.ns, whole), printable(first.name, 60)
    said = {
        "kernel": f"Faster kernels: {share} is kernels, most of it {name}.",
        "pageable copy": f"Pin the host memory: {share} is copies of pageable memory ({name}).",
        "pinned copy": f"Overlap the copies with kernels, on a stream of their own: {share} is copies ({name}).",
        "range": f"The range {name} takes {share}: make it faster, or do it on another thread.",
        "os wait": f"{share} is waiting in the OS, most of it {name}: look at the thread that is waited for.",
        LAUNCHING: f"Host code and launches take {share}: a CUDA graph, fused or batched kernels.",
        "sync tail": f"{share} is the return from waits: synchronise less often, or launch further ahead.",
        "between ops": f"{share} passes between ops of a stream: a CUDA graph, or fewer and larger kernels.",
        "other calls": f"Other CUDA calls take {share}, most of it {name}.",
    }[first.kind]
    waits = parts["sync_tail"] + parts["between_ops"]
    if waits > MANY_WAITS * whole and first.kind not in ("sync tail", "between ops"):
        said += f" Waits and steps between ops take {percent(waits, whole)}: fewer syncs, or a graph."
    return said
