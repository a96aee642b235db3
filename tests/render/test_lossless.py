"""Every report comes through both formats whole: checked by the real trace processor against plain SQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import folders
import pytest
from perfetto_reader import Engine, Reader
from real_reports import real_reports
from trace_files import OPS, expected_arrows, expected_spans, shift, unpacked, write

SAMPLES = sorted(folders.SAMPLES.glob("*.sqlite*"))
REPORTS = [*SAMPLES, *real_reports()]
MADE_BY_US = ("gpu_idle", "untraced", "sync", "cuda_sync", "step", "gpu_user_annotation")
SPANS = """SELECT CASE WHEN category IN ('cuda_runtime', 'cuda_driver') THEN 'cuda'
WHEN name LIKE 'ProfilerStep#%' THEN 'step' WHEN category = 'cpu_op' THEN 'user_annotation' ELSE category END AS kind,
count(*) AS n, sum(dur) AS total, min(ts) AS first, max(ts + dur) AS last
FROM slice WHERE category IS NOT NULL GROUP BY 1"""
ARROWS = """SELECT extract_arg(a.arg_set_id, 'PLACE.correlation') AS here, b.category AS kind,
extract_arg(b.arg_set_id, 'PLACE.correlation') AS there, a.dur AS lasts, a.category AS begins
FROM flow JOIN slice a ON a.id = slice_out JOIN slice b ON b.id = slice_in"""


@pytest.fixture(params=REPORTS, ids=[path.name.split(".sqlite")[0] for path in REPORTS], scope="module")
def report(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpacked(request.param, tmp_path_factory.mktemp("report"))


@pytest.fixture(params=["json", "pftrace"], scope="module")
def reader(request: pytest.FixtureRequest, report: Path, perfetto: Engine) -> Iterator[tuple[Reader, str]]:
    trace = write(report, report.with_suffix(f".{request.param}"))
    with perfetto.open(trace) as found:
        yield found, {"json": "args", "pftrace": "debug"}[request.param]
    trace.unlink()


def test_a_report_comes_through_whole(report: Path, reader: tuple[Reader, str]) -> None:
    trace, args = reader
    assert trace.losses() == []
    assert trace.values("SELECT count(*) FROM slice WHERE dur < 0") == [0]
    found = {row["kind"]: (row["n"], row["total"], row["first"], row["last"]) for row in trace.rows(SPANS)}
    expected, later = expected_spans(report), shift(report)
    for category, (count, total, first, last) in expected.items():
        if category == "user_annotation":  # open ranges end with the trace: their length is not in the report
            assert (found[category][0], found[category][2]) == (count, first + later)
            assert found[category][1] >= total
        else:
            assert found[category] == (count, total, first + later, last + later), category
    assert found.keys() <= {*expected, *MADE_BY_US}
    check_arrows(trace, args, report)
    check_names(trace)


def check_arrows(trace: Reader, args: str, report: Path) -> None:
    arrows = trace.rows(ARROWS.replace("PLACE", args))
    launches = [one for one in arrows if one["kind"] in OPS]
    assert all(one["here"] == one["there"] != 0 for one in launches)
    assert {one["begins"] for one in arrows} <= {"cuda_runtime", "cuda_driver"}
    assert len({one["here"] for one in launches}) == len({correlation for _, correlation in expected_arrows(report)})


def check_names(trace: Reader) -> None:
    nameless = "SELECT count(*) FROM thread_track JOIN thread USING (utid) JOIN process USING (upid) WHERE {} IS NULL"
    assert trace.values(nameless.format("process.name")) == [0]
    assert trace.values(nameless.format("thread.name")) == [0]
