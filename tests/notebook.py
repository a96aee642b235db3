"""Run docs/example.ipynb again and keep what it shows: python tests/notebook.py

Needs Playwright and Chromium, for the pictures of the figures; look at them before they are committed.
"""

from __future__ import annotations

import base64
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import nbformat
from browser import chromium, watched_page
from folders import ROOT
from nbclient import NotebookClient

NOTEBOOK = ROOT / "docs" / "example.ipynb"
FIGURE = "application/vnd.plotly.v1+json"
LOOKS = {"template"}  # Plotly's own, another in each of its versions
SIZE = {"width": 900, "height": 460}


def executed() -> Any:
    """The notebook with what its cells show now, run in a kernel of its own, in the folder where it lies."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    # Figures alone as data: scripts for them would be megabytes.
    settings = {"PLOTLY_RENDERER": "plotly_mimetype", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    with mock.patch.dict(os.environ, settings), tempfile.TemporaryDirectory() as folder:
        resources = {"metadata": {"path": str(NOTEBOOK.parent)}}
        client = NotebookClient(notebook, timeout=600, record_timing=False, resources=resources)
        kernel = client.create_kernel_manager()
        kernel.transport, kernel.ip = "ipc", f"{folder}/kernel"  # no port that others could reach
        client.execute()
    notebook.metadata.pop("language_info", None)
    for data in figures(notebook):
        for look in LOOKS:
            data[FIGURE]["layout"].pop(look, None)
        data.pop("text/html", None)
    return notebook


def outputs(notebook: Any) -> list[list[dict[str, Any]]]:
    """What each code cell shows: figures as data, everything else as text."""
    return [[_said(output) for output in cell.outputs] for cell in notebook.cells if cell.cell_type == "code"]


def _said(output: Any) -> dict[str, Any]:
    if "data" not in output:
        return {"name": output.get("name", output.output_type), "text": output.get("text", "")}
    return {FIGURE: output.data[FIGURE]} if FIGURE in output.data else {"text": output.data["text/plain"]}


def figures(notebook: Any) -> Iterator[Any]:
    """The data of every output that is a Plotly figure."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if FIGURE in output.get("data", {}):
                yield output.data


def draw(notebook: Any) -> None:
    """Add to each figure a picture of it, for readers that draw no Plotly."""
    import plotly.graph_objects as go
    from screenshots import fewer_colours

    with tempfile.TemporaryDirectory() as name, chromium() as browser:
        page_file, picture = Path(name) / "figure.html", Path(name) / "figure.png"
        for data in figures(notebook):
            made = go.Figure({key: data[FIGURE][key] for key in ("data", "layout")})
            made.write_html(page_file, config={"displayModeBar": False})
            size = {**SIZE, "height": int(made.layout.height or SIZE["height"])}
            with watched_page(browser, viewport=size) as watched:
                page = watched.open(page_file)
                page.wait_for_selector(".legend")
                page.wait_for_timeout(500)
                page.screenshot(path=picture)
            fewer_colours(picture)
            data["image/png"] = base64.b64encode(picture.read_bytes()).decode()


if __name__ == "__main__":
    run_now = executed()
    draw(run_now)
    nbformat.write(run_now, NOTEBOOK)
