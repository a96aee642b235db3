"""What the page says of a gap in order of time, and of what is selected: by a filter, a search or a dragged span."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from browser import Watched
from kept_pages import as_opened, kept
from report_builder import ReportBuilder
from timeline_pages import ready, settle, write_page


@pytest.fixture(scope="module")
def turns(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two gaps. [100, 1000): sync, profiler, host, a wait for an event, host, launch, queued. [1100, 1200): queued."""
    report = ReportBuilder().launch((0, 10), (20, 100), "first")
    report.call(50, 130, name="cudaStreamSynchronize_v3020").overhead(130, 430).nvtx(60, 960, "step")
    report.call(500, 600, name="cudaStreamWaitEvent_v3020")
    report.launch((700, 950), (1000, 1100), "second").launch((1050, 1090), (1200, 1300), "third")
    return write_page(report.save(tmp_path_factory.mktemp("turns")))


kept_turns = kept("turns", "module")
turns_page = as_opened("kept_turns")


def choose(page: Any, start: int) -> None:
    """Choose the gap that starts so many ns after the page's zero."""
    page.evaluate(
        """(start) => { const [track] = nsysgap.store.gapTracks;
        nsysgap.page.tables.go(track, [...track.start].indexOf(start)); }""",
        start,
    )
    settle(page)


def test_a_gap_is_told_in_the_order_of_time(turns_page: Any) -> None:
    page = turns_page
    choose(page, 100)
    said = page.inner_text("#details .about-sentence")
    assert said == (
        "After the GPU had finished, the host was still inside cudaStreamSynchronize for 30 ns, then busy with nsys's "
        "own work for 300 ns, then in the program's own code for 70 ns, then in cudaStreamWaitEvent for 100 ns, then "
        "in the program's own code for 100 ns and then inside cudaLaunchKernel, which launched second, for 250 ns. "
        "second started 50 ns after that call had returned."
    )
    pieces = page.locator("#details .parts span").evaluate_all("all => all.map((one) => one.className.split(' ')[1])")
    assert pieces == ["sync", "profiler", "host", "cuda_api", "host", "launch", "queued"]
    listed = page.locator("#details .parts-list li").all_text_contents()
    assert listed[2] == "host (in the program's own code): 170 ns (18.9 %)"
    assert len(listed) == 6


def test_many_turns_are_summed_up_and_counted(watched: Watched, report: ReportBuilder, tmp_path: Path) -> None:
    report.launch((0, 10), (20, 100), "first")
    for time in range(100, 200, 20):
        report.call(time, time + 5, name="cudaEventQuery_v3020")
    page = ready(watched, write_page(report.launch((200, 210), (220, 300), "second").save(tmp_path)))
    choose(page, 100)
    assert page.inner_text("#details .about-sentence") == (
        "After the GPU had finished, the host was, in 10 turns and in all, in cudaEventQuery for 25 ns, then in the "
        "program's own code for 75 ns and then inside cudaLaunchKernel, which launched second, for 10 ns. second "
        "started 10 ns after that call had returned."
    )
    assert page.locator("#details .parts span").count() == 12


def test_a_dragged_span_says_causes_and_so_do_the_list_and_the_advice(turns_page: Any) -> None:
    page = turns_page
    page.evaluate("nsysgap.state.drag = [90, 440], nsysgap.setFilter({})")
    page.evaluate("nsysgap.page.status(), nsysgap.page.causes.fill(), nsysgap.page.nextStep()")
    assert page.inner_text("#status").endswith(
        "busy 10 ns, idle 340 ns (97.1 %): 300 ns profiler, 30 ns sync, 10 ns host."
    )
    assert page.inner_text("#causes-note") == "340 ns in the measured 350 ns"
    assert page.locator("#causes .cause-name").all_text_contents() == ["profiler", "sync", "host"]
    assert "Look first at profiler" in page.inner_text("#next")
    page.evaluate("nsysgap.page.release()")
    settle(page)
    assert page.inner_text("#causes-note") == ""
    assert page.locator("#causes .cause-name").count() == 6


def test_causes_and_advice_follow_the_nvtx_filter(turns_page: Any) -> None:
    page = turns_page
    page.evaluate("nsysgap.setFilter({ nvtx: 'step' })")
    settle(page)
    assert page.inner_text("#causes-note") == "900 ns launched inside NVTX ranges \u201cstep\u201d"
    assert "launched inside NVTX ranges \u201cstep\u201d" in page.inner_text("#next")
    assert page.locator("#causes .cause-time").all_text_contents()[0] == "300 ns"
    page.click("#next button")
    settle(page)
    assert page.evaluate("[nsysgap.state.nvtx, nsysgap.state.cause]") == ["step", 3]


def test_the_note_tells_whole_gaps_from_the_cause_s_own_time(turns_page: Any) -> None:
    page = turns_page
    page.evaluate("nsysgap.setFilter({ cause: 1 })")
    settle(page)
    assert page.inner_text("#gap-note") == (
        "1 of 2 gaps, 100 ns together: queued is the largest part of each, 100 ns in all; 50 ns of queued is in gaps "
        "of another main cause"
    )


def test_the_overview_dims_what_a_filter_leaves_out(turns_page: Any) -> None:
    page = turns_page
    names = "document.querySelector('.minimap-plot').data.map((trace) => trace.name)"
    assert "not chosen" not in page.evaluate(names)
    page.evaluate("nsysgap.setFilter({ cause: 1 })")
    settle(page)
    shown = page.evaluate(
        "document.querySelector('.minimap-plot').data.map(({ name, fillcolor }) => [name, fillcolor])"
    )
    at = [name for name, _ in shown].index("not chosen")
    assert shown[at - 1][0] == "ground"  # opaque, so that no blue shines through the grey
    assert re.fullmatch("#[0-9a-f]{6}", shown[at - 1][1])
    assert "launched, not yet started" in [name for name, _ in shown]


def test_search_says_which_of_the_matches(turns_page: Any) -> None:
    page = turns_page
    page.fill("#search", "cudaLaunchKernel")
    assert page.inner_text("#search-note") == "3 found"
    page.evaluate("nsysgap.setView(0, 40)")
    said = []
    for _ in range(4):
        page.press("#search", "Enter")
        said.append(page.inner_text("#search-note"))
    assert said == ["2 of 3", "3 of 3", "1 of 3", "2 of 3"]
    page.evaluate("nsysgap.choose(0)")
    assert page.inner_text("#search-note") == "3 found"
