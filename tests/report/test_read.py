"""From a report to typed tables: layouts are probed, odd rows counted, names found, nothing assumed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from report_builder import KERNEL, MEMCPY, OLD_LAYOUT, RUNTIME, ReportBuilder, gap_parts

from nsysgap.analysis.idle.document import gaps_document
from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.errors import NsysgapError
from nsysgap.report import open_source, read_trace
from nsysgap.report.details import read_op_details
from nsysgap.report.sqlite import columns
from nsysgap.tables import Device, Trace

VERSIONS = {
    "s0-2021_mordred": None,
    "s2.9.1_pipit-mpi": "2.9.1",
    "s3.1.2_gtls": "3.1.2",
    "s3.4.0_fastgraphcut": "3.4.0",
    "s3.13.2_cloverleaf": "3.13.2",
    "s3.16.1_fuser": "3.16.1",
    "s3.17.2_awsgpu-uvm": "3.17.2",
    "s3.20.2_nsightful": "3.20.2",
    "s3.23.3_balinski-uvm": "3.23.3",
    "s3.24.14_testcuda": "3.24.14",
    "s3.25.0_2gpu-trimmed": "3.25.0",
    "s3.25.0_jacc-nocuda": "3.25.0",
}
OP_TABLES = [f"CUPTI_ACTIVITY_KIND_{kind}" for kind in ("KERNEL", "MEMCPY", "MEMSET", "GRAPH_TRACE")]


def read(path: Path) -> Trace:
    with open_source(path) as source:
        return read_trace(source)


def names(trace: Trace) -> list[str]:
    return [trace.name(int(index)) for index in trace.ops["name"]]


# ---------------------------------------------------------------- real layouts


@pytest.mark.parametrize(("name", "version"), VERSIONS.items())
def test_all_schema_versions_open(
    name: str, version: str | None, real_report: Callable[[str], Path], tmp_path: Path
) -> None:
    """Every op and every call of the file is in the tables; every op has a name from the report."""
    path = real_report(name)
    trace = read(path)
    assert trace.schema_version == version
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        present = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}

        def count(table: str, where: str = "1") -> int:
            if table not in present:
                return 0
            return int(connection.execute(f"SELECT count(*) FROM {table} WHERE {where}").fetchone()[0])

        assert trace.ops.rows == sum(map(count, OP_TABLES))
        assert trace.api.rows == count(RUNTIME, "eventClass IN (0, 1)")
    assert not any(name.startswith("<no string") or not name for name in names(trace))
    assert [one.text for one in trace.warnings if "left out" in one.text] == []


def test_nothing_is_written_into_or_beside_the_report(report: ReportBuilder, tmp_path: Path) -> None:
    path = report.launch((0, 1), (5, 10)).save(tmp_path)
    before = path.read_bytes(), path.stat().st_mtime_ns
    read(path)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


# ---------------------------------------------------------------- made layouts


def full() -> ReportBuilder:
    report = ReportBuilder().versions().gpu(0, "GPU zero").process(1, "python").thread(1, 1, "main")
    report.launch((0, 1), (5, 10)).launch((20, 30), (40, 50)).sync(42, 60).nvtx(0, 90, "step").osrt(11, 13)
    return report.overhead(13, 14).event_record(1, 2, 9, event=1).memcpy(60, 70).memset(80, 90)


@pytest.mark.parametrize("column", ["streamId", "contextId", "graphNodeId", "correlationId", "globalPid", "deviceId"])
def test_an_op_column_may_be_missing(tmp_path: Path, column: str) -> None:
    report = full()
    report.without = (f"{KERNEL}.{column}", f"{MEMCPY}.{column}")
    trace = report.trace(tmp_path)
    left_out = 3 if column == "deviceId" else 0  # an op without a device is on no GPU
    assert trace.ops.rows == 4 - left_out
    assert any("no device" in one.text for one in trace.warnings) == bool(left_out)


@pytest.mark.parametrize(
    "table",
    [
        *("META_DATA_EXPORT", "TARGET_INFO_GPU", "PROCESSES", "ThreadNames", "OSRT_API", "PROFILER_OVERHEAD"),
        *("NVTX_EVENTS", "CUPTI_ACTIVITY_KIND_SYNCHRONIZATION", "CUPTI_ACTIVITY_KIND_CUDA_EVENT", MEMCPY, RUNTIME),
    ],
)
def test_a_table_may_be_missing(tmp_path: Path, table: str) -> None:
    report = full()
    report.without = (table,)
    trace = report.trace(tmp_path)
    assert table not in trace.tables_present
    (device,) = IdleReport(trace).devices
    assert device.busy + device.idle == device.window[1] - device.window[0] == 85


def test_the_oldest_layout(tmp_path: Path) -> None:
    report = full()
    report.without = OLD_LAYOUT
    trace = report.trace(tmp_path)
    assert (trace.nsys_version, trace.schema_version, trace.duration_ns) == (None, None, None)
    assert gap_parts(IdleReport(trace))[0] == (10, 40, {"profiler": 1, "os": 2, "host": 7, "launch": 10, "queued": 10})


def test_columns_in_any_order_and_unknown_ones(tmp_path: Path) -> None:
    path = full().save(tmp_path)
    expected = gap_parts(IdleReport(read(path)))
    with closing(sqlite3.connect(path)) as connection:
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({KERNEL})")]
        turned = ", ".join(["'new' AS newColumn", *(f'"{column}"' for column in reversed(columns))])
        connection.execute(f"CREATE TABLE other AS SELECT {turned} FROM {KERNEL}")
        connection.execute(f"DROP TABLE {KERNEL}")
        connection.execute(f"ALTER TABLE other RENAME TO {KERNEL}")
        connection.commit()
    assert gap_parts(IdleReport(read(path))) == expected


def test_empty_tables_are_like_missing_ones(tmp_path: Path) -> None:
    """As exported with --lazy=false."""
    path = full().save(tmp_path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM OSRT_API")
        connection.commit()
    trace = read(path)
    assert trace.osrt.rows == 0
    assert "OSRT_API" not in trace.tables_present


def test_the_probe(tmp_path: Path) -> None:
    with open_source(full().save(tmp_path)) as source:
        catalog = source.catalog
    assert "NVTX_EVENTS" in catalog
    assert "OTHER" not in catalog
    assert catalog.has(KERNEL, "start", "end")
    assert not catalog.has(KERNEL, "start", "nothing")
    assert catalog.first(KERNEL, "nothing", "shortName", "demangledName") == "shortName"
    assert catalog.first(KERNEL, "nothing") is None


def test_no_nsys_export(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE people (name)")
        connection.commit()
    with pytest.raises(NsysgapError, match="but not an nsys export"):
        read(path)


# ------------------------------------------------------------------------ names


def test_names_of_ops(report: ReportBuilder, tmp_path: Path) -> None:
    report.kernel(0, 1, name="void f<int>(float*)").memcpy(2, 3, copyKind=2).memcpy(4, 5, copyKind=77)
    report.memset(6, 7).graph_trace(8, 9, graphId=12)
    assert names(report.trace(tmp_path)) == [
        *("void f<int>(float*)", "[CUDA memcpy Device-to-Host]", "[CUDA memcpy Unknown]"),
        *("[CUDA memset]", "[CUDA graph 12]"),
    ]


def test_without_demangled_names_the_short_ones(tmp_path: Path) -> None:
    report = ReportBuilder(without=(f"{KERNEL}.demangledName",))
    report.kernel(0, 1, name="long", shortName=report.text("short"))
    assert names(report.trace(tmp_path)) == ["short"]


def test_a_kernel_without_its_demangled_name_has_the_next_one_known(report: ReportBuilder, tmp_path: Path) -> None:
    """Row by row: NULL, 0 or an ID that StringIds lacks."""
    short, mangled = report.text("short"), report.text("mangled")
    for start, demangled in enumerate((None, 0, 4711)):
        report.kernel(start, 9, demangledName=demangled, shortName=short, mangledName=mangled)
    report.kernel(3, 9, name="long", shortName=short).kernel(4, 9, demangledName=0, shortName=0, mangledName=mangled)
    trace = report.trace(tmp_path)
    assert names(trace) == ["short", "short", "short", "long", "mangled"]
    assert trace.warnings == ()


def test_missing_names_are_counted(report: ReportBuilder, tmp_path: Path) -> None:
    trace = report.kernel(0, 1, demangledName=4711).kernel(2, 3, demangledName=4711).trace(tmp_path)
    assert names(trace) == ["<no string 4711>"] * 2
    assert [one.text for one in trace.warnings] == ["1 name is missing in StringIds: shown as <no string ID>."]


@pytest.mark.parametrize("beyond", [1, 2, 3, 1000])
def test_a_missing_name_is_never_another_text(report: ReportBuilder, tmp_path: Path, beyond: int) -> None:
    """Texts that the report's rows carry, and names without suffixes, get indices that no row can name."""
    report.call(0, 1, 1, "cudaLaunchKernel_v7000").nvtx(0, 50, "own text").process(1, "python").memcpy(20, 30, 1)
    missing = report.text("") + beyond
    trace = report.kernel(5, 10, 1, "", demangledName=missing).trace(tmp_path)
    assert names(trace) == [f"<no string {missing}>", "[CUDA memcpy Host-to-Device]"]
    assert [one.text for one in trace.warnings] == ["1 name is missing in StringIds: shown as <no string ID>."]


