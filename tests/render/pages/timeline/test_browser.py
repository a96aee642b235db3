"""The timeline page in a real Chromium, opened from disk: what it shows, that it adds up, that it can be used.

Skipped without Playwright and Chromium (NSYSGAP_REQUIRE_ALL=1 makes that a failure).
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from browser import Watched, missing, watched_page
from folders import AXE
from report_builder import ReportBuilder
from timeline_pages import (
    EVIL,
    FAR,
    US,
    center,
    everything,
    far_away,
    gap_place,
    gaps_json,
    ready,
    sample,
    settle,
    until,
    view,
    write_page,
)

Box = dict[str, float]

# Every lane of every track against a sum in BigInt over its slices, in random views; how each is drawn is counted.
SUMS = """([seed, views, width]) => {
  const { store, laneColumns, detailOf } = nsysgap;
  let random = seed, wrong = [], drawn = {};
  const next = () => (random = (random * 1103515245 + 12345) % 2147483648) / 2147483648;
  for (let v = 0; v < views; v++) {
    const span = v ? Math.max(7, Math.round(store.span * next() ** 4)) : store.span;
    const t0 = v ? Math.round((store.span - span) * next()) : 0, t1 = t0 + span;
    for (const track of store.tracks) for (let lane = 0; lane < track.lanes.length - 1; lane++) {
      const how = detailOf(store, track, lane, t0, t1, width);
      drawn[how] = (drawn[how] ?? 0) + 1;
      if (how === "bins") continue;
      const { edges, columns } = laneColumns(store, track, lane, t0, t1, width);
      let shown = 0n, stored = 0n;
      for (const column of columns.values()) for (const ns of column) shown += BigInt(ns);
      for (let i = track.lanes[lane]; i < track.lanes[lane + 1]; i++) {
        const a = Math.max(track.start[i], t0), b = Math.min(track.start[i] + track.dur[i], t1);
        if (b > a) stored += BigInt(b) - BigInt(a);
      }
      if (shown === stored && edges[0] === t0 && edges.at(-1) === t1) continue;
      wrong.push([track.kind, lane, t0, t1, `${shown}`, `${stored}`]);
    }
  }
  return { wrong: wrong.slice(0, 5), drawn };
}"""
TOTALS = """() => {
  const found = {};
  for (const track of nsysgap.store.tracks) {
    let sum = 0n;
    for (const ns of track.dur) sum += BigInt(ns);
    found[track.kind] = String(BigInt(found[track.kind] ?? 0) + sum);
  }
  return found;
}"""


# ------------------------------------------------------------------------------------------------------------- right


@pytest.mark.parametrize("name", ["naive", "graph", "cdp"])
def test_idle_by_cause_is_that_of_gaps(watched: Watched, tmp_path: Path, name: str) -> None:
    report = sample(name, tmp_path)
    page = ready(watched, write_page(report))
    expected = gaps_json(report)["devices"]
    shown = page.evaluate("nsysgap.store.meta.summary.devices")
    for wanted, device in zip(expected, shown, strict=True):
        for key in ("busy_ns", "idle_ns", "gap_count", "longest_gap_ns", "idle_by_cause_ns", "untraced"):
            assert device[key] == wanted[key]
    sums = page.evaluate(
        """() => { const sums = new Array(10).fill(0);
        for (const track of nsysgap.store.gapTracks) for (let i = 0; i < track.n; i++)
          nsysgap.store.parts(track, i).forEach((ns, part) => (sums[part] += ns));
        return sums; }"""
    )
    assert sums == [
        sum(one["idle_by_cause_ns"][cause] for one in expected) for cause in expected[0]["idle_by_cause_ns"]
    ]
    assert (
        f"{100 * expected[0]['idle_ns'] / (expected[0]['idle_ns'] + expected[0]['busy_ns']):.1f} %"
        in page.inner_text("#answer")
    )


def test_pixel_columns_sum_to_what_is_stored(naive_page: Any, tmp_path: Path) -> None:
    page = naive_page
    for seed, width in ((1, 1200), (2, 37), (3, 701)):
        found = page.evaluate(SUMS, [seed, 25, width])
        assert found["wrong"] == []
        assert found["drawn"]["columns"] > 0
        assert found["drawn"]["slices"] > 0
    report = sample("naive", tmp_path)
    with closing(sqlite3.connect(report)) as connection:
        tables = ("KERNEL", "MEMCPY", "MEMSET")
        sums = [
            connection.execute(f"SELECT sum(end - start) FROM CUPTI_ACTIVITY_KIND_{t}").fetchone()[0] for t in tables
        ]
        (calls,) = connection.execute("SELECT sum(end - start) FROM CUPTI_ACTIVITY_KIND_RUNTIME").fetchone()
    totals = page.evaluate(TOTALS)
    assert int(totals["stream"]) == sum(one or 0 for one in sums)
    assert int(totals["api"]) == calls
    assert int(totals["gaps"]) == gaps_json(report)["devices"][0]["idle_ns"]


def test_times_above_2_to_the_53_stay_exact(watched: Watched, tmp_path: Path) -> None:
    page = ready(watched, write_page(far_away().save(tmp_path)))
    reference, start, end = gap_place(page, 4_999_999_007)
    assert page.evaluate(SUMS, [7, 25, 333])["wrong"] == []
    base = int(page.evaluate("String(nsysgap.store.base)"))
    assert (base + start, base + end) == (FAR + 1_001, FAR + 5_000_000_008)
    page.evaluate("(r) => nsysgap.choose(r)", reference)
    said = page.inner_text("#details").replace("\u202f", "")
    assert f"{(FAR + 1_001) // 10**9}.{(FAR + 1_001) % 10**9:09d} s" in said
    assert "4,999,999,007 ns" in said
    settle(page)
    page.evaluate("([a, b]) => nsysgap.setView(a, b)", [end - 40, end + 10])
    settle(page)
    assert f"v={base + end - 40},{base + end + 10}" in page.evaluate("location.hash")


def test_names_are_text_whatever_they_hold(rich_page: Any) -> None:
    page = rich_page
    for tab in ("kernels", "ranges"):
        page.click(f"#tab-{tab}")
        titles = page.evaluate(
            "(tab) => [...document.querySelectorAll(`#${tab}-table td[title]`)].map((one) => one.title)", tab
        )
        assert set(EVIL[:3]) <= set(titles)
    assert EVIL[0] in page.inner_text("#ranges-table")
    assert "control \ufffd\ufffd\ufffd[31m and \ufffdright to left" in page.inner_text("#ranges-table")
    page.fill("#search", "<b>bold")
    page.press("#search", "Enter")
    settle(page)
    drawn = page.evaluate("[...document.querySelectorAll('#plot text')].map((one) => one.textContent).join('\\n')")
    assert "<b>bold" in drawn
    assert page.evaluate("document.querySelectorAll('#plot a, #plot image, main img, main svg[onload]').length") == 0
    page.evaluate(
        "for (const track of nsysgap.store.tracks) if (track.n) nsysgap.choose(nsysgap.store.reference(track, 0))"
    )
    assert page.evaluate("typeof window.pwned") == "undefined"


def test_no_other_script_may_run(browser: Any, rich: Path) -> None:
    with watched_page(browser) as watched:
        page = ready(watched, rich)
        page.evaluate(
            """() => { const made = document.createElement("script"); made.textContent = "window.pwned = 9";
            document.body.append(made); }"""
        )
        assert page.evaluate("typeof window.pwned") == "undefined"
        assert any("Content Security Policy" in error for error in watched.errors)


# --------------------------------------------------------------------------------------------------------- navigation


def test_a_gap_of_a_microsecond_explains_itself(rich_page: Any) -> None:
    page = rich_page
    reference, start, end = gap_place(page, US)
    page.click("#gaps-table tbody tr:has-text('1.00 us'):has-text('second') button.go")
    settle(page)
    assert page.evaluate("nsysgap.state.chosen") == reference
    t0, t1 = view(page)
    assert t0 < start < end < t1
    assert t1 - t0 < 5 * US
    page.mouse.move(*center(page, reference))
    tooltip = page.inner_text("#tooltip")
    for part in (
        "launch (in the call that launched the next op): 400 ns (40.0 %)",
        "sync (in a sync call, after the GPU finished): 300 ns (30.0 %)",
        "queued (launched, not yet started): 100 ns (10.0 %)",
        "host (in the program's own code): 200 ns (20.0 %)",
    ):
        assert part in tooltip
    sentence = (
        "After the GPU had finished, the host was still inside cudaDeviceSynchronize for 300 ns, then in the program's "
        "own code for 200 ns and then inside cudaLaunchKernel, which launched second, for 400 ns. "
        "second started 100 ns after that call had returned."
    )
    assert sentence in tooltip
    assert "step one" in tooltip
    assert page.evaluate("document.querySelectorAll('#overlay .flow.chosen').length") == 1


def test_wheel_keys_and_buttons_zoom(rich_page: Any) -> None:
    page = rich_page
    whole = view(page)
    box: Box = page.locator("#surface").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 40)
    page.mouse.wheel(0, -600)
    settle(page)
    near = view(page)
    assert near[1] - near[0] < 0.5 * (whole[1] - whole[0])
    pointed = whole[0] + 0.25 * (whole[1] - whole[0])
    assert abs((pointed - near[0]) / (near[1] - near[0]) - 0.25) < 0.01
    moves = {}
    for key in ("w", "s", "d", "ArrowLeft"):
        before = view(page)
        page.keyboard.press(key)
        after = view(page)
        moves[key] = (after[1] - after[0] - before[1] + before[0], after[0] - before[0])
    assert moves["w"][0] < 0 < moves["s"][0]
    assert moves["ArrowLeft"][1] < 0 < moves["d"][1]
    page.keyboard.press("0")
    assert view(page) == whole
    page.click("#zoom-in")
    assert view(page)[1] - view(page)[0] < whole[1] - whole[0]


def test_a_link_opens_at_the_same_place(rich_page: Any, watched: Watched, rich: Path) -> None:
    page = rich_page
    reference, start, end = gap_place(page, US)
    page.evaluate("(r) => nsysgap.choose(r)", reference)
    page.evaluate("nsysgap.setFilter({ cause: 2 })")
    page.evaluate("([a, b]) => nsysgap.setView(a, b)", [start - 100, end + 100])
    settle(page)
    fragment = page.evaluate("location.hash")
    again = ready(watched, rich, fragment)
    assert view(again) == [start - 100, end + 100]
    assert again.evaluate("[nsysgap.state.chosen, nsysgap.state.cause]") == [reference, 2]
    assert "Idle 1.00 us" in again.inner_text("#details")
    again.goto("about:blank")
    odd = ready(watched, rich, "#v=9,3&s=1e9&c=x&b=gaps-9999&<script>")
    assert view(odd) == view(odd)
    assert odd.evaluate("[nsysgap.state.chosen, nsysgap.state.cause]") == [0, -1]


def test_dragging_measures_a_span(rich_page: Any) -> None:
    page = rich_page
    box: Box = page.locator("#surface").bounding_box()
    page.mouse.move(box["x"] + 300, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 500, box["y"] + 50, steps=4)
    page.mouse.up()
    a, b = page.evaluate("nsysgap.state.drag")
    idle = page.evaluate("([a, b]) => nsysgap.store.gapTracks[0].coveredIn(a, b)", [a, b])
    said = page.inner_text("#status")
    assert said.startswith("Measured: ")
    assert page.evaluate("(ns) => ns < 1000 ? `${ns} ns` : (ns / 1000).toFixed(1)", idle) in said
    page.keyboard.press("z")
    assert view(page) == [a, b]
    page.keyboard.press("n")
    first = page.evaluate("nsysgap.state.chosen")
    page.keyboard.press("n")
    assert page.evaluate("nsysgap.state.chosen") != first
    page.keyboard.press("p")
    assert page.evaluate("nsysgap.state.chosen") == first
    page.keyboard.press("Escape")
    assert page.evaluate("nsysgap.state.chosen") == 0


def test_filters_leave_the_matching_gaps(rich_page: Any) -> None:
    page = rich_page
    every = page.evaluate("nsysgap.page.tables.listed.length")
    page.click(".cause:has-text('in the call that launched')")
    cats = page.evaluate("nsysgap.page.tables.listed.map(({ track, i }) => track.cat[i])")
    assert set(cats) == {2}
    assert 0 < len(cats) < every
    assert page.evaluate("new Set(nsysgap.store.gapTracks[0].shown).has(254)")
    page.click("#release")
    page.select_option(".histogram >> nth=0 >> select", label="1.00 us to 1.50 us: 1")
    assert page.evaluate("nsysgap.page.tables.listed.map(({ track, i }) => track.dur[i])") == [US]
    page.click("#release")
    page.fill("#gap-nvtx", "step one")
    settle(page)
    starts = page.evaluate(
        """nsysgap.page.tables.listed.map(({ track, i }) => nsysgap.store.gapCall(track, i))
        .map((call) => call.track.start[call.i])"""
    )
    assert 0 < len(starts) < every
    assert all(10 * US <= start < 34 * US for start in starts)
    page.fill("#gap-nvtx", "")
    settle(page)
    page.select_option("#gap-device", "1")
    assert page.evaluate("nsysgap.page.tables.listed.map(({ track }) => track.device)") == [1]


def test_a_histogram_bar_filters(naive_page: Any) -> None:
    page = naive_page
    bars = page.locator(".histogram >> nth=0 >> .points path")
    largest = max(range(bars.count()), key=lambda k: (bars.nth(k).bounding_box() or {"height": 0})["height"])
    box = bars.nth(largest).bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    until(page, "nsysgap.state.bin")
    settle(page)
    chosen = page.evaluate("nsysgap.state.bin")
    counts = page.evaluate("nsysgap.store.meta.histograms.gaps")
    assert chosen["of"] == "gaps"
    assert page.evaluate("nsysgap.page.tables.listed.length") == counts[chosen["bin"]] == max(counts)


def test_search_goes_from_match_to_match(rich_page: Any) -> None:
    page = rich_page
    page.keyboard.press("/")
    page.keyboard.type("cudamemcpy")
    assert page.inner_text("#search-note") == "2 found"
    places = []
    for _ in range(3):
        page.keyboard.press("Enter")
        places.append(page.evaluate("nsysgap.store.locate(nsysgap.state.chosen).i"))
    assert places[0] != places[1]
    assert places[2] == places[0]
    page.click("#search-previous")
    assert page.evaluate("nsysgap.store.locate(nsysgap.state.chosen).i") == places[1]
    page.fill("#search", "no such name")
    assert page.inner_text("#search-note") == "nothing found"


def test_groups_fold(rich_page: Any) -> None:
    page = rich_page
    before = page.evaluate("nsysgap.rows.height")
    group = page.locator("#gutter button.group").first
    group.focus()
    page.keyboard.press("Enter")
    assert page.evaluate("nsysgap.rows.height") < before
    assert page.locator("#gutter button.group").first.get_attribute("aria-expanded") == "false"
    assert page.evaluate("document.activeElement.classList.contains('group')")
    reference, *_ = gap_place(page, US)
    page.evaluate(
        "(r) => { const { track, i } = nsysgap.store.locate(r); nsysgap.page.tables.go(track, i); }", reference
    )
    assert page.evaluate("nsysgap.rows.height") == before


def test_two_processes_and_gpus_have_their_rows(rich_page: Any) -> None:
    page = rich_page
    labels = page.locator("#gutter").inner_text()
    for label in (
        "Process 1",
        "trainer",
        "Process 2",
        "loader",
        "GPU 0",
        "GPU 1",
        "Stream 8",
        "NVTX on the GPU",
        "OS runtime",
    ):
        assert label in labels
    assert page.locator("#answer p").count() == 2


# ----------------------------------------------------------------------------------------------------- for everybody


def test_dark_by_the_system_and_by_the_switch(browser: Any, rich: Path) -> None:
    with watched_page(browser, color_scheme="dark") as watched:
        page = ready(watched, rich)
        background = "getComputedStyle(document.body).backgroundColor"
        dark = page.evaluate(background)
        page.click("#theme")
        assert page.evaluate(background) != dark
        page.emulate_media(color_scheme="light")
        settle(page)  # the page hears of the system's change only with the next frame
        page.emulate_media(color_scheme="dark")
        page.wait_for_selector("html[data-theme=dark]")
        assert page.evaluate(background) == dark
        watched.check()


def test_keyboard_alone_reaches_a_gap(rich_page: Any) -> None:
    page = rich_page
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.classList.contains('go')"):
            break
    assert page.evaluate("document.activeElement.classList.contains('go')")
    page.keyboard.press("Enter")
    settle(page)
    assert page.evaluate("nsysgap.state.chosen") > 0
    assert "Idle" in page.inner_text("#live")
    page.keyboard.press("?")
    assert page.evaluate("document.getElementById('help').open")
    page.keyboard.press("Escape")
    assert not page.evaluate("document.getElementById('help').open")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_for_axe(browser: Any, rich: Path, scheme: str) -> None:
    if not AXE.exists():
        missing("axe-core (npm ci --prefix tests)")
    with watched_page(browser, color_scheme=scheme) as watched:
        page = ready(watched, rich)
        page.evaluate(AXE.read_text())
        page.click("#next button")
        settle(page)
        found = page.evaluate("axe.run()")["violations"]
        serious = [one for one in found if one["impact"] in ("serious", "critical")]
        assert [(one["id"], one["nodes"][0]["html"]) for one in serious] == []


def test_a_phone_shows_it_all(browser: Any, naive: Path) -> None:
    with watched_page(browser, viewport={"width": 360, "height": 740}, touch=True) as watched:
        page = ready(watched, naive)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.tap("#next button")
        settle(page)
        assert page.evaluate("nsysgap.state.chosen") > 0
        assert page.locator("#surface").bounding_box()["width"] > 180
        watched.check()


@pytest.mark.parametrize(("format_", "begins"), [("png", b"\x89PNG"), ("svg", b"<svg")])
def test_the_view_can_be_saved(rich_page: Any, tmp_path: Path, format_: str, begins: bytes) -> None:
    page = rich_page
    with page.expect_download() as waiting:
        page.click(f"#save-{format_}")
    target = tmp_path / f"view.{format_}"
    waiting.value.save_as(target)
    assert target.read_bytes().startswith(begins)
    assert waiting.value.suggested_filename.endswith(f".{format_}")
    if format_ == "svg":
        assert "Stream 7" in target.read_text()


# ----------------------------------------------------------------------------------------------------------- shortened


def test_a_shortened_page_adds_up_too(watched: Watched, tmp_path: Path) -> None:
    report = sample("naive", tmp_path)
    whole = gaps_json(report)["devices"][0]
    page = ready(watched, write_page(report, "--top-gaps", "2"))
    assert "Shortened" in page.inner_text("#notices")
    sums = page.evaluate(
        """() => { const { store, laneColumns } = nsysgap, sums = {};
        for (const track of store.tracks) for (let lane = 0; lane < track.bins.length; lane++) {
          const { columns } = laneColumns(store, track, lane, 0, store.span, 500);
          sums[track.kind] ??= 0;
          for (const column of columns.values()) for (const ns of column) sums[track.kind] += ns;
        }
        return sums; }"""
    )
    assert sums["gaps"] == whole["idle_ns"]
    with closing(sqlite3.connect(report)) as connection:
        (calls,) = connection.execute("SELECT sum(end - start) FROM CUPTI_ACTIVITY_KIND_RUNTIME").fetchone()
    assert sums["api"] == calls
    found = page.evaluate(SUMS, [1, 40, 500])
    assert found["wrong"] == []
    assert found["drawn"]["bins"] > 0
    page.click("#gaps-table tbody button.go")
    settle(page)
    assert page.evaluate("nsysgap.store.inDetail(nsysgap.state.t0, nsysgap.state.t1)")
    assert page.evaluate("document.querySelectorAll('#plot text').length") > 0


def test_every_step_of_a_shortened_page_is_exact(watched: Watched, tmp_path: Path) -> None:
    """At any zoom, in every row: the steps that are drawn against the slices of the whole page."""
    report = sample("naive", tmp_path)
    page = ready(watched, write_page(report, "--top-gaps", "1"))
    drawn = page.evaluate(
        """() => { const { store, laneColumns, detailOf } = nsysgap, found = [];
        for (let span = store.span; span > 5000; span /= 3) for (const share of [0, 0.31, 0.7, 0.705, 0.71, 0.715, 1])
          for (const track of store.tracks) for (let lane = 0; lane < track.bins.length; lane++) {
            const t0 = Math.round(share * (store.span - span)), t1 = Math.round(t0 + span);
            if (detailOf(store, track, lane, t0, t1, 300) !== "bins") continue;
            const { edges, columns } = laneColumns(store, track, lane, t0, t1, 300);
            found.push([track.number, lane, [...edges], [...columns].map(([cat, ns]) => [cat, [...ns]])]);
          }
        return JSON.stringify(found); }"""
    )
    lanes = json.loads(drawn)
    widths = {b - a for _, _, edges, _ in lanes for a, b in pairwise(edges)}
    assert min(widths) * 16 <= page.evaluate("nsysgap.store.meta.reduced.binNs") in widths
    page.goto("about:blank")
    whole = ready(watched, write_page(report))
    wrong = whole.evaluate(
        """(drawn) => JSON.parse(drawn).filter(([number, lane, edges, columns]) => {
        const wanted = nsysgap.store.tracks[number].columns(lane, Float64Array.from(edges)), shown = new Map(columns);
        const same = (cat, ns) => ns.every((one, k) => one === (shown.get(cat)?.[k] ?? 0));
        return edges.length > 1 && ![...wanted].every(([cat, ns]) => same(cat, ns)); })""",
        drawn,
    )
    assert len(lanes) > 300
    assert wrong == []


def test_a_zoom_between_the_detailed_parts_gains_detail(watched: Watched, tmp_path: Path) -> None:
    page = ready(watched, write_page(sample("naive", tmp_path), "--top-gaps", "1"))
    bin_ns, gap_ns = page.evaluate("[nsysgap.store.meta.reduced.binNs, nsysgap.store.meta.reduced.gapNs]")
    assert gap_ns * 16 == bin_ns
    assert f"or finer, of gaps {gap_ns / 1000:.2f} us" in page.inner_text("#notices")
    steps = page.evaluate(
        """(binNs) => { const { store, laneColumns, detailOf } = nsysgap, [track] = store.gapTracks;
        const t0 = track.bins[0].values().next().value.starts[3], t1 = t0 + 4 * binNs, view = [t0, t1, 1000];
        return [detailOf(store, track, 0, ...view), laneColumns(store, track, 0, ...view).edges.length - 1]; }""",
        bin_ns,
    )
    assert steps[0] == "bins"
    assert steps[1] >= 64


def test_an_empty_gpu_is_said(watched: Watched, tmp_path: Path) -> None:
    page = ready(watched, write_page(ReportBuilder().call(5, 50).nvtx(0, 90, "only the host").save(tmp_path)))
    assert "no GPU work" in page.inner_text("#answer")
    assert "CUDA API" in page.locator("#gutter").inner_text()


def test_plotly_beside_the_page(browser: Any, tmp_path: Path) -> None:
    from nsysgap.render.pages.timeline.page import _asset

    (tmp_path / "plotly.js").write_text(_asset("plotly-basic.min.js", "vendor"), encoding="utf-8")
    page_file = write_page(everything().save(tmp_path), "--plotlyjs", "plotly.js")
    with watched_page(browser) as watched:
        page = ready(watched, page_file)
        assert page.locator("#plot .trace").count() > 0
        watched.check()
