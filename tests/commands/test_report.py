"""`nsysgap report`: a page and markdown that say what `gaps`, `steps`, `critical-path` and `advise` say."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import run
from compared_reports import saved
from folder_reports import as_folder
from folders import SAMPLES
from page_text import Page, read_page
from report_builder import ReportBuilder

import nsysgap
from nsysgap.analysis.schedule.model import Model, process_model
from nsysgap.answers.opening import ask, opened
from nsysgap.answers.report import SummaryOptions, summary
from nsysgap.answers.timeline import timeline
from nsysgap.render.pages.report import report_page
from nsysgap.render.pages.timeline.page import page_parts

SAMPLE = SAMPLES / "slow_host.sqlite.xz"
REAL = (
    "decode_pysampled",
    "copy_pageable",
    "proto_cdp",
    "s3.13.2_cloverleaf",
    "s3.25.0_2gpu-trimmed",
    "s0-2021_mordred",
)
HOSTILE = "</script><img src=x onerror=alert()>|`@me` [x](y) VERDICT <!-- TERMS -->"


def page_of(report: Path, folder: Path, *options: str) -> Page:
    """The page of a report, without its timeline."""
    done = run("report", report, "--timeline", "none", "-o", folder / "page.html", "--force", *options)
    assert done.returncode == 0, done.stderr
    return read_page((folder / "page.html").read_text())


def document_of(report: Path, *command: str) -> Any:
    done = run(*command, report, "--format", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def screen_of(report: Path) -> list[tuple[str, list[str]]]:
    """The first screen on a terminal wide enough for all of it: label and lines, from the loop to the longest gap."""
    found: list[tuple[str, list[str]]] = []
    for line in run("gaps", report, columns=1_000).stdout.splitlines()[3:]:
        label, text = line[:12].strip(), re.sub(" {2,}", ", ", line[12:].strip())
        if label in ("careful", "next"):
            break
        if label:
            found.append((label, [text]))
        elif text and found:
            found[-1][1].append(text)
    return found


def agree(report: Path, folder: Path) -> None:
    """Hold the page against the commands, text by text."""
    page = page_of(report, folder)
    screen = [pair for pair in screen_of(report) if pair[0] != "incomplete"]
    assert len(screen) > 3
    for label, lines in screen:
        shown = next(known for name, known in page.pairs if name == label)
        assert [line for line in lines if line not in shown] == [], label
    again = {one: shlex.split(lines[0])[1:] for one, lines in page.pairs if lines and lines[0].startswith("nsysgap ")}
    path = run(*again.get("what limits it", ["critical-path", report]), "--top", "1", columns=1_000)
    for line in path.stdout.splitlines() if not path.returncode else ():
        cells = re.split(" {2,}", line.strip())
        if len(cells) == 3 and cells[2].endswith(" %") and cells[0][0].isalpha():
            assert cells in page.rows, line
    advice = run("advise", report, columns=1_000)
    rows = [re.split(" {2,}", line.strip()) for line in advice.stdout.splitlines() if re.search(r"  nsys  ", line)]
    assert [row for row in rows[:3] if row not in page.rows] == []


def test_the_page_says_what_the_commands_say(tmp_path: Path) -> None:
    agree(SAMPLE, tmp_path)


@pytest.mark.parametrize("name", REAL)
def test_pages_of_real_reports_say_what_the_commands_say(
    name: str, tmp_path: Path, real_report: Callable[[str], Path]
) -> None:
    agree(real_report(name), tmp_path)


def test_json_is_made_of_the_documents_of_the_commands() -> None:
    document = document_of(SAMPLE, "report")
    assert document["schema"] == "nsysgap.report/1"
    assert document["steps"] == document_of(SAMPLE, "steps")
    assert document["critical_path"] == document_of(SAMPLE, "critical-path")
    assert document["advice"] == document_of(SAMPLE, "advise")
    assert document["gaps"]["selection"].startswith("the loop, 1,000 x work")
    (device,) = document["gaps"]["devices"]
    assert device["busy_ns"] == sum(one["total_ns"] for one in document["busy"])
    assert device["idle_ns"] == document["lines"]["idle_ns"]
    assert [device["busy_ns"], device["idle_ns"]] == [
        document["steps"]["loops"][0]["devices"][0][key] for key in ("busy_ns", "idle_ns")
    ]


def test_json_of_a_report_whose_ranges_are_folded_keeps_its_contract(tmp_path: Path) -> None:
    report = ReportBuilder()
    for step in range(4):
        at = 1_000 * step
        report.nvtx(at, at + 900, f"step {step}").launch((at + 300, at + 310), (at + 320, at + 400))
    lines = document_of(report.save(tmp_path), "report")["lines"]  # held against the schemas where it is printed
    assert [(one["label"], one["texts"]) for one in lines["folded"]] == [("step #", 4)]


def test_markdown_begins_with_the_sentence(tmp_path: Path) -> None:
    printed = run("report", SAMPLE, "--format", "markdown")
    assert printed.returncode == 0
    assert printed.stdout.startswith("**The GPU is idle 98.1 % of the loop (1,000 x work … (1 launch), 2.04 ms each); ")
    assert "| limited by | host code 1.96 ms (95.9 %): slow\\_host.py:31 prepare\\_batch 1.15 ms |" in printed.stdout
    assert printed.stdout.count("<details>") == printed.stdout.count("</details>") == 2
    assert run("report", SAMPLE, "-o", tmp_path / "s.md").returncode == 0
    assert (tmp_path / "s.md").read_text() == printed.stdout


def test_the_python_api_gives_the_same(tmp_path: Path) -> None:
    report = nsysgap.open_report(SAMPLE)
    assert report.summary() == run("report", SAMPLE, "--format", "markdown").stdout
    assert run("report", SAMPLE, "-o", tmp_path / "s.html").returncode == 0
    assert report.summary("html") == (tmp_path / "s.html").read_text()
    with pytest.raises(nsysgap.NsysgapError):
        report.summary("pdf")


def test_the_loop_is_modelled_once_for_its_path_and_its_predictions(monkeypatch: pytest.MonkeyPatch) -> None:
    modelled: list[int] = []

    def modelling(*given: Any) -> Model:
        modelled.append(given[-1])
        return process_model(*given)

    monkeypatch.setattr("nsysgap.answers.schedules.process_model", modelling)
    answer = ask(str(SAMPLE), summary, SummaryOptions())
    assert answer.path is not None
    assert answer.advice is not None
    assert modelled == [0]


def test_where_the_page_goes(tmp_path: Path) -> None:
    report = saved(tmp_path, "run")
    done = run("report", report, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert (tmp_path / "run-summary.html").exists()
    assert "Wrote run-summary.html" in done.stderr
    assert run("report", report, cwd=tmp_path).returncode == 1  # it exists
    assert run("report", report, "-o", tmp_path / "s.csv").returncode == 2
    beside = run("report", report, "--timeline", "beside", "-o", tmp_path / "s.html")
    assert beside.returncode == 0
    assert {"s.html", "s.timeline.html"} <= {path.name for path in tmp_path.iterdir()}
    assert '"timeline":"s.timeline.html"' in (tmp_path / "s.html").read_text()
    assert "unsafe" not in (tmp_path / "s.html").read_text()  # what lies inside alone needs it
    assert run("report", report, "--timeline", "beside", "--format", "markdown").returncode == 2


def test_every_command_to_ask_again_runs(tmp_path: Path) -> None:
    folder = tmp_path / "a folder"
    folder.mkdir()
    report = saved(folder, "it's")
    answer = ask(report, summary, SummaryOptions())
    assert [one.command[1] for one in answer.again] == [
        *("report", "gaps", "steps", "critical-path", "advise", "launches", "stacks", "timeline")
    ]
    shown = dict(page_of(report, tmp_path).pairs)
    for one in answer.again:
        (command,) = shown[one.asks]
        assert shlex.split(command)[1:] == list(one.command[1:])
        done = run(*shlex.split(command)[1:], cwd=tmp_path)
        assert done.returncode == 0, done.stderr


def test_a_selection_is_that_of_the_commands_too(tmp_path: Path) -> None:
    report = saved(tmp_path, "run")
    selected = ("--nvtx", "step [1-3]", "--select", "gpu", "--hidden-after", "1ms")
    answer = page_of(report, tmp_path, *selected)
    assert "Ranges and single GPUs have no critical path of their own." in " ".join(answer.words)
    (again,) = dict(answer.pairs)["kernels, and what launching them costs"]
    assert shlex.split(again)[3:] == ["--nvtx", "step [1-3]", "--select", "gpu", "--hidden-after", "1000000ns"]
    whole = dict(page_of(report, tmp_path, "--whole").pairs)
    assert whole["kernels, and what launching them costs"][0].endswith(" --whole")


def test_names_of_reports_stay_text(tmp_path: Path) -> None:
    report = saved(tmp_path, "run", kernels=(HOSTILE,), label=f"{HOSTILE} {{}}", gpu=HOSTILE)
    page = page_of(report, tmp_path)
    assert "img" not in page.tags
    assert sum(HOSTILE in one for one in page.words) > 3
    text = (tmp_path / "page.html").read_text()
    assert text.count("</script>") == 2  # the page's own
    markdown = run("report", report, "--format", "markdown").stdout
    assert "<img" not in markdown
    assert not re.search(r"(?<!\\)@me|(?<!\\)\[x", markdown)
    ends = [len(re.findall(r"(?<!\\)\|", line)) for line in markdown.splitlines() if line.startswith("|")]
    assert set(ends) == {3, 4, 5, 6}  # of tables of two to five columns


def test_pages_are_called_by_the_file_behind_a_signed_address() -> None:
    url = "https://host/runs/a.sqlite?X-Amz-Credential=k/s3&X-Amz-Signature=0f/2"
    with opened(SAMPLE, named=url) as report:
        summed, drawn = report_page(summary(report)), "".join(page_parts(timeline(report)))
    assert "<title>a.sqlite - nsysgap</title>" in summed
    assert "<title>a.sqlite - nsysgap timeline</title>" in drawn


def test_a_report_without_gpu_work_says_what_to_record(tmp_path: Path) -> None:
    report = ReportBuilder().versions().call(0, 10, 1, "cudaMalloc").diagnostic(3, "CUDA events lost").save(tmp_path)
    done = run("report", report, "-o", tmp_path / "page.html")
    assert done.returncode == 1
    assert "holds no GPU work" in done.stderr
    words = " ".join(read_page((tmp_path / "page.html").read_text()).words)
    assert words.index("This report is incomplete.") < words.index("No GPU work was recorded: how idle")
    assert "What to record" in words
    assert run("report", report, "--format", "markdown").stdout.startswith("> **Incomplete**")


def test_without_calls_it_says_why_nothing_limits(tmp_path: Path) -> None:
    report = ReportBuilder().versions()
    for i in range(4):
        report.kernel(1000 * i, 1000 * i + 400, i + 1)
    words = " ".join(page_of(report.save(tmp_path), tmp_path).words)
    assert "The GPU is idle 52.9 % of the time that was recorded; the largest part of that, 52.9 % of the time" in words
    assert "holds no CUDA API calls beside its GPU work: what waited for what is unknown." in words
    assert "Nothing repeats in this report" in words
    assert "Lines are not known." in words


def test_work_that_may_have_run_unseen_makes_a_range(tmp_path: Path, real_report: Callable[[str], Path]) -> None:
    words = page_of(real_report("proto_cdp"), tmp_path).words
    assert any(one.startswith("The GPU is idle 2.9 to 83.2 % of the loop (51 x parentKernel") for one in words)


def test_loading_of_modules_is_said_where_it_is_most_of_the_idle_time(
    tmp_path: Path, real_case: Callable[[str], Path]
) -> None:
    words = page_of(real_case("lazy_loading"), tmp_path).words
    assert "Of the idle time, 95.3 % is loading modules: warm up, or load them before." in words


def test_a_folder_of_parquet_files_gives_the_same_page(tmp_path: Path) -> None:
    report = saved(tmp_path, "run")
    folder = as_folder(report, tmp_path / "run_pqtdir")
    pages = [page_of(one, tmp_path) for one in (report, folder)]
    assert pages[0].rows == pages[1].rows
    assert pages[0].pairs[:6] == pages[1].pairs[:6]
