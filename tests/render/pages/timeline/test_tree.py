"""The rows of a page: of NVTX domains one each, where a report has several."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from report_builder import ReportBuilder

from nsysgap.analysis.pictures.page import TimelineData, timeline_data
from nsysgap.render.pages.timeline.tree import row_tree


def ranges(data: TimelineData) -> list[tuple[str, str, list[str]]]:
    """(label, what stands beside it, its ranges) of every row of NVTX ranges."""

    def walk(nodes: list[Any]) -> Iterator[Any]:
        for node in nodes:
            yield node
            yield from walk(node["children"])

    names = [data.trace.name(int(one)) for one in data.trace.nvtx["name"]]
    return [
        (node["label"], node["sub"], [names[row] for row in data.tracks[node["track"]].rows])
        for node in walk(row_tree(data, {}))
        if node["label"].startswith("NVTX")
    ]


@pytest.mark.parametrize(
    ("domains", "expected"),
    [
        ((1, 0, 2, 1), [("default", ["b"]), ("2", ["c"]), ("NCCL", ["a", "d"])]),
        ((1, 1, 1, 1), [("", ["a", "b", "c", "d"])]),
        ((0, 0, 0, 0), [("", ["a", "b", "c", "d"])]),
    ],
)
def test_each_domain_has_a_row_where_there_are_several(
    report: ReportBuilder, tmp_path: Path, domains: tuple[int, ...], expected: list[tuple[str, list[str]]]
) -> None:
    """Ranges of 10 ns that launch a kernel each; domain 1 is called NCCL, 2 has no name."""
    for i, (name, domain) in enumerate(zip("abcd", domains, strict=True)):
        report.nvtx(10 * i, 10 * i + 10, name, domainId=domain)
        report.launch((10 * i + 1, 10 * i + 2), (10 * i + 3, 10 * i + 4))
    report.nvtx(0, None, "NCCL", event_type=75, domainId=1)
    rows = ranges(timeline_data(report.idle(tmp_path)))
    for label in ("NVTX on the GPU", "NVTX"):
        assert [(sub, names) for named, sub, names in rows if named == label] == expected
