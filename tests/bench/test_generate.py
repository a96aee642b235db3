"""The synthetic reports of tests/bench are consistent: only then do figures measured on them mean anything."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import generate
import numpy as np
import pytest
import synthetic_schema
from synthetic_episodes import run_streams
from synthetic_writer import columns_of

SIZES: dict[str, dict[str, int | bool]] = {
    "two processes, two devices": {"kernels": 3000},
    "one of everything": {
        "kernels": 400,
        "processes": 1,
        "devices": 1,
        "streams": 1,
        "threads": 1,
        "api": 1200,
    },
    "more threads than streams": {
        "kernels": 900,
        "threads": 5,
        "streams": 1,
        "devices": 3,
        "processes": 3,
    },
    "graphs only": {"kernels": 600, "graph_launches": 100, "nodes": 6, "memcpy": 0, "seed": 7},
    "sample": {"sample": True},
}
OPS = """
    SELECT start, end, deviceId, contextId, streamId, correlationId, globalPid FROM CUPTI_ACTIVITY_KIND_KERNEL
    UNION ALL SELECT start, end, deviceId, contextId, streamId, correlationId, globalPid
    FROM CUPTI_ACTIVITY_KIND_MEMCPY
    UNION ALL SELECT start, end, deviceId, contextId, streamId, correlationId, globalPid
    FROM CUPTI_ACTIVITY_KIND_MEMSET
"""
PROCESS = "(globalTid & ~0xFFFFFF)"
# The launch call of an op: of several calls with its correlation ID, the one that starts first.
LAUNCHES = f"""
    SELECT {PROCESS} AS process, correlationId, min(start) AS start, max(end) AS end, count(*) AS calls
    FROM CUPTI_ACTIVITY_KIND_RUNTIME GROUP BY 1, 2
