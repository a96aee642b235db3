"""The timeline as a figure of notebooks."""

from __future__ import annotations

from pathlib import Path

from report_builder import ReportBuilder
from timeline_pages import everything, write_page


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
    assert [trace.name for trace in figure.data if trace.showlegend] == ["idle: queued", "Kernel", "Launch call"]


def test_notebook_figure_without_gpu_work_claims_nothing(tmp_path: Path) -> None:
    import nsysgap

    (tmp_path / "calls").mkdir()
    calls = nsysgap.open_report(ReportBuilder().call(5, 50).save(tmp_path / "calls"))
    assert "unknown" in calls.timeline().layout.title.text
    busy = nsysgap.open_report(ReportBuilder().launch((0, 10), (20, 60)).save(tmp_path))
    assert busy.timeline().layout.title.text == "No idle time"
