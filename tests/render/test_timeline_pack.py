"""The timeline's parts that need no browser: packing, bins, what the command writes and refuses."""

from __future__ import annotations

import base64
import json
import re
import zlib
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_builder import ReportBuilder
from timeline_pages import SAMPLES, everything, gaps_json, run, sample, write_page

from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.analysis.pictures.page import stacked_lanes, timeline_data
from nsysgap.render.pages.timeline.bins import Grid, TrackBins, covered_before, fill
from nsysgap.render.pages.timeline.figure import COLORS, PATTERNS
from nsysgap.render.pages.timeline.pack import Packed, encode, pack_text
from nsysgap.render.pages.timeline.page import MODULES, PLOTLY_VERSION, application
from nsysgap.report import open_source, read_trace

PAGE = Path(__file__).parent.parent.parent / "nsysgap" / "render" / "timeline"
INT64 = st.integers(-(2**63), 2**63 - 1)
NEAR = st.integers(-(2**33), 2**33)


def decoded(spec: dict[str, Any], data: bytes, number: int) -> list[int]:
    """The values again, by the words of pack.py: an oracle without NumPy."""
    if "c" in spec:
        return [spec["c"]] * number
    size = {"u8": 1, "u16": 2, "u32": 4, "f64": 8, "i64": 8}[spec["t"]]
    rows = [bytes(data[plane * number + i] for plane in range(size)) for i in range(number)]
    if spec["t"] == "f64":
        values = [int(np.frombuffer(row, "<f8")[0]) for row in rows]
    else:
        values = [int.from_bytes(row, "little", signed=spec["t"] == "i64") for row in rows]
    if "at" not in spec:
        return values
    begins, total, found = dict(zip(spec["at"], spec["first"], strict=True)), 0, []
    for i, value in enumerate(values):
        step = (-(value + 1) // 2 if value % 2 else value // 2) if "z" in spec else value
        total = begins.get(i, total + step)
        found.append(total)
    return found


@given(st.one_of(st.lists(INT64, max_size=30), st.lists(NEAR, max_size=30)), st.sets(st.integers(1, 29)), st.booleans())
@settings(max_examples=300, deadline=None)
def test_columns_come_back_as_they_were(values: list[int], begins: set[int], as_differences: bool) -> None:
    at = np.array([0, *sorted(one for one in begins if one < len(values))])
    spec, data = encode(np.array(values, np.int64), at if as_differences else None)
    assert decoded(json.loads(json.dumps(spec)), data, len(values)) == values


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 9)), max_size=12), st.integers(1, 50))
@settings(deadline=None)
def test_bins_hold_every_nanosecond(pieces: list[tuple[int, int]], bins: int) -> None:
    start, end = slices_of(pieces)
    grid = Grid(-5, int(end.max(initial=-5)) + 1, bins)
    found = np.diff(covered_before(start, end, grid.edges))
    ticks = [t for a, b in zip(start, end, strict=True) for t in range(a, b)]
    expected = [sum(low <= t < low + grid.width for t in ticks) for low in grid.edges[:-1].tolist()]
    assert found.tolist() == expected
    assert len(grid.edges) - 1 <= max(bins, 1)


@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 150)), max_size=12), st.integers(1, 9), st.integers(0, 600)
)
@settings(deadline=None)
def test_finer_bins_hold_every_nanosecond_too(pieces: list[tuple[int, int]], bins: int, room: int) -> None:
    start, end = slices_of(pieces)
    grid = Grid(-5, int(end.max(initial=-5)) + 1, bins)
    track = TrackBins("gaps", lambda: iter([("0 3", start, end)]), grid)
    with ThreadPoolExecutor(1) as pool:
        fill([track], pool, room)
    assert sum(len(level.text) for level in track.levels[1:]) <= room
    covered = {t for a, b in zip(start.tolist(), end.tolist(), strict=True) for t in range(a, b)}
    width, begins = grid.width, grid.edges[:-1].tolist()
    for number, level in enumerate(track.levels):
        values = decoded_column(level, "0 3")
        if number:
            parents, width = begins, width // 4
            begins = [parent + part * width for part in range(3) for parent in parents]
        assert values == [sum(t in covered for t in range(low, low + width)) for low in begins]
        if number:
            begins = sorted(parent + part * width for part in range(4) for parent in parents)
        begins = [low for low in begins if 0 < sum(t in covered for t in range(low, low + width)) < width]
    assert len(track.levels) == 4 or room < 500


