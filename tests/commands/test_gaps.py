"""`nsysgap gaps` by its output, on the bundled sample."""

from __future__ import annotations

import gc
import hashlib
import io
import json
import re
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
from command_line import gaps_json, run
from folders import NAIVE, ROOT
from report_builder import ReportBuilder
from stack_reports import MAIN, OTHER, StackReport

from nsysgap.answers.opening import OpenReport
from nsysgap.causes import PARTS
from nsysgap.commands import main
from nsysgap.commands.common import opened_report
from nsysgap.tables import Trace


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize(
    "command", [["gaps"], ["gaps", "--detail"], ["gaps", "--by", "kernel"], ["gaps", "--by", "api"], ["info"]]
)
def test_text_fits_the_width_and_has_no_colour_or_trailing_blanks(command: list[str], columns: int) -> None:
    done = run(*command, NAIVE, columns=columns)
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    lines = done.stdout.split("\n")
    assert max(map(len, lines)) <= columns
    assert all(line == line.rstrip() for line in lines)


def test_text_answers_in_this_order() -> None:
    text = run("gaps", NAIVE, "--detail").stdout
    heads = ["idle %", "idle by cause", "launch latency", "sync calls", "longest gaps at"]
    places = [text.index(head) for head in heads]
    assert places == sorted(places)
    assert "0 NVIDIA H200" in text


def test_json_keeps_the_two_laws() -> None:
    document = gaps_json("--top", "all")
    assert document["schema"] == "nsysgap.gaps/1"
    (device,) = document["devices"]
    assert device["busy_ns"] + device["idle_ns"] == device["window_ns"][1] - device["window_ns"][0]
    assert sum(device["idle_by_cause_ns"].values()) == device["idle_ns"]
    assert len(document["gaps"]) == device["gap_count"]
    assert all(sum(gap["parts_ns"].values()) == gap["duration_ns"] for gap in document["gaps"])


def test_csv_and_parquet_hold_every_gap_with_its_parts(tmp_path: Path) -> None:
    document = gaps_json("--top", "all")
    target = tmp_path / "gaps.parquet"
    assert run("gaps", NAIVE, "--format", "parquet", "-o", target).returncode == 0
    from_csv = pd.read_csv(io.StringIO(run("gaps", NAIVE, "--format", "csv").stdout))
    for frame in (from_csv, pd.read_parquet(target)):
        assert len(frame) == len(document["gaps"])
        assert (frame[[f"{part}_ns" for part in PARTS]].sum(axis=1) == frame["duration_ns"]).all()
        assert frame["start_ns"].tolist() == [gap["start_ns"] for gap in document["gaps"]]


def test_top_min_and_all_cut_the_list_but_not_the_totals() -> None:
    whole = gaps_json("--top", "all")
    longest = [gap["duration_ns"] for gap in whole["gaps"]]
    assert longest == sorted(longest, reverse=True)
    three = gaps_json("--top", "3")
    assert [gap["duration_ns"] for gap in three["gaps"]] == longest[:3]
    long = gaps_json("--top", "all", "--min", "20us")
    assert [gap["duration_ns"] for gap in long["gaps"]] == [one for one in longest if one >= 20_000]
    assert three["devices"] == long["devices"] == whole["devices"]


def test_a_time_range_cuts_windows_and_gaps() -> None:
    low, high = 945_000_000, 946_000_000
    document = gaps_json("--from", "945ms", "--to", "946ms", "--top", "all")
    (device,) = document["devices"]
    assert device["window_ns"] == [low, high]
    assert device["busy_ns"] + device["idle_ns"] == high - low
    assert all(low <= gap["start_ns"] < gap["end_ns"] <= high for gap in document["gaps"])


def test_nvtx_says_what_it_selected() -> None:
    document = gaps_json("--nvtx", "^measured$", "--top", "all")
    assert document["selection"].startswith("inside 1 NVTX range (measured)")
    assert 0 < document["devices"][0]["idle_ns"] < gaps_json()["devices"][0]["idle_ns"]
    assert "Only inside 1 NVTX range (measured)" in run("gaps", NAIVE, "--nvtx", "^measured$", "--detail").stdout


@pytest.mark.parametrize("by", ["cause", "kernel", "api", "nvtx", "thread", "process"])
def test_every_grouping_sums_to_the_idle_time(by: str) -> None:
    document = gaps_json("--by", by)
    assert sum(row["idle_ns"] for row in document["groups"]["rows"]) == document["devices"][0]["idle_ns"]
    assert f"idle by {by}" in run("gaps", NAIVE, "--by", by).stdout


def test_by_cause_is_said_once_and_counts_the_gaps_with_a_share() -> None:
    text = run("gaps", NAIVE, "--by", "cause").stdout
    assert text.count("idle by cause") == 1
    assert re.search(r"^idle by cause +time +share +in gaps +longest\n", text, re.MULTILINE)
    rows = {row["name"]: row["gaps"] for row in gaps_json("--by", "cause")["groups"]["rows"]}
    assert rows
    for cause, gaps in rows.items():
        assert re.search(rf"^{cause} .* % +{gaps:,} ", text, re.MULTILINE)


