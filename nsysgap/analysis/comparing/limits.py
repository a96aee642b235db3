"""Limits of a gate: whether a side keeps to them, breaks one, or whether that cannot be told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from nsysgap.analysis.comparing.captures import (
    BUSY,
    EXPOSED_WAIT,
    FIGURES,
    IDLE,
    PART_FIGURES,
    STEP,
    Capture,
    Side,
    Value,
    median_of,
    side_value,
)
from nsysgap.analysis.comparing.comparison import CHANGED, ENOUGH_CAPTURES, compare_figure
from nsysgap.causes import PARTS
from nsysgap.units import counted

Verdict = Literal["pass", "fail", "unknown"]
HOLDS: Verdict = "pass"
BROKEN: Verdict = "fail"
UNKNOWN: Verdict = "unknown"
IDLE_SHARE, GAP, STARVED, CAUSE, LAUNCHES = "max-idle", "max-gap", "max-starved", "max-cause", "max-launches"
MAX_STEP, SLOWER, WORSE = "max-step", "max-slower", "max-worse"
PLAIN = (IDLE_SHARE, MAX_STEP, GAP, LAUNCHES, STARVED, SLOWER)
"""Limits of one number; those of CAUSE and WORSE name what they are about too."""
RELATIVE = (SLOWER, WORSE)
PER_STEP = (MAX_STEP, LAUNCHES)
_UNITS = {MAX_STEP: "ns", GAP: "ns", LAUNCHES: ""}


@dataclass(frozen=True)
class Limit:
    """`option` is the command's ("max-idle"), `of` the cause or figure that it is about, "" for none.

    `most`: ns, a number, or percent: of the GPU's time, of a figure's value in the baseline.
    """

    option: str
    most: Fraction
    of: str = ""

    @property
    def unit(self) -> str:
        """ "ns", "" for numbers, "%"."""
        return _UNITS.get(self.option, "%")


@dataclass(frozen=True)
class Judged:
    """A limit and what came of it: `value` in the limit's unit, None where it is not known; `p` where it was tested.

    `why`: what to know of the verdict, "" of a plain one; `largest`: the cause that has most of the idle time;
    `role`: of ranks of a job.
    """

    limit: Limit
    verdict: Verdict
    value: float | None
    why: str = ""
    p: float | None = None
    largest: str = ""
    role: str = ""


def figure_named(name: str) -> str | None:
    """The figure that a name means: "step", "idle_host_ns" and "host" too; None for none."""
    for wanted in (name, f"{name}_ns", f"idle_{name}", f"idle_{name}_ns"):
        if wanted in FIGURES:
            return wanted
    return None


def judge(limits: Sequence[Limit], side: Side, baseline: Side, untold: str, incomparable: str) -> list[Judged]:
    """Every limit, judged. `baseline`: empty without one; `untold`: why nothing can be told of the side, "" if it can;
    `incomparable`: why it cannot be compared with the baseline."""
    largest = _largest_cause(side)
    judged = []
    for limit in limits:
        why = untold or _cannot_tell(limit, side)
        if limit.option in RELATIVE:
            why = why or incomparable or _too_few(side, baseline)
        if why:
            judged.append(Judged(limit, UNKNOWN, None, why))
        elif limit.option in RELATIVE:
            judged.append(_relative(limit, side, baseline))
        else:
            judged.append(_absolute(limit, side, largest))
    return judged


def _cannot_tell(limit: Limit, side: Side) -> str:
    """Why the reports do not tell what a limit is about, "" if they do."""
    if limit.option in (*PER_STEP, SLOWER) and any(capture.loop is None and not capture.chosen for capture in side):
        return "nothing repeats: what a step is is not known"
    if limit.option == CAUSE and any(limit.of in capture.untold for capture in side):
        return f"the report did not record what tells {limit.of}"
    waits = limit.option == STARVED or limit.of == EXPOSED_WAIT
    if waits and side_value(side, EXPOSED_WAIT) is None:
        return "only the other ranks' reports tell how long collectives waited"
    return ""


def _too_few(side: Side, baseline: Side) -> str:
    """A baseline that tells noise needs captures that do: else chance decides."""
    if len(baseline) >= ENOUGH_CAPTURES > len(side):
        return (
            f"the baseline has {len(baseline)} captures, so noise is judged: give {ENOUGH_CAPTURES} or more reports, "
            f"not {len(side)}"
        )
    return ""


def _absolute(limit: Limit, side: Side, largest: str) -> Judged:
    share: dict[str, Callable[[Capture], Value]] = {
        IDLE_SHARE: lambda capture: capture.figures[IDLE],
        STARVED: lambda capture: (capture.figures[IDLE] or 0) + (capture.figures[EXPOSED_WAIT] or 0),
        CAUSE: lambda capture: capture.figures[f"idle_{limit.of}_ns"],
    }
    if limit.option in share:
        shares = sorted(_share(capture, share[limit.option](capture) or 0) for capture in side)
        value = shares[(len(shares) - 1) // 2]
    else:
        value = Fraction(_plain(limit, side) or 0)
    verdict = BROKEN if value > limit.most else HOLDS
    return Judged(limit, verdict, _number(value), largest=largest)


def _plain(limit: Limit, side: Side) -> Value:
    if limit.option == GAP:
        return median_of([capture.longest_gap for capture in side])
    return side_value(side, STEP if limit.option == MAX_STEP else "launches")


def _share(capture: Capture, ns: int) -> Fraction:
    """Percent of the GPU's time."""
    whole = (capture.figures[BUSY] or 0) + (capture.figures[IDLE] or 0)
    return Fraction(100 * ns, whole) if whole else Fraction(0)


def _relative(limit: Limit, side: Side, baseline: Side) -> Judged:
    change = compare_figure(baseline, side, STEP if limit.option == SLOWER else limit.of)
    if change.before is None or change.after is None:
        return Judged(limit, UNKNOWN, None, "a side does not tell this figure")
    if not change.before:
        verdict = BROKEN if change.after else HOLDS
        return Judged(limit, verdict, None if change.after else 0.0, "the baseline has none of it", change.p)
    value = Fraction(100 * (change.after - change.before), change.before)
    if value <= limit.most:
        return Judged(limit, HOLDS, _number(value), _noise(side, baseline) if change.p is None else "", change.p)
    if change.p is None:
        return Judged(limit, BROKEN, _number(value), _noise(side, baseline))
    if change.verdict == CHANGED:
        return Judged(limit, BROKEN, _number(value), f"changed, p = {change.p:.2g}", change.p)
    return Judged(limit, HOLDS, _number(value), f"no change shown, p = {change.p:.2g}", change.p)


def _noise(side: Side, baseline: Side) -> str:
    captures = counted(len(baseline), "capture", "captures")
    return f"{captures} before, {len(side)} now: noise not judged"


def _largest_cause(side: Side) -> str:
    """The part that has most of the idle time, "" without any."""
    sizes = [side_value(side, name) or 0 for name in PART_FIGURES]
    return PARTS[sizes.index(max(sizes))] if any(sizes) else ""


def _number(value: Fraction) -> float:
    return int(value) if value.denominator == 1 else round(float(value), 4)
