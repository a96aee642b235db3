"""Who keeps whom waiting: a straggler, one after the other, or nobody; and why the straggler is late."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.collectives.matching import Matched
from nsysgap.analysis.loops.steps import outliers
from nsysgap.causes import PARTS

Times = NDArray[np.int64]
LEAST_WAIT = 20  # a wait counts from 1/20 of the window on
LATE_BY = ("gpu", *PARTS)


@dataclass(frozen=True)
class Verdict:
    """`kind` "straggler", "rotates", "even" or "unknown"; `unit` and `cause` only of a straggler.

    `share_last`: in how many of the collectives the unit that most often arrived last did (0 to 1); `late_by`: what a
    straggler did longer than the fastest unit between two collectives, in sum, ns, by LATE_BY.
    """

    kind: str
    unit: int | None = None
    share_last: float = 0.0
    late_by: dict[str, int] | None = None
    cause: str | None = None


def verdict(
    matched: Matched, exposed: Sequence[int], window: Sequence[int], between: Sequence[NDArray[np.int64]]
) -> Verdict:
    """Judge the matched collectives of a selection.

    `exposed` and `window`: each unit's exposed wait and window, ns; `between`: each unit's (collectives - 1, 11) of
    `between_collectives` over the same collectives.
    """
    if not len(matched):
        return Verdict("unknown")
    arrived_last = np.bincount(matched.last, minlength=len(exposed))
    unit = int(arrived_last.argmax())
    share = int(arrived_last[unit]) / len(matched)
    others = [number for number in range(len(exposed)) if number != unit]
    if 2 * int(arrived_last[unit]) >= len(matched) and _waits(exposed, window, others):
        late_by = lateness(between, unit)
        cause = max(late_by, key=lambda name: late_by[name])
        return Verdict("straggler", unit, share, late_by, cause if late_by[cause] > 0 else None)
    return Verdict("rotates" if _waits(exposed, window, range(len(exposed))) else "even", None, share)


def _waits(exposed: Sequence[int], window: Sequence[int], units: Sequence[int]) -> bool:
    """Whether units waited for at least a twentieth of their windows, taken together."""
    waited, whole = sum(exposed[unit] for unit in units), sum(window[unit] for unit in units)
    return whole > 0 and LEAST_WAIT * waited >= whole


def lateness(between: Sequence[NDArray[np.int64]], unit: int) -> dict[str, int]:
    """What a unit spent between collectives beyond the fastest unit of each stretch, in sum, ns by LATE_BY."""
    stacked = np.stack(between)  # (units, stretches, 11)
    fastest = stacked.sum(axis=2).argmin(axis=0)
    stretches = np.arange(stacked.shape[1])
    beyond = (stacked[unit] - stacked[fastest, stretches]).sum(axis=0)
    return {name: int(value) for name, value in zip(LATE_BY, beyond.tolist(), strict=True)}


@dataclass(frozen=True)
class SlowIteration:
    """An iteration that took far longer than the others: its number, its longest duration over the units in ns, and
    the unit that arrived last in most of its collectives (None without any)."""

    iteration: int
    duration: int
    last: int | None


def slow_iterations(
    durations: Sequence[Times], iteration: NDArray[np.int64], last: NDArray[np.intp]
) -> list[SlowIteration]:
    """The outliers among iterations that all units went through together.

    `durations`: of each unit, of one shape (iterations,); `iteration` and `last` of each matched collective: the
    iteration it belongs to (-1 none) and the unit that arrived last.
    """
    longest = np.max(np.stack(durations), axis=0)
    slow = []
    for number in outliers(longest).tolist():
        inside = last[iteration == number]
        most = int(np.bincount(inside).argmax()) if len(inside) else None
        slow.append(SlowIteration(number, int(longest[number]), most))
    return slow
