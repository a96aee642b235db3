"""The timeline page as people read, point at, print and link it, in a real Chromium.

Skipped without Playwright and Chromium (NSYSGAP_REQUIRE_ALL=1 makes that a failure).
"""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from browser import Watched, watched_page
from report_builder import ReportBuilder, global_tid
from timeline_pages import US, becomes, center, gap_place, ready, sample, scrolled, settle, until, view, write_page

UNIFIED_TO_HOST = 12
Point = tuple[float, float]


def slice_named(page: Any, kind: str, name: str) -> int:
    """The reference of the first slice of that name on a track of that kind."""
    found: int = page.evaluate(
        """([kind, name]) => { const { store } = nsysgap;
        for (const track of store.tracks) if (track.kind === kind) for (let i = 0; i < track.n; i++)
          if (store.name(track, i) === name) return store.reference(track, i);
        return 0; }""",
        [kind, name],
    )
    assert found
    return found


def go_to(page: Any, reference: int) -> None:
    page.evaluate(
        """(r) => { const { track, i } = nsysgap.store.locate(r), room = track.dur[i];
        nsysgap.setView(track.start[i] - room, track.end(i) + room); nsysgap.page.reveal(track); }""",
        reference,
    )
    settle(page)


# ---------------------------------------------------------------------------------------------------- what it says


def test_a_first_look_says_what_to_do(rich_page: Any) -> None:
    page = rich_page
    assert "Look first at" in page.inner_text("#next")
    assert "press n for the next gap" in page.inner_text("#details")
    facts = page.inner_text("#facts")
    for fact in ("trainer, loader", "NVIDIA Test", "2025.3.2.474", "nsysgap"):
        assert fact in facts
    legend = page.locator("#legend li").all_inner_texts()
    assert {"Kernel", "Copy host to device", "Launch call", "OS runtime call"} <= set(legend)
    assert "Memset" not in legend


def test_no_gpu_work_is_not_no_idle_time(watched: Watched, tmp_path: Path) -> None:
    page = ready(watched, write_page(ReportBuilder().call(5, 50).nvtx(0, 90, "only the host").save(tmp_path)))
    assert "cannot be told" in page.inner_text("#answer")
    assert "let the program end by itself" in page.inner_text("#next")
    assert page.inner_text("#causes") == "Cannot be told: no GPU work was recorded."
    assert "No gaps in the report." in page.inner_text(".histogram >> nth=0")
    assert page.inner_text("#status").endswith(" s.")
    page.keyboard.press("n")
    page.keyboard.press("p")


def test_a_page_without_its_plotly_says_so(browser: Any, tmp_path: Path) -> None:
    file = write_page(ReportBuilder().launch((0, 10), (20, 60)).save(tmp_path), "--plotlyjs", "elsewhere.js")
    with watched_page(browser) as watched:
        page = watched.open(file)
        page.wait_for_selector("body:not(.loading)")
        assert "Plotly was not loaded from" in page.inner_text("#answer")
        assert "elsewhere.js" in page.inner_text("#answer")
        assert watched.requests == []


def test_copies_alone_ask_for_kernels(watched: Watched, tmp_path: Path) -> None:
    made = ReportBuilder().call(5, 50, 1, "cudaMemcpyAsync").memcpy(60, 100, 1)
    page = ready(watched, write_page(made.call(105, 150, 2, "cudaMemcpyAsync").memcpy(260, 300, 2).save(tmp_path)))
    assert "No kernel rows" in page.inner_text("#notices")
    assert "--trace=cuda" in page.inner_text("#next")


def test_page_migrations_get_advice_of_their_own(watched: Watched, tmp_path: Path) -> None:
    made = ReportBuilder().launch((10, 20), (30, 40))
    page = ready(watched, write_page(made.memcpy(940, 950, copyKind=UNIFIED_TO_HOST).save(tmp_path)))
    assert "cudaMemPrefetchAsync" in page.inner_text("#next")


def test_the_hardware_counter_is_told(watched: Watched, tmp_path: Path) -> None:
    page = ready(watched, write_page(sample("cdp_gpu_metrics", tmp_path)))
    assert "SMs active in 89 % of that time" in page.inner_text("#answer")
    assert "the hardware counter, above" in page.inner_text("#next")


