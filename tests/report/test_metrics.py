"""GPU metrics as reports hold them."""

from __future__ import annotations

from pathlib import Path

from untraced_reports import DARK_CALLS, DARK_KERNELS, report

from nsysgap.report import open_source, read_trace
from nsysgap.report.metrics import read_gpu_metrics


def test_gpu_metrics_are_read_with_time_device_name_and_value(tmp_path: Path) -> None:
    path = report(tmp_path, DARK_KERNELS, DARK_CALLS, [(200, 50, 1), (100, 40, 0)])
    with open_source(path) as source:
        trace = read_trace(source)
        table = read_gpu_metrics(source, trace.names)
    rows = list(zip(*(table[name].tolist() for name in ("time", "device", "metric", "value")), strict=True))
    assert [(time, device, trace.names[metric], value) for time, device, metric, value in rows] == [
        (100, 0, "SM Issue [Throughput %]", 1),
        (100, 0, "SMs Active [Throughput %]", 40),
        (200, 1, "SM Issue [Throughput %]", 1),
        (200, 1, "SMs Active [Throughput %]", 50),
    ]
    assert trace.sm_active["value"].tolist() == [40, 50]
