"""Loops and steps in plain slow Python, to compare the product with: NVTX loops by docs/steps.md, and what repeats.

Like reference.py it shares no code with nsysgap. All times are integer nanoseconds as the report stores them.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import reference
from reference import Call, Interval, Json, Op, Trace, clip, length, rows, stats, text_of, union

DETAILS = ("gridX", "gridY", "gridZ", "blockX", "blockY", "blockZ", "copyKind", "bytes")
Loop = dict[str, Any]


def label_of(text: str) -> str:
    """ "every run of ASCII digits replaced by `#`, together with a minus sign before it that begins the text or follows
    white space" """
    found, i = "", 0
    while i < len(text):
        signed = text[i] == "-" and (i == 0 or text[i - 1].isspace()) and text[i + 1 : i + 2] in tuple("0123456789")
        if text[i] in tuple("0123456789") or signed:
            i += 1
            while i < len(text) and text[i] in tuple("0123456789"):
                i += 1
            found += "#"
        else:
            found += text[i]
            i += 1
    return found


def steps_json(path: str, hidden_after_ns: int = reference.HIDDEN_AFTER_NS) -> list[Json]:
    """The rows of "loops" of the document "nsysgap.steps/1", of loops that NVTX tells."""
    with sqlite3.connect(Path(path).absolute().as_uri() + "?mode=ro", uri=True) as db:
        loops, trace = read_loops(db, hidden_after_ns)
        details = read_details(db)
        return [row(loop, trace, details) for loop in loops]


def main_labels(path: str) -> dict[int | None, tuple[str, int]]:
    """(label, iterations) of the main loop of every process that has an NVTX loop."""
    with sqlite3.connect(Path(path).absolute().as_uri() + "?mode=ro", uri=True) as db:
        loops, _ = read_loops(db, reference.HIDDEN_AFTER_NS)
    found = {}
    for process in {reference.process_of(loop["thread"]) for loop in loops}:
        main = main_loop(loops, process)
        found[process] = main["label"], len(main["ranges"])
    return found


def read_loops(db: sqlite3.Connection, hidden_after_ns: int) -> tuple[list[Loop], Trace]:
    db.text_factory = reference.decode
    strings = reference.read_strings(db)
    trace, _ = reference.read_trace(db, strings, hidden_after_ns)
    found = [
        loop
        for (thread, domain, label), ranges in read_ranges(db, strings).items()
        if (loop := a_loop(thread, domain, label, sorted(ranges), trace)) is not None
    ]
    return in_order(found), trace


def read_ranges(db: sqlite3.Connection, strings: dict[int, str]) -> dict[tuple[int, int, str], list[Interval]]:
    """ "NVTX_EVENTS of type 59 and 60 with an end after their start" """
    found: dict[tuple[int, int, str], list[Interval]] = defaultdict(list)
    for _, start, end, kind, thread, text, text_id, domain in rows(
        db, "NVTX_EVENTS", "start", "end", "eventType", "globalTid", "text", "textId", "domainId"
    ):
        if kind in (59, 60) and thread is not None and start is not None and end is not None and end > start:
            name = strings.get(text_id, "" if text_id is None else f"<no string {text_id}>")
            name = name if text is None else text_of(text)
            found[thread, domain or 0, label_of(name)].append((start, end))
    return found


def read_details(db: sqlite3.Connection) -> dict[tuple[str, int], tuple[Any, ...]]:
    return {
        (kind, row[0]): row[1:] for kind, table in reference.TABLE_OF_KIND.items() for row in rows(db, table, *DETAILS)
    }


def a_loop(thread: int, domain: int, label: str, ranges: list[Interval], trace: Trace) -> Loop | None:
    """ "at least 3 ranges [...] that do not overlap each other (a shared end and start do not overlap), where at least
    half of them launched an op" """
    if len(ranges) < 3 or any(a[1] > b[0] for a, b in pairwise(ranges)):
        return None
    inside = launched_inside(thread, ranges, trace)
    if 2 * sum(bool(ops) for ops in inside) < len(ranges):
        return None
    return {"thread": thread, "domain": domain, "label": label, "ranges": ranges, "ops": inside, "inside": None}


