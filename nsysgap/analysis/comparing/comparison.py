"""Two sides compared: every figure with its change, what explains the change of the step, what noise lets one say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from nsysgap.analysis.comparing.captures import (
    ALWAYS,
    BUSY,
    EXPOSED_WAIT,
    FIGURES,
    PART_FIGURES,
    STEP,
    Side,
    Value,
    side_value,
    values_of,
)
from nsysgap.analysis.comparing.mann_whitney import mann_whitney
from nsysgap.causes import PARTS

Verdict = Literal["changed", "same", "unknown"]
CHANGED: Verdict = "changed"
SAME: Verdict = "same"
UNKNOWN: Verdict = "unknown"
ENOUGH_CAPTURES = 4
SIGNIFICANT = 0.05
LEAST_CHANGE = 50
"""Medians must differ by more than one part in this: 2 %."""
REST = "rest"


@dataclass(frozen=True)
class Change:
    """A figure on both sides: medians over the captures, None where a side does not tell.

    `p`: of the exact two-sided test of Mann and Whitney, None with fewer than four captures a side: then `verdict` is
    "unknown", since one capture says nothing about noise.
    """

    name: str
    before: Value
    after: Value
    p: float | None
    verdict: Verdict

    @property
    def unit(self) -> str:
        """ "ns", "" for counts."""
        return "ns" if self.name.endswith("_ns") else ""

    @property
    def change(self) -> Value:
        """After less before."""
        return None if self.before is None or self.after is None else self.after - self.before

    @property
    def change_percent(self) -> float | None:
        """The change as a share of before; None of nothing."""
        return None if self.change is None or not self.before else round(100 * self.change / self.before, 3)


def compare_figures(before: Side, after: Side) -> list[Change]:
    """Every figure of two sides, in order; the exposed wait only where ranks of one report wait for one another."""
    waits = any(value for side in (before, after) for value in values_of(side, EXPOSED_WAIT))
    return [compare_figure(before, after, name) for name in (FIGURES if waits else ALWAYS)]


def compare_figure(before: Side, after: Side, name: str) -> Change:
    """One figure of two sides."""
    first, second = side_value(before, name), side_value(after, name)
    if first is None or second is None or min(len(before), len(after)) < ENOUGH_CAPTURES:
        return Change(name, first, second, None, UNKNOWN)
    p = float(mann_whitney(_known(before, name), _known(after, name)))
    large = LEAST_CHANGE * abs(second - first) > abs(first)
    return Change(name, first, second, p, CHANGED if p < SIGNIFICANT and large else SAME)


def _known(side: Side, name: str) -> list[int]:
    return [value for value in values_of(side, name) if value is not None]


def explained(before: Side, after: Side) -> list[tuple[str, int]]:
    """(what, ns) whose sum is the change of the step, exactly: GPU busy time, the ten parts of idle time, the rest.

    Busy time and parts change as their medians do, of several GPUs on average; medians do not add up, and a loop's host
    may take longer than its GPU: that difference is the "rest". Empty where a side has no step.
    """
    step = compare_figure(before, after, STEP).change
    if step is None:
        return []
    named = [("busy", BUSY), *zip(PARTS, PART_FIGURES, strict=True)]
    changes = [(label, _per_gpu(after, name) - _per_gpu(before, name)) for label, name in named]
    return [*changes, (REST, step - sum(ns for _, ns in changes))]


def _per_gpu(side: Side, name: str) -> int:
    gpus = max(capture.gpu_count for capture in side)
    return (side_value(side, name) or 0) // max(gpus, 1)
