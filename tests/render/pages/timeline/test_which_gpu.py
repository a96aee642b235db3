"""A page of two parts of one GPU, on one of which launched work was held: both are named, what was held is marked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from browser import watched_page
from report_builder import ReportBuilder, global_tid
from timeline_pages import READY, write_page

MS = 1_000_000


def report_of(folder: Path) -> Path:
    """Two processes, each on a part of GPU 0, kernels of 1 ms: one is held for 4 ms, 3 of it by a callback."""
    report = ReportBuilder().gpu(0, "A100", uuid="GPU-1")
    for pid, late in ((11, 0), (12, 4 * MS)):
        report.device(pid, 0, None, uuid=f"MIG-{pid}").launch((0, 5), (10, MS), pid=pid)
        report.launch((MS, MS + 10), (MS + 20 + late, 2 * MS + 20 + late), pid=pid)
    for i in range(4):
        start = (10 + i) * MS
        report.nvtx(start, start + 9, f"step {i}", pid=11).launch((start, start + 5), (start + 8, start + 500), pid=11)
    name = report.text("my_callback")
    report.row("CUDA_HOST_CALLBACK", start=MS + 15, end=4 * MS + 15, nameId=name, globalTid=global_tid(12, 5))
    return report.save(folder)


def test_the_page_says_which_gpu_and_marks_what_was_held(tmp_path: Path, browser: Any) -> None:
    with watched_page(browser) as watched:
        page = watched.open(write_page(report_of(tmp_path)))
        page.wait_for_selector(READY)
        assert "GPU 0 MIG-11 (A100) idle" in page.inner_text("#answer")
        assert "GPU 0 MIG-12 (A100) idle" in page.inner_text("#answer")
        assert "4.00 ms of what was queued were held back for long" in page.inner_text("#answer")
        assert page.locator("#gap-device option").all_inner_texts() == ["all GPUs", "GPU 0 MIG-11", "GPU 0 MIG-12"]
        assert "GPU 0 MIG-11 busy" in page.inner_text("#status")
        drawn = "document.getElementById('plot').data.map((trace) => trace.name)"
        assert "held" in page.evaluate(drawn)
        page.select_option("#gap-device", label="GPU 0 MIG-12")
        page.click("#gaps-table tbody tr")
        details = page.inner_text("#details")
        assert "Gap of GPU 0 MIG-12" in details
        assert "4.00 ms: by host callback my_callback" in details
        assert page.is_visible("#steps canvas")
        watched.check()
