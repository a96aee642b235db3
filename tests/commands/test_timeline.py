"""`nsysgap timeline`: selections, shortened pages, refusals, names of files."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path
from typing import Any

import pytest
from report_builder import ReportBuilder
from timeline_pages import everything, gaps_json, run, sample, write_page
from trace_files import document, write

from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.analysis.pictures.page import timeline_data
from nsysgap.answers.opening import opened
from nsysgap.answers.selection import Selection
from nsysgap.answers.timeline import TimelineOptions, timeline
from nsysgap.report import open_source, read_trace


def meta_of(page: Path) -> dict[str, Any]:
    """The directory of a page."""
    text = page.read_text()
    packed = text.split('id="meta">')[1].split("<")[0]
    found: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(packed)))
    return found


def test_same_report_same_bytes(tmp_path: Path) -> None:
    report = everything().save(tmp_path)
    first = write_page(report).read_bytes()
    assert write_page(report).read_bytes() == first


def test_a_selection_cuts_the_page(tmp_path: Path) -> None:
    report = everything().save(tmp_path)
    meta = meta_of(write_page(report, "--nvtx", "^step one$"))
    expected = gaps_json(report, "--nvtx", "^step one$")
    causes = [device["idle_by_cause_ns"] for device in meta["summary"]["devices"]]
    assert causes == [device["idle_by_cause_ns"] for device in expected["devices"]]
    assert [row["count"] for row in meta["ranges"] if meta["names"][row["name"]] == "step two"] == []
    base = int(meta["base"])
    assert [[a + base, b + base] for a, b in meta["selection"]] == [[10_000, 34_000]]
    only = meta_of(write_page(report, "--device", "1"))
    assert [device["device"] for device in only["summary"]["devices"]] == [1]
    assert {entry["device"] for entry in only["tracks"] if entry["kind"] == "stream"} == {1}


def test_shortened_pages_say_what_is_left_out(tmp_path: Path) -> None:
    report = everything().save(tmp_path)
    with open_source(report) as source:
        idle = IdleReport(read_trace(source))
    whole = timeline_data(idle)
    short = timeline_data(idle, full_rows=10)
    assert whole.reduced is None
    assert short.reduced is not None
    assert short.reduced.slices == sum(len(track.rows) for track in whole.tracks)
    meta = meta_of(write_page(report, "--top-gaps", "1"))
    assert (meta["reduced"]["gaps"], meta["reduced"]["allGaps"]) == (1, len(idle.gaps))
    assert sum(meta["histograms"]["gaps"]) == len(idle.gaps)


def test_refusals_leave_nothing_behind(tmp_path: Path) -> None:
    report = everything().save(tmp_path)
    page = tmp_path / "there.html"
    page.write_text("mine")
    result = run("timeline", report, "-o", page)
    assert result.exit_code == 1
    assert "--force" in str(result.exception)
    assert page.read_text() == "mine"
    empty = ReportBuilder().osrt(0, 5).save(tmp_path, "empty.sqlite")
    result = run("timeline", empty, "-o", tmp_path / "empty.html")
    assert result.exit_code == 1
    assert "--trace=cuda" in str(result.exception)
    assert sorted(path.name for path in tmp_path.glob("*.html*")) == ["there.html"]


def test_default_name_and_standard_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "reports").mkdir()
    report = everything().save(tmp_path / "reports")
    monkeypatch.chdir(tmp_path)
    assert run("timeline", report).exit_code == 0
    assert (tmp_path / "report.html").exists()
    shown = run("timeline", report, "-o", "-")
    assert shown.stdout.startswith("<!DOCTYPE html>")
    assert shown.stdout == (tmp_path / "report.html").read_text()


def test_a_missing_plotly_is_said(tmp_path: Path) -> None:
    report = sample("naive", tmp_path)
    said = run("timeline", report, "-o", tmp_path / "page.html", "--plotlyjs", "lib/plotly.js").stderr
    assert (
        f"{tmp_path / 'lib' / 'plotly.js'} does not exist: the page shows nothing until Plotly's script lies there."
        in said
    )
    said = run("timeline", report, "-o", tmp_path / "page.html", "--force", "--plotlyjs", "cdn").stderr
    assert "does not exist" not in said


def test_top_gaps_keep_the_same_surroundings_as_in_a_trace(tmp_path: Path) -> None:
    """The longest gap that is selected, [1.01 ms, 2.42 ms), and half of it before; the selection ends soon after."""
    report = ReportBuilder().launch((0, 10), (20, 30_000), "a").launch((990_000, 999_000), (1_000_000, 1_010_000), "b")
    report.launch((2_400_000, 2_410_000), (2_420_000, 2_430_000), "c")
    report.launch((9_000_000, 9_010_000), (9_020_000, 9_030_000), "after a longer gap, not selected")
    path, selection = report.save(tmp_path), Selection(until=2_425_000)
    with opened(path) as read:
        data = timeline(read, TimelineOptions(selection, top_gaps=1))
    rows = [row for track in data.tracks if track.kind == "stream" for row in track.rows]
    assert [data.trace.name(int(data.trace.ops["name"][row])) for row in rows] == ["b", "c"]
    trace = document(write(path, tmp_path / "trace.json", selection=selection, top_gaps=1))
    assert [event["name"] for event in trace["traceEvents"] if event.get("cat") == "kernel"] == ["b", "c"]
