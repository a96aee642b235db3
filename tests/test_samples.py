"""The sample reports against what their workloads really did (records.json) and against an independent reference."""

from __future__ import annotations

import json
import lzma
import re
from collections import Counter
from pathlib import Path
from typing import Any

import folders
import pytest
import reference

from nsysgap.analysis.idle.document import gaps_document
from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.analysis.relations.ranges import select_ranges
from nsysgap.figures import as_json
from nsysgap.intervals import IntervalSet
from nsysgap.report import open_source, read_trace
from nsysgap.tables import Trace

RECORDS: dict[str, dict[str, Any]] = json.loads((folders.SAMPLES / "records.json").read_text())
WHOLE_RUNS = ("naive", "graph", "fused", "mega", "cdp")
SAMPLES = (*WHOLE_RUNS, "cdp_gpu_metrics")  # the last one holds the measured part alone
CHECK_STEPS, CHECK_KERNELS, WARM_UP_STEPS, EVENT_LAUNCHES = 2, 3, 5, 200  # workloads/common
Document = dict[str, Any]


def sample(name: str) -> Path:
    [path] = folders.SAMPLES.glob(f"{name}.sqlite*")
    return path


def read(name: str) -> Trace:
    with open_source(sample(name)) as source:
        return read_trace(source)


def measured_range(trace: Trace) -> IntervalSet:
    return select_ranges(trace, re.compile("^measured$")).time


def document(trace: Trace, selection: IntervalSet | None = None) -> Document:
    idle = IdleReport(trace, selection=selection)
    found: Document = as_json(gaps_document(idle, idle.gaps.longest()))
    return found


def measured(name: str) -> Document:
    trace = read(name)
    return document(trace, measured_range(trace))


def shares(found: Document) -> dict[str, float]:
    """Each cause's share of the idle time."""
    device = found["devices"][0]
    return {cause: ns / device["idle_ns"] for cause, ns in device["idle_by_cause_ns"].items() if ns}


def causes(found: Document) -> Counter[str]:
    return Counter(gap["cause"] for gap in found["gaps"])


def idle_share(found: Document) -> float:
    device = found["devices"][0]
    return float(device["idle_ns"] / (device["idle_ns"] + device["busy_ns"]))


def kernels(steps: int, per_step: int, name: str) -> int:
    """Kernel rows that a number of steps leaves in a report."""
    return {"naive": steps * per_step, "graph": steps * per_step, "fused": steps, "cdp": steps, "mega": 1}[name]


@pytest.mark.parametrize("name", SAMPLES)
def test_measured_part_holds_the_ops_and_calls_the_workload_made(name: str) -> None:
    record, trace = RECORDS[name]["under_nsys"], read(name)
    found = document(trace, measured_range(trace))
    assert found["devices"][0]["op_count"] == {"kernel": record["traced_kernels"], "memcpy": 0, "memset": 0, "graph": 0}
    assert found["syncs"]["waited"]["count"] + found["syncs"]["found_nothing"] == record["host_syncs"]
    single = found["launches"].get("kernel", {"count": 0})["count"]
    assert single + found["graph_launches"]["count"] == record["host_launches"]


@pytest.mark.parametrize("name", WHOLE_RUNS)
def test_whole_run_holds_every_phase(name: str) -> None:
    record, [device] = RECORDS[name]["under_nsys"], document(read(name))["devices"]
    steps, per_step = record["steps"], record["kernels"]
    made = kernels(CHECK_STEPS, CHECK_KERNELS, name) + kernels(min(WARM_UP_STEPS, steps), per_step, name)
    made += EVENT_LAUNCHES + kernels(steps, per_step, name)
    copies_and_sets = {"memcpy": 9, "memset": 2, "graph": 0}
    assert device["op_count"] == {"kernel": made, **copies_and_sets}


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("part", ["whole", "measured"])
def test_sums_are_exact(name: str, part: str) -> None:
    trace = read(name)
    found = document(trace, measured_range(trace) if part == "measured" else None)
    [device] = found["devices"]
    start, end = device["window_ns"]
    assert device["busy_ns"] + device["idle_ns"] == end - start
    assert sum(device["idle_by_cause_ns"].values()) == device["idle_ns"]
    assert sum(gap["duration_ns"] for gap in found["gaps"]) == device["idle_ns"]
    assert all(sum(gap["parts_ns"].values()) == gap["duration_ns"] for gap in found["gaps"])


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("part", ["whole", "measured"])
def test_every_gap_is_the_references(name: str, part: str, tmp_path: Path) -> None:
    trace, plain = read(name), tmp_path / "report.sqlite"
    data = sample(name).read_bytes()
    plain.write_bytes(lzma.decompress(data) if sample(name).suffix == ".xz" else data)
    selection = measured_range(trace) if part == "measured" else None
    pairs = None if selection is None else list(zip(selection.starts.tolist(), selection.ends.tolist(), strict=True))
    expected, found = reference.gaps_json(str(plain), top=None, selection=pairs), document(trace, selection)
    assert found["gaps"] == expected["gaps"]
    for key, value in expected["devices"][0].items():
        assert found["devices"][0][key] == value, key
    if selection is None:
        for key in ("launches", "graph_launches", "syncs"):
            assert found[key] == expected[key], key