def test_by_cause_without_any_gap(tmp_path: Path) -> None:
    done = run("gaps", ReportBuilder().launch((0, 1), (5, 10)).save(tmp_path), "--by", "cause")
    assert done.stdout.count("idle by cause") == 1
    assert "no idle time" in done.stdout


def test_several_reports_give_one_block_each_and_a_bad_one_spoils_no_other(tmp_path: Path) -> None:
    done = run("gaps", "--detail", NAIVE, tmp_path / "missing.sqlite", ROOT / "sample_traces" / "graph.sqlite.xz")
    assert done.returncode == 1
    assert done.stdout.count("idle by cause") == 2
    assert "missing.sqlite does not exist" in done.stderr


def test_output_files_are_whole_and_never_overwritten_without_force(tmp_path: Path) -> None:
    target = tmp_path / "answer.json"
    assert run("gaps", NAIVE, "--format", "json", "-o", target).returncode == 0
    first = target.read_bytes()
    assert json.loads(first)["schema"] == "nsysgap.gaps/1"
    refused = run("gaps", NAIVE, "-o", target)
    assert refused.returncode == 1
    assert "exists already" in refused.stderr
    assert "--force" in refused.stderr
    assert target.read_bytes() == first
    assert run("gaps", NAIVE, "--format", "json", "-o", target, "--force").returncode == 0
    assert target.read_bytes() == first, "the same input gives the same bytes"
    assert list(tmp_path.iterdir()) == [target]


def test_the_report_and_its_folder_stay_as_they_are(tmp_path: Path) -> None:
    report = tmp_path / "report.sqlite"
    report.write_bytes(NAIVE.read_bytes())
    before = hashlib.sha256(report.read_bytes()).hexdigest(), report.stat().st_mtime_ns
    for command in (["gaps"], ["info"], ["gaps", "--format", "json", "--top", "all"]):
        assert run(*command, report).returncode == 0
    assert (hashlib.sha256(report.read_bytes()).hexdigest(), report.stat().st_mtime_ns) == before
    assert list(tmp_path.iterdir()) == [report]


@pytest.mark.parametrize("by", ["cause", "kernel", "api", "nvtx", "thread", "process"])
def test_groups_as_rows(by: str) -> None:
    found = pd.read_csv(io.StringIO(run("gaps", NAIVE, "--by", by, "--format", "csv").stdout))
    assert list(found.columns) == [by, "idle_ns", "gaps", "longest_ns", "main_cause", "report"]
    rows = gaps_json("--by", by)["groups"]["rows"]
    assert found[by].tolist() == [row["name"] for row in rows]
    assert found["idle_ns"].tolist() == [row["idle_ns"] for row in rows]


@pytest.mark.parametrize(("columns", "width"), [(0, 80), (1, 80), (40, 80), (200, 200)])
def test_terminals_of_odd_widths(columns: int, width: int) -> None:
    """Some claim to have no columns at all: never nothing, nor a letter per line."""
    text = run("gaps", NAIVE, "--detail", columns=columns).stdout
    assert "idle by cause" in text
    assert max(map(len, text.split("\n"))) <= width


@pytest.mark.parametrize(("second", "said"), [(MAIN, "All launched by thread 7/7."), (OTHER, " 7/8")])
def test_the_launching_threads_beside_lines(tmp_path: Path, second: int, said: str) -> None:
    """Lines leave no room for a column that says the same in each row."""
    report = StackReport()
    report.gap(0, 1_000_000)
    report.gap(2_000_000, 3_000_000, tid=second)
    report.python(500_000, [("step", "train.py", 9)])
    text = run("gaps", report.write(tmp_path / "report.sqlite"), "--detail").stdout
    assert "train.py:9" in text
    assert said in text
    assert max(map(len, text.split("\n"))) <= 80


@pytest.mark.parametrize("form", ["text", "json", "csv"])
def test_each_report_is_released_before_the_next_is_read(
    report: ReportBuilder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    path = report.launch((0, 10), (20, 30)).launch((40, 50), (60, 70)).save(tmp_path)
    read: list[weakref.ref[Trace]] = []

    @contextmanager
    def watched(path: str) -> Iterator[OpenReport]:
        gc.collect()
        assert [trace() for trace in read] == [None] * len(read)
        with opened_report(path) as opened:
            read.append(weakref.ref(opened.trace))
            yield opened

    monkeypatch.setattr("nsysgap.commands.common.opened_report", watched)
    selected_nothing = ["--nvtx", "none"]  # an error must not hold on to its report either
    if form != "text":  # as with a list so long that it is written in chunks
        monkeypatch.setattr("nsysgap.analysis.idle.gap_chunks.KEPT", 0)
    gc.freeze()  # what other tests left need not be looked through each time
    try:
        for options in ([], selected_nothing):
            with pytest.raises(SystemExit):
                main(["gaps", str(path), str(path), str(path), "--format", form, *options])
    finally:
        gc.unfreeze()
    assert len(read) == 6
