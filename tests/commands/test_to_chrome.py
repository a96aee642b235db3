"""`nsysgap to-chrome`: formats, cuts, args and counters, as the files say it."""

from __future__ import annotations

import errno
import json
import os
import threading
from collections import Counter
from pathlib import Path
from typing import IO, Any

import pytest
from report_builder import ReportBuilder, global_pid
from stack_reports import StackReport
from trace_files import document

from nsysgap.commands import main
from nsysgap.commands.tracing import write_trace
from nsysgap.tracks import Viewed

US = 1000
Event = dict[str, Any]


def to_chrome(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as done:
        main(["to-chrome", *map(str, arguments)])
    return int(done.value.code or 0)


def events(trace: Path, phase: str = "X", **wanted: Any) -> list[Event]:
    found = [event for event in document(trace)["traceEvents"] if event["ph"] == phase]
    found = [event for event in found if all(event.get(key) == value for key, value in wanted.items())]
    return sorted(found, key=lambda event: float(event["ts"]))


def written(report: ReportBuilder, folder: Path, *options: str) -> Path:
    target = folder / "trace.json"
    assert to_chrome(report.save(folder), "-o", target, "--force", *options) == 0
    return target


@pytest.fixture
def busy() -> ReportBuilder:
    """Two GPUs, a range, OS calls; the longest gap of GPU 0 is [300 us, 900 us)."""
    report = ReportBuilder().versions().gpu(0, "NVIDIA H200", smCount=132, totalMemory=1 << 37).gpu(1, "NVIDIA H200")
    size = {"gridX": 8, "gridY": 1, "gridZ": 1, "blockX": 256, "blockY": 2, "blockZ": 1}
    needs = {"registersPerThread": 40, "staticSharedMemory": 16, "dynamicSharedMemory": 32}
    report.launch((0, 10 * US), (20 * US, 100 * US), "void ns::first<int>(float*)", **size, **needs)
    report.call(110 * US, 115 * US, 5, "cudaMemcpyAsync_v3020")
    report.memcpy(120 * US, 300 * US, 5, bytes=1_800_000, srcKind=0, dstKind=2)
    report.nvtx(850 * US, 880 * US, "step").osrt(400 * US, 500 * US, "sem_wait").overhead(600 * US, 610 * US)
    report.launch((860 * US, 870 * US), (900 * US, 950 * US), "second")
    return report.launch((20 * US, 30 * US), (40 * US, 60 * US), "other", device=1, context=2, tid=2)


def test_the_format_is_that_of_the_name(busy: ReportBuilder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = busy.save(tmp_path, "run.sqlite")
    monkeypatch.chdir(tmp_path)
    assert to_chrome(report) == 0
    assert events(tmp_path / "run.json.gz") == events(written(busy, tmp_path))
    assert to_chrome(report, "-o", "trace.pftrace") == 0
    assert (tmp_path / "trace.pftrace").read_bytes()[:1] == b"\x0a"
    assert to_chrome(report, "-o", "trace.dat") == 2
    assert to_chrome(report, "-o", "trace.txt", "--format", "json") == 2
    assert to_chrome(report, "-o", "trace.dat", "--format", "json") == 0


def test_standard_output_is_plain_json(
    busy: ReportBuilder, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert to_chrome(busy.save(tmp_path), "-o", "-") == 0
    said = capfdbinary.readouterr()
    assert json.loads(said.out)["otherData"]["report"] == "report.sqlite"
    assert said.err == b""


@pytest.mark.parametrize("form", ["json", "json.gz", "pftrace"])
def test_the_same_report_gives_the_same_bytes(busy: ReportBuilder, tmp_path: Path, form: str) -> None:
    report = busy.save(tmp_path)
    for name in ("one", "two"):
        assert to_chrome(report, "-o", tmp_path / f"{name}.{form}") == 0
    assert (tmp_path / f"one.{form}").read_bytes() == (tmp_path / f"two.{form}").read_bytes()


def test_an_existing_file_stays_and_nothing_half_written_is_left(
    busy: ReportBuilder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "trace.json"
    target.write_text("mine")
    assert to_chrome(busy.save(tmp_path), "-o", target) == 1
    assert "--force" in capsys.readouterr().err
    assert target.read_text() == "mine"
    assert to_chrome(busy.save(tmp_path), "-o", target / "trace.json") == 1
    assert to_chrome(busy.save(tmp_path), "-o", tmp_path / "new" / "trace.json", "--from", "9s") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.sqlite", "trace.json"]


def test_a_named_pipe_is_written_to_and_stays_one(busy: ReportBuilder, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.json"
    os.mkfifo(pipe)
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(pipe.read_bytes()), daemon=True)
    reader.start()
    assert to_chrome(busy.save(tmp_path), "-o", pipe, "--force") == 0
    reader.join(10)
    assert json.loads(found[0])["otherData"]["report"] == "report.sqlite"
    assert pipe.is_fifo()


def test_kernels_carry_what_pytorchs_profiler_calls_it(busy: ReportBuilder, tmp_path: Path) -> None:
    (kernel,) = events(written(busy, tmp_path), name="first")
    assert (kernel["cat"], kernel["pid"], kernel["tid"], kernel["ts"], kernel["dur"]) == ("kernel", 0, 7, 20, 80)
    assert kernel["args"] == {
        "device": 0,
        "context": 1,
        "stream": 7,
        "correlation": 1001,
        "launch latency (ns)": 20_000,
        "grid": [8, 1, 1],
        "block": [256, 2, 1],
        "registers per thread": 40,
        "static shared memory": 16,
        "dynamic shared memory": 32,
        "shared memory": 48,
        "demangled": "void ns::first<int>(float*)",
    }


def test_minimal_args_identify_a_row_and_demangled_names_are_whole(busy: ReportBuilder, tmp_path: Path) -> None:
    trace = written(busy, tmp_path, "--args", "minimal", "--names", "demangled")
    (kernel,) = events(trace, name="void ns::first<int>(float*)")
    assert kernel["args"] == {"device": 0, "context": 1, "stream": 7, "correlation": 1001}


def test_copies_say_what_moved_how_fast(busy: ReportBuilder, tmp_path: Path) -> None:
    trace = written(busy, tmp_path)
    (copy,) = events(trace, cat="gpu_memcpy")
    assert copy["name"] == "Memcpy HtoD (Pageable -> Device)"
    assert (copy["args"]["bytes"], copy["args"]["memory bandwidth (GB/s)"]) == (1_800_000, 10)
    rates = [(event["ts"], event["args"]) for event in events(trace, "C", name="copy bandwidth")]
    assert rates == [(120, {"HtoD GB/s": 10}), (300, {"HtoD GB/s": 0})]


def test_gaps_are_slices_named_by_their_cause(busy: ReportBuilder, tmp_path: Path) -> None:
    gaps = events(written(busy, tmp_path), cat="gpu_idle", pid=0)
    assert [(gap["name"], gap["ts"], gap["dur"]) for gap in gaps] == [("host", 100, 20), ("host", 300, 600)]
    parts = gaps[1]["args"]["parts"]
    assert parts == {
        "queued (ns)": 30_000,
        "launch (ns)": 10_000,
        "profiler (ns)": 10_000,
        "os (ns)": 100_000,
        "host (ns)": 450_000,
    }
    assert (gaps[1]["args"]["after"], gaps[1]["args"]["launched by"]) == ("second", "cudaLaunchKernel")
    assert gaps[1]["args"]["before"] == "Memcpy HtoD (Pageable -> Device)"


def test_ops_in_flight_count_from_the_call_to_the_end(busy: ReportBuilder, tmp_path: Path) -> None:
    found = events(written(busy, tmp_path), "C", name="ops in flight", pid=0)
    assert [(event["ts"], event["args"]["Stream 7"]) for event in found] == [
        *((0, 1), (100, 0), (110, 1), (300, 0), (860, 1), (950, 0)),
    ]


def test_the_busy_counter_has_the_busy_time(busy: ReportBuilder, tmp_path: Path) -> None:
    found = events(written(busy, tmp_path), "C", name="GPU busy", pid=0)
    times = [event["ts"] for event in found]
    busy_us = sum(
        event["args"]["%"] / 100 * (end - start) for event, start, end in zip(found, times, times[1:], strict=False)
    )
    assert (times[0], times[-1]) == (20, 950)
    assert busy_us == pytest.approx(80 + 180 + 50, abs=0.01)


def test_ranges_are_projected_onto_the_gpu(busy: ReportBuilder, tmp_path: Path) -> None:
    (projected,) = events(written(busy, tmp_path), cat="gpu_user_annotation")
    assert (projected["name"], projected["pid"], projected["ts"], projected["dur"]) == ("step", 0, 900, 50)
    assert projected["args"] == {"ops": 1}


def test_colours_and_domains_of_ranges(tmp_path: Path) -> None:
    report = ReportBuilder().nvtx(0, 10, "red", color=0xFFFF0000, domainId=3).nvtx(20, 30, "plain")
    report.nvtx(0, None, "my domain", event_type=75, domainId=3)
    found = events(written(report, tmp_path), cat="user_annotation")
    assert [event.get("args") for event in found] == [{"domain": "my domain", "color": "#FF0000"}, None]


def test_syncs_are_what_pytorchs_profiler_writes(tmp_path: Path) -> None:
    report = ReportBuilder().launch((0, 10), (20, 200), streamId=7).event_record(30, 35, 50, stream=7, event=4)
    report.sync(40, 45, 51, "cudaStreamWaitEvent_v3020", stream=9, event=4)
    report.sync(50, 210, 52, "cudaEventSynchronize_v3020", event=4)
    report.sync(220, 240, 53, "cudaStreamSynchronize_v3020", stream=7).sync(250, 260, 54)
    report.sync(270, 280, 55, "cudaFree_v3020")  # CUPTI notes it, but it is none of the four kinds
    found = events(written(report, tmp_path), cat="cuda_sync")
    waits = {"wait_on_stream": 7, "wait_on_cuda_event_record_corr_id": 50, "wait_on_cuda_event_id": 4}
    assert [(event["name"], event["args"]) for event in found] == [
        (name, {"cuda_sync_kind": name, "stream": stream, "correlation": number, "device": 0, "context": 1, **more})
        for name, stream, number, more in (
            ("Stream Wait Event", 9, 51, waits),
            ("Event Sync", -1, 52, waits),
            ("Stream Sync", 7, 53, {}),
            ("Context Sync", -1, 54, {}),
        )
    ]
    assert {event["pid"] for event in found} == {0}
    assert events(written(report, tmp_path, "--no-syncs"), cat="cuda_sync") == []


def test_iterations_that_nvtx_tells_are_steps_of_ops(tmp_path: Path) -> None:
    report = ReportBuilder().nvtx(0, 4000, "all").nvtx(10, 20, "load")
    for number in range(3):
        at = 1000 * (number + 1)
        report.nvtx(at, at + 500, f"step {number}").nvtx(at + 10, at + 100, "forward")
        report.launch((at + 20, at + 30), (at + 50, at + 90))
    trace = written(report, tmp_path)
    spans = [(event["name"], float(event["ts"]), float(event["dur"])) for event in events(trace, cat="user_annotation")]
    steps = [(f"ProfilerStep#{number}", number + 1.0, 0.5) for number in range(3)]
    assert spans == [("all", 0.0, 4.0), ("load", 0.01, 0.01), *steps]
    ops = [(event["name"], event["args"]["Ev Idx"]) for event in events(trace, cat="cpu_op")]
    assert ops == [("step 0", 2), ("forward", 3), ("step 1", 4), ("forward", 5), ("step 2", 6), ("forward", 7)]
    assert events(written(report, tmp_path, "--no-syncs"), cat="cpu_op") == []
    later = written(report, tmp_path, "--from", "1900ns")
    names = [event["name"] for event in events(later, cat="user_annotation")]
    assert names == ["all", "ProfilerStep#1", "ProfilerStep#2"]


def test_memory_use_adds_up_on_the_physical_gpu(tmp_path: Path) -> None:
    report = ReportBuilder().device(1, 0, 3).launch((0, 10), (20, 30))
    for start, operation, size in ((5, 0, 100), (6, 0, 50), (9, 1, 100)):
        report.row("CUDA_GPU_MEMORY_USAGE_EVENTS", start=start, globalPid=global_pid(1), deviceId=0, contextId=1,
                   address=1, pc=0, bytes=size, memKind=2, memoryOperationType=operation)  # fmt: skip
    found = events(written(report, tmp_path), "C", name="memory used")
    assert [(event["pid"], event["ts"], event["args"]) for event in found] == [
        *((3, 0.005, {"Device B": 100}), (3, 0.006, {"Device B": 150}), (3, 0.009, {"Device B": 50})),
    ]


def test_hardware_counters_are_counters(tmp_path: Path) -> None:
    report = ReportBuilder().launch((0, 10), (20, 30))
    report.row("TARGET_INFO_GPU_METRICS", typeId=0x700, metricId=4, metricName="SMs Active [Throughput %]")
    report.row("GPU_METRICS", timestamp=15, typeId=0x700, metricId=4, value=80)
    (sample,) = events(written(report, tmp_path), "C", name="GPU metric")
    assert (sample["ts"], sample["args"]) == (0.015, {"SMs Active [Throughput %]": 80})


@pytest.mark.parametrize(
    ("options", "metric", "memory"),
    [
        ([], [(0, 15, 80), (0, 70, 40), (1, 65, 60)], [(0, 5, 100), (0, 95, 0), (1, 5, 100)]),
        (["--device", "1"], [(1, 65, 60)], [(1, 5, 100)]),
        (["--from", "80ns", "--to", "90ns"], [(0, 70, 40), (1, 65, 60)], [(0, 5, 100), (1, 5, 100)]),
    ],
)
def test_samples_are_cut_like_rows_and_a_value_holds_until_the_next(
    tmp_path: Path, options: list[str], metric: list[tuple[int, int, int]], memory: list[tuple[int, int, int]]
) -> None:
    report = ReportBuilder().launch((0, 10), (20, 90)).launch((40, 50), (60, 90), device=1, context=2)
    report.row("TARGET_INFO_GPU_METRICS", typeId=0x700, metricId=4, metricName="SMs Active")
    report.row("TARGET_INFO_GPU_METRICS", typeId=0x701, metricId=4, metricName="SMs Active")
    for gpu, time, value in ((0, 15, 80), (0, 70, 40), (1, 65, 60)):
        report.row("GPU_METRICS", timestamp=time, typeId=0x700 + gpu, metricId=4, value=value)
    for gpu, time, operation in ((0, 5, 0), (0, 95, 1), (1, 5, 0)):
        report.row("CUDA_GPU_MEMORY_USAGE_EVENTS", start=time, globalPid=global_pid(1), deviceId=gpu, contextId=1,
                   address=1, pc=0, bytes=100, memKind=2, memoryOperationType=operation)  # fmt: skip
    trace = written(report, tmp_path, *options)
    for name, expected in (("GPU metric", metric), ("memory used", memory)):
        found = [
            (event["pid"], round(event["ts"] * 1000), *event["args"].values())
            for event in events(trace, "C", name=name)
        ]
        assert sorted(found) == expected


def test_untraced_time_is_marked_inside_its_gap(tmp_path: Path) -> None:
    report = ReportBuilder().launch((0, 10), (20, 30 * US), "parent").sync(15, 800 * US, 7)
    report.launch((810 * US, 811 * US), (812 * US, 820 * US), "next")
    trace = written(report, tmp_path)
    (hidden,) = events(trace, cat="untraced")
    (gap,) = events(trace, cat="gpu_idle")
    assert (hidden["ts"], hidden["dur"], hidden["tid"]) == (30, 770, gap["tid"])
    assert gap["name"] == "untraced"


CUTS = {
    "device": (
        ["--device", "1"],
        {"other", "cudaLaunchKernel", "step", "sem_wait", "Buffer flush"},
        "only GPU 1 and the processes that used it",
    ),
    "time": (["--from", "890us", "--to", "1ms"], {"second", "host"}, "from 890 us to 1.00 ms"),
    "ranges": (["--nvtx", "step"], {"cudaLaunchKernel", "host", "step"}, "inside 1 NVTX range (step), 30.0 us"),
    "args": (
        ["--args", "minimal", "--kernels-only"],
        {"first", "second", "other"},
        "minimal args: no launch configuration, latency, colours",
    ),
    "kernels": (["--kernels-only"], {"first", "second", "other"}, "only kernels"),
    "gaps": (
        ["--top-gaps", "1", "--no-osrt"],
        {"Memcpy HtoD (Pageable -> Device)", "cudaLaunchKernel", "cudaMemcpyAsync", "Buffer flush", "second", "first"}
        | {"other", "step", "host"},
        "only the surroundings of the 1 longest gaps",
    ),
}


@pytest.mark.parametrize(("options", "names", "said"), CUTS.values(), ids=CUTS)
def test_cuts_keep_whole_rows_and_say_so(
    busy: ReportBuilder, tmp_path: Path, options: list[str], names: set[str], said: str
) -> None:
    trace = written(busy, tmp_path, *options)
    found = events(trace)
    assert {event["name"] for event in found} == names
    assert said in document(trace)["otherData"]["cut"]
    whole = {(event["name"], event["ts"], event["dur"]) for event in events(written(busy, tmp_path))}
    assert {(event["name"], event["ts"], event["dur"]) for event in found} <= whole


def test_a_cut_that_leaves_nothing_is_an_error(
    busy: ReportBuilder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = ReportBuilder().call(0, 10).save(tmp_path)
    assert to_chrome(report, "-o", tmp_path / "trace.json", "--kernels-only") == 1
    assert "only kernels" in capsys.readouterr().err
    assert not (tmp_path / "trace.json").exists()


def test_one_file_per_gpu_with_the_names_that_pytorchs_tools_know(tmp_path: Path) -> None:
    report = ReportBuilder().gpu(0, "H200").gpu(1, "H200")
    report.call(0, 10, 1, "cuLaunchKernel").kernel(20, 30, 1, device=0).call(40, 50, 2, "cuLaunchKernelEx")
    report.kernel(60, 70, 2, device=1).call(80, 90, 3, "cuCtxSynchronize")
    assert to_chrome(report.save(tmp_path), "--per-gpu", tmp_path / "out") == 0
    for rank, name, driver in (
        (0, "cudaLaunchKernel", "cuLaunchKernel"),
        (1, "cudaLaunchKernelExC", "cuLaunchKernelEx"),
    ):
        trace = tmp_path / "out" / f"gpu{rank}.json.gz"
        head = document(trace)
        assert (head["distributedInfo"]["rank"], head["distributedInfo"]["world_size"]) == (rank, 2)
        assert [one["id"] for one in head["deviceProperties"]] == [rank]
        assert Counter(event["name"] for event in events(trace, cat="cuda_driver")) == {name: 1, "cuCtxSynchronize": 1}
        (launch,) = events(trace, name=name)
        assert launch["args"] == {"correlation": rank + 1, "driver call": driver}


def links(trace: Path) -> dict[tuple[int, int], list[tuple[str, int]]]:
    """{call's (pid, start ns): its ops' (name, start ns)}, joined as tools for PyTorch's traces do.

    A call's correlation ID is the number of its arrow, which ends where an op of that ID lies: on its pid and tid.
    """
    ends = {event["id"]: (event["pid"], event["tid"]) for event in events(trace, "f", cat="ac2g")}
    begun = {event["id"] for event in events(trace, "s", cat="ac2g")}
    ops = [event for event in events(trace) if event["cat"] in {"kernel", "gpu_memcpy", "gpu_memset"}]
    found = {}
    for call in events(trace):
        number = call["args"].get("correlation") if call["cat"] in {"cuda_runtime", "cuda_driver"} else None
        if number in begun:
            there = [op for op in ops if (op["pid"], op["tid"], op["args"]["correlation"]) == (*ends[number], number)]
            found[call["pid"], round(call["ts"] * 1000)] = [(op["name"], round(op["ts"] * 1000)) for op in there]
    return found


def test_launches_are_found_by_the_arrows_of_their_correlation_id(tmp_path: Path) -> None:
    """Also where a range begins with the call. Rows of tables, which number arrows elsewhere, are other numbers."""
    report = ReportBuilder().gpu(0, "H200").call(0, 2, 1, "cudaMalloc")
    report.call(10, 12, 9).kernel(20, 30, 9, "a").nvtx(10, 15, "as early as the call")
    report.call(14, 16, 2, "cudaMemcpyAsync").memcpy(40, 50, 2).call(60, 62, 3).kernel(70, 80, 3, "b", stream=8)
    assert to_chrome(report.save(tmp_path), "--per-gpu", tmp_path / "out") == 0
    assert links(tmp_path / "out" / "gpu0.json.gz") == {
        (1, 10): [("a", 20)],
        (1, 14): [("Memcpy HtoD", 40)],
        (1, 60): [("b", 70)],
    }


def test_a_correlation_id_of_two_processes_finds_no_launch_rather_than_a_wrong_one(tmp_path: Path) -> None:
    report = ReportBuilder().gpu(0, "H200").call(0, 5, 7, "cudaMalloc", pid=2).call(6, 8, 3, pid=2)
    for pid, at in ((1, 10), (2, 100)):
        report.call(at, at + 2, 4, pid=pid).kernel(at + 20, at + 30, 4, f"of {pid}", pid=pid)
    report.call(200, 202, 7).kernel(210, 220, 7, "alone").kernel(300, 310, 3, "of 2", pid=2)
    assert to_chrome(report.save(tmp_path), "--per-gpu", tmp_path / "out") == 0
    trace = tmp_path / "out" / "gpu0.json.gz"
    assert links(trace) == {(2, 6): [("of 2", 300)]}
    arrows = [sorted(event["id"] for event in events(trace, phase, cat="ac2g")) for phase in "sf"]
    assert arrows[0] == arrows[1]
    assert len(set(arrows[0])) == 4


def test_the_head_says_what_the_trace_was_made_from(busy: ReportBuilder, tmp_path: Path) -> None:
    busy.row("TARGET_INFO_SESSION_START_TIME", utcEpochNs=1_795_218_553_566_640_366)
    head = document(written(busy, tmp_path))
    assert head["schemaVersion"] == 1
    assert head["deviceProperties"][0] == {"id": 0, "name": "NVIDIA H200", "totalGlobalMem": 1 << 37, "numSms": 132}
    facts = head["otherData"]
    assert facts["tool"].startswith("nsysgap ")
    assert (facts["nsys_version"], facts["time_zero_ns"], facts["cut"]) == ("2025.3.2.474", 0, [])
    assert facts["session_start_utc_ns"] == 1_795_218_553_566_640_366


def test_the_head_counts_the_events_that_a_trace_does_not_show(busy: ReportBuilder, tmp_path: Path) -> None:
    assert document(written(busy, tmp_path))["otherData"]["not_shown"] == {}
    busy.row("SCHED_EVENTS", start=5, cpu=0).row("SCHED_EVENTS", start=6, cpu=0)
    busy.nvtx(7, None, "a mark", event_type=34).nvtx(0, None, "a domain", event_type=75, domainId=3)
    assert document(written(busy, tmp_path))["otherData"]["not_shown"] == {
        "SCHED_EVENTS": 2,
        "NVTX_EVENTS other than ranges": 1,
    }


def test_samples_that_are_shown_are_not_counted_as_left_out(tmp_path: Path) -> None:
    report = StackReport()
    report.gap(100, 200)
    report.python(150, [("work", "job.py", 3)])
    report.native(160, [("work", "lib.so")])
    report.nvtx("a mark", 170, None, kind=34)
    path, target = report.write(tmp_path / "report.sqlite"), tmp_path / "trace.json"
    for options, left_out in (
        ([], {"NVTX_EVENTS other than ranges": 1}),
        (["--no-samples"], {"NVTX_EVENTS other than ranges": 2, "COMPOSITE_EVENTS": 1}),
    ):
        assert to_chrome(path, "-o", target, "--force", *options) == 0
        assert document(target)["otherData"]["not_shown"] == left_out


def test_files_per_gpu_are_named_for_what_tells_gpus_apart(tmp_path: Path) -> None:
    """Two parts of one GPU, and a process of which the report does not say where it ran."""
    report = ReportBuilder().gpu(0, "A100").gpu(1, "A100")
    report.device(11, 0, None, uuid="MIG-a/1").device(12, 0, None, uuid="MIG-b")
    for pid in (11, 12, 13):
        report.launch((0, 10), (20, 30), pid=pid)
    folder = tmp_path / "out"
    assert to_chrome(report.save(tmp_path), "--per-gpu", folder) == 0
    found = {}
    for file in folder.iterdir():
        (gpu,) = document(file)["deviceProperties"]
        (kernel,) = events(file, cat="kernel")
        (process,) = [one for one in events(file, "M", name="process_name") if one["pid"] == kernel["pid"]]
        assert kernel["args"]["device"] == gpu["id"]
        found[file.name] = (gpu["which"], process["args"]["name"])
    assert found == {
        "gpu0-MIG-a-1.json.gz": ("MIG-a/1", "GPU 0 MIG-a/1 A100"),
        "gpu0-MIG-b.json.gz": ("MIG-b", "GPU 0 MIG-b A100"),
        "gpu0-of-13.json.gz": ("of 13", "GPU 0 of 13 A100"),
    }


@pytest.mark.parametrize(
    ("backwards", "said"),
    [
        (1, "1 op ended before its launch call began"),
        (40, "40 ops ended before their launch calls began"),
        (0, None),
    ],
)
def test_arrows_that_are_left_out_are_named_on_the_terminal_as_in_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], backwards: int, said: str | None
) -> None:
    report = ReportBuilder().launch((0, 10), (20, 30))
    for i in range(backwards):
        report.launch((100 * i + 80, 100 * i + 90), (100 * i + 50, 100 * i + 60))
    facts = document(written(report, tmp_path))["otherData"]
    assert facts.get("flows_left_out") == said
    named = [line for line in capsys.readouterr().err.splitlines() if line.startswith("nsysgap: ")]
    assert named == ([] if said is None else [f"nsysgap: arrows are left out: {said}."])


def test_one_file_per_gpu_writes_all_or_says_why_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "out"
    host = ReportBuilder().call(0, 10).save(tmp_path, "host.sqlite")
    assert to_chrome(host, "--per-gpu", folder) == 1
    assert "No GPU ran anything" in capsys.readouterr().err
    assert not folder.exists()
    report = ReportBuilder().launch((0, 10), (20, 30)).launch((40, 50), (60, 70), device=1).save(tmp_path)
    folder.mkdir()
    (folder / "gpu1.json.gz").write_text("mine")
    assert to_chrome(report, "--per-gpu", folder) == 1
    assert [path.name for path in folder.iterdir()] == ["gpu1.json.gz"]
    assert to_chrome(report, "--per-gpu", folder, "--force") == 0
    assert [len(events(folder / f"gpu{gpu}.json.gz", cat="kernel")) for gpu in (0, 1)] == [1, 1]


def test_gpus_of_which_the_cut_leaves_nothing_get_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = ReportBuilder().launch((0, 10), (20, 30)).launch((40, 50), (60, 70), device=1, pid=2)
    report = made.launch((80, 90), (95, 99)).save(tmp_path)
    assert to_chrome(report, "--per-gpu", tmp_path / "early", "--to", "35ns") == 0
    said = capsys.readouterr().err
    assert "the cut holds nothing of GPU 1: no file is written" in said
    assert [path.name for path in (tmp_path / "early").iterdir()] == ["gpu0.json.gz"]
    assert to_chrome(report, "--per-gpu", tmp_path / "late", "--from", "55ns", "--to", "75ns", "--kernels-only") == 0
    assert "nothing of GPU 0" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "late").iterdir()] == ["gpu1.json.gz"]
    assert to_chrome(report, "--per-gpu", tmp_path / "none", "--from", "75ns", "--to", "78ns", "--kernels-only") == 1
    assert "is left: from 75 ns to 78 ns; only kernels.\n" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_one_file_per_gpu_or_none_where_one_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    report = ReportBuilder().launch((0, 10), (20, 30)).launch((40, 50), (60, 70), device=1).save(tmp_path)

    def full_at_the_second(viewed: Viewed, form: str, file: IO[bytes]) -> None:
        if list(folder.glob(".gpu1*")):
            raise OSError(errno.ENOSPC, "No space left on device")
        write_trace(viewed, form, file)

    folder = tmp_path / "out"
    monkeypatch.setattr("nsysgap.commands.tracing.write_trace", full_at_the_second)
    assert to_chrome(report, "--per-gpu", folder) == 1
    assert f"{folder / 'gpu1.json.gz'} cannot be written (No space left on device)" in capsys.readouterr().err
    assert not folder.exists()


def test_a_process_with_a_gpus_number_gets_another_pid(tmp_path: Path) -> None:
    report = ReportBuilder().process(0, "zero").launch((0, 10), (20, 30), pid=0)
    pids = {event["cat"]: event["pid"] for event in events(written(report, tmp_path))}
    assert pids["kernel"] == 0
    assert pids["cuda_runtime"] > 0xFFFFFF
