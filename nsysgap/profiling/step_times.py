"""What a step takes plain and under nsys: the loops of a plain run's NVTX ranges beside those of its report.

A loop is what docs/steps.md says: at least three ranges of one thread and domain whose texts are the same but for
numbers and that do not overlap. Which of them launched GPU work a plain run does not know: the report's loops say it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from nsysgap.profiling.nvtx_times import RangeTimes, TimedRange
from nsysgap.range_labels import label_of

Document = dict[str, Any]
LEAST_RANGES = 3


@dataclass(frozen=True)
class StepTimes:
    """One loop of a run: how many ranges, the median of their durations, what a step takes, and all of them, ns.

    `step_ns` is median duration + time between the ranges / (count - 1), `span_ns` from the first range's start to the
    last one's end.
    """

    label: str
    domain: str
    count: int
    duration_ns: int
    step_ns: int
    span_ns: int


def step_times(times: RangeTimes) -> list[StepTimes]:
    """The loops of a run, in order of their first range; a loop of several threads or processes comes once for each."""
    groups: dict[tuple[int, int, str, str], list[TimedRange]] = defaultdict(list)
    for timed in times.ranges:
        if timed.end > timed.start:
            groups[timed.pid, timed.tid, timed.domain, label_of(timed.text)].append(timed)
    loops = [ranges for ranges in groups.values() if _is_loop(ranges)]
    return [_times_of(ranges) for ranges in sorted(loops, key=lambda ranges: ranges[0].start)]


def _is_loop(ranges: Sequence[TimedRange]) -> bool:
    apart = all(later.start >= earlier.end for earlier, later in pairwise(ranges))
    return len(ranges) >= LEAST_RANGES and apart


def _times_of(ranges: Sequence[TimedRange]) -> StepTimes:
    durations = sorted(timed.end - timed.start for timed in ranges)
    between = sum(later.start - earlier.end for earlier, later in pairwise(ranges))
    median = durations[(len(durations) - 1) // 2]
    step = median + between // (len(ranges) - 1)
    span = ranges[-1].end - ranges[0].start
    return StepTimes(label_of(ranges[0].text), ranges[0].domain, len(ranges), median, step, span)


def paired_loops(
    plain: Iterable[Sequence[StepTimes]], profiled: Iterable[Sequence[Mapping[str, Any]]]
) -> list[Document]:
    """Loops of the report(s) with the plain runs' times of the same (label, domain, count), in the report's order.

    `profiled`: of each repeat rows with "label", "domain" (its name, "" the default one), "count" and "step_ns".
    Each entry: label, domain, count, plain_step_ns, plain_span_ns and profiled_step_ns (a list, one of each repeat) and
    the ratio of the steps' medians. A loop that a plain run lacks, or has several times, is not paired: it would be a
    guess.
    """
    rows: dict[tuple[str, str, int], Document] = {}
    for loops in profiled:
        for loop in loops:
            key = (str(loop["label"]), str(loop["domain"]), int(loop["count"]))
            entry = rows.setdefault(key, _entry(key))
            entry["profiled_step_ns"].append(int(loop["step_ns"]))
    for loops_of_run in plain:
        for key, entry in rows.items():
            same = [times for times in loops_of_run if (times.label, times.domain, times.count) == key]
            if len(same) == 1:
                entry["plain_step_ns"].append(same[0].step_ns)
                entry["plain_span_ns"].append(same[0].span_ns)
    return [_with_ratio(entry) for entry in rows.values()]


def _entry(key: tuple[str, str, int]) -> Document:
    empty: Document = {name: [] for name in ("plain_step_ns", "plain_span_ns", "profiled_step_ns")}
    return {"label": key[0], "domain": key[1], "count": key[2], **empty}


def _with_ratio(entry: Document) -> Document:
    plain, profiled = (sorted(entry[name]) for name in ("plain_step_ns", "profiled_step_ns"))
    ratio = None
    if plain and profiled and plain[(len(plain) - 1) // 2]:
        ratio = round(profiled[(len(profiled) - 1) // 2] / plain[(len(plain) - 1) // 2], 4)
    return {**entry, "ratio": ratio}
