"""Effects before their causes: what the clocks of host and GPU, which are never quite aligned, do to the figures."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nsysgap.analysis.relations.syncs import Syncs
from nsysgap.analysis.relations.unqueued_latency import Latencies
from nsysgap.tables import Notice
from nsysgap.units import count, counted, duration

LEAST_SYNCS = 5  # of fewer the median tells nothing of the clocks


def clock_notices(latencies: Latencies, syncs: Syncs) -> list[Notice]:
    """Negative latencies and tails, and what the GPU's clock is behind by where tails are negative as a rule."""
    return [*_latencies(latencies), *_tails(syncs), *_unknown_waits(syncs)]


def _latencies(latencies: Latencies) -> Iterator[Notice]:
    number, worst = latencies.negative()
    if number:
        singular, plural = "op starts before the call that launched it", "ops start before the call that launched them"
        why = "the clocks of host and GPU are not aligned. The figures keep them as they are."
        yield Notice("warning", f"{counted(number, singular, plural)} (by up to {duration(worst)}): {why}")


def _tails(syncs: Syncs) -> Iterator[Notice]:
    """Calls that return before the work ends that they are known to wait for."""
    tails = syncs.tail[syncs.waited & syncs.known]
    early = tails[tails < 0]
    if not len(early):
        return
    middle = (len(tails) - 1) // 2
    median = int(np.partition(tails, middle)[middle])
    if median < 0 and len(tails) >= LEAST_SYNCS:
        yield Notice(
            "warning",
            f"{count(len(early))} of {counted(len(tails), 'sync call returns', 'sync calls return')} early, by "
            f"{duration(-median)} on median, before the work ends that they waited for: the GPU's times are late by "
            "about as much, so queues and latencies are too long, and 'sync' too short, by that.",
        )
        return
    singular = "sync call returns before the work that it covers ends"
    plural = "sync calls return before the work that they cover ends"
    why = "the clocks of host and GPU are not aligned, or the call did not wait for all of it."
    said = f"{counted(len(early), singular, plural)} (by up to {duration(-int(early.min()))})"
    yield Notice("warning", f"{said}: {why} Sync tails are negative there.")


def _unknown_waits(syncs: Syncs) -> Iterator[Notice]:
    """Calls of which the report does not say what they waited for: their context stands for it, and may take longer."""
    number = int((syncs.tail[~syncs.known] < 0).sum())
    if number:
        singular = "sync call returns before all work of its context ends: what it waited for"
        plural = "sync calls return before all work of their contexts ends: what they waited for"
        why = "the report does not say (no CUDA_EVENT or synchronization record). Sync tails are negative there."
        yield Notice("note", f"{counted(number, singular, plural)} {why}")
