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

from nsysgap.viewer import offline_ui, serving

LONG_S = 300  # a bound that only what hangs reaches
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


@pytest.mark.parametrize("form", ["json.gz", "pftrace"])
def test_the_perfetto_ui_shows_gpus_streams_gaps_and_threads(browser: Any, tmp_path: Path, form: str) -> None:
    trace = write(NAIVE, tmp_path / f"trace.{form}")
    with serving(trace, ui=offline_ui(), port=0) as server:
        page = browser.new_context(viewport=SIZE).new_page()
        page.set_default_timeout(WAIT_MS)
        page.goto(server.url)
        wait_until_loaded(page, "GPU 0")
        unfold(page, "GPU 0")
        page.locator(".pf-track__title", has_text="Idle gaps").first.wait_for()
        shown = rows(page)
        assert any(name.startswith("GPU 0 NVIDIA H200") for name in shown)
        assert any(name.startswith("python3") for name in shown)
        assert any(name.startswith("Stream 13") for name in shown)
        assert server.wait(LONG_S, linger=0) is True  # it has handed the trace over, and ends
        page.context.close()


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