@pytest.mark.parametrize("number", [-5, 2**40, 2**32 + 1, -(2**40)])
def test_texts_whose_number_no_exporter_gives_are_missing(report: ReportBuilder, tmp_path: Path, number: int) -> None:
    assert report.text("near") == 1
    trace = report.row("StringIds", id=number, value="far").kernel(0, 1, demangledName=number).trace(tmp_path)
    assert names(trace)[0].startswith("<no string ")
    assert [one.text for one in trace.warnings] == ["1 name is missing in StringIds: shown as <no string ID>."]


def test_names_that_are_not_utf_8_are_counted(report: ReportBuilder, tmp_path: Path) -> None:
    trace = report.kernel(0, 1, name=b"kern\xff\xfeel").trace(tmp_path)
    assert names(trace) == ["kern\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}el"]
    assert [one.text for one in trace.warnings] == ["1 name is not valid UTF-8: shown with replacement characters."]
    assert trace.names.raw(int(trace.ops["name"][0])) == b"kern\xff\xfeel"


def translated(path: Path, encoding: str) -> Path:
    """A copy of a report whose texts are in another encoding."""
    target = path.with_name(f"{encoding}.sqlite")
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(target)) as copy:
        copy.execute(f"PRAGMA encoding = '{encoding}'")
        for table, layout in source.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall():
            copy.execute(layout)
            rows = source.execute(f'SELECT * FROM "{table}"').fetchall()
            marks = ", ".join("?" * len(rows[0]))
            copy.executemany(f'INSERT INTO "{table}" VALUES ({marks})', rows)
        copy.commit()
    return target