def test_an_idle_gpu_is_a_range_where_time_is_untraced(watched: Watched, tmp_path: Path) -> None:
    page = ready(watched, write_page(sample("cdp", tmp_path)))
    assert "idle 3.7 % to 60.8 % of 30.3 ms" in page.inner_text("#answer")
    assert "17.3 ms are untraced" in page.inner_text("#answer")


# ------------------------------------------------------------------------------------------------------- pointing


def test_a_kernel_tells_how_it_was_launched(watched: Watched, tmp_path: Path) -> None:
    made = ReportBuilder().nvtx(0, 9 * US, "outer").nvtx(1, 8 * US, "inner")
    made.launch(
        (1 * US, 2 * US), (3 * US, 5 * US), "k", gridX=7, gridY=6, gridZ=5, blockX=32, blockY=4, blockZ=1
    ).launch((4 * US, 5 * US), (7 * US, 8 * US), "k2")
    page = ready(watched, write_page(made.save(tmp_path)))
    kernel = slice_named(page, "stream", "k")
    go_to(page, kernel)
    page.mouse.move(*center(page, kernel))
    said = page.inner_text("#tooltip")
    for line in ("Kernel", "2.00 us (2,000 ns)", "Launch latency\n2.00 us", "Stream 7, GPU 0", "outer \u203a inner"):
        assert line in said
    assert "7 \u00d7 6 \u00d7 5, 32 \u00d7 4 \u00d7 1" in said
    assert "cudaLaunchKernel, 1.00 us, 1.00 us before the start" in said
    assert "Correlation\n1001" in said
    assert page.locator("#overlay .flow.pointed").count() == 1
    call = page.evaluate(
        "(r) => { const s = nsysgap.store; const { track, i } = s.locate(r); return track.call[i]; }", kernel
    )
    page.mouse.move(*center(page, call))
    assert "Launched\nk\n" in page.inner_text("#tooltip")
    page.mouse.move(5, 5)
    assert page.is_hidden("#tooltip")


def test_ops_side_by_side_have_lanes_of_their_own(watched: Watched, tmp_path: Path) -> None:
    made = (
        ReportBuilder().launch((0, 10), (20, 60), "a").launch((10, 15), (40, 90), "b").launch((91, 95), (99, 105), "c")
    )
    page = ready(watched, write_page(made.save(tmp_path)))
    lanes = page.evaluate(
        """() => { const track = nsysgap.store.tracks.find((one) => one.kind === "stream");
        return [...track.start.keys()].map((i) => [nsysgap.store.name(track, i), track.laneOf(i)]).sort(); }"""
    )
    assert lanes == [["a", 0], ["b", 1], ["c", 0]]
    boxes = [center(page, slice_named(page, "stream", name))[1] for name in "ab"]
    assert boxes[0] < boxes[1]


def test_a_length_is_never_cut(naive_page: Any) -> None:
    """ "37...us" reads as another time than 372 us."""
    page = naive_page
    reference = page.evaluate(
        "nsysgap.page.tables.go(nsysgap.page.tables.listed[2].track, nsysgap.page.tables.listed[2].i), 1"
    )
    assert reference
    seen: set[str] = set()
    for _ in range(14):
        page.evaluate("nsysgap.zoom(1.35)")
        settle(page)
        seen.update(page.locator("#plot text").all_text_contents())
    lengths = {text for text in seen if text[:1].isdigit()}
    assert any(" launch" in text or " host" in text for text in lengths)
    assert not [text for text in lengths if "\u2026" in text]


def test_a_double_click_zooms_to_the_measured_span(rich_page: Any) -> None:
    page = rich_page
    box = page.locator("#surface").bounding_box()
    x, y = box["x"] + 300, box["y"] + 50
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 200, y, steps=4)
    page.mouse.up()
    measured = page.evaluate("nsysgap.state.drag")
    page.mouse.dblclick(x + 100, y)
    assert view(page) == measured


