"""The drawings of the comparison's page, as SVG: two steps at one scale, and how the steps of each side are spread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from nsysgap.causes import CAUSES
from nsysgap.kernel_names import told_apart
from nsysgap.units import count, counted, duration, printable

Document = Mapping[str, Any]
Drawings = tuple[Document | None, Document | None]
SIDES = ("before", "after")
COLORS = ("#0072b2", "#009e73", "#cc79a7", "#56b4e9", "#f0e442", "#d55e00")  # Okabe and Ito's
OTHER = "#8a94a0"
WIDE = 10_000
"""Units across a drawing: it is stretched to the page's width."""
BINS = 40


def colors_of(drawings: Drawings) -> dict[tuple[str, str], str]:
    """A colour for each of the ops that take most time on either side, the same on both."""
    time: dict[tuple[str, str], int] = {}
    for drawing in drawings:
        for _, length, kind, name in drawing["ops"] if drawing else ():
            time[kind, name] = time.get((kind, name), 0) + length
    longest = sorted(time, key=lambda key: (-time[key], key))
    return dict(zip(longest, COLORS, strict=False))


def lanes(drawings: Drawings, colors: Mapping[tuple[str, str], str]) -> str:
    """Both steps, one above the other: what ran on the GPU, and below it why it was idle."""
    longest = max((drawing["length"] for drawing in drawings if drawing), default=0)
    if not longest:
        return "<p>Nothing ran on a GPU.</p>"
    made = [_lane(side, drawing, longest, colors) for side, drawing in zip(SIDES, drawings, strict=True)]
    axis = (
        f'<div class="lane"><span></span><div class="axis"><span>0</span><span>{duration(longest)}</span></div></div>'
    )
    return "".join([*made, axis])


def _lane(side: str, drawing: Document | None, longest: int, colors: Mapping[tuple[str, str], str]) -> str:
    if drawing is None:
        return f'<div class="lane"><b>{side}</b><span>no GPU work</span></div>'
    names = told_apart(name for _, _, kind, name in drawing["ops"] if kind == "kernel")
    ops = [
        _rect(start, length, longest, colors.get((kind, name), OTHER), str(names.get(name, name)))
        for start, length, kind, name in drawing["ops"]
    ]
    idle = [
        _rect(start, length, longest, CAUSES[part].color, f"idle: {CAUSES[part].named}")
        for start, length, part in drawing["idle"]
    ]
    missing = f", {counted(drawing['left_out'], 'short op', 'short ops')} not drawn" if drawing["left_out"] else ""
    length = duration(drawing["length"])
    return (
        f'<div class="lane"><b>{side}</b><small>{length}{missing}</small>'
        f"<span>GPU</span>{_svg(ops, f'{side}: what ran on the GPU')}"
        f"<span>idle</span>{_svg(idle, f'{side}: why the GPU was idle')}</div>"
    )


def _svg(parts: Sequence[str], label: str, height: int = 26) -> str:
    box = f'viewBox="0 0 {WIDE} {height}" preserveAspectRatio="none"'
    return f'<svg {box} role="img" aria-label="{label}">{"".join(parts)}</svg>'


def _rect(start: int, length: int, longest: int, color: str, name: str) -> str:
    """A stretch of time; it is never too thin to be seen."""
    left, wide = WIDE * start / longest, max(WIDE * length / longest, 4)
    title = escape(f"{printable(name, 120)}, {duration(length)} from {duration(start)} on")
    return f'<rect x="{left:.1f}" y="0" width="{wide:.1f}" height="26" fill="{color}"><title>{title}</title></rect>'


def legend(drawings: Drawings, colors: Mapping[tuple[str, str], str]) -> str:
    """What the colours mean: the causes that are drawn, the ops that take most time."""
    parts = {part for drawing in drawings if drawing for _, _, part in drawing["idle"]}
    named = [(cause.color, f"idle: {cause.key}") for i, cause in enumerate(CAUSES) if i in parts]
    names = told_apart(name for kind, name in colors if kind == "kernel")
    named += [(color, printable(str(names.get(name, name)), 50)) for (_, name), color in colors.items()]
    if any((kind, name) not in colors for drawing in drawings if drawing for _, _, kind, name in drawing["ops"]):
        named.append((OTHER, "other ops"))
    return "".join(f'<li><i style="background:{color}"></i>{escape(name)}</li>' for color, name in named)


def spread(steps: tuple[Sequence[int], Sequence[int]]) -> str:
    """A histogram of what each iteration took, for each side, on one scale; the dashed line is the median."""
    every = [*steps[0], *steps[1]]
    if not every:
        return "<p>There are no steps.</p>"
    low, high = min(every), max(every) + 1
    numbers = [_binned(side, low, high) for side in steps]
    tallest = max(max(side) for side in numbers)
    made = [
        _histogram(side, values, number, (low, high), tallest)
        for side, values, number in zip(SIDES, steps, numbers, strict=True)
    ]
    return f'<div class="spread">{"".join(made)}</div>'


def _binned(values: Sequence[int], low: int, high: int) -> list[int]:
    counts = [0] * BINS
    for value in values:
        counts[(value - low) * BINS // (high - low)] += 1
    return counts


def _histogram(side: str, values: Sequence[int], numbers: Sequence[int], span: tuple[int, int], tallest: int) -> str:
    low, high = span
    wide = WIDE / BINS
    bars = [
        f'<rect x="{i * wide:.0f}" y="{100 - 100 * number / tallest:.1f}" width="{wide * 0.9:.0f}" '
        f'height="{100 * number / tallest:.1f}"><title>{count(number)}</title></rect>'
        for i, number in enumerate(numbers)
        if number
    ]
    said = f"{side}: no steps"
    if values:
        median = sorted(values)[(len(values) - 1) // 2]
        at = WIDE * (median - low) / (high - low)
        bars.append(f'<line x1="{at:.0f}" x2="{at:.0f}" y1="0" y2="100" vector-effect="non-scaling-stroke"/>')
        said = f"{side}: {counted(len(values), 'step', 'steps')}, median {duration(median)}"
    axis = f'<div class="axis"><span>{duration(low)}</span><span>{duration(high - 1)}</span></div>'
    return f"<figure><figcaption>{said}</figcaption>{_svg(bars, said, 100)}{axis}</figure>"
