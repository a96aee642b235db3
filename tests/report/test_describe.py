"""What a report says about itself, whatever its small tables hold."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from report_builder import ReportBuilder, gap_parts, global_tid

from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.report import open_source, read_trace
from nsysgap.report.describe import Description, describe
from nsysgap.tables import Trace


def read(path: Path) -> tuple[Trace, Description]:
    with open_source(path) as source:
        return read_trace(source), describe(source)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([("PROCESS_0:COMMAND", "python"), ("PROCESS_0:ARGUMENT_0", "train.py")], "python train.py"),
        ([("PROCESS_0:ARGUMENT_1", "b c"), ("PROCESS_0:ARGUMENT_0", "a"), ("PROCESS_0:COMMAND", "run")], "run a 'b c'"),
        ([("PROCESS_0:COMMAND", "one"), ("PROCESS_1:COMMAND", "two"), ("PROCESS_1:ARGUMENT_0", "2")], "one; two 2"),
        ([("PROCESS_0:ARGUMENT_10", "b"), ("PROCESS_0:ARGUMENT_9", "a"), ("PROCESS_0:COMMAND", "run")], "run a b"),
        ([("PROCESS_0:COMMAND", ""), ("PROCESS_0:WORKING_DIR", "/home")], None),  # as scrubbed
        ([], None),
    ],
)
def test_the_command_that_was_captured(
    report: ReportBuilder, tmp_path: Path, rows: list[tuple[str, str]], expected: str | None
) -> None:
    for name, value in rows:
        report.row("META_DATA_CAPTURE", name=name, value=value)
    assert read(report.save(tmp_path))[1].command == expected


def odd() -> ReportBuilder:
    report = ReportBuilder().versions().gpu(0, "GPU", smCount=10).device(1, 0, 0).thread(1, 1, "main")
    report.launch((0, 1), (5, 10)).launch((20, 30), (40, 50)).diagnostic(1, "hello").process(1, "python")
    report.row("META_DATA_CAPTURE", name="PROCESS_0:COMMAND", value="run")
    report.row("TARGET_INFO_SYSTEM_ENV", name="Driver", value="580")
    report.row("TARGET_INFO_SESSION_START_TIME", utcEpochNs=1, utcTime="1970-01-01")
    report.row("TARGET_INFO_GPU_METRICS", typeId=1, metricId=2, metricName="SMs Active")
    return report.row("ANALYSIS_DETAILS", duration=100)


CELLS = [
    *(f"TARGET_INFO_GPU.{column}" for column in ("id", "name", "smCount", "totalMemory", "busLocation")),
    *("META_DATA_CAPTURE.name", "META_DATA_CAPTURE.value", "META_DATA_EXPORT.name", "META_DATA_EXPORT.value"),
    *("TARGET_INFO_CUDA_DEVICE.gpuId", "TARGET_INFO_CUDA_DEVICE.cudaId", "TARGET_INFO_CUDA_DEVICE.pid"),
    *("ANALYSIS_DETAILS.duration", "TARGET_INFO_SYSTEM_ENV.name", "TARGET_INFO_SYSTEM_ENV.value"),
    *("DIAGNOSTIC_EVENT.severity", "DIAGNOSTIC_EVENT.text", "TARGET_INFO_SESSION_START_TIME.utcTime"),
    *("ThreadNames.nameId", "ThreadNames.globalTid", "PROCESSES.globalPid", "PROCESSES.name"),
    *(f"TARGET_INFO_GPU_METRICS.{column}" for column in ("typeId", "metricId", "metricName")),
    *("StringIds.id", "StringIds.value"),
]


@pytest.mark.parametrize("value", [None, "word", b"\xff\xfe", 1.5, 2**62], ids=repr)
def test_small_tables_may_hold_anything(tmp_path: Path, value: Any) -> None:
    """Damaged or edited, a report still answers from its event rows."""
    path = odd().save(tmp_path)
    for cell in CELLS:
        spoil(path, cell, value)


def spoil(path: Path, cell: str, value: Any) -> None:
    table, column = cell.split(".")
    with closing(sqlite3.connect(path)) as connection:
        before = connection.execute(f'SELECT rowid, "{column}" FROM "{table}"').fetchall()
        connection.execute(f'UPDATE "{table}" SET "{column}" = ?', (value,))
        connection.commit()
        trace, _ = read(path)
        connection.executemany(f'UPDATE "{table}" SET "{column}" = ?2 WHERE rowid = ?1', before)
        connection.commit()
    assert gap_parts(IdleReport(trace)) == [(10, 40, {"host": 10, "launch": 10, "queued": 10})], cell
    for device in trace.devices:
        assert isinstance(device.name, str | None)
        assert isinstance(device.sm_count, int | None)


def test_a_text_that_the_report_holds_twice(tmp_path: Path) -> None:
    """Both of its numbers are the same call."""
    report = ReportBuilder().launch((0, 1), (5, 10)).launch((40, 45), (60, 70))
    for number in (77, 78):
        report.row("StringIds", id=number, value="cudaDeviceSynchronize_v3020")
    report.call(11, 20, 5, nameId=77).call(21, 30, 6, nameId=78)
    trace = report.trace(tmp_path)
    assert gap_parts(IdleReport(trace)) == [(10, 60, {"sync": 18, "host": 12, "launch": 5, "queued": 15})]
    assert len(trace.names.find(["cudaDeviceSynchronize_v3020"])) == 2
    assert trace.threads["global_tid"].tolist() == [global_tid(1, 1)]