def test_shift_and_the_wheel_scroll_the_rows(rich_page: Any) -> None:
    page = rich_page
    page.set_viewport_size({"width": 1200, "height": 400})
    settle(page)
    before = view(page)
    for delta in ("deltaY: 90", "deltaX: 60"):  # Chromium turns the wheel sideways, Firefox does not
        at = page.evaluate("document.getElementById('rows').scrollTop")
        page.evaluate(
            "document.getElementById('surface').dispatchEvent("
            f"new WheelEvent('wheel', {{ shiftKey: true, cancelable: true, {delta} }}))"
        )
        assert page.evaluate("document.getElementById('rows').scrollTop") > at
    assert view(page) == before


# ------------------------------------------------------------------------------------------------------- getting there


def test_the_minimap_moves_the_view(naive_page: Any) -> None:
    page = naive_page
    whole = view(page)
    page.hover("#minimap")
    assert view(page) == whole
    page.evaluate("nsysgap.zoom(0.1)")
    settle(page)
    t0, t1 = view(page)
    box = page.locator("#minimap").bounding_box()
    page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 15)
    page.mouse.down()
    settle(page)
    moved = view(page)
    low, high = page.evaluate("nsysgap.page.minimap.shown")
    assert moved[1] - moved[0] == t1 - t0
    assert abs(sum(moved) / 2 - (low + 0.25 * (high - low))) < 0.01 * (high - low)
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 15)
    page.mouse.up()
    assert view(page)[0] > moved[0]


def test_keys_go_to_what_is_chosen_and_to_the_whole(rich_page: Any) -> None:
    page = rich_page
    reference, start, end = gap_place(page, US)
    page.evaluate("(r) => nsysgap.choose(r)", reference)
    page.keyboard.press("f")
    t0, t1 = view(page)
    assert t0 < start < end < t1
    assert t1 - t0 < 5 * US
    page.keyboard.press("9")
    assert view(page) == page.evaluate("nsysgap.state.limits")
    page.keyboard.press("0")
    low, high = page.evaluate("nsysgap.store.window")
    assert view(page)[0] < low < high < view(page)[1]


def test_tables_sort_and_lead_to_their_place(rich_page: Any) -> None:
    page = rich_page
    page.click("#gaps-table th button:has-text('Start')")
    starts = page.evaluate("nsysgap.page.tables.listed.map(({ track, i }) => track.start[i])")
    assert starts == sorted(starts, reverse=True)
    page.click("#gaps-table th button:has-text('Start')")
    assert page.get_attribute("#gaps-table th:has-text('Start')", "aria-sort") == "ascending"
    page.click("#tab-kernels")
    page.click("#kernels-table button.go:has-text('second')")
    settle(page)
    assert "second" in page.inner_text("#details .about-title")
    page.click("#tab-ranges")
    page.click("#ranges-table button.go:has-text('step one')")
    settle(page)
    assert "step one" in page.inner_text("#details .about-title")
    assert view(page)[0] <= 10 * US <= view(page)[1]


def test_another_link_in_the_same_tab_lets_go_of_the_filter(watched: Watched, rich: Path) -> None:
    page = ready(watched, rich, "#c=2&b=gaps-12")
    assert page.evaluate("[nsysgap.state.cause, nsysgap.state.bin]") == [2, {"of": "gaps", "bin": 12}]
    reference, start, end = gap_place(page, US)
    base = int(page.evaluate("String(nsysgap.store.base)"))
    page.evaluate("(hash) => { location.hash = hash; }", f"#v={base + start},{base + end}&s={reference}")
    settle(page)
    assert view(page) == [start, end]
    assert page.evaluate("[nsysgap.state.cause, nsysgap.state.bin, nsysgap.state.chosen]") == [-1, None, reference]
    assert page.is_hidden("#release")
    page.evaluate("location.hash = '#b=gaps-999&c=77&s=99999999'")
    settle(page)
    assert page.evaluate("[nsysgap.state.cause, nsysgap.state.bin, nsysgap.state.chosen]") == [-1, None, 0]


def table_shown(page: Any) -> Any:
    """The open table as it is read: its name, the texts of its cells, which column sorts it and how."""
    return page.evaluate(
        """() => { const panel = document.querySelector("#tables [role=tabpanel]:not([hidden])");
        return [panel.id, [...panel.querySelectorAll("tbody tr")].map((row) => row.innerText),
          [...panel.querySelectorAll("th[aria-sort]")].map((cell) => [cell.innerText, cell.ariaSort])]; }"""
    )