"""


@pytest.fixture(scope="module", params=SIZES)
def report(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    """One generated report, with views ``ops`` and ``launched`` (ops beside their launch call)."""
    path = tmp_path_factory.mktemp("report") / "report.sqlite"
    generate.generate(path, **SIZES[request.param])
    with closing(sqlite3.connect(path)) as db:
        for table in ("CUPTI_ACTIVITY_KIND_MEMCPY", "CUPTI_ACTIVITY_KIND_MEMSET"):
            if not has_table(db, table):
                columns = ", ".join(name for name, _ in columns_of(table))
                db.execute(f"CREATE TEMP TABLE {table} ({columns})")
        db.execute(f"CREATE TEMP TABLE ops AS {OPS}")
        db.execute(f"CREATE TEMP TABLE launches AS {LAUNCHES}")
        db.execute(
            "CREATE TEMP TABLE launched AS SELECT ops.*, launches.start AS call_start FROM ops"
            " JOIN launches ON process = globalPid AND launches.correlationId = ops.correlationId"
        )
        yield db


def has_table(db: sqlite3.Connection, table: str) -> bool:
    return bool(one(db, f"SELECT count(*) FROM sqlite_master WHERE name = '{table}'"))


def one(db: sqlite3.Connection, query: str) -> int:
    value = db.execute(query).fetchone()[0]
    assert isinstance(value, int)
    return value


def test_file_is_sound(report: sqlite3.Connection) -> None:
    assert report.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_tables_have_the_exporters_columns(report: sqlite3.Connection) -> None:
    tables = [name for (name,) in report.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'")]
    for table in set(tables) & set(synthetic_schema.TABLES):
        columns = [row[1] for row in report.execute(f"PRAGMA main.table_info({table})")]
        assert columns == [name for name, _ in columns_of(table)]
    assert set(synthetic_schema.ENUMS) <= set(tables)
    assert {
        "StringIds",
        "META_DATA_EXPORT",
        "TARGET_INFO_GPU",
        "TARGET_INFO_CUDA_DEVICE",
        "PROCESSES",
    } <= set(tables)


def test_every_name_id_is_a_string(report: sqlite3.Connection) -> None:
    for table, column in [
        ("CUPTI_ACTIVITY_KIND_RUNTIME", "nameId"),
        ("CUPTI_ACTIVITY_KIND_KERNEL", "demangledName"),
        ("CUPTI_ACTIVITY_KIND_KERNEL", "shortName"),
        ("OSRT_API", "nameId"),
        ("ThreadNames", "nameId"),
        ("PROFILER_OVERHEAD", "nameId"),
    ]:
        assert (
            one(
                report,
                f"SELECT count(*) FROM {table} WHERE {column} NOT IN (SELECT id FROM StringIds)",
            )
            == 0
        )


def test_every_op_has_one_launch_and_starts_after_it(report: sqlite3.Connection) -> None:
    assert one(report, "SELECT count(*) FROM launched") == one(report, "SELECT count(*) FROM ops") > 0
    assert one(report, "SELECT count(*) FROM launched WHERE start < call_start OR end <= start") == 0


def test_ops_of_a_stream_do_not_overlap(report: sqlite3.Connection) -> None:
    overlaps = one(
        report,
        "SELECT count(*) FROM (SELECT start, lag(end) OVER"
        " (PARTITION BY globalPid, contextId, streamId ORDER BY start) AS before FROM ops) WHERE start < before",
    )
    assert overlaps == 0


def test_ops_of_a_stream_run_in_order_of_launch(report: sqlite3.Connection) -> None:
    overtakes = one(
        report,
        "SELECT count(*) FROM (SELECT call_start, lag(call_start) OVER"
        " (PARTITION BY globalPid, contextId, streamId ORDER BY start) AS before FROM launched)"
        " WHERE call_start < before",
    )
    assert overtakes == 0


def test_calls_that_share_a_correlation_id_are_nested(report: sqlite3.Connection) -> None:
    pairs = (
        "SELECT o.start, o.end, o.globalTid, i.start, i.end, i.globalTid FROM CUPTI_ACTIVITY_KIND_RUNTIME o"
        " JOIN CUPTI_ACTIVITY_KIND_RUNTIME i ON i.correlationId = o.correlationId AND i.rowid > o.rowid"
        f" AND {PROCESS.replace('globalTid', 'i.globalTid')} = {PROCESS.replace('globalTid', 'o.globalTid')}"
    )
    for start, end, thread, inner_start, inner_end, inner_thread in report.execute(pairs):
        assert start < inner_start < inner_end < end
        assert thread == inner_thread


SYNCS = f"""
    SELECT r.start, r.end, s.globalPid, s.contextId, s.streamId, s.eventSyncId, value AS name
    FROM CUPTI_ACTIVITY_KIND_RUNTIME r JOIN StringIds ON id = nameId
    LEFT JOIN CUPTI_ACTIVITY_KIND_SYNCHRONIZATION s
    ON s.correlationId = r.correlationId AND s.globalPid = {PROCESS.replace("globalTid", "r.globalTid")}
    WHERE value LIKE '%Synchronize%'