def test_what_fits_decides_how_fine_bins_are() -> None:
    edges = np.cumsum(np.random.default_rng(7).integers(1, 900, 4000))
    grid = Grid(0, int(edges[-1]), 100)

    def levels(room: float | None = None) -> list[list[int]]:
        kinds = ("api", "gaps", "nvtx", "gaps")
        tracks = [TrackBins(kind, lambda: iter([("0 1", edges[:-1:2], edges[1::2])]), grid) for kind in kinds]
        with ThreadPoolExecutor(1) as pool:
            fill(tracks, pool, room)
        return [[len(level.text) for level in track.levels] for track in tracks]

    sizes = levels(10**9)[0]
    assert [len(one) for one in levels(10**9)] == [4, 4, 4, 4]
    assert [len(one) for one in levels(0)] == [1, 1, 1, 1]
    assert [len(one) for one in levels(3 * sizes[1])] == [1, 2, 2, 2]
    assert [len(one) for one in levels(4 * sizes[1] + 2 * sizes[2])] == [2, 3, 2, 3]
    unasked = levels()
    assert sum(sum(one[1:]) for one in unasked) <= 1.3 * sum(one[0] for one in unasked)


def decoded_column(level: Packed, column: str) -> list[int]:
    """The values of the only column of a level; none if the level has not got it."""
    if column not in level.specs:
        return []
    spec = level.specs[column]
    return decoded(spec, zlib.decompress(base64.b64decode(level.text)) if level.text else b"", spec["n"])


def slices_of(pieces: list[tuple[int, int]]) -> tuple[Any, Any]:
    """(start, end) of slices one after the other, each at a distance and of a length."""
    start, end, at = [], [], -5
    for distance, length in pieces:
        start.append(at + distance)
        end.append(at := at + distance + length)
    return np.array(start, np.int64), np.array(end, np.int64)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 12)), max_size=15))
@settings(deadline=None)
def test_slices_of_a_lane_never_overlap(pairs: list[tuple[int, int]]) -> None:
    start = np.array([a for a, _ in pairs], np.int64)
    end = start + np.array([length for _, length in pairs], np.int64)
    lanes = stacked_lanes(start, end)
    for lane in set(lanes.tolist()):
        spans = sorted(zip(start[lanes == lane].tolist(), end[lanes == lane].tolist(), strict=True))
        assert all(after >= before for (_, before), (after, _) in pairwise(spans))


def test_modules_share_one_scope_without_clashes() -> None:
    assert {path.stem for path in (PAGE / "page").glob("*.js")} == set(MODULES)
    names = re.findall(r"^(?:async )?(?:function\*?|const|let|class) +(\w+)", application(), re.MULTILINE)
    assert len(names) > 50
    assert len(names) == len(set(names))
    assert not re.search(r"^(?:import|export)\b", application(), re.MULTILINE)


def test_figure_and_page_use_the_same_colors() -> None:
    script = (PAGE / "page" / "categories.js").read_text()
    for key, color in COLORS.items():
        assert re.search(rf'key: "(?:api_)?{key}", .*color: "{color}"', script), key
    for cause, (color, shape) in PATTERNS.items():
        assert f'color: "{color}", shape: "{shape}"'.replace("\\", "\\\\") in script, cause
        assert f".{cause} {{ --c: {color};" in (PAGE / "page" / "style.css").read_text(), cause


