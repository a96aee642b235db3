"""Results as DataFrames, and the Python API that hands them out."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from report_builder import ReportBuilder

import nsysgap
from nsysgap.causes import PARTS

GAP_COLUMNS = [
    *("device", "start_ns", "end_ns", "duration_ns", "cause", *(f"{part}_ns" for part in PARTS)),
    *("process", "thread", "nvtx"),
    *("before_kind", "before_name", "before_stream", "before_start_ns", "before_end_ns"),
    *("before_correlation_id", "before_graph_node"),
    *("after_kind", "after_name", "after_stream", "after_start_ns", "after_end_ns"),
    *("after_correlation_id", "after_graph_node"),
]


@pytest.fixture
def made(report: ReportBuilder, tmp_path: Path) -> nsysgap.Report:
    """Gaps [10, 40): launch 15, queued 5, host 10; [50, 60) and [70, 90): unknown."""
    report.gpu(0, "GPU <zero>").process(1, "python").nvtx(0, 90, "outer").nvtx(15, 30, "inner")
    report.launch((0, 1), (5, 10), "first").launch((20, 35), (40, 50), "second", stream=8)
    report.memcpy(60, 70, copyKind=11).kernel(90, 90).sync(42, 80)
    return nsysgap.open_report(report.save(tmp_path))


def test_gaps(made: nsysgap.Report) -> None:
    frame = made.gaps()
    assert list(frame.columns) == GAP_COLUMNS
    assert frame[["start_ns", "end_ns", "duration_ns", "cause", "nvtx"]].to_dict("list") == {
        "start_ns": [10, 70, 50],
        "end_ns": [40, 90, 60],
        "duration_ns": [30, 20, 10],
        "cause": ["launch", "unknown", "unknown"],
        "nvtx": ["outer > inner", "", ""],
    }
    assert frame[[f"{part}_ns" for part in PARTS]].sum(axis=1).tolist() == [30, 20, 10]
    assert frame["thread"].isna().tolist() == [False, True, True]
    assert frame["process"].tolist() == [1, 1, 1]
    assert frame["after_kind"].tolist() == ["kernel", "kernel", "memcpy"]
    first = frame.iloc[0]
    assert (first["before_name"], first["after_name"], first["after_stream"]) == ("first", "second", 8)
    assert {str(frame[name].dtype) for name in ("after_start_ns", "before_stream", "thread")} == {"Int64"}
    assert made.gaps(top=1)["duration_ns"].tolist() == [30]


def test_idle(made: nsysgap.Report) -> None:
    (row,) = made.idle().to_dict("records")
    assert {key: row[key] for key in ("device", "name", "busy_ns", "idle_ns", "gaps", "longest_gap_ns")} == {
        "device": 0,
        "name": "GPU <zero>",
        "busy_ns": 5 + 10 + 10,
        "idle_ns": 60,
        "gaps": 3,
        "longest_gap_ns": 30,
    }
    assert (row["window_start_ns"], row["window_end_ns"]) == (5, 90)
    assert sum(row[f"{part}_ns"] for part in PARTS) == 60


def test_launches(made: nsysgap.Report) -> None:
    frame = made.launches()
    assert frame.drop(columns=["correlation_id", "device"]).to_dict("list") == {
        "kind": ["kernel", "kernel"],
        "name": ["first", "second"],
        "stream": [7, 8],
        "start_ns": [5, 40],
        "end_ns": [10, 50],
        "api": ["cudaLaunchKernel"] * 2,
        "call_ns": [1, 15],
        "latency_ns": [5, 20],
        "queue_ns": [4, 5],
        "unqueued": [True, True],
        "process": [1, 1],
        "thread": [1, 1],
    }


def test_streams_are_named_as_they_are_or_missing(report: ReportBuilder, tmp_path: Path) -> None:
    report.launch((0, 1), (5, 10), stream=None).launch((2, 3), (6, 9), stream=3_000_000_000)
    made = nsysgap.open_report(report.save(tmp_path))
    assert made.launches()["stream"].tolist() == [pd.NA, 3_000_000_000]


def test_syncs(report: ReportBuilder, tmp_path: Path) -> None:
    report.launch((0, 1), (5, 30)).sync(10, 40).sync(50, 55, context=9)
    frame = nsysgap.open_report(report.save(tmp_path)).syncs()
    assert frame["api"].tolist() == ["cudaDeviceSynchronize"] * 2
    assert frame["waited"].tolist() == [True, False]
    for name, expected in (("wait_ns", 20), ("tail_ns", 10), ("finished_ns", 30)):
        assert frame[name].iloc[0] == expected
        assert frame[name].isna().tolist() == [False, True]


def test_no_gaps_no_ops_no_calls(report: ReportBuilder, tmp_path: Path) -> None:
    """Empty frames have all columns."""
    full, empty = report, ReportBuilder()
    full.launch((0, 1), (5, 10)).sync(6, 12)
    found, nothing = nsysgap.open_report(full.save(tmp_path)), nsysgap.open_report(empty.save(tmp_path, "empty.sqlite"))
    assert list(found.gaps().columns) == list(nothing.gaps().columns) == GAP_COLUMNS
    assert list(found.launches().columns) == list(nothing.launches().columns)
    assert list(found.syncs().columns) == list(nothing.syncs().columns)
    assert list(found.idle().columns) == list(nothing.idle().columns) != []
    assert [len(frame) for frame in (nothing.gaps(), nothing.launches(), nothing.syncs(), nothing.idle())] == [0] * 4


def test_options(report: ReportBuilder, tmp_path: Path) -> None:
    report.launch((0, 1), (5, 10)).sync(10, 300).launch((300, 301), (310, 320)).launch((2, 3), (6, 7), device=1)
    made = nsysgap.open_report(report.save(tmp_path))
    assert made.idle(hidden_after_ns=200)["untraced_ns"].tolist() == [290, 0]
    assert made.idle()["sync_ns"].tolist() == [290, 0]
    assert made.idle(device=1)["device"].tolist() == [1]
    assert made.gaps(device=1).empty
    assert made.launches(device=1)["latency_ns"].tolist() == [4]


def test_repr_and_warnings(made: nsysgap.Report) -> None:
    assert "GPU 0 idle 70.6 % of 85 ns in 3 gaps" in repr(made)
    page = made._repr_html_()
    assert "GPU &lt;zero&gt;" in page
    assert "<zero>" not in page
    assert any("OS runtime calls were not recorded" in text for text in made.warnings)
    assert all(text.split(":")[0] in {"incomplete", "warning", "note"} for text in made.warnings)


def test_frames_are_new_each_time(made: nsysgap.Report) -> None:
    changed = made.gaps()
    changed["duration_ns"] = 0
    assert made.gaps()["duration_ns"].tolist() == [30, 20, 10]
    assert isinstance(made.idle(), pd.DataFrame)
    with pytest.raises(ValueError, match="read-only"):
        made.trace.ops["start"][0] = 1


def test_other_names_are_not_public() -> None:
    """Those that are: tests/test_architecture.py."""
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = nsysgap.nothing