"""


def test_every_sync_call_has_a_record_inside_it(report: sqlite3.Connection) -> None:
    syncs = report.execute(f"SELECT count(*), count(globalPid) FROM ({SYNCS})").fetchone()
    assert syncs[0] == syncs[1] == one(report, "SELECT count(*) FROM CUPTI_ACTIVITY_KIND_SYNCHRONIZATION") > 0


@pytest.mark.parametrize(("name", "covers"), [("cudaStream%", "o.streamId = s.streamId"), ("cudaDevice%", "TRUE")])
def test_stream_and_device_syncs_return_after_what_they_cover(
    report: sqlite3.Connection, name: str, covers: str
) -> None:
    early = one(
        report,
        f"SELECT count(*) FROM ({SYNCS}) s JOIN launched o ON o.globalPid = s.globalPid"
        f" AND o.contextId = s.contextId AND {covers} AND o.call_start < s.start"
        f" AND o.end > s.end WHERE s.name LIKE '{name}'",
    )
    assert early == 0
    assert one(report, f"SELECT count(*) FROM ({SYNCS}) WHERE name LIKE '{name}'") > 0


def test_event_syncs_return_after_what_the_event_covers(report: sqlite3.Connection) -> None:
    if not has_table(report, "CUPTI_ACTIVITY_KIND_CUDA_EVENT"):
        assert one(report, f"SELECT count(*) FROM ({SYNCS}) WHERE name LIKE 'cudaEvent%'") == 0
        return
    records = (
        "SELECT e.globalPid, e.contextId, e.streamId, eventSyncId, l.start FROM CUPTI_ACTIVITY_KIND_CUDA_EVENT e"
        " JOIN launches l ON process = globalPid AND l.correlationId = e.correlationId"
    )
    covered = (
        f"SELECT s.end AS returned, max(o.end) AS finished FROM ({SYNCS}) s JOIN ({records}) e"
        " ON e.globalPid = s.globalPid AND e.eventSyncId = s.eventSyncId JOIN launched o ON o.globalPid = e.globalPid"
        " AND o.contextId = e.contextId AND o.streamId = e.streamId AND o.call_start < e.start"
        " WHERE s.name LIKE 'cudaEvent%' GROUP BY s.globalPid, s.eventSyncId"
    )
    events = one(report, "SELECT count(*) FROM CUPTI_ACTIVITY_KIND_CUDA_EVENT")
    assert one(report, f"SELECT count(*) FROM ({covered}) WHERE returned > finished") == events > 0


def test_api_rows_of_a_thread_nest(report: sqlite3.Connection) -> None:
    open_calls: dict[int, list[int]] = {}
    depths = set()
    for thread, start, end in report.execute(
        "SELECT globalTid, start, end FROM CUPTI_ACTIVITY_KIND_RUNTIME ORDER BY start, end DESC"
    ):
        stack = open_calls.setdefault(thread, [])
        while stack and stack[-1] <= start:
            stack.pop()
        assert start <= end <= min(stack, default=end)
        stack.append(end)
        depths.add(len(stack))
    assert depths <= {1, 2}


def test_rows_lie_in_order_of_start(report: sqlite3.Connection) -> None:
    for table in ("CUPTI_ACTIVITY_KIND_RUNTIME", "CUPTI_ACTIVITY_KIND_KERNEL", "NVTX_EVENTS"):
        starts = [start for (start,) in report.execute(f"SELECT start FROM {table} ORDER BY rowid")]
        assert starts == sorted(starts)


def test_some_ops_wait_in_line_and_some_find_the_stream_free(tmp_path: Path) -> None:
    generate.generate(tmp_path / "r.sqlite", kernels=2000, graph_launches=0)
    with closing(sqlite3.connect(tmp_path / "r.sqlite")) as db:
        db.execute(f"CREATE TEMP TABLE launches AS {LAUNCHES}")
        before = (
            "SELECT l.start AS call_start, lag(k.end) OVER"
            " (PARTITION BY globalPid, contextId, streamId ORDER BY k.start) AS before"
            " FROM CUPTI_ACTIVITY_KIND_KERNEL k JOIN launches l"
            " ON l.process = k.globalPid AND l.correlationId = k.correlationId"
        )
        waiting, free = db.execute(
            f"SELECT sum(before > call_start), sum(before <= call_start) FROM ({before})"
        ).fetchone()
    assert waiting > 200
    assert free > 200


def test_streams_run_one_op_at_a_time() -> None:
    """The running maximum over all streams at once, against one op after another."""
    rng = np.random.default_rng(5)
    for size in (0, 1, 2, 50, 400):
        segment = np.sort(rng.integers(0, 1 + size // 7, size))
        ready, gap, duration = rng.integers(0, 2000, (3, size))
        expected: list[int] = []
        for index in range(size):
            follows = index > 0 and segment[index] == segment[index - 1]
            begin = max(ready[index], expected[-1] + gap[index]) if follows else ready[index]
            expected.append(begin + duration[index])
        assert run_streams(segment, ready, gap, duration).tolist() == expected


def test_counts_are_exact(tmp_path: Path) -> None:
    wanted = {
        "kernels": 1501,
        "api": 3333,
        "graph_launches": 7,
        "nodes": 11,
        "memcpy": 13,
        "memset": 5,
        "osrt": 203,
    }
    generate.generate(tmp_path / "r.sqlite", **wanted, nvtx=101)
    with closing(sqlite3.connect(tmp_path / "r.sqlite")) as db:
        for table, count in [
            ("CUPTI_ACTIVITY_KIND_KERNEL", 1501),
            ("CUPTI_ACTIVITY_KIND_RUNTIME", 3333),
            ("CUPTI_ACTIVITY_KIND_MEMCPY", 13),
            ("CUPTI_ACTIVITY_KIND_MEMSET", 5),
            ("OSRT_API", 203),
            ("NVTX_EVENTS", 101),
        ]:
            assert one(db, f"SELECT count(*) FROM {table}") == count
        assert (
            one(
                db,
                "SELECT count(DISTINCT start) FROM CUPTI_ACTIVITY_KIND_KERNEL WHERE graphNodeId NOTNULL",
            )
            > 1
        )
        assert one(db, "SELECT count(*) FROM CUPTI_ACTIVITY_KIND_KERNEL WHERE graphNodeId NOTNULL") == 77
        assert one(db, "SELECT count(*) FROM NVTX_EVENTS WHERE end IS NULL AND eventType = 59") == 2


def test_processes_share_correlation_ids_and_devices(tmp_path: Path) -> None:
    generate.generate(tmp_path / "r.sqlite", kernels=1000)
    with closing(sqlite3.connect(tmp_path / "r.sqlite")) as db:
        first = db.execute(f"SELECT min(correlationId) FROM CUPTI_ACTIVITY_KIND_RUNTIME GROUP BY {PROCESS}").fetchall()
        assert first == [(1,), (1,)]
        gpus = db.execute(
            "SELECT gpuId, count(DISTINCT d.pid), count(DISTINCT cudaId) FROM TARGET_INFO_CUDA_DEVICE d"
            " JOIN CUPTI_ACTIVITY_KIND_KERNEL k ON cudaId = deviceId AND d.pid = (globalPid >> 24) & 0xFFFFFF"
            " GROUP BY 1"
        ).fetchall()
        assert gpus == [(0, 2, 2), (1, 2, 2)]


def test_same_seed_same_bytes_other_seed_other_rows(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        generate.generate(tmp_path / name, kernels=500, seed=seed)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").read_bytes() != (tmp_path / "c").read_bytes()


def test_sample_is_small(tmp_path: Path) -> None:
    generate.generate(tmp_path / "sample.sqlite", sample=True)
    assert (tmp_path / "sample.sqlite").stat().st_size < 300_000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--kernels", "100", "--api", "10"], "api is too small"),
        (
            ["--kernels", "10", "--graph-launches", "2"],
            "graph_launches x nodes is more than kernels",
        ),
        (["--streams", "0"], "streams must be at least 1"),
        (["--memcpy", "-1"], "memcpy must not be negative"),
    ],
)
def test_bad_options_leave_nothing(
    options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert generate.main([str(tmp_path / "r.sqlite"), *options]) == 1
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_naive_launches_are_all_waited_for(tmp_path: Path) -> None:
    """One thread, one stream: an idle stretch before every kernel but the first."""
    path = tmp_path / "r.sqlite"
    generate.generate(
        path, kernels=500, api=1_100, naive=1, processes=1, devices=1, threads=1, streams=1, graph_launches=0, memcpy=0
    )
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute("SELECT start, end FROM CUPTI_ACTIVITY_KIND_KERNEL ORDER BY start").fetchall()
    assert len(rows) == 500
    assert all(end < start for (_, end), (start, _) in pairwise(rows))
