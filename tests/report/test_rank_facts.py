"""What a report says of its processes' ranks: NCCL's payloads, marks of MPI, the environment, host and clock."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from rank_reports import environment
from report_builder import ReportBuilder, global_pid, global_tid

from nsysgap.report import open_source
from nsysgap.report.rank_facts import NcclCall, RankFacts, read_rank_facts

DOMAIN, INIT, ALL_REDUCE = 3, 100, 101
MEMBERS = {
    INIT: (("NCCL communicator ID", 18, 0), ("No. of ranks", 15, 8), ("Rank", 15, 12), ("CUDA device", 15, 16)),
    ALL_REDUCE: (("NCCL communicator ID", 18, 0), ("Message size [bytes]", 18, 8)),
}


def facts(report: ReportBuilder, folder: Path) -> RankFacts:
    with open_source(report.save(folder)) as source:
        return read_rank_facts(source)


def with_schemas(report: ReportBuilder) -> ReportBuilder:
    for schema, members in MEMBERS.items():
        report.row("NVTX_PAYLOAD_SCHEMAS", domainId=DOMAIN, schemaId=schema, name="nccl", payloadSize=24)
        for index, (name, kind, offset) in enumerate(members):
            columns = {"domainId": DOMAIN, "schemaId": schema, "idx": index, "flags": 0, "type": kind, "name": name}
            report.row("NVTX_PAYLOAD_SCHEMA_ENTRIES", **columns, arrayOrUnionDetail=None, offset=offset)
    return report


def payload(schema: int, data: bytes) -> bytes:
    return struct.pack("<QQQQ", 1, schema, len(data), 32) + data


def init(communicator: int, ranks: int, rank: int) -> bytes:
    return payload(INIT, struct.pack("<QiiiI", communicator, ranks, rank, 0, 0))


def test_nccl_tells_rank_size_and_communicators(report: ReportBuilder, tmp_path: Path) -> None:
    """Process 5 joins a communicator of 8 ranks and one of 2 in it: the largest is the world."""
    with_schemas(report)
    report.nvtx(0, 10, "ncclCommInitRank", pid=5, domainId=DOMAIN, binaryData=init(0xABCD, 8, 6))
    report.nvtx(20, 30, "ncclCommInitRank", pid=5, domainId=DOMAIN, binaryData=init(0xEF, 2, 1))
    reduce = payload(ALL_REDUCE, struct.pack("<QQ", 0xEF, 4096))
    report.nvtx(40, 50, "ncclAllReduce", pid=5, domainId=DOMAIN, binaryData=reduce)
    found = facts(report, tmp_path)
    assert found.nccl == {global_pid(5): (6, 8)}
    thread = global_tid(5, 1)
    assert found.calls == (
        NcclCall(thread, 0, 10, 0xABCD),
        NcclCall(thread, 20, 30, 0xEF),
        NcclCall(thread, 40, 50, 0xEF, 4096),
    )


@pytest.mark.parametrize(
    "blob", [b"", b"\1", init(1, 8, 6)[:-16], struct.pack("<QQQQ", 9, INIT, 24, 32), struct.pack("<QQQQ", 1, 7, 0, 32)]
)
def test_damaged_payloads_tell_nothing(report: ReportBuilder, tmp_path: Path, blob: bytes) -> None:
    with_schemas(report).nvtx(0, 10, "ncclCommInitRank", domainId=DOMAIN, binaryData=blob)
    assert facts(report, tmp_path).nccl == {}


def test_marks_of_mpi(report: ReportBuilder, tmp_path: Path) -> None:
    report.nvtx(0, None, "MPI Rank 3", pid=5, event_type=39)
    report.nvtx(1, None, "MPI Rank 4", pid=5, event_type=39)  # the first mark stands
    report.nvtx(2, 3, "MPI Rank 9", pid=6)  # a range is no mark
    report.nvtx(2, None, "MPI Rank", pid=7, event_type=39)
    assert facts(report, tmp_path).mpi == {global_pid(5): 3}


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"RANK": 3, "WORLD_SIZE": 8}, (3, 8)),
        ({"SLURM_PROCID": 2, "SLURM_NTASKS": 4}, (2, 4)),
        ({"SLURM_PROCID": 2, "OMPI_COMM_WORLD_RANK": 1, "OMPI_COMM_WORLD_SIZE": 2, "SLURM_NTASKS": 1}, (1, 2)),
        ({"RANK": "", "PMI_RANK": 5}, (5, None)),
        ({"RANK": "-1"}, (None, None)),
        ({"RANK": "12345678901"}, (None, None)),
        ({"MY_RANK": 1}, (None, None)),
    ],
)
def test_the_environment(
    report: ReportBuilder, tmp_path: Path, variables: dict[str, object], expected: tuple[int | None, int | None]
) -> None:
    assert facts(environment(report, **variables), tmp_path).environment == expected


def test_the_environment_of_the_device(report: ReportBuilder, tmp_path: Path) -> None:
    value = "PATH=/bin;RANK=7;WORLD_SIZE=16;"
    report.row("TARGET_INFO_SYSTEM_ENV", name="DeviceEnvironment", value=value)
    assert facts(report, tmp_path).environment == (7, 16)


def test_host_gpus_and_clock(report: ReportBuilder, tmp_path: Path) -> None:
    report.row("TARGET_INFO_SYSTEM_ENV", name="Hostname", value="node7").gpu(2, "NVIDIA H200", uuid="GPU-1b")
    report.row("TARGET_INFO_SESSION_START_TIME", utcEpochNs=1_700_000_000_000_000_000)
    found = facts(report, tmp_path)
    assert (found.host, found.gpu_uuid, found.utc_start_ns) == ("node7", {2: "GPU-1b"}, 1_700_000_000_000_000_000)


def test_a_report_that_tells_nothing(report: ReportBuilder, tmp_path: Path) -> None:
    assert facts(report, tmp_path) == RankFacts()
