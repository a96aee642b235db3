"""The ranks of a job as captures to compare: by role, not rank by rank, since the straggler moves between captures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from nsysgap.analysis.comparing.captures import FIGURES, STEP, Capture, OpKey, OpTime, Side, median_of, side_value
from nsysgap.units import counted

STRAGGLER, OTHERS, ALL = "straggler", "others", "all"
ROLES = (STRAGGLER, OTHERS, ALL)


def by_role(ranks: Sequence[Capture], names: Sequence[str], straggler: int | None, job: str) -> tuple[Capture, ...]:
    """The captures of a job's roles: the straggler and all others, or all ranks where none keeps the others waiting.

    `names`: of the ranks, `straggler` the place of one among them, `job`: what the user named.
    """
    if straggler is None:
        return (_together(ranks, ALL, job, counted(len(ranks), "rank", "ranks")),)
    others = [capture for number, capture in enumerate(ranks) if number != straggler]
    late = _named(ranks[straggler], STRAGGLER, job, names[straggler])
    if not others:
        return (late,)
    return late, _together(others, OTHERS, job, counted(len(others), "other rank", "other ranks"))


def _named(capture: Capture, role: str, job: str, ranks: str) -> Capture:
    return replace(capture, role=role, ranks=ranks, path=f"{job}: {ranks}")


def _together(ranks: Sequence[Capture], role: str, job: str, whose: str) -> Capture:
    """Several ranks as one capture: medians of their figures; iterations, steps and ops of all of them."""
    middle = sorted(ranks, key=lambda rank: rank.figures[STEP] or 0)[(len(ranks) - 1) // 2]
    return replace(
        _named(middle, role, job, whose),
        iterations=sum(rank.iterations for rank in ranks),
        figures={name: side_value(ranks, name) for name in FIGURES},
        steps=tuple(step for rank in ranks for step in rank.steps),
        ops=_ops(ranks),
        gpus=tuple(sorted({gpu for rank in ranks for gpu in rank.gpus})),
        longest_gap=median_of([rank.longest_gap for rank in ranks]),
        incomplete=_each(rank.incomplete for rank in ranks),
        warnings=_each(rank.warnings for rank in ranks),
        untold=_each(rank.untold for rank in ranks),
    )


def _ops(ranks: Sequence[Capture]) -> dict[OpKey, OpTime]:
    summed: dict[OpKey, OpTime] = {}
    for capture in ranks:
        for key, time in capture.ops.items():
            before = summed.get(key, OpTime(0, 0))
            summed[key] = OpTime(before.ns + time.ns, before.count + time.count)
    return summed


def _each(texts: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for several in texts for text in several))


def roles_of(*sides: Side) -> tuple[str, ...]:
    """The roles to compare: "" alone where no side is a job of several ranks."""
    roles = {capture.role for side in sides for capture in side}
    several = roles - {"", ALL}
    return tuple(role for role in ROLES if role in (several or roles)) or ("",)


def of_role(side: Side, role: str) -> Side:
    """A side's captures of a role; where it has no such one, its ranks do alike: all of them."""
    mine = [capture for capture in side if capture.role == role]
    return mine or [capture for capture in side if capture.role in {"", ALL}] or list(side)