def test_a_link_shows_the_same_table(rich_page: Any, watched: Watched, rich: Path) -> None:
    page = rich_page
    whole = table_shown(page)
    page.select_option("#gap-device", "0")
    page.fill("#gap-nvtx", "EPOCH ")
    page.click("#gaps-table th button:has-text('Start')")
    page.click("#gaps-table th button:has-text('Start')")
    settle(page)
    filtered = table_shown(page)
    assert 0 < len(filtered[1]) < len(whole[1])
    assert filtered[2] == [["Start", "ascending"]]
    page.click("#tab-ranges")
    page.click("#ranges-table th button:has-text('Idle inside')")
    settle(page)
    ranges, fragment = table_shown(page), page.evaluate("location.hash")
    assert "&g=0&n=EPOCH&t=ranges&o=Idle+inside,down" in fragment
    again = ready(watched, rich, fragment)
    assert table_shown(again) == ranges
    again.click("#tab-gaps")
    assert [again.input_value("#gap-device"), again.input_value("#gap-nvtx")] == ["0", "EPOCH"]
    assert set(table_shown(again)[1]) == set(filtered[1])
    settle(again)
    gaps_link = again.evaluate("location.hash")
    again.click("#release")
    assert table_shown(again) == whole
    again.evaluate("(hash) => { location.hash = hash; }", gaps_link + "&o=Start,up")  # in the same tab
    settle(again)
    assert table_shown(again) == filtered


def test_an_odd_link_shows_the_first_table(rich_page: Any, watched: Watched, rich: Path) -> None:
    whole = table_shown(rich_page)
    page = ready(watched, rich, "#g=9&t=secrets&o=Op before,up&o=x")
    assert table_shown(page) == whole
    page.fill("#gap-nvtx", "100 % <b>&n=\u00b5#\u2026'")
    settle(page)
    fragment = page.evaluate("location.hash")
    page.goto("about:blank")
    again = ready(watched, rich, fragment)
    assert again.input_value("#gap-nvtx") == "100 % <b>&n=\u00b5#\u2026'"
    assert again.inner_text("#gap-note").startswith("0 of ")
    assert again.is_visible("#release")


def test_gaps_that_the_table_leaves_out_turn_grey(rich_page: Any) -> None:
    page = rich_page
    page.select_option("#gap-device", "1")
    grey = page.evaluate(
        "nsysgap.store.gapTracks.map((track) => [track.device, track.shown.every((cat) => cat === 254)])"
    )
    assert grey == [[0, True], [1, False]]
    page.click("#next button")
    assert page.evaluate("[nsysgap.state.device, nsysgap.state.chosen > 0]") == [1, True]  # within what is selected


def test_a_link_unfolds_what_is_chosen(watched: Watched, tmp_path: Path) -> None:
    """Threads that call nothing of CUDA begin folded."""
    made = ReportBuilder().launch((0, 10), (20, 60)).launch((61, 70), (80, 90)).osrt(30, 50, "read", tid=9)
    file = write_page(made.osrt(51, 60, "write", tid=9).save(tmp_path))
    page = ready(watched, file)
    write = slice_named(page, "osrt", "write")
    assert page.evaluate(
        "(r) => nsysgap.rows.all.find((row) => row.source === nsysgap.store.locate(r).track).parent.folded", write
    )
    page.goto("about:blank")
    again = ready(watched, file, f"#s={write}")
    assert center(again, write)
    assert "write" in again.inner_text("#details")


