"""The page of `steps --html` in a real Chromium."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

from browser import watched_page
from command_line import run
from report_builder import ReportBuilder

import nsysgap
from nsysgap.causes import CAUSES, PARTS

HOSTILE = "</script><img src=x onerror=alert()> "


def report_of(folder: Path, iterations: int = 12, name: str = "step ", late: int = 0) -> Path:
    """Steps of 100 ns with a kernel of 40 ns each; number 7 takes 500, number 3 launches nothing, number 8's kernel
    starts `late` ns later."""
    report, time = ReportBuilder(), 5_000
    for number in range(iterations):
        long = 500 if number == 7 else 100
        report.nvtx(time, time + long, f"{name}{number}")
        if number != 3:
            start = time + 25 + (late if number == 8 else 0)
            report.call(time + 10, time + 20, number + 1).kernel(start, start + 40, number + 1)
        time += long
    return report.save(folder)


def page_of(folder: Path, *arguments: object, **made: Any) -> Path:
    done = run("steps", report_of(folder, **made), "--html", "-o", folder / "steps.html", "--force", *arguments)
    assert done.returncode == 0, done.stderr
    return folder / "steps.html"


def data_of(page: Path) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text())
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


def test_the_page_has_every_iteration(tmp_path: Path) -> None:
    (loop,) = data_of(page_of(tmp_path))["loops"]
    assert loop["title"] == "step # (12), GPU 0, thread 1/1"
    assert (loop["base"], loop["start"][:2], loop["duration"][7]) == ("5000", [0, 100], 500)
    assert loop["from"][3] is None
    for i in range(12):
        parts = sum(column[i] for column in loop["parts"])
        assert loop["busy"][i] + parts == (0 if i == 3 else loop["to"][i] - loop["from"][i])
    assert [i for i, outlier in enumerate(loop["outlier"]) if outlier] == [7]


def test_it_opens_from_disk_and_explains_a_bar(tmp_path: Path, browser: Any) -> None:
    page_file = page_of(tmp_path, "--timeline", "time line.html", name=HOSTILE)
    with watched_page(browser) as watched:
        page = watched.open(page_file)
        page.wait_for_selector("body[data-ready]")
        assert HOSTILE.strip() in page.inner_text("#loop option")
        width = page.evaluate("document.getElementById('bars').clientWidth")
        page.hover("#bars", position={"x": width * 0.5 / 12, "y": 200})
        assert page.inner_text("#pointed").startswith("iteration 0, on the host 100 ns")
        page.click("#bars", position={"x": width * 7.5 / 12, "y": 200})
        chosen = page.inner_text("#chosen")
        assert "500 ns" in chosen
        assert "took far longer than the others" in chosen
        link = page.get_attribute("#chosen a", "href")
        assert link == "time%20line.html#v=5700,6225"
        page.press("#bars", "ArrowRight")
        assert "iteration\n8" in page.inner_text("#chosen")
        page.click("#bars", position={"x": width * 3.5 / 12, "y": 250})
        assert "launched nothing there" in page.inner_text("#chosen")
        page.click("#longest")
        assert "iteration\n7" in page.inner_text("#chosen").replace("\n\n", "\n")
        assert "busy" in page.inner_text("#legend")
        watched.check()


def test_without_a_timeline_it_says_how_to_see_one(tmp_path: Path, browser: Any) -> None:
    with watched_page(browser) as watched:
        page = watched.open(page_of(tmp_path))
        page.wait_for_selector("body[data-ready]")
        page.click("#longest")
        assert page.inner_text("#chosen code").endswith("report.sqlite --from 5700ns --to 6225ns")
        watched.check()


def test_ten_thousand_iterations_share_bars_and_show_when_zoomed(tmp_path: Path, browser: Any) -> None:
    with watched_page(browser) as watched:
        page = watched.open(page_of(tmp_path, iterations=10_000))
        page.wait_for_selector("body[data-ready]")
        assert "each bar is the longest of" in page.get_attribute("#bars", "aria-label")
        # What shares a bar hides behind the longest: the outlier is never lost.
        assert page.evaluate("nsysgap.page.bars.longest(0)") == 7
        page.evaluate("nsysgap.page.bars.within(0, 20)")
        assert page.get_attribute("#bars", "aria-label").startswith("20 iterations, the longest 500 ns")
        page.evaluate("nsysgap.page.choose(9_000)")
        assert page.evaluate("[nsysgap.page.bars.first <= 9000, nsysgap.page.bars.last > 9000]") == [True, True]
        watched.check()


def test_nothing_repeats(tmp_path: Path, browser: Any) -> None:
    report = ReportBuilder().call(0, 5, 1).kernel(6, 9, 1).save(tmp_path)
    assert run("steps", report, "--html", "-o", tmp_path / "none.html").returncode == 0
    with watched_page(browser) as watched:
        page = watched.open(tmp_path / "none.html")
        assert "Nothing repeats" in page.inner_text("header")
        watched.check()


def test_a_report_s_name_is_no_word_of_the_page(tmp_path: Path) -> None:
    report = report_of(tmp_path).rename(tmp_path / "SAID STYLE TITLE.sqlite")
    assert run("steps", report, "--html", "-o", tmp_path / "page.html").returncode == 0
    assert "<title>SAID STYLE TITLE.sqlite - nsysgap steps</title>" in (tmp_path / "page.html").read_text()


def traces_of(figure: Any) -> dict[str, tuple[list[int], list[int]]]:
    """What the figure of a loop draws: {name without its explanation: (iterations, ns)}."""
    return {
        trace.name.split(":")[0]: (list(trace.x), [round(y * 1e6) for y in trace.y])
        for trace in figure.data
        if trace.visible
    }


def test_the_figure_stacks_each_iteration_to_its_window(tmp_path: Path) -> None:
    steps = nsysgap.open_report(report_of(tmp_path)).steps()
    figure = steps.figure()
    drawn = traces_of(figure)
    frame = steps.iterations()
    assert drawn["busy"] == ([*range(12)], frame["busy_ns"].fillna(0).tolist())
    parts = [part for part in PARTS if frame[f"{part}_ns"].fillna(0).any()]
    assert {*drawn} == {"busy", *parts, "no launch", "on the host", "outlier"}
    assert all(drawn[part][1] == frame[f"{part}_ns"].fillna(0).tolist() for part in parts)
    assert drawn["no launch"] == ([*range(12)], [100 if i == 3 else 0 for i in range(12)])
    assert drawn["on the host"] == ([*range(12)], [500 if i == 7 else 100 for i in range(12)])
    assert drawn["outlier"] == ([7], [500])
    stacked = [sum(drawn[part][1][i] for part in ("busy", *parts)) for i in range(12)]
    assert stacked == frame["window_ns"].fillna(0).tolist()
    assert figure.layout.barmode == "stack"
    sums = [sum(ns) for name, (_, ns) in drawn.items() if name in parts]
    assert sums == sorted(sums, reverse=True)
    assert figure.data[0].hovertext[0] == "iteration 0: busy 40 ns"


def test_the_mark_of_an_outlier_is_above_its_window_where_that_is_longer(tmp_path: Path) -> None:
    figure = nsysgap.open_report(report_of(tmp_path, late=30)).steps().figure()
    assert traces_of(figure)["outlier"] == ([7], [530])


def test_the_figure_has_the_colours_of_the_causes(tmp_path: Path) -> None:
    figure = nsysgap.open_report(report_of(tmp_path, name=HOSTILE)).steps().figure()
    known = {cause.named.split(" ")[0]: (cause.color, cause.hatch) for cause in CAUSES}
    of_causes = [trace for trace in figure.data if trace.name.split(":")[0] in known]
    assert of_causes
    for trace in of_causes:
        assert (trace.marker.color, trace.marker.pattern.shape) == known[trace.name.split(":")[0]]
    assert figure.layout.title.text == f"{html.escape(HOSTILE)}# (12), GPU 0, thread 1/1"


def test_the_figure_of_launches_that_repeat_and_of_processes(tmp_path: Path) -> None:
    """No NVTX: the loops are found in the launches; a menu chooses the process."""
    report = ReportBuilder()
    for pid, kernel in ((1, 300), (2, 100)):
        for step in range(10):
            at = step * 1000
            report.launch((at, at + 10), (at + 50, at + 50 + kernel), f"k{pid}", pid=pid, device=pid)
            report.sync(at + 60, at + 500, pid=pid)
    steps = nsysgap.open_report(report.save(tmp_path)).steps()
    figure = steps.figure()
    (menu,) = figure.layout.updatemenus
    assert [button.label.split(",")[1] for button in menu.buttons] == [" GPU 1", " GPU 2"]
    assert set(traces_of(figure)["busy"][1]) == {300}
    assert [button.args[1] for button in menu.buttons] == [{"title.text": button.label} for button in menu.buttons]
    for trace, shown in zip(figure.data, menu.buttons[1].args[0]["visible"], strict=True):
        trace.visible = shown
    assert set(traces_of(figure)["busy"][1]) == {100}


def test_a_long_loop_is_drawn_in_parts(tmp_path: Path) -> None:
    steps = nsysgap.open_report(report_of(tmp_path, iterations=2_500)).steps()
    assert traces_of(steps.figure())["busy"][0] == [*range(2_000)]
    assert steps.figure().layout.title.text.endswith("<br>iterations 0 to 1,999 of 2,500")
    assert traces_of(steps.figure(first=2_000))["busy"][0] == [*range(2_000, 2_500)]
    assert traces_of(steps.figure(first=9_999))["busy"][0] == [2_499]


def test_a_figure_of_nothing_says_so(tmp_path: Path) -> None:
    steps = nsysgap.open_report(ReportBuilder().launch((0, 1), (5, 10)).save(tmp_path)).steps()
    assert (steps.loops().empty, steps.iterations().empty) == (True, True)
    assert steps.figure().layout.title.text == "Nothing repeats in this report"
    assert (repr(steps), steps._repr_html_()) == ("<nsysgap steps: nothing repeats>", "<p>Nothing repeats.</p>")
