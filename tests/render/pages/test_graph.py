"""Drawings of graphs: where nodes stand, and the page in a real Chromium."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from browser import watched_page
from graph_reports import chain, replay, run, sample
from report_builder import ReportBuilder

from nsysgap.analysis.graphs.shape import layers
from nsysgap.drawing import Drawing, DrawnNode, Picture
from nsysgap.render.pages.graph import graph_svg


def columns_of(svg: str) -> list[int]:
    return sorted({int(x) for x in re.findall(r'<g class="node">.*\n<rect x="(\d+)"', svg)})


def test_long_graphs_stand_in_columns_and_wide_layers_in_rows() -> None:
    def drawn(drawing: Drawing) -> str:
        return graph_svg(Picture(drawing, layers(drawing), {}), "a test")

    assert columns_of(drawn(chain("a" * 20))) == [20]
    assert len(columns_of(drawn(chain("a" * 400)))) == 10
    width, height = map(int, re.findall(r'width="(\d+)" height="(\d+)"', drawn(chain("a" * 400)))[0])
    assert 1.2 < width / height < 2
    wide = Drawing(tuple(DrawnNode(i, "kernel", "a") for i in range(20)), (), "a test")
    assert len(columns_of(drawn(wide))) == 8  # and three rows, the last one set in the middle


def test_pictures_of_one_page_have_arrows_of_their_own() -> None:
    found = run("graphs", str(sample("torch_graph")), "--html").output
    assert found.count('<marker id="arrow0"') == found.count('<marker id="arrow1"') == 1
    assert found.count('marker-end="url(#arrow1)"') == 421


def test_graph_of_400_nodes_is_folded_to_its_layers() -> None:
    found = run("graphs", str(sample("torch_graph")), "--html").output
    assert '<option value="0">65 nodes: 8 repeats of 51 folded</option>' in found
    assert '<option value="1">all 422 nodes</option>' in found


def test_page_of_400_nodes_folds_searches_and_zooms(tmp_path: Path, browser: Any) -> None:
    path = tmp_path / "graph.html"
    assert run("graphs", str(sample("torch_graph")), "--html", "-o", str(path)).exit_code == 0
    with watched_page(browser) as watched:
        page = watched.open(path)
        visible = "document.querySelectorAll('.picture:not([hidden]) .node').length"
        assert page.evaluate(visible) == 65
        page.fill("#search", "softmax")
        assert page.inner_text("#hits") == "1 of 1"
        page.select_option("#choice", "1")
        assert page.evaluate(visible) == 422
        assert page.inner_text("#hits") == "1 of 8"  # one a layer
        page.press("#search", "Enter")
        assert page.inner_text("#hits") == "2 of 8"
        box = page.locator(".picture:not([hidden]) .found").nth(1).bounding_box()
        assert 0 <= box["x"] <= 1440 - box["width"]
        assert 0 <= box["y"] <= 1000 - box["height"]
        page.click("#fit")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
        watched.check()


def test_names_are_escaped_in_drawings(tmp_path: Path) -> None:
    report = ReportBuilder()
    replay(report, (0, 5), 1, 2, (10, 40, "<script>alert(1)</script>&\x1b[31m"), (50, 60, "b"))
    path = report.save(tmp_path, "re<b>port.sqlite")
    for form in ("--html", "--svg"):
        found = run("graphs", str(path), form).output
        assert "<script>alert" not in found
        assert "re<b>port" not in found
        assert "\x1b" not in found
        assert "&lt;script&gt;alert(1)&lt;/script&gt;&amp;" in found
