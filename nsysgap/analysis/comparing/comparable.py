"""Whether two sides may be compared at all, and why not."""

from __future__ import annotations

from collections.abc import Iterator

from nsysgap.analysis.comparing.captures import Side, side_value
from nsysgap.range_labels import label_of
from nsysgap.units import count, printable

Labels = set[str | None]


def reasons(before: Side, after: Side, loops: tuple[Labels, Labels], *, anyway: bool = False) -> list[str]:
    """Why the sides are not comparable, a sentence each.

    `loops`: the labels of their loops, also where whole windows are compared because they differ; `anyway`: other loops
    and launch counts are meant.
    """
    sentences = [*_gpus(before, after), *_graph_trace(before, after)]
    for name, side in (("before", before), ("after", after)):
        sentences += _no_work(name, side)
        sentences += _lost(name, side)
    if not anyway:
        sentences += [*_loops(*loops), *_launches(before, after)]
    return sentences


def labels_of(side: Side) -> Labels:
    """The labels of a side's loops, without their numbers; None for a capture without a loop."""
    return {None if capture.loop is None else label_of(capture.loop) for capture in side}


def _gpus(before: Side, after: Side) -> Iterator[str]:
    names = [sorted({name for capture in side for name in capture.gpus}) for side in (before, after)]
    if all(names) and (names[0] != names[1] or len(names[0]) > 1):
        said = [" and ".join(printable(name, 40) for name in side) for side in names]
        yield f"Not the same GPU: before {said[0]}, after {said[1]}."


def _graph_trace(before: Side, after: Side) -> Iterator[str]:
    ways = [{capture.graph_trace for capture in side} - {None} for side in (before, after)]
    if ways[0] | ways[1] == {"node", "graph"}:
        said = [" and ".join(sorted(str(way) for way in side)) or "without graphs" for side in ways]
        yield (
            f"CUDA graphs were traced in two ways: before {said[0]}, after {said[1]}. Capture both with "
            "--cuda-graph-trace=node."
        )


def _no_work(name: str, side: Side) -> Iterator[str]:
    idle = [capture.path for capture in side if not capture.has_gpu_work]
    if idle:
        yield f"No GPU work {name}: {', '.join(printable(path) for path in idle)}."


def _lost(name: str, side: Side) -> Iterator[str]:
    for capture in side:
        if capture.incomplete and capture.has_gpu_work:
            yield f"Incomplete {name}: {printable(capture.path)}: {' '.join(capture.incomplete)}"


def same_loops(before: Labels, after: Labels) -> bool:
    """Whether all captures have one loop of one label, or none."""
    return before == after and len(before) == 1


def _loops(before: Labels, after: Labels) -> Iterator[str]:
    if not same_loops(before, after):
        said = [" and ".join(sorted(_quoted(label) for label in side)) for side in (before, after)]
        yield f"Not the same loop: before {said[0]}, after {said[1]}. Name one with --loop LABEL."


def _quoted(label: str | None) -> str:
    return "none" if label is None else f"'{printable(label, 40)}'"


def _launches(before: Side, after: Side) -> Iterator[str]:
    first, second = side_value(before, "launches") or 0, side_value(after, "launches") or 0
    if 2 * min(first, second) < max(first, second):
        yield (
            f"Launches differ by more than half: {count(first)} before, {count(second)} after. Where that is meant, "
            "add --anyway."
        )