def test_naive_has_a_gap_before_every_kernel_of_launch_host_sync_and_queue() -> None:
    found = measured("naive")
    assert len(found["gaps"]) == 101  # one before each kernel, one after the last
    assert set(shares(found)) == {"launch", "host", "sync", "queued"}
    assert found["launches"]["kernel"]["unqueued_latency_ns"]["count"] == 100
    assert idle_share(found) > 0.2
    assert causes(found)["launch"] > 80


def test_graph_steps_from_node_to_node_and_pays_once_a_step() -> None:
    found = measured("graph")
    assert causes(found)["in_graph"] == 95  # 5 steps of 20 nodes: 19 steps from node to node each
    assert found["graph_launches"]["count"] == 5
    assert found["graph_launches"]["node_count"]["min"] == found["graph_launches"]["node_count"]["max"] == 20
    assert max(gap["duration_ns"] for gap in found["gaps"] if gap["cause"] == "in_graph") < 2_000
    assert idle_share(found) < idle_share(measured("naive")) / 4


def test_fused_has_gaps_only_between_steps() -> None:
    found = measured("fused")
    assert len(found["gaps"]) == 21
    assert set(causes(found)) == {"host", "launch"}
    assert idle_share(found) < 0.03


def test_mega_has_no_gap_but_before_and_after() -> None:
    found = measured("mega")
    assert len(found["gaps"]) == 2
    assert found["devices"][0]["idle_ns"] < 100_000  # once, whatever the steps
    assert RECORDS["mega"]["plain"]["wall_us_per_kernel"] == min(
        RECORDS[name]["plain"]["wall_us_per_kernel"] for name in WHOLE_RUNS
    )


@pytest.mark.parametrize("name", ["cdp", "cdp_gpu_metrics"])
def test_cdp_time_after_the_parents_is_untraced_not_idle(name: str) -> None:
    found = measured(name)
    [device] = found["devices"]
    assert shares(found)["untraced"] > 0.95
    low, high = device["untraced"]["idle_percent"]
    assert low < 5
    assert high > 80
    assert [kernel["name"] for kernel in device["untraced"]["kernels"]] == ["parent"]
    assert {gap["after"]["name"] for gap in found["gaps"] if gap["cause"] == "untraced" and gap["after"]} <= {
        "parent",
        "[CUDA memcpy Device-to-Device]",
    }


def test_hardware_counter_says_that_untraced_time_was_busy() -> None:
    [device] = measured("cdp_gpu_metrics")["devices"]
    means = device["sm_active_percent"]
    assert means["busy"] > 80
    assert means["untraced"] > 80
    assert means["idle"] < 10
    assert device["sm_active_samples"] > 100


@pytest.mark.parametrize("name", WHOLE_RUNS)
def test_no_evidence_is_made_up_without_gpu_metrics(name: str) -> None:
    [device] = document(read(name))["devices"]
    assert device["sm_active_percent"] is None


@pytest.mark.parametrize("name", SAMPLES)
def test_sample_is_small_and_tells_no_ones_name(name: str) -> None:
    data = sample(name).read_bytes()
    assert len(data) < 600_000
    plain = lzma.decompress(data) if sample(name).suffix == ".xz" else data
    for telltale in (b"/root", b"/home", b"/tmp/", b"HOME=", b"PATH=", b"CONTAINER"):
        assert telltale not in plain