def launched_inside(thread: int, ranges: list[Interval], trace: Trace) -> list[list[tuple[Call, Op]]]:
    """For each range: "an op whose launch call starts in [start, end), on any thread of the same process", in order of
    launch. Choice: of one call's ops, and of calls that start together, the order of start, kind and row."""
    found: list[list[tuple[Call, Op]]] = [[] for _ in ranges]
    starts = [start for start, _ in ranges]
    for op in trace.ops:
        call = reference.launch_of(op, trace)
        if call is None or call.thread is None or reference.process_of(call.thread) != reference.process_of(thread):
            continue
        place = bisect_right(starts, call.start) - 1
        if place >= 0 and call.start < ranges[place][1]:
            found[place].append((call, op))
    for ops in found:
        ops.sort(
            key=lambda one: (
                *(one[0].start, one[0].rowid),
                *(one[1].start, reference.KIND_ORDER[one[1].kind], one[1].rowid),
            )
        )
    return found


def total(loop: Loop) -> int:
    return sum(end - start for start, end in loop["ranges"])


def holds(outer: Loop, inner: Loop) -> bool:
    """ "each of its ranges lies within one range of the other, and its total duration is smaller (or equal and its
    count larger)" """
    if inner is outer or inner["thread"] != outer["thread"]:
        return False
    smaller = total(inner) < total(outer)
    more = total(inner) == total(outer) and len(inner["ranges"]) > len(outer["ranges"])
    within = all(any(a <= start and end <= b for a, b in outer["ranges"]) for start, end in inner["ranges"])
    return (smaller or more) and within


def in_order(loops: list[Loop]) -> list[Loop]:
    """ "outermost first, then ops launched inside in all descending, then total duration descending, then first
    start" """
    for loop in loops:
        around = [outer for outer in loops if holds(outer, loop)]
        # Choice: innermost is the shortest in all, then the one of most ranges, the first to start, the label.
        loop["inside"] = min(
            around,
            key=lambda outer: (total(outer), -len(outer["ranges"]), outer["ranges"][0][0], outer["label"]),
            default=None,
        )
    return sorted(
        loops,
        key=lambda loop: (
            loop["inside"] is not None,
            -sum(map(len, loop["ops"])),
            -total(loop),
            loop["ranges"][0][0],
            loop["thread"],
            loop["label"],
            loop["domain"],
        ),
    )


def main_loop(loops: list[Loop], process: int | None) -> Loop:
    """ "The first of a process [...]; but one of fewer than 8 iterations gives way" """
    mine = [loop for loop in loops if reference.process_of(loop["thread"]) == process]
    chosen = mine[0]
    while len(chosen["ranges"]) < 8:
        outer = chosen
        better = [
            loop
            for loop in mine
            if holds(outer, loop) and len(loop["ranges"]) > len(outer["ranges"]) and total(loop) >= 0.8 * total(outer)
        ]
        if not better:
            break
        chosen = max(better, key=total)
    return chosen


