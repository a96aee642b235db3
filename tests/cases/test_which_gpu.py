"""Which GPU, whose process: cases that summed what belongs to several GPUs, or named another."""

from __future__ import annotations

from pathlib import Path

from case_answers import MS, US, answer, gpus, said, steps, waits
from command_line import run
from report_builder import HOST, ReportBuilder

ANOTHER_HOST = 2 << 48


def test_two_mig_devices(report: ReportBuilder, tmp_path: Path) -> None:
    """TARGET_INFO_CUDA_DEVICE without gpuId: uuids tell the parts of a GPU apart."""
    report.gpu(0, "A100").device(11, 0, None, uuid="MIG-a").device(12, 0, None, uuid="MIG-b")
    steps(steps(report, 100, MS, pid=11), 100, MS, pid=12, delay=MS // 2)
    each = ("A100", 50 * MS, 99 * MS + MS // 2 - 50 * MS)
    assert gpus(answer(report, tmp_path)) == [(0, "MIG-a", *each), (0, "MIG-b", *each)]


def test_a_long_name_gives_way_to_the_figures(report: ReportBuilder, tmp_path: Path) -> None:
    report.gpu(0, "NVIDIA A100-SXM4-80GB").device(11, 0, None, uuid="MIG-aaaa").device(12, 0, None, uuid="MIG-bbbb")
    steps(steps(report, 100, MS, pid=11), 100, MS, pid=12, delay=MS // 2)
    text = run("gaps", report.save(tmp_path), "--detail").stdout
    line = next(one for one in text.split("\n") if one.startswith("0 MIG-bbbb"))
    assert line.endswith("99.5 ms  50.0 ms  49.5 ms  49.7 %    99   500 us")
    assert len(line) <= 80


def test_two_processes_on_one_mig_device(report: ReportBuilder, tmp_path: Path) -> None:
    report.gpu(0, "A100").device(11, 0, None, uuid="MIG-a").device(12, 0, None, uuid="MIG-a")
    steps(steps(report, 10, MS, pid=11), 10, MS, pid=12, delay=MS // 2)
    assert gpus(answer(report, tmp_path)) == [(0, "MIG-a", "A100", 10 * MS, 0)]


def test_a_uuid_of_a_whole_gpu(report: ReportBuilder, tmp_path: Path) -> None:
    """No gpuId, but TARGET_INFO_GPU has the uuid: that GPU, by its number."""
    report.gpu(0, "A").gpu(3, "B", uuid="GPU-x").device(1, 0, None, uuid="GPU-x")
    assert gpus(answer(steps(report, 2, MS), tmp_path)) == [(3, None, "B", MS, MS // 2)]


def test_cuda_order_is_not_pci_order(report: ReportBuilder, tmp_path: Path) -> None:
    """TARGET_INFO_GPU.cuDevice, where there is no TARGET_INFO_CUDA_DEVICE."""
    report.gpu(0, "GTX 1660", cuDevice=1).gpu(1, "RTX 3090", cuDevice=0)
    assert gpus(answer(steps(report, 20, MS), tmp_path)) == [(1, None, "RTX 3090", 10 * MS, 19 * MS - 9 * MS - MS // 2)]


def test_two_gpus_with_one_cuda_number(report: ReportBuilder, tmp_path: Path) -> None:
    """cuDevice names no single GPU: the process's own number stands."""
    report.gpu(0, "A", cuDevice=1).gpu(1, "B", cuDevice=1)
    document = answer(steps(report, 2, MS, device=1), tmp_path)
    assert [one[:3] for one in gpus(document)] == [(1, None, "B")]


def test_the_table_of_devices_goes_first(report: ReportBuilder, tmp_path: Path) -> None:
    report.gpu(0, "A", cuDevice=1).gpu(1, "B", cuDevice=0).device(1, 0, 0)
    assert [one[:3] for one in gpus(answer(steps(report, 2, MS), tmp_path))] == [(0, None, "A")]


def ranks(report: ReportBuilder) -> ReportBuilder:
    """Two processes that both say device 0, in turns."""
    return steps(steps(report, 100, 2 * MS, pid=7001), 100, 2 * MS, pid=7002, delay=MS)


def test_ranks_that_all_say_device_0(report: ReportBuilder, tmp_path: Path) -> None:
    """Nothing tells which of two GPUs a process's device 0 is: each has its own, with a warning."""
    report.gpu(0, "H100", cuDevice=0).gpu(1, "H100", cuDevice=1)
    document = answer(ranks(report), tmp_path)
    each = ("H100", 100 * MS, 99 * MS)
    assert gpus(document) == [(0, "of 7001", *each), (0, "of 7002", *each)]
    assert "2 processes run on a GPU that the report does not tell" in said(document, "warning")


def test_ranks_on_the_only_gpu(report: ReportBuilder, tmp_path: Path) -> None:
    document = answer(ranks(report.gpu(0, "H100")), tmp_path)
    assert gpus(document) == [(0, None, "H100", 200 * MS, 0)]
    assert "does not tell" not in said(document, "warning")


def test_process_ids_of_containers(report: ReportBuilder, tmp_path: Path) -> None:
    """The table numbers processes as their containers do, so it resolves none of them."""
    report.gpu(0, "A").gpu(1, "B").device(1, 0, 0).device(2, 0, 1)
    document = answer(ranks(report), tmp_path)
    assert [one[:3] for one in gpus(document)] == [(0, "of 7001", None), (0, "of 7002", None)]


def two_hosts(report: ReportBuilder) -> ReportBuilder:
    """The same process ID on two hosts."""
    steps(report, 100, MS, pid=500)
    for table in ("CUPTI_ACTIVITY_KIND_KERNEL", "CUPTI_ACTIVITY_KIND_RUNTIME"):
        for row in list(report.tables[table]):
            key = "globalPid" if "KERNEL" in table else "globalTid"
            report.row(table, **{**row, key: row[key] - HOST + ANOTHER_HOST})
    return report


def test_two_hosts_in_one_report(report: ReportBuilder, tmp_path: Path) -> None:
    report.gpu(0, "node A").gpu(0, "node B", vmId=ANOTHER_HOST).device(500, 0, 0).device(500, 0, 0)
    each = (50 * MS, 99 * MS + MS // 2 - 50 * MS)
    found = gpus(answer(two_hosts(report), tmp_path))
    assert found == [(0, "on 1", "node A", *each), (0, "on 2", "node B", *each)]


def test_two_hosts_without_any_table(report: ReportBuilder, tmp_path: Path) -> None:
    assert [one[:3] for one in gpus(answer(two_hosts(report), tmp_path))] == [(0, "on 1", None), (0, "on 2", None)]


def test_two_hosts_of_which_one_has_two_gpus(report: ReportBuilder, tmp_path: Path) -> None:
    report.gpu(0, "A").gpu(0, "B", vmId=ANOTHER_HOST).gpu(1, "B", vmId=ANOTHER_HOST)
    found = gpus(answer(two_hosts(report), tmp_path))
    assert [one[:3] for one in found] == [(0, "on 1", "A"), (0, "on 2", "B")]


def graphs_that_begin_on_the_host(report: ReportBuilder, nowhere: tuple[int, ...], stream: int = 7) -> ReportBuilder:
    """Ten whole graphs of 1 ms; those in `nowhere` have INT_MAX as device and context."""
    for i in range(10):
        start, place = MS + 2 * i * MS, {"device": 0x7FFFFFFF, "context": 0x7FFFFFFF} if i in nowhere else {}
        report.call(start, start + 10 * US, 10 * i + 1, "cudaGraphLaunch_v10000")
        report.graph_trace(start + 20 * US, start + 20 * US + MS, 10 * i + 1, stream=stream, **place)
        name = "cudaStreamSynchronize_v3020"
        report.sync(start + 15 * US, start + 1030 * US, 10 * i + 2, name, stream=stream)
    return report


def test_graphs_that_begin_with_a_host_node(report: ReportBuilder, tmp_path: Path) -> None:
    document = answer(graphs_that_begin_on_the_host(report.gpu(0, "H100"), (1, 3, 5, 7, 9)), tmp_path)
    assert gpus(document) == [(0, None, "H100", 10 * MS, 9 * MS)]
    assert waits(document) == (10, 0, 1005 * US, 10 * US)


def test_the_first_graph_begins_with_a_host_node(report: ReportBuilder, tmp_path: Path) -> None:
    document = answer(graphs_that_begin_on_the_host(report, (0,)), tmp_path)
    assert [one[3:] for one in gpus(document)] == [(10 * MS, 9 * MS)]


def test_the_gpu_of_a_graph_known_from_another_stream(report: ReportBuilder, tmp_path: Path) -> None:
    report.launch((0, 10), (100, 200), device=2, context=4)
    document = answer(graphs_that_begin_on_the_host(report, tuple(range(10)), stream=9), tmp_path)
    assert [one[0] for one in gpus(document)] == [2]


def test_ops_without_a_process(report: ReportBuilder, tmp_path: Path) -> None:
    """No globalPid in any row: they are of the one process that called."""
    steps(report, 3, MS, globalPid=None)
    document = answer(report, tmp_path)
    assert document["devices"][0]["idle_by_cause_ns"]["unknown"] == 0
    assert {gap["process"] for gap in document["gaps"]} == {1}


def test_an_op_of_no_process_of_several(report: ReportBuilder, tmp_path: Path) -> None:
    steps(report, 2, MS, globalPid=None).call(0, 1, 900, "cudaMalloc", pid=2)
    assert answer(report, tmp_path)["devices"][0]["idle_by_cause_ns"]["unknown"] == MS // 2
