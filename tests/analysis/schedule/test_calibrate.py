"""What graphs, gaps and copies cost, from runs of the calibration's program: a made one, and an H200's made small."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from folders import SAMPLES
from report_builder import ReportBuilder

from nsysgap.analysis.schedule.calibrate import calibrate
from nsysgap.analysis.schedule.calibration import Calibration, from_document
from nsysgap.answers.opening import opened
from nsysgap.errors import NsysgapError

REAL = SAMPLES / "calibration"
NODES, DURATION, LATENCY, TAIL, GAP = (2, 4), 1_000, 500, 70, 90
# us of each series: a node is 1.05 us more, and two of them leave 0.63 us to the first one's start and the wait's tail.
PLAIN: dict[str, Any] = {
    "gpu": "Made", "driver": "1.2", "back_to_back": 4,
    "series": [
        *({"series": f"graph {kind} {n} 10", "us": 0.58 + 1.05 * n, "us_call": 0.2 + 0.01 * n}
          for n in NODES for kind in ("same", "alternating", "copies")),
        {"series": "single 40", "us": 45.0}, {"series": "stream same 40", "us": 45.0 + 3 * 40.02},
        *({"series": f"copy {memory} {way} {mb}", "us": 1 + mb * each}
          for memory, each in (("pinned", 20), ("pageable", 100)) for way in ("HtoD", "DtoH") for mb in (16, 64)),
    ],
}  # fmt: skip


def made_report(tmp_path: Path) -> Path:
    """Each graph series has two replays; a launch's call takes 100 + 10 n ns. The stream's kernels are 100 ns apart."""
    report, now = ReportBuilder(), 1_000
    for n in NODES:
        for kind in ("same", "alternating", "copies"):
            begin = now
            for _ in range(2):
                first = now + LATENCY + 10 * n
                nodes = [(first + node * (DURATION + GAP), DURATION) for node in range(n)]
                report.graph_launch((now, now + 100 + 10 * n), *((start, start + took) for start, took in nodes))
                end = nodes[-1][0] + DURATION + TAIL
                report.sync(now + 200, end, name="cudaStreamSynchronize_v3020")
                now = end + 50
            report.nvtx(begin, now, f"graph {kind} {n} 10")
    for number in range(4):
        start = now + 100 + number * 40_100
        report.launch((now + number, now + number + 1), (start, start + 40_000))
    return report.nvtx(now, now + 200_000, "stream same 40").versions().save(tmp_path)


def test_every_cost_of_a_made_machine(tmp_path: Path) -> None:
    with opened(made_report(tmp_path)) as report:
        found = calibrate([PLAIN], report.trace)
    assert found == Calibration(
        gpu="Made", driver="1.2", nsys="2025.3.2.474",
        graph_call={"nsys": (100, 10), "plain": (200, 10)},
        graph_latency={"nsys": (500, 10), "plain": (560, 0)},  # 2,680 - 2 x 1,000 - 50 - 70
        node_gaps={"nsys": (90, 90, 90), "plain": (50, 50, 50)},  # a node more is 1,050 more
        plain_queue_gap=80,  # 100 - (40,020 - 40,000)
        pinned_rate=(52.4, 52.4),  # 1 MiB in 20 us
        pageable_rate=(10.5, 10.5),
    )  # fmt: skip
    assert from_document(json.loads(json.dumps(found.document()))) == found


def test_an_h200() -> None:
    plain = json.loads((REAL / "h200_plain.json").read_text())
    with opened(REAL / "h200_node.sqlite.xz") as node, opened(REAL / "h200_graph.sqlite.xz") as whole:
        found = calibrate(plain, node.trace, whole.trace)
    assert (found.gpu, found.driver, found.nsys) == ("NVIDIA H200", "580.159.04", "2025.3.2.0")
    assert found.graph_call == {"nsys": (2_515, 1_441), "plain": (5_000, 15), "graph": (11_331, 394)}
    assert found.node_gaps == {"nsys": (96, 96, 96), "plain": (-200, -193, -97)}
    assert found.pinned_rate == (53.3, 55.1)


def test_the_fastest_of_several_plain_runs_counts(tmp_path: Path) -> None:
    slow = PLAIN | {"series": [row | {"us": 3 * row["us"]} for row in PLAIN["series"]]}
    with opened(made_report(tmp_path)) as report:
        assert calibrate([slow, PLAIN], report.trace) == calibrate([PLAIN], report.trace)


@pytest.mark.parametrize("lacking", ["single 40", "graph copies 2 10", "copy pinned HtoD 64"])
def test_a_series_that_is_missing_is_said(lacking: str, tmp_path: Path) -> None:
    part = PLAIN | {"series": [row for row in PLAIN["series"] if row["series"] != lacking]}
    with opened(made_report(tmp_path)) as report, pytest.raises(NsysgapError, match="The runs are not whole"):
        calibrate([part], report.trace)


def test_a_report_of_another_program_is_said() -> None:
    with opened(SAMPLES / "graph.sqlite.xz") as report, pytest.raises(NsysgapError, match="lacks the range 'graph"):
        calibrate([PLAIN], report.trace)
