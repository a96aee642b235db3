"""What the page of ranks draws: iterations by rank, one step of all ranks on aligned clocks, the longest waits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.collectives.drawing import longest, usual
from nsysgap.analysis.collectives.operations import KINDS
from nsysgap.answers.ranks import RanksAnswer
from nsysgap.causes import PARTS
from nsysgap.figures import Document

Times = NDArray[np.int64]
LONGEST_WAITS = 50
MOST_LANES = 64
MOST_STRETCHES = 8_000
"""Of work and of idle time, of all ranks together: shorter ones are left out."""


@dataclass(frozen=True)
class RanksPicture:
    """`names` of the units, in order; `layers`: what can be shown of each iteration, (units, iterations) in ns, -1 for
    none; `step`: one iteration drawn, None where there is none to draw; `waits`: rows of the collectives that made the
    others wait longest."""

    names: tuple[str, ...]
    label: str
    layers: Mapping[str, Times]
    step: Document | None
    waits: tuple[Document, ...]


def ranks_picture(answer: RanksAnswer) -> RanksPicture:
    """The picture of an answer that was asked for with `draw`."""
    iterations = answer.iterations
    layers: dict[str, Times] = {}
    if iterations is not None:
        layers = {
            "step": iterations.window,
            "starved": iterations.starved,
            "wait": iterations.wait,
            "busy": iterations.busy,
        }
        layers |= {part: iterations.parts[:, :, number] for number, part in enumerate(PARTS)}
    return RanksPicture(
        names=tuple(unit.name for unit in answer.units),
        label="" if iterations is None else iterations.label,
        layers=layers,
        step=_step(answer),
        waits=tuple(_longest_waits(answer)),
    )


def _step(answer: RanksAnswer) -> Document | None:
    """The usual iteration: each unit's stretches, ns from the first unit's begin on one clock, else from its own."""
    if answer.iterations is None:
        return None
    number = usual([unit.facts.drawn for unit in answer.units], answer.iterations.window)
    if number is None:
        return None
    shown = _drawn_units(answer)
    drawn = [
        next(iteration for iteration in answer.units[row].facts.drawn if iteration.iteration == number) for row in shown
    ]
    zero = _zeros(answer, shown, [iteration.start for iteration in drawn])
    most = MOST_STRETCHES // len(shown)
    lanes = []
    for row, iteration, base in zip(shown, drawn, zero, strict=True):
        work, idle = longest(iteration.work, most), longest(iteration.idle, most)
        idle[:, :2] -= base
        lanes.append(
            {
                "unit": row,
                "from": iteration.start - base,
                "to": iteration.end - base,
                "work": (work - base).tolist(),
                "idle": idle.tolist(),
                "collectives": _collectives(answer, row, iteration.start, iteration.end, base),
            }
        )
    return {"iteration": number, "aligned": answer.clocks.offset is not None, "lanes": lanes}


def _drawn_units(answer: RanksAnswer) -> list[int]:
    """All units, or of very many those that starve most and the straggler."""
    if len(answer.units) <= MOST_LANES:
        return list(range(len(answer.units)))
    starved = [
        (unit.facts.idle + figures.exposed_wait) / (unit.facts.window or 1)
        for unit, figures in zip(answer.units, answer.figures, strict=True)
    ]
    order = sorted(range(len(starved)), key=lambda row: (row != answer.verdict.unit, -starved[row]))
    return sorted(order[:MOST_LANES])


def _zeros(answer: RanksAnswer, shown: Sequence[int], start: Sequence[int]) -> list[int]:
    """Where 0 is on each unit's clock: the first begin of all, or each one's own where clocks cannot be aligned."""
    clocks = answer.clocks.offset
    if clocks is None:
        return list(start)
    # Plain integers: UTC in ns leaves little room in 64 bits.
    ahead = [int(clocks[row]) - (answer.units[row].utc_start_ns or 0) for row in shown]
    first = min(begin - clock for begin, clock in zip(start, ahead, strict=True))
    return [first + clock for clock in ahead]


def _collectives(answer: RanksAnswer, row: int, start: int, end: int, base: int) -> list[list[int]]:
    """[start, end of the wait, end, kind] of the collectives of a unit that run in [start, end)."""
    matched = answer.matched
    if matched is None:
        return []
    inside = np.flatnonzero((matched.start[row] < end) & (matched.end[row] > start))
    begin, stop = matched.start[row, inside] - base, matched.end[row, inside] - base
    columns = (begin, stop - matched.transfer[inside], stop, matched.kind[inside])
    rows: list[list[int]] = np.column_stack(columns).astype(np.int64).tolist()
    return rows


def _longest_waits(answer: RanksAnswer) -> list[Document]:
    """The collectives in which all units together waited longest, longest first."""
    matched = answer.matched
    if matched is None:
        return []
    together = matched.wait.sum(axis=0)
    order = np.argsort(-together, kind="stable")[:LONGEST_WAITS]
    rows: list[Document] = []
    for number in order.tolist():
        if not together[number]:
            break
        waited = int(matched.wait[:, number].argmax())
        iteration = -1 if answer.iteration_of is None else int(answer.iteration_of[number])
        rows.append(
            {
                "kind": KINDS[int(matched.kind[number])],
                "number": int(number),
                "iteration": None if iteration < 0 else iteration,
                "transfer_ns": int(matched.transfer[number]),
                "last": answer.units[int(matched.last[number])].name,
                "waited_longest": answer.units[waited].name,
                "wait_ns": int(matched.wait[waited, number]),
                "together_ns": int(together[number]),
            }
        )
    return rows
