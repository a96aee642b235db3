"""What NAME.json says about a capture: how it was made, what nsys changed, and the figures of its report."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median_low
from typing import Any

from nsysgap.profiling.capture import Captured, Record, Run
from nsysgap.profiling.finding import Driver
from nsysgap.version import __version__

SCHEMA = "nsysgap.profile/1"
COMPARISON_SCHEMA = "nsysgap.comparison/1"
Document = dict[str, Any]


def summary(
    captured: Captured,
    driver: Driver | None,
    *,
    session_ns: int | None,
    selection: str,
    figures: Document | None,
    inflated: Sequence[str],
) -> Document:
    """The summary of one capture. `session_ns`: how long nsys recorded, None where only a part was captured;
    `inflated`: the names of the figures that nsys makes larger than they are."""
    target = captured.target
    return {
        "schema": SCHEMA,
        "nsysgap_version": __version__,
        "target": target.said,
        "name": target.output.name,
        "argv": list(target.argv),
        "nsys_command": list(captured.command),
        "nsys_version": captured.nsys.version_text,
        "driver": None if driver is None else driver.version,
        "driver_cuda": None if driver is None else f"{driver.cuda[0]}.{driver.cuda[1]}",
        "gpus": [] if driver is None else list(driver.gpus),
        "files": [target.file(".nsys-rep").name, target.file(".sqlite").name],
        "baseline": None if captured.plain is None else vars(captured.plain),
        "profiled": vars(captured.profiled),
        "perturbation": perturbation(captured.plain, captured.profiled, session_ns),
        "repeats": repeats(captured, session_ns),
        "selection": selection or None,
        "figures": figures,
        "inflated_by_nsys": list(inflated),
    }


def perturbation(plain: Run | None, profiled: Run, session_ns: int | None) -> Document | None:
    """How much slower nsys made the program: seconds plain and under nsys, and their ratio.

    Compared is the part that the program measured itself (`wall_s_measured` of its record); without that, its whole
    duration: the plain process against nsys's session. None where there is nothing to compare.
    """
    if plain is None or plain.exit_code or profiled.exit_code:
        return None
    before, after = _measured(plain.record), _measured(profiled.record)
    what = "the measured part"
    if before is None or after is None:
        what, before, after = "the whole run", plain.wall_s, None if session_ns is None else session_ns / 1e9
    if after is None or before <= 0:
        return None
    return {"of": what, "plain_s": before, "profiled_s": after, "ratio": round(after / before, 4)}


def repeats(captured: Captured, session_ns: int | None) -> Document | None:
    """What each of several rounds took plain and under nsys, in order, seconds; None of a single round.

    `session_ns`: how long nsys recorded in the last round. A round without a plain time, or of another part than the
    last one's, is left out.
    """
    if len(captured.rounds) < 2:
        return None
    sessions = [turn.session_ns for turn in captured.rounds[:-1]] + [session_ns]
    each = [
        perturbation(turn.plain, turn.profiled, session)
        for turn, session in zip(captured.rounds, sessions, strict=True)
    ]
    same = [
        slowdown
        for slowdown in each
        if slowdown is not None and each[-1] is not None and slowdown["of"] == each[-1]["of"]
    ]
    if not same:
        return None
    plain, profiled = ([slowdown[key] for slowdown in same] for key in ("plain_s", "profiled_s"))
    ratio = round(median_low(sorted(profiled)) / median_low(sorted(plain)), 4)
    return {"of": same[-1]["of"], "plain_s": plain, "profiled_s": profiled, "ratio_of_medians": ratio}


def measured_ratio(plain: Record | None, other: Record | None) -> float | None:
    """How many times as long the measured part of another run took; None where that is not known."""
    before, after = _measured(plain), _measured(other)
    return None if before is None or after is None else after / before


def _measured(record: Record | None) -> float | None:
    value = (record or {}).get("wall_s_measured")
    return float(value) if isinstance(value, int | float) and value > 0 else None