def test_vendored_plotly_is_what_its_readme_says() -> None:
    import hashlib

    source = (PAGE / "vendor" / "plotly-basic.min.js").read_bytes()
    readme = (PAGE / "vendor" / "README.md").read_text()
    assert hashlib.sha256(source).hexdigest() in readme
    assert PLOTLY_VERSION in readme
    assert f"v{PLOTLY_VERSION}".encode() in source[:200]


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


def test_small_samples_are_small(tmp_path: Path) -> None:
    names = sorted(path.name.split(".")[0] for path in SAMPLES.glob("*.sqlite*"))
    sizes = {name: write_page(sample(name, tmp_path)).stat().st_size for name in names}
    assert sizes
    assert {name: size for name, size in sizes.items() if size > 2_500_000} == {}


def test_plotly_inside_from_its_address_or_from_a_file(tmp_path: Path) -> None:
    report = everything().save(tmp_path)
    inside = write_page(report).read_text()
    from_address = write_page(report, "--plotlyjs", "cdn").read_text()
    from_file = write_page(report, "--plotlyjs", "lib dir/plotly.js").read_text()
    assert "Plotly, Inc." in inside
    assert "<script src=" not in inside
    assert f'plotly-basic-{PLOTLY_VERSION}.min.js" integrity="sha384-' in from_address
    assert '<script src="lib%20dir/plotly.js"' in from_file
    assert len(from_address) < 130_000


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


def test_notebook_figure_and_page(tmp_path: Path) -> None:
    import nsysgap

    report = nsysgap.open_report(everything().save(tmp_path))
    figure = report.timeline(top_gaps=3)
    longest = report.gaps(top=3)
    assert len(figure.layout.updatemenus[0].buttons) == 3
    widths = [x * 1000 for trace in figure.data if trace.name.startswith("idle: ") for x in trace.x]
    assert set(longest["duration_ns"]) <= {round(width) for width in widths}
    assert not any("<script>" in text for trace in figure.data for text in trace.hovertext)
    assert report.timeline_html() == write_page(Path(report.trace.path)).read_text()


def test_notebook_figure_tells_processes_apart(tmp_path: Path) -> None:
    import nsysgap

    made = ReportBuilder().launch((31, 35), (40, 60), pid=5, tid=7).launch((32, 36), (50, 90), pid=6, tid=7)
    figure = nsysgap.open_report(made.launch((61, 70), (150, 160), pid=6, tid=7).save(tmp_path)).timeline()
    rows = list(dict.fromkeys(trace.y[0] for trace in figure.data))
    assert rows[1:3] == ["process 5, GPU 0: stream 7", "process 6, GPU 0: stream 7"]
    assert rows[3:] == ["process 5, thread 7: CUDA API", "process 6, thread 7: CUDA API"]
    assert [trace.name for trace in figure.data if trace.showlegend] == ["idle: queued", "kernel", "launch"]


def test_notebook_figure_without_gpu_work_claims_nothing(tmp_path: Path) -> None:
    import nsysgap

    (tmp_path / "calls").mkdir()
    calls = nsysgap.open_report(ReportBuilder().call(5, 50).save(tmp_path / "calls"))
    assert "unknown" in calls.timeline().layout.title.text
    busy = nsysgap.open_report(ReportBuilder().launch((0, 10), (20, 60)).save(tmp_path))
    assert busy.timeline().layout.title.text == "No idle time"


def test_a_missing_plotly_is_said(tmp_path: Path) -> None:
    report = sample("naive", tmp_path)
    said = run("timeline", report, "-o", tmp_path / "page.html", "--plotlyjs", "lib/plotly.js").stderr
    assert f"{tmp_path / 'lib' / 'plotly.js'} does not exist" in said
    said = run("timeline", report, "-o", tmp_path / "page.html", "--force", "--plotlyjs", "cdn").stderr
    assert "does not exist" not in said


def test_pack_text_is_plain_zlib() -> None:
    assert zlib.decompress(base64.b64decode(pack_text(b"abc" * 100))) == b"abc" * 100
