"""The same collective in every unit: how long the transfer took, who arrived last, how long the others waited.

No clock in common is needed: a barrier collective ends everywhere at about one time: the unit in which it lasted
shortest is the one that came last, and what it lasted longer elsewhere was waiting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.collectives.operations import KINDS, Collectives

Times = NDArray[np.int64]
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Matched:
    """Collectives that all units took part in, in the order of the first unit's: arrays of shape (units, collectives).

    `number` is a collective's position in its unit's own sequence; `transfer` (collectives,) the shortest duration,
    `wait` what each unit waited (duration - transfer), `last` (collectives,) the unit that arrived last; ns.
    """

    kind: NDArray[np.int8]
    number: Indices
    start: Times
    end: Times
    transfer: Times
    wait: Times
    last: Indices

    def __len__(self) -> int:
        return len(self.kind)

    def take(self, which: Indices) -> Matched:
        """Some of the collectives."""
        two = (self.number, self.start, self.end, self.wait)
        number, start, end, wait = (values[:, which] for values in two)
        return Matched(self.kind[which], number, start, end, self.transfer[which], wait, self.last[which])


def match(units: Sequence[Collectives], names: Sequence[str] = ()) -> Matched | str:
    """Match by (communicator if every report knows it, kind, ordinal); else a sentence on why that cannot be done.

    Units must be in the order of their ranks: of those that lasted equally short the first counts as the last to
    arrive. `names`: what the sentence calls them.
    """
    if len(units) < 2:
        return "a single unit: whether it waited or sent, only the other ranks' reports can tell"
    if not any(len(unit) for unit in units):
        return "no barrier collective (AllReduce, AllGather, ReduceScatter, AllToAll) in any report"
    keys = [_keys(unit, by_communicator=_all_known(units)) for unit in units]
    for index, other in enumerate(keys[1:], start=1):
        if sorted(other) != sorted(keys[0]):
            called = [names[number] if names else f"unit {number}" for number in (0, index)]
            return _difference((units[0], units[index]), called)
    positions_by_unit = [{key: position for position, key in enumerate(of_unit)} for of_unit in keys]
    number = np.array([[positions[key] for key in keys[0]] for positions in positions_by_unit], np.intp)
    start = np.array([unit.start[row] for unit, row in zip(units, number, strict=True)])
    end = np.array([unit.end[row] for unit, row in zip(units, number, strict=True)])
    duration = end - start
    transfer = duration.min(axis=0)
    return Matched(units[0].kind, number, start, end, transfer, duration - transfer, duration.argmin(axis=0))


def _all_known(units: Sequence[Collectives]) -> bool:
    return all(bool((unit.communicator != 0).all()) for unit in units)


def _keys(unit: Collectives, *, by_communicator: bool) -> list[tuple[int, int, int]]:
    """(communicator, kind, ordinal) of each collective, 0 for communicators that count for nothing."""
    seen: dict[tuple[int, int], int] = {}
    keys = []
    communicators = unit.communicator.tolist() if by_communicator else [0] * len(unit)
    for communicator, kind in zip(communicators, unit.kind.tolist(), strict=True):
        ordinal = seen.get((communicator, kind), 0)
        seen[communicator, kind] = ordinal + 1
        keys.append((communicator, kind, ordinal))
    return keys


def _difference(units: tuple[Collectives, Collectives], names: Sequence[str]) -> str:
    counts = [np.bincount(unit.kind, minlength=len(KINDS)) for unit in units]
    for kind, (here, there) in enumerate(zip(*counts, strict=True)):
        if here != there:
            return f"{names[0]} has {here:,} {KINDS[kind]} and {names[1]} has {there:,}: their sequences differ"
    return f"{names[0]} and {names[1]} use other communicators: their sequences differ"