def test_a_shortened_page_explains_every_gap_it_has(watched: Watched, tmp_path: Path) -> None:
    """Also those at the edge of a detailed part, whose launch call lies outside."""
    made = ReportBuilder()
    start = 0
    for number in range(40):
        length = 900 * US if number == 20 else 90 * US  # half of it, not three quarters, is detailed on either side
        made.call(start - 60 * US, start - 50 * US, 10_000 + number, "cudaMalloc")
        made.launch((start - 30 * US, start - 20 * US), (start, start + 5 * US)).sync(
            start - 90 * US, start - 70 * US, 1
        )
        start += length
    page = ready(watched, write_page(made.save(tmp_path), "--top-gaps", "1"))
    said = page.evaluate(
        """nsysgap.store.gapTracks.flatMap((track) => [...track.dur.keys()].map((i) => {
        nsysgap.choose(nsysgap.store.reference(track, i));
        return [Boolean(nsysgap.store.gapCall(track, i)), document.querySelector("#details").innerText]; }))"""
    )
    assert {known for known, _ in said} == {True, False}
    page.click("#gaps-table tbody button.go")
    settle(page)
    assert page.evaluate("nsysgap.store.inDetail(nsysgap.state.t0, nsysgap.state.t1)")
    page.mouse.move(*center(page, page.evaluate("nsysgap.state.chosen")))
    assert "Idle 8" in page.inner_text("#tooltip")
    page.keyboard.press("0")  # drawn from bins, but what is there can be pointed at
    page.mouse.move(*center(page, page.evaluate("nsysgap.state.chosen")))
    assert "Idle 8" in page.inner_text("#tooltip")
    assert all("The host was" in text or "the host was" in text for _, text in said)


# ------------------------------------------------------------------------------------------------- paper and phones


@pytest.mark.parametrize("width", [390, 1440])
def test_a_print_shows_the_whole_view_on_light_paper(browser: Any, naive: Path, width: int) -> None:
    with watched_page(browser, viewport={"width": width, "height": 800}, color_scheme="dark") as watched:
        page = ready(watched, naive)
        before = page.evaluate("nsysgap.page.width")
        page.evaluate("addEventListener('beforeprint', () => (window.printed = true))")
        assert page.pdf(format="A4").startswith(b"%PDF")
        assert page.evaluate("window.printed")
        assert page.evaluate("nsysgap.page.width") == before
        page.emulate_media(media="print")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        wide = page.evaluate(
            """["#surface", "#plot", "#plot svg", ".minimap-plot svg", ".histogram-plot"].map((one) =>
            document.querySelector(one).getBoundingClientRect().width)"""
        )
        assert wide[0] > 700
        assert all(abs(one - wide[0]) < 2 for one in wide[1:4])
        assert page.evaluate("document.documentElement.scrollWidth") <= max(1000, width)
        assert page.evaluate("getComputedStyle(document.body).color") == "rgb(27, 33, 40)"
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        page.emulate_media(media="screen")
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"
        watched.check()


def test_a_saved_view_has_what_is_chosen(rich_page: Any, tmp_path: Path) -> None:
    page = rich_page
    reference, *_ = gap_place(page, US)
    page.evaluate(
        "(r) => { const { track, i } = nsysgap.store.locate(r); nsysgap.page.tables.go(track, i); }", reference
    )
    settle(page)
    with page.expect_download() as waiting:
        page.click("#save-svg")
    waiting.value.save_as(tmp_path / "view.svg")
    assert (tmp_path / "view.svg").read_text().count("rgb(194, 24, 91)") >= 3  # outline, flow line and its end


class Hand:
    """Fingers on a touch screen, as the browser gets them from the device."""

    def __init__(self, page: Any) -> None:
        self.session = page.context.new_cdp_session(page)

    def touch(self, kind: str, fingers: dict[int, Point]) -> None:
        """touchStart or touchMove: all fingers that are there; touchEnd: those that are lifted."""
        points = [{"x": x, "y": y, "id": number} for number, (x, y) in fingers.items()]
        self.session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def move(self, start: dict[int, Point], end: dict[int, Point]) -> None:
        """Each finger from a place to another, in steps."""
        for part in (step / 8 for step in range(1, 9)):
            between = {
                number: (x + part * (end[number][0] - x), y + part * (end[number][1] - y))
                for number, (x, y) in start.items()
            }
            self.touch("touchMove", between)