@pytest.mark.parametrize("way", ["pages", "SQL"])
@pytest.mark.parametrize("encoding", ["UTF-16le", "UTF-16be"])
def test_the_encoding_of_texts_changes_nothing(
    tmp_path: Path, encoding: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way == "SQL":
        monkeypatch.setattr(columns, "plain_table", lambda *_: None)
    registered = "r\N{LATIN SMALL LETTER E WITH ACUTE}gistr\N{GREEK SMALL LETTER MU}"
    report = full().nvtx(0, 45, registered=registered, domainId=3)
    report.kernel(70, 80, name="k\N{GREEK SMALL LETTER MU}rnel\N{GRINNING FACE}").nvtx(
        0, 1, "domain", event_type=75, domainId=3
    )
    path = report.save(tmp_path)
    expected, found = (_everything(one) for one in (path, translated(path, encoding)))
    assert found == expected
    assert expected[1:] == [{(0, 3): "domain"}, ["python"], ["main"]]


def _everything(path: Path) -> list[object]:
    """The document of `gaps`, and the texts that it has no place for."""
    with open_source(path) as source:
        trace = read_trace(source)
    idle = IdleReport(trace)
    document = gaps_document(idle, idle.gaps.longest())
    texts = [[trace.name(int(name)) for name in table["name"]] for table in (trace.processes, trace.threads)]
    return [{**document, "report": {**document["report"], "path": ""}}, dict(trace.domains), *texts]


@pytest.mark.parametrize(
    "name",
    ["cudaLaunchKernel", "cudaLaunchKernel_v7000", "cudaLaunchKernel_ptsz_v7000", "cudaLaunchKernel_v7000_ptsz"],
)
def test_api_names_lose_their_suffixes(report: ReportBuilder, tmp_path: Path, name: str) -> None:
    trace = report.call(0, 1, 1, name).trace(tmp_path)
    assert trace.name(int(trace.api["name"][0])) == "cudaLaunchKernel"


def test_other_endings_stay(report: ReportBuilder, tmp_path: Path) -> None:
    trace = report.call(0, 1, 1, "cuMemAlloc_v2").call(2, 3, 2, "cudaX_v7000_more").trace(tmp_path)
    assert [trace.name(int(index)) for index in trace.api["name"]] == ["cuMemAlloc", "cudaX_v7000_more"]


def test_processes_and_threads(tmp_path: Path) -> None:
    trace = full().osrt(0, 1, pid=2, tid=9).trace(tmp_path)
    assert [(int(pid), trace.name(int(name))) for pid, name in zip(*_two(trace.processes, "pid"), strict=True)] == [
        (1, "python"),
        (2, ""),
    ]
    assert [(int(tid), trace.name(int(name))) for tid, name in zip(*_two(trace.threads, "tid"), strict=True)] == [
        (1, "main"),
        (9, ""),
    ]


@pytest.mark.parametrize("gpus", [(0, 3), (3, 0), (1, 3)])
def test_an_ordinal_is_the_first_of_its_gpus(report: ReportBuilder, tmp_path: Path, gpus: tuple[int, int]) -> None:
    report.kernel(0, 10, device=0)
    for gpu in gpus:
        report.device(1, 0, gpu)
    assert report.trace(tmp_path).ops["device"].tolist() == [gpus[0]]


def _two(table: object, column: str) -> tuple[list[int], list[int]]:
    return table[column].tolist(), table["name"].tolist()  # type: ignore[index]


# --------------------------------------------------------- what it says of itself


def test_metadata(tmp_path: Path) -> None:
    report = full().row("ANALYSIS_DETAILS", globalVid=1, duration=12345, startTime=99, stopTime=100)
    report.gpu(3, "GPU three", smCount=132, totalMemory=1 << 37, busLocation="0000:01:00.0")
    trace = report.trace(tmp_path)
    assert (trace.nsys_version, trace.schema_version, trace.duration_ns) == ("2025.3.2.474", "3.20.3", 12345)
    assert trace.devices == (Device(0, "GPU zero"), Device(3, "GPU three", 132, 1 << 37, "0000:01:00.0"))
    assert trace.device(7) == Device(7)


def test_the_gpus_of_the_oldest_exporters(report: ReportBuilder, tmp_path: Path) -> None:
    """They number them in another column, and keep their sizes in another table."""
    report.without = tuple(f"TARGET_INFO_GPU.{column}" for column in ("id", "smCount", "totalMemory"))
    report.row("TARGET_INFO_GPU", deviceId=1, name="GPU one").row(
        "TARGET_INFO_GPU", deviceId=0, name="GPU zero", busLocation="0000:01:00.0"
    )
    report.row("TARGET_INFO_CUDA_GPU", deviceId=0, pid=7, numMultiprocessors=68, globalMemorySize=10_495_524_864)
    trace = report.kernel(5, 10).trace(tmp_path)
    assert trace.devices == (Device(0, "GPU zero", 68, 10_495_524_864, "0000:01:00.0"), Device(1, "GPU one"))


def test_the_session_s_start_is_never_subtracted(report: ReportBuilder, tmp_path: Path) -> None:
    """ANALYSIS_DETAILS.startTime is another clock's."""
    report.row("ANALYSIS_DETAILS", duration=100, startTime=18_899_000_000_000, stopTime=18_900_000_000_000)
    assert report.kernel(5, 10).trace(tmp_path).ops["start"].tolist() == [5]


def test_the_versions_of_older_exporters(report: ReportBuilder, tmp_path: Path) -> None:
    report.row("EXPORT_META_DATA", name="EXPORT_SCHEMA_VERSION", value="2.9.1")
    assert report.trace(tmp_path).schema_version == "2.9.1"


def test_details_of_ops(report: ReportBuilder, tmp_path: Path) -> None:
    report.memcpy(8, 9, bytes=4096, copyKind=1).kernel(5, 6, gridX=10, blockX=128, registersPerThread=32)
    report.kernel(0, 0).graph_trace(1, 2, graphId=12)  # the untimed row is left out of both tables
    with open_source(report.save(tmp_path)) as source:
        trace = read_trace(source)
        details = read_op_details(source, trace)
    shown = {name: details[name].tolist() for name in ("grid_x", "block_x", "registers", "bytes", "graph", "grid_y")}
    assert trace.ops["start"].tolist() == [1, 5, 8]
    assert shown == {
        "grid_x": [-1, 10, -1],
        "block_x": [-1, 128, -1],
        "registers": [-1, 32, -1],
        "bytes": [-1, -1, 4096],
        "graph": [12, -1, -1],
        "grid_y": [-1, -1, -1],
    }


def test_same_starts_keep_kind_and_row_order(report: ReportBuilder, tmp_path: Path) -> None:
    report.memset(5, 6).memcpy(5, 6).kernel(5, 7, stream=9).kernel(5, 6, stream=8).kernel(1, 2)
    ops = report.trace(tmp_path).ops
    assert list(zip(ops["kind"].tolist(), ops["row"].tolist(), strict=True)) == [(0, 2), (0, 0), (0, 1), (1, 0), (2, 0)]
