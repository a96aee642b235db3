"""NVTX ranges that differ in numbers only: one row in tables, singly where asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from browser import watched_page
from command_line import run
from report_builder import ReportBuilder

from nsysgap.range_labels import folded

US = 1_000


def report_of(folder: Path) -> Path:
    """Four tokens of 100 us and one of 200 us, two launches each, inside "generate"."""
    report, time = ReportBuilder(), 0
    report.nvtx(0, 600 * US, "generate")
    for number in range(5):
        long = (200 if number == 2 else 100) * US
        report.nvtx(time, time + long, f"token {number}")
        for k in (1, 2):
            start = time + 10 * k * US
            report.call(start, start + US, 10 * number + k).kernel(start + 2 * US, start + 7 * US, 10 * number + k)
        time += long
    return report.save(folder)


def test_only_names_that_differ_in_numbers_are_one_row() -> None:
    assert folded(["token 0", "token 1", "layer 7", "generate", "token 1"]) == {
        "token 0": "token # (2)",
        "token 1": "token # (2)",
        "layer 7": "layer 7",
        "generate": "generate",
    }


@pytest.mark.parametrize(
    "command", [("gaps", "--by", "nvtx", "--whole"), ("launches",), ("stacks", "--stacks", "nvtx")]
)
def test_tables_fold_them(command: tuple[str, ...], tmp_path: Path) -> None:
    path = report_of(tmp_path)
    text = run(command[0], path, *command[1:]).stdout
    assert "token # (5)" in text
    assert "token 3" not in text
    single = run(command[0], path, *command[1:], "--unfold").stdout
    assert "token # (5)" not in single
    assert all(f"token {number}" in single for number in range(5))


@pytest.mark.parametrize(
    "command", [("gaps", "--by", "nvtx"), ("launches", "--by", "nvtx"), ("stacks", "--stacks", "nvtx")]
)
def test_folded_steps_say_how_long_they_were_and_how_busy_the_gpu(command: tuple[str, ...], tmp_path: Path) -> None:
    """Ten kernels of 5 us were launched inside, in 600 us: 50 / 600."""
    path = report_of(tmp_path)
    said = "token # (5): 100 us median, 100 to 200; busy 0.08"
    assert said in run(command[0], path, *command[1:]).stdout
    assert "busy 0." not in run(command[0], path, *command[1:], "--unfold").stdout


def test_launches_by_one_of_its_tables(tmp_path: Path) -> None:
    path = report_of(tmp_path)
    kernels, ranges = (run("launches", path, "--by", by).stdout for by in ("kernel", "nvtx"))
    assert "NVTX range" not in kernels
    assert "ratio" in kernels
    assert "NVTX range" in ranges
    assert "ratio" not in ranges


def test_a_folded_row_sums_up_its_ranges(tmp_path: Path) -> None:
    path = report_of(tmp_path)
    document = json.loads(run("gaps", path, "--by", "nvtx", "--format", "json").stdout)
    singly = {row["name"]: row for row in document["groups"]["rows"]}
    assert {"token 0", "token 4"} <= set(singly)  # data is never folded
    from nsysgap.answers.gaps import GapsOptions, gaps
    from nsysgap.answers.opening import ask

    (group,) = ask(path, gaps, GapsOptions(by="nvtx", unfold=False)).groups
    assert group.name == "token # (5)"
    assert group.idle == sum(row["idle_ns"] for row in singly.values())
    assert group.longest == max(row["longest_ns"] for row in singly.values())
    ranges = {row["name"]: row for row in json.loads(run("launches", path, "--format", "json").stdout)["ranges"]}
    assert ranges["token 2"]["launches"] == 2


def test_folded_stacks_sum_up_their_ranges(tmp_path: Path) -> None:
    path = report_of(tmp_path)
    from nsysgap.answers.opening import ask
    from nsysgap.answers.stacks import StacksOptions, stacks

    singly, together = (
        {row["function"]: row for row in ask(path, stacks, StacksOptions(stacks="nvtx", unfold=one)).shares["rows"]}
        for one in (True, False)
    )
    assert set(together) == {"generate", "token # (5)"}
    for key in ("self_ns", "inclusive_ns"):
        assert together["token # (5)"][key] == sum(singly[f"token {number}"][key] for number in range(5))
    assert together["generate"]["inclusive_ns"] == singly["generate"]["inclusive_ns"]


def test_the_page_s_tab_folds_them_until_clicked(tmp_path: Path, browser: Any) -> None:
    path = report_of(tmp_path)
    assert run("timeline", path, "-o", tmp_path / "page.html").returncode == 0
    with watched_page(browser) as watched:
        page = watched.open(tmp_path / "page.html")
        page.wait_for_selector("body[data-ready]")
        page.click("#tab-ranges")
        names = page.locator("#ranges-table tbody td:first-child")
        row = "token # (5): 100 us median, 100 to 200; busy 0.08"
        assert sorted(names.all_inner_texts()) == ["generate", row]
        page.click(f"#ranges-table button:text-is('{row}')")
        assert sorted(names.all_inner_texts()) == ["generate", *(f"token {number}" for number in range(5))]
        page.click("#ranges-table button:text-is('token 3')")
        assert "token 3" in page.inner_text("#details")
        watched.check()
