"""How well a prediction held: what `nsysgap whatif` said a step would take, beside what it took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nsysgap.errors import NsysgapError
from nsysgap.range_labels import label_of

SCHEMA = "nsysgap.whatif/1"
HINT = "Write it with: nsysgap whatif BEFORE --format json -o whatif.json"
_OFF = 50
"""A prediction is for another capture where its recorded step differs by more than one part in this: 2 %."""


@dataclass(frozen=True)
class Outcome:
    """One predicted change beside what was measured, per iteration, ns.

    `kind`: "figure", "gain" or "range"; `central_ns` and the gains are None where none was predicted; `refused`: why
    there is no prediction, then the times are None. `inside`: measured between best and worst.
    """

    change: str
    target: str
    kind: str | None
    central_ns: int | None
    best_ns: int | None
    worst_ns: int | None
    predicted_gain_percent: float | None
    measured_ns: int
    measured_gain_percent: float
    inside: bool | None
    refused: str | None

    @property
    def off_percent(self) -> float | None:
        """By how much the measured step is above the central prediction."""
        return None if not self.central_ns else round(100 * (self.measured_ns / self.central_ns - 1), 3)


def outcomes(document: Any, loop: str | None, before: int, after: int) -> tuple[list[Outcome], list[str]]:
    """(every change of a document "nsysgap.whatif/1" with its outcome, what to be warned of).

    `loop`: the label of the compared loop; `before`, `after`: what its step took, ns. Raises NsysgapError where the
    document is no prediction, or is one about another loop.
    """
    if not isinstance(document, Mapping) or document.get("schema") != SCHEMA:
        raise NsysgapError(f"The prediction is no document {SCHEMA}.", HINT)
    try:
        predicted, recorded = document["loop"], document["recorded_ns"]
        changes = [_outcome(change, before, after) for change in document["changes"]]
        label, off = label_of(predicted), _OFF * abs(recorded - before) > before
    except (KeyError, TypeError, AttributeError, ValueError):
        raise NsysgapError(f"The prediction is not a whole document {SCHEMA}.", HINT) from None
    if loop is None or label != label_of(loop):
        compared = "whole windows are compared" if loop is None else f"compared is '{loop}'"
        raise NsysgapError(f"The prediction is about the loop '{predicted}', and {compared}.", "Add --loop LABEL.")
    said = [f"The prediction was made from a step of {recorded:,} ns, and before took {before:,} ns."] if off else []
    return changes, said


def _outcome(change: Mapping[str, Any], before: int, after: int) -> Outcome:
    made = change["under_nsys"]
    refused = change["refused"]
    gain = round(100 * (before - after) / before, 3) if before else 0.0
    target = "" if change["target"] is None else str(change["target"])
    if made is None:
        reason = str(refused or "no prediction")
        return Outcome(str(change["change"]), target, None, None, None, None, None, after, gain, None, reason)
    central, best, worst = (_whole(made[key]) for key in ("central_ns", "best_ns", "worst_ns"))
    inside = None if best is None or worst is None else min(best, worst) <= after <= max(best, worst)
    predicted = None if made["gain_percent"] is None else float(made["gain_percent"])
    return Outcome(
        change=str(change["change"]),
        target=target,
        kind=str(made["kind"]),
        central_ns=central,
        best_ns=best,
        worst_ns=worst,
        predicted_gain_percent=predicted,
        measured_ns=after,
        measured_gain_percent=gain,
        inside=inside,
        refused=None if refused is None else str(refused),
    )


def _whole(value: Any) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise TypeError
