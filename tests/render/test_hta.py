"""Tools made for PyTorch's traces read an nsys report: HolisticTraceAnalysis (traceinsight) agrees with nsysgap.

Its temporal breakdown counts cuda_sync events as GPU work, in PyTorch's own traces too: it is compared without them.
Its critical path needs them.

It rounds starts up and ends down to whole microseconds: the sum over n rows loses less than 2n us, and is what the same
rounding makes of our times, but for ends of exactly a microsecond, which its doubles may miss. Told not to round
(HTA_DISABLE_NS_ROUNDING=1), it must find our times.
Needs NSYSGAP_HTA, the folder into which tests/install-hta.sh installed it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import missing
from folders import SAMPLES, TESTS
from numpy.typing import NDArray
from real_reports import require_report
from trace_files import unpacked

from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.analysis.relations.calls import SYNCS
from nsysgap.analysis.relations.launches import match_records
from nsysgap.answers.opening import opened
from nsysgap.commands import main
from nsysgap.kernel_names import short_kernel_name
from nsysgap.report import open_source, read_trace
from nsysgap.tables import KERNEL, NONE, Trace

# The calls that HTA's launch statistics know, and the driver's that carry their names in a file per GPU.
KNOWN = re.compile(r"cudaLaunchKernel(ExC)?|cuda(Memcpy|Memset)Async|cuLaunchKernel(Ex)?|cu(Memcpy|Memset).*Async")


def figures(report: Path, folder: Path, *, rounded: bool, syncs: bool = False) -> dict[str, Any]:
    home = os.environ.get("NSYSGAP_HTA")
    if not home:
        missing("HolisticTraceAnalysis (NSYSGAP_HTA)")
    with pytest.raises(SystemExit) as done:
        main(["to-chrome", str(report), "--per-gpu", str(folder), "--device", "0", *([] if syncs else ["--no-syncs"])])
    assert not done.value.code
    script = TESTS / "hta_figures.py"
    environment = {**os.environ, "PYTHONPATH": str(home), "HTA_DISABLE_NS_ROUNDING": "0" if rounded else "1"}
    command = [sys.executable, str(script), str(folder)]
    ran = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def report_of(name: str, folder: Path) -> Path:
    sample = next(SAMPLES.glob(f"{name}.sqlite*"), None)
    return unpacked(sample, folder) if sample else require_report(name, folder)


@pytest.mark.parametrize(
    ("name", "rounded"),
    [
        ("naive", True),
        ("decode_pysampled", True),
        # Rounded, a copy of less than a microsecond may last -1 us: with enough of them HTA's own check fails.
        ("torch_graph", False),
        ("torch_gains", False),
    ],
)
def test_hta_agrees_on_idle_time_kernels_and_launches(name: str, rounded: bool, tmp_path: Path) -> None:
    report = report_of(name, tmp_path)
    found = figures(report, tmp_path / "traces", rounded=rounded)
    with open_source(report) as source:
        trace = read_trace(source)
    idle = IdleReport(trace, device=0)
    ours, ops = idle.devices[0], trace.ops
    mine = np.flatnonzero(ops["device"] == 0)

    idle_us, window_us = found["temporal"]["idle_time(us)"], found["temporal"]["kernel_time(us)"]
    if rounded:
        assert ours.idle / 1000 <= idle_us + 2 <= ours.idle / 1000 + 2 * len(mine) + 2
    else:
        assert idle_us == pytest.approx(ours.idle / 1000, abs=0.001 * len(mine))  # its durations are 32-bit floats
    assert window_us == pytest.approx((ours.busy + ours.idle) / 1000, abs=2 if rounded else 0.001)
    assert found["idle_us"] > 0

    kernels = mine[ops["kind"][mine] == KERNEL]
    assert found["counts"] | _counts(trace, kernels) == found["counts"]
    assert sum(found["counts"].values()) == len(mine)
    for kernel, (least, most) in (_rounded_times if rounded else _exact_times)(trace, kernels).items():
        assert least <= found["kernels_us"][kernel] <= most

    calls = np.unique(idle.calls[mine][idle.calls[mine] != NONE])
    known = [row for row in calls.tolist() if KNOWN.fullmatch(trace.name(int(trace.api["name"][row])))]
    assert found["launches"] == len(known)


def test_hta_finds_a_critical_path_through_syncs_without_its_warning(tmp_path: Path) -> None:
    report = report_of("host_full", tmp_path)
    found = figures(report, tmp_path / "traces", rounded=False, syncs=True)
    with opened(report) as opened_report:
        steps, api = opened_report.steps(), opened_report.trace.api
        loop = steps.loops[next(iter(steps.main.values()))]
        before_end = api["start"] <= loop.end[-1]  # HTA leaves out what begins after the last step
        calls = np.flatnonzero(SYNCS.rows(opened_report.trace) & before_end)
        waits = int((match_records(opened_report.trace, opened_report.trace.sync_records, calls) != NONE).sum())
    path = found["critical_path"]
    assert path["whole"]
    assert not [said for said in path["warnings"] if "Synchronization" in said]
    assert path["steps"] == loop.count
    assert path["syncs"] == waits
    # It begins with the first step's first event and ends with what the last step launched or waited for.
    assert path["us"] == pytest.approx((loop.end[-1] - loop.start[0]) / 1000, rel=0.02)


def _kernel_names(trace: Trace, kernels: NDArray[np.intp]) -> list[str]:
    return [short_kernel_name(trace.name(index)) for index in trace.ops["name"][kernels].tolist()]


def _counts(trace: Trace, kernels: NDArray[np.intp]) -> Counter[str]:
    return Counter(_kernel_names(trace, kernels))


def _exact_times(trace: Trace, kernels: NDArray[np.intp]) -> dict[str, tuple[float, float]]:
    """{kernel: (least, most)} us, as far as 32-bit floats can tell."""
    total: Counter[str] = Counter()
    lasted = trace.ops["end"][kernels] - trace.ops["start"][kernels]
    for name, ns in zip(_kernel_names(trace, kernels), lasted.tolist(), strict=True):
        total[name] += ns
    return {name: (ns / 1000 * (1 - 1e-5), ns / 1000 * (1 + 1e-5)) for name, ns in total.items()}


def _rounded_times(trace: Trace, kernels: NDArray[np.intp]) -> dict[str, tuple[int, int]]:
    """{kernel: (least, most)} us, rounded as HTA does."""
    found: dict[str, tuple[int, int]] = {}
    spans = zip(trace.ops["start"][kernels].tolist(), trace.ops["end"][kernels].tolist(), strict=True)
    for name, (start, end) in zip(_kernel_names(trace, kernels), spans, strict=True):
        least, most = found.get(name, (0, 0))
        lasted = end // 1000 - -(-start // 1000)
        found[name] = (least + lasted - (end % 1000 == 0), most + lasted + (start % 1000 == 0))
    return found