def row(loop: Loop, trace: Trace, details: dict[tuple[str, int], tuple[Any, ...]]) -> Json:
    ranges, thread = loop["ranges"], loop["thread"]
    durations = [end - start for start, end in ranges]
    ordered = sorted(durations)
    median = ordered[(len(ordered) - 1) // 2]
    between = sum(b[0] - a[1] for a, b in pairwise(ranges))
    devices = [on_device(device, loop, trace) for device in sorted({op.device for op in trace.ops})]
    found = [one for one in devices if one is not None]
    calls = [
        call
        for call in trace.calls
        if call.thread is not None and reference.process_of(call.thread) == reference.process_of(thread)
    ]
    sequences = Counter(tuple((op.kind, op.name, *details[op.kind, op.rowid]) for _, op in ops) for ops in loop["ops"])
    warm_up = 0
    while durations[warm_up] > 2 * median:
        warm_up += 1
    return {
        "label": loop["label"],
        "source": "nvtx",
        "domain": loop["domain"],
        "process": reference.pid_of(thread),
        "thread": reference.tid_of(thread),
        "inside": loop["inside"] and loop["inside"]["label"],
        "count": len(ranges),
        "warm_up": warm_up,
        "identical": max(sequences.values()),
        "duration_ns": stats(durations),
        "between_ns": between,
        "span_ns": [ranges[0][0], ranges[-1][1]],
        "step_ns": max([median + between // (len(ranges) - 1), *(window for _, window in found)]),
        "launches": stats([len({call.rowid for call, _ in ops}) for ops in loop["ops"]]),
        "ops": stats([len(ops) for ops in loop["ops"]]),
        "api_calls": stats([sum(start <= call.start < end for call in calls) for start, end in ranges]),
        "devices": [one for one, _ in found],
    }


def windows_on(device: reference.Device, loop: Loop) -> list[Interval | None]:
    """ "g_k = start of the earliest op on d launched inside iteration k [...]; g is made ascending by a running
    maximum. Iteration k's GPU window = [g_k, g_k+1), the last one's ends at the latest end of its ops (not before
    g)" """
    firsts: list[tuple[int, int]] = []
    for k, ops in enumerate(loop["ops"]):
        mine = [op.start for _, op in ops if op.device == device]
        if mine:
            firsts.append((k, max(min(mine), firsts[-1][1] if firsts else min(mine))))
    found: list[Interval | None] = [None] * len(loop["ops"])
    for place, (k, start) in enumerate(firsts):
        last = max(op.end for _, op in loop["ops"][k] if op.device == device)
        found[k] = (start, firsts[place + 1][1] if place + 1 < len(firsts) else max(last, start))
    return found


def on_device(device: reference.Device, loop: Loop, trace: Trace) -> tuple[Json, int] | None:
    """(the row of a device, its median window)"""
    windows = windows_on(device, loop)
    there = [window for window in windows if window is not None]
    if not there:
        return None
    ops = [op for op in trace.ops if op.device == device]
    whole = (min(op.start for op in ops), max(op.end for op in ops))
    busy = union((op.start, op.end) for op in ops)
    lasting = [window for window in there if window[0] < window[1]]
    gaps = reference.device_gaps(device, ops, whole, lasting, trace)
    busy_each = [length(clip(busy, *window)) for window in there]
    idle_each = [
        sum(gap.end - gap.start for gap in gaps if start <= gap.start and gap.end <= end) for start, end in there
    ]
    lengths = sorted(end - start for start, end in there)
    found = {
        "device": device[0],
        **({"which": device[1]} if device[1] else {}),
        "without_ops": len(windows) - len(there),
        "window_ns": sum(lengths),
        "busy_ns": sum(busy_each),
        "idle_ns": sum(idle_each),
        "idle_by_cause_ns": {part: sum(gap.parts[part] for gap in gaps) for part in reference.PARTS},
        "busy_per_iteration_ns": stats(busy_each),
        "idle_per_iteration_ns": stats(idle_each),
    }
    return found, lengths[(len(lengths) - 1) // 2]


# ------------------------------------------------------------------ what repeats


def runs(tokens: list[int]) -> set[tuple[int, int, int]]:
    """(start, length, least period) of every maximal stretch where token[i] = token[i + p], at least 3 p and 6 long."""
    found: dict[tuple[int, int], int] = {}
    for period in range(1, len(tokens) // 3 + 1):
        i = 0
        while i + period < len(tokens):
            end = i
            while end + period < len(tokens) and tokens[end] == tokens[end + period]:
                end += 1
            if end > i and end + period - i >= max(3 * period, 6):
                found.setdefault((i, end + period - i), period)
            i = max(end, i + 1)
    return {(start, size, period) for (start, size), period in found.items()}


def best_period(tokens: list[int]) -> int | None:
    """ "Candidates: p with cover >= 0.8 M; drop p if a divisor q has cover >= 0.97 cover(p) in at most 2x as many
    stretches; take the largest p" """
    every = runs(tokens)
    cover, pieces = Counter[int](), Counter[int]()
    for _, size, least in every:
        for period in range(least, size // 3 + 1, least):
            cover[period] += size
            pieces[period] += 1
    most = max(cover.values(), default=0)

    def dropped(period: int) -> bool:
        return any(
            period % q == 0 and 100 * cover[q] >= 97 * cover[period] and pieces[q] <= 2 * pieces[period]
            for q in range(1, period)
        )

    return max((p for p in cover if 10 * cover[p] >= 8 * most and not dropped(p)), default=None)
