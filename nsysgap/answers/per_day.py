"""Iterations a day as GPU hours and launches: recorded, idle, and what a change takes away of them."""

from __future__ import annotations

from typing import Any, NamedTuple

HOURS = 3_600_000_000_000
DAYS = 365


class Iteration(NamedTuple):
    """One iteration: what it takes and how long the GPU is busy in it, ns; ops that calls of the host launch."""

    length: int
    busy: int
    launches: float


def per_day(
    iteration: Iteration, days_iterations: float, price: float | None, change: tuple[dict[str, Any], float] | None
) -> dict[str, Any]:
    """GPU hours a day. `change`: (its document, the launches that it leaves in an iteration); `price` of a GPU hour.

    `gone_hours` is [least, most]: what an iteration takes less at worst and at best; below 0 it takes more.
    """
    figures: dict[str, Any] = {"per_day": days_iterations, "hours": _hours(days_iterations, iteration.length)}
    figures["idle_hours"] = _hours(days_iterations, max(iteration.length - iteration.busy, 0))
    figures["launches"] = round(days_iterations * iteration.launches)
    if change is not None:
        document, launches = change
        prediction = document["plain"] or document["under_nsys"]
        edges = prediction["best_ns"], prediction["worst_ns"]
        figures["change"] = document["change"]
        figures["hours_with"] = [_hours(days_iterations, edge) for edge in edges]
        figures["gone_hours"] = [_hours(days_iterations, iteration.length - edge) for edge in reversed(edges)]
        figures["launches_with"] = round(days_iterations * launches)
    if price is not None:
        figures["price"] = price
    return figures


def _hours(days_iterations: float, each: int) -> float:
    return round(days_iterations * each / HOURS, 3)