@pytest.mark.parametrize("upright", [False, True])
def test_two_fingers_zoom_where_they_are(browser: Any, naive: Path, upright: bool) -> None:
    with watched_page(browser, viewport={"width": 390, "height": 844}, touch=True) as watched:
        page = ready(watched, naive)
        page.locator("#surface").scroll_into_view_if_needed()
        page.evaluate("nsysgap.choose(1)")
        scrolled = page.evaluate("[scrollY, document.getElementById('rows').scrollTop]")
        box, hand, whole = page.locator("#surface").bounding_box(), Hand(page), view(page)
        x, y = box["x"] + 0.25 * box["width"], box["y"] + 90
        near, far = {0: (x - 20, y), 1: (x + 20, y)}, {0: (x - 40, y - 69), 1: (x + 40, y + 69)}
        if upright:
            near, far = {0: (x, y - 20), 1: (x, y + 20)}, {0: (x, y - 80), 1: (x, y + 80)}
        hand.touch("touchStart", {0: near[0]})
        hand.touch("touchStart", near)
        hand.move(near, far)
        until(page, "Math.abs(value / (nsysgap.state.t1 - nsysgap.state.t0) - 4) < 0.05", whole[1] - whole[0])
        settle(page)
        close = view(page)
        assert abs((whole[1] - whole[0]) / (close[1] - close[0]) - 4) < 0.05
        middle = whole[0] + 0.25 * (whole[1] - whole[0])
        assert abs((middle - close[0]) / (close[1] - close[0]) - 0.25) < 0.01
        hand.touch("touchEnd", {0: far[0]})  # the other moves on
        hand.move({1: far[1]}, {1: (far[1][0] + 60, far[1][1])})
        until(page, "nsysgap.state.t0 < value", close[0])
        settle(page)
        moved = view(page)
        assert moved[1] - moved[0] == close[1] - close[0]
        assert abs((close[0] - moved[0]) / (close[1] - close[0]) - 60 / box["width"]) < 0.01
        hand.touch("touchEnd", {})
        assert page.evaluate("nsysgap.state.chosen") == 1
        assert page.evaluate("[scrollY, document.getElementById('rows').scrollTop]") == scrolled
        assert page.evaluate("visualViewport.scale") == 1
        watched.check()


def test_one_finger_moves_scrolls_and_chooses(browser: Any, rich: Path) -> None:
    with watched_page(browser, viewport={"width": 390, "height": 500}, touch=True) as watched:
        page = ready(watched, rich)
        page.evaluate("nsysgap.zoom(0.5)")
        page.locator("#surface").scroll_into_view_if_needed()
        settle(page)
        box, hand, before = page.locator("#rows").bounding_box(), Hand(page), view(page)
        x, y = box["x"] + 250, box["y"] + 100
        hand.touch("touchStart", {0: (x, y)})
        hand.move({0: (x, y)}, {0: (x - 50, y)})
        hand.touch("touchEnd", {})
        until(page, "nsysgap.state.t0 > value", before[0])
        settle(page)
        after = view(page)
        assert after[1] - after[0] == before[1] - before[0]
        assert after[0] > before[0]
        assert page.evaluate("nsysgap.state.drag") is None
        hand.touch("touchStart", {0: (x, y)})
        hand.move({0: (x, y)}, {0: (x, y - 80)})
        hand.touch("touchEnd", {})
        until(page, "scrollY + document.getElementById('rows').scrollTop > 20")
        scrolled(page)
        assert view(page) == after
        page.evaluate("nsysgap.page.whole()")
        reference = gap_place(page, US)[0]
        page.evaluate("(r) => nsysgap.page.reveal(nsysgap.store.locate(r).track)", reference)
        go_to(page, reference)
        page.locator("#surface").scroll_into_view_if_needed()
        scrolled(page)
        page.touchscreen.tap(*center(page, reference))
        becomes(page, "nsysgap.state.chosen", reference)
        assert "two zoom where they are" in page.locator("#help").text_content()
        watched.check()


@pytest.mark.parametrize("name", ["slow_host", "slow_host_native", "graph"])
def test_a_phone_breaks_nothing_apart(browser: Any, tmp_path: Path, name: str) -> None:
    with watched_page(browser, viewport={"width": 390, "height": 844}, touch=True) as watched:
        page = ready(watched, write_page(sample(name, tmp_path)))
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        for label in page.locator("#facts dt").all():
            value = label.locator("xpath=following-sibling::dd[1]").bounding_box()
            assert value["y"] == label.bounding_box()["y"]
        quantities = page.locator("#answer .quantity")
        assert quantities.count() > 3
        assert {one.evaluate("(e) => e.getClientRects().length") for one in quantities.all()} == {1}
        assert "Tap a gap" in page.inner_text("#details")
        watched.check()


