"""What an iteration of a loop takes without the profiler: a time, or what `profile` measured and wrote as NAME.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nsysgap.analysis.schedule.stretch import Stretch
from nsysgap.errors import NsysgapError
from nsysgap.units import parse_duration


def plain_step(plain: str, stretch: Stretch, domain: str = "") -> int:
    """ns of one iteration: a duration ("9.31ms"), else from NAME.json what the loop took in the plain run by its
    iterations, of several repeats the median; without that the recorded iteration over the ratio of the program's
    measured part. `domain`: the name of the loop's NVTX domain.

    Raises NsysgapError for what says no time.
    """
    if not plain.endswith(".json"):
        return parse_duration(plain)
    try:
        summary: Any = json.loads(Path(plain).read_text())
    except (OSError, ValueError) as error:
        raise NsysgapError(f"{plain} cannot be read as JSON ({error}).", "Name the NAME.json of profile.") from None
    summary = summary if isinstance(summary, dict) else {}
    own = _own_step(summary.get("loops"), stretch, domain)
    if own is not None:
        return own
    measured = summary.get("perturbation")
    ratio = measured.get("ratio") if isinstance(measured, dict) else None
    whole = isinstance(measured, dict) and measured.get("of") == "the measured part"
    if not whole or not isinstance(ratio, int | float) or ratio <= 0:
        hint = "Give the time of one step: --plain 9.31ms."
        raise NsysgapError(f"{plain} holds no plain time of this loop or of the measured part of the program.", hint)
    return int(stretch.length / stretch.iterations / ratio)


def _own_step(loops: Any, stretch: Stretch, domain: str) -> int | None:
    """ns of a plain iteration of the only loop with this label and domain and as many ranges; else None.

    It is the same part as the recorded time: from the first range's start to the last one's end, by the iterations.
    """
    if not stretch.by_ranges or not isinstance(loops, list):
        return None
    mine = [
        loop["plain_span_ns"]
        for loop in loops
        if isinstance(loop, dict)
        and (loop.get("label"), loop.get("domain"), loop.get("count")) == (stretch.label, domain, stretch.iterations)
        and isinstance(loop.get("plain_span_ns"), list)
    ]
    if len(mine) != 1:
        return None
    spans = sorted(span for span in mine[0] if isinstance(span, int) and span > 0)
    return spans[(len(spans) - 1) // 2] // stretch.iterations if spans else None