def test_the_marks_of_a_histogram_lie_apart(watched: Watched, tmp_path: Path) -> None:
    made = ReportBuilder().launch((0, 10), (20, 60)).launch((61, 70), (230, 300))  # a gap of 170 ns: a mark at 100 ns
    page = ready(watched, write_page(made.launch((301, 310), (470, 500)).save(tmp_path)))
    boxes = page.evaluate(
        """[...document.querySelectorAll('.histogram:nth-child(2) :is(.xtick, .ytick) text')].map((one) => {
        const { left, right, top, bottom } = one.getBoundingClientRect();
        return [one.textContent, left, right, top, bottom]; })"""
    )
    assert {"0", "100 ns"} <= {text for text, *_ in boxes}
    for (one, left, right, top, bottom), (other, *others) in combinations(boxes, 2):
        apart = right <= others[0] or others[1] <= left or bottom <= others[2] or others[3] <= top
        assert apart, (one, other)


def test_the_ruler_cuts_no_time_off(naive_page: Any) -> None:
    """ "+20" reads as another time than "+20 ms"."""
    page = naive_page
    for _ in range(12):
        page.evaluate("nsysgap.zoom(0.77)")
        settle(page)
        edge = page.evaluate("document.getElementById('ruler').getBoundingClientRect().right")
        ends = page.evaluate(
            """[...document.querySelectorAll('#ruler span')].filter((one) => one.textContent.startsWith('+'))
            .map((one) => one.getBoundingClientRect().right)"""
        )
        assert ends
        assert max(ends) <= edge


def test_a_phone_cuts_no_number_off(browser: Any, tmp_path: Path) -> None:
    made = ReportBuilder().process(1_701_896, "a program with a long name")
    made.launch((0, 10), (20, 60), pid=1_701_896, tid=1_701_902).launch(
        (61, 70), (80, 90), pid=1_701_896, tid=1_701_903
    )
    with watched_page(browser, viewport={"width": 390, "height": 800}, touch=True) as watched:
        page = ready(watched, write_page(made.save(tmp_path)))
        names = page.locator("#gutter .name")
        assert "Thread 1701903" in names.all_inner_texts()
        assert [
            one.inner_text() for one in names.all() if one.evaluate("(e) => e.scrollWidth > e.clientWidth + 1")
        ] == []
        assert page.evaluate(
            "document.getElementById('causes').scrollHeight <= document.getElementById('causes').clientHeight"
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        watched.check()


def test_loading_modules_is_cured_by_loading_before(watched: Watched, report: ReportBuilder, tmp_path: Path) -> None:
    """Idle time in launch calls, nearly all of it loading: fewer launches would not help."""
    for i in range(3):
        at = 4000 * US * i
        report.launch((at, at + 3000 * US), (at + 3002 * US, at + 3022 * US), f"layer {i}")
        span = {"start": at + 100 * US, "end": at + 2950 * US, "globalTid": global_tid(1, 1)}
        report.row("CUPTI_ACTIVITY_KIND_OVERHEAD", **span, overheadType=7, nameId=report.text("overhead"))
    said = ready(watched, write_page(report.save(tmp_path))).inner_text("#next")
    assert "most of it is loading modules: load before what matters" in said
    assert "fuse" not in said


def test_launching_less_often_where_the_launch_rate_limits(
    watched: Watched, report: ReportBuilder, tmp_path: Path
) -> None:
    """Ops start 5 us after their call has returned; the thread is inside the next calls all the while."""
    for i in range(10):
        at = 4 * US * i
        report.launch((at, at + 4 * US), (at + 9 * US, at + 10 * US), "gemm")
    said = ready(watched, write_page(report.save(tmp_path))).inner_text("#next")
    assert "the launch rate limits: 4.00 us a call for 1.00 us of work. Launch less often, not earlier." in said
