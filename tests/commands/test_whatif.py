"""`nsysgap whatif` and `nsysgap advise`: options, texts, refusals."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import run
from perfetto_reader import Engine
from report_builder import ReportBuilder
from schedule_models import full_queue
from trace_files import document as trace_document

from nsysgap import open_report
from nsysgap.analysis.schedule import model
from nsysgap.analysis.schedule.replay import replay
from nsysgap.analysis.schedule.schedule import Replay, Schedule


def loop(kernel: int = 50_000, host: int = 5_000, steps: int = 5) -> ReportBuilder:
    """Steps of four launches and a wait."""
    report, at, gpu = ReportBuilder(), 10_000, 0
    report.call(0, 1_000, 0, "cudaFree_v3020")
    for step in range(steps):
        begin = at
        for _ in range(4):
            at += host
            start = max(at + 5_000, gpu + 1_000)
            gpu = start + kernel
            report.launch((at, at + 4_000), (start, gpu), "gemm")
            at += 4_000
        end = max(at + 3_000, gpu + 3_000)
        report.sync(at + 1_000, end)
        report.nvtx(begin, end + 500, f"step {step}")
        at = end + 1_000
    return report


def test_changes_alone_and_together(tmp_path: Path) -> None:
    path = loop().save(tmp_path)
    done = run("whatif", path, "--graph", "--faster", "gemm=2", "--sync-every", "5", "--format", "json")
    document = json.loads(done.stdout)
    assert [one["change"] for one in document["changes"]] == ["graph", "fewer-syncs", "faster"]
    assert document["together"]["changes"] == ["graph", "fewer-syncs", "faster"]
    assert (document["schema"], document["loop"], document["iterations"]) == ("nsysgap.whatif/1", "step #", 5)
    for one in document["changes"]:
        prediction = one["under_nsys"]
        assert set(prediction) == {"central_ns", "best_ns", "worst_ns", "gain_percent", "kind", "host_share"}
        assert prediction["best_ns"] <= prediction["worst_ns"]
        assert one["plain"] is None
    text = run("whatif", path, "--graph", "--faster", "gemm=2", "--per-day", "1e6", "--price", "3").stdout
    assert "GPU hours" in text
    assert max(map(len, text.splitlines()[1:])) <= 80


def test_what_limits_the_changed_loop_is_said(tmp_path: Path) -> None:
    """Four kernels of 50 us a step, then of 1 us: the GPU first, the host's code and launches afterwards."""
    path = loop().save(tmp_path)
    (slower, faster) = json.loads(
        run("whatif", path, "--faster", "gemm=1", "--faster", "gemm=50", "--format", "json").stdout
    )["changes"]
    assert next(iter(slower["then_limits"])) == "kernels"
    assert slower["then_limits"]["kernels"] > 0.9
    assert next(iter(faster["then_limits"])) == "host"
    for one in (slower, faster):
        assert sum(one["then_limits"].values()) == pytest.approx(1, abs=1e-3)
    assert "then limited by host " in run("whatif", path, "--faster", "gemm=50").stdout
    assert len(slower["then_limits"]) > 1
    said = run("whatif", path, "--faster", "gemm=1").stdout  # of what is less than 5 % nothing
    assert re.search(r"then limited by kernels \d+ %\.$", said, re.MULTILINE)


def test_a_change_that_finds_nothing_says_so(tmp_path: Path) -> None:
    done = run("whatif", loop().save(tmp_path), "--pin")
    assert "pinned: No copy of 64 KiB or more in the loop is of pageable memory." in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "No change is named"),
        (("--faster", "gemm"), "is not NAME=K"),
        (("--faster", "gemm=0.5"), "is not NAME=K"),
        (("--fuse", "("), "is not a regular expression"),
        (("--graph", "--plain", "soon"), "is not a duration"),
        (("--graph", "--per-day", "many"), "is not a number of 0 or more"),
    ],
)
def test_wrong_usage(options: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = run("whatif", loop().save(tmp_path), *options)
    assert done.returncode == 2
    assert said in done.stderr


def test_the_plain_time_of_a_summary(tmp_path: Path) -> None:
    path, summary = loop().save(tmp_path), tmp_path / "run.json"
    summary.write_text(json.dumps({"perturbation": {"of": "the measured part", "ratio": 1.01}}))
    document = json.loads(run("whatif", path, "--graph", "--plain", summary, "--format", "json").stdout)
    assert document["plain_ns"] == pytest.approx(document["recorded_ns"] / 1.01, abs=1)
    assert document["changes"][0]["plain"]["kind"] == "range"
    summary.write_text("{}")
    assert "holds no plain time" in run("whatif", path, "--graph", "--plain", summary).stderr


def test_the_loops_own_plain_steps_come_before_the_ratio_of_the_program(tmp_path: Path) -> None:
    path, summary = loop().save(tmp_path), tmp_path / "run.json"
    measured = {"of": "the measured part", "ratio": 1.01}
    mine = {"label": "step #", "domain": "", "count": 5, "plain_span_ns": [1_075_000, 1_000_000, 1_050_000]}

    def plain_ns(*loops: object) -> int:
        summary.write_text(json.dumps({"loops": loops, "perturbation": measured}))
        done = run("whatif", path, "--graph", "--plain", summary, "--format", "json")
        return int(json.loads(done.stdout)["plain_ns"])

    assert plain_ns({**mine, "label": "other #", "plain_span_ns": [1]}, mine) == 210_000
    by_ratio = plain_ns()
    assert by_ratio != 210_000
    assert plain_ns({**mine, "count": 4}) == by_ratio  # another run's loop
    assert plain_ns(mine, {**mine, "domain": "other"}) == 210_000
    assert plain_ns(mine, mine) == by_ratio  # which of the two it is cannot be told
    assert plain_ns({**mine, "plain_span_ns": []}) == by_ratio
    assert plain_ns(None, {"label": "step #"}, {**mine, "plain_span_ns": "soon"}) == by_ratio


def test_steps_a_day_as_hours_and_launches(tmp_path: Path) -> None:
    path = loop(kernel=1_000, host=50_000).save(tmp_path)
    scale = json.loads(run("whatif", path, "--graph", "--per-day", "10M", "--format", "json").stdout)["scale"]
    assert (scale["per_day"], scale["launches"], scale["launches_with"]) == (10_000_000, 40_000_000, 10_000_000)
    least, most = scale["gone_hours"]
    assert [round(scale["hours"] - gone, 3) for gone in (most, least)] == pytest.approx(scale["hours_with"], abs=0.002)
    assert 0 < least < most <= scale["hours"]
    text = " ".join(run("whatif", path, "--graph", "--per-day", "10M").stdout.split())
    assert f"10 million steps a day: {scale['hours']:,.1f} GPU hours, {scale['idle_hours']:,.1f} GPU hours" in text
    assert "of them idle; 40 million launches." in text
    assert f"With graph {least:,.1f} to {most:,.1f} GPU hours a day are gone" in text
    assert f"{365 * least:,.0f} to {365 * most:,.0f} of {365 * scale['hours']:,.0f} a year" in text
    assert "40 million launches become 10 million." in text


def test_fewer_than_three_steps_are_refused(tmp_path: Path) -> None:
    done = run("whatif", loop(steps=2).save(tmp_path), "--graph")
    assert done.returncode == 1
    assert "no loop of three steps" in done.stderr


def test_launches_of_another_thread_while_the_loop_makes_no_call_are_refused(tmp_path: Path) -> None:
    report = loop(kernel=1_000, host=50_000)
    for number in range(4):  # each 30 us long, in the 50 us before a launch of the loop
        start = 15_000 + 54_000 * number
        report.launch((start, start + 30_000), (start + 35_000, start + 35_500), "other", tid=2, stream=9)
    done = run("whatif", report.save(tmp_path), "--graph")
    assert done.returncode == 1
    assert "Another thread launches for 120 us" in " ".join(done.stderr.split())
    assert "nsysgap gaps REPORT" in " ".join(done.stderr.split())


def test_a_full_launch_queue_stays_one(tmp_path: Path) -> None:
    """995 of 2,000 launches wait for room: kernels of half the length make room twice as fast, and cheaper launches
    only wait longer."""
    path = full_queue(995, steps=5).save(tmp_path)
    done = run("whatif", path, "--faster", "kernel=2", "--cheaper-launches", "4", "--format", "json")
    document = json.loads(done.stdout)
    faster, cheaper = sorted(document["changes"], key=lambda one: one["change"], reverse=True)
    taken = sum((100_000 + 37 * (number * 7_919 % 1_000) + 1) // 2 for number in range(2_000)) // 5
    assert (faster["change"], faster["under_nsys"]["kind"]) == ("faster", "figure")
    assert abs(document["recorded_ns"] - faster["under_nsys"]["central_ns"] - taken) <= 1
    assert 0 <= cheaper["under_nsys"]["gain_percent"] < 0.01


def test_a_full_launch_queue_of_no_known_length_is_refused(tmp_path: Path) -> None:
    done = run("whatif", full_queue(10, steps=5).save(tmp_path), "--faster", "kernel=2")
    assert (done.returncode, done.stdout) == (1, "")
    assert "10 launches waited while 1,000 or more operations were queued" in " ".join(done.stderr.split())


@pytest.mark.parametrize("command", [("whatif", "--graph"), ("advise",)])
def test_a_replay_that_does_not_give_the_report_back_is_refused(
    command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No report is known whose replay is not exact: here the replay itself loses 7 ns."""

    def late(schedule: Schedule) -> Replay:
        found = replay(schedule)
        return replace(found, call_end=found.call_end + 7)

    monkeypatch.setattr(model, "replay", late)
    name, *options = command
    done = run(name, loop().save(tmp_path), *options)
    assert (done.returncode, done.stdout) == (1, "")
    said = " ".join(done.stderr.split())
    assert (
        "No gain can be predicted. The replay model does not give the recorded times back: it is off by up to 7 ns."
        in said
    )
    assert "nsysgap gaps REPORT" in said


def test_a_plain_time_that_no_cost_of_nsys_explains_is_said(tmp_path: Path) -> None:
    path = loop(kernel=1_000, host=50_000).save(tmp_path)
    document = json.loads(run("whatif", path, "--graph", "--plain", "1us", "--format", "json").stdout)
    assert document["changes"][0]["plain"] is None
    assert any(
        note.startswith("No cost of nsys and no speed of the host gives the plain time") for note in document["notes"]
    )


def test_a_range_that_reaches_beyond_the_recorded_time_may_gain_nothing(tmp_path: Path) -> None:
    text = run("whatif", loop(kernel=10_000, host=5_000).save(tmp_path), "--fuse", "gemm").stdout
    assert "up to " in text
    assert "May gain nothing: at worst a step takes " in text


def test_advice_where_the_gpu_is_busy_is_to_make_its_kernels_faster(tmp_path: Path) -> None:
    path = loop(kernel=900_000).save(tmp_path)
    text = " ".join(run("advise", path).stdout.split())
    assert "Nothing here gains 2 %: the GPU is busy. Make its kernels faster:" in text
    assert "ncu --set full --kernel-name 'regex:gemm' --launch-count 3 PROGRAM" in text
    document = json.loads(run("advise", path, "--format", "json").stdout)
    assert document["changes"] == []
    assert document["left_out"] >= 1


def test_the_kernel_to_look_into_is_that_with_most_of_the_path_not_the_one_that_runs_longest(tmp_path: Path) -> None:
    """Each step two of "chain", 1,000 us after each other, beside three of "beside", 700 us each on streams of their
    own: 2,000 us of the path are chain's, 2,100 us of the GPU's time beside's."""
    report, at = ReportBuilder(), 10_000
    for step in range(5):
        first = at + 10_000
        report.launch((at, at + 4_000), (first, first + 1_000_000), "chain", stream=7)
        report.launch((at + 5_000, at + 9_000), (first + 1_001_000, first + 2_001_000), "chain", stream=7)
        for place in range(3):
            call = at + 10_000 + 5_000 * place
            report.launch((call, call + 4_000), (call + 6_000, call + 706_000), "beside", stream=8 + place)
        report.sync(at + 30_000, first + 2_004_000).nvtx(at, first + 2_004_500, f"step {step}")
        at = first + 2_005_000
    assert "'regex:chain'" in run("advise", report.save(tmp_path)).stdout


def test_the_kernel_to_look_into_inside_graphs(tmp_path: Path) -> None:
    """A graph's time is that of its kernels by how long each ran: 300 us of "small" alone, 600 us of "large" in it."""
    report, at = ReportBuilder(), 10_000
    for step in range(5):
        number, first = 900 + step, at + 20_000
        report.launch((at, at + 4_000), (at + 6_000, at + 306_000), "small")
        report.call(at + 5_000, at + 15_000, number, "cudaGraphLaunch")
        report.kernel(at + 307_000, at + 907_000, number, "large", graphNodeId=1)
        report.kernel(at + 908_000, at + 1_108_000, number, "small", graphNodeId=2)
        report.sync(first, at + 1_111_000).nvtx(at, at + 1_111_500, f"step {step}")
        at += 1_112_000
    assert "'regex:large'" in run("advise", report.save(tmp_path)).stdout


def test_advice_is_ordered_and_says_how(real_report: Callable[[str], Path]) -> None:
    document = json.loads(run("advise", real_report("copy_pageable"), "--format", "json").stdout)
    first = document["changes"][0]
    assert (first["change"], first["under_nsys"]["kind"]) == ("pinned", "figure")
    assert any("pin_memory=True" in line for line in first["how"])
    gains = [one["under_nsys"]["gain_percent"] for one in document["changes"] if one["under_nsys"]["gain_percent"]]
    assert gains == sorted(gains, reverse=True)
    assert max(map(len, run("advise", real_report("copy_pageable")).stdout.splitlines()[1:])) <= 80


def test_lines_of_the_program_can_be_made_faster(real_report: Callable[[str], Path]) -> None:
    done = run("whatif", real_report("decode_pysampled"), "--faster", "linear.py:134=2", "--format", "json")
    (change,) = json.loads(done.stdout)["changes"]
    assert change["evidence"]["own_code_ns"] > 1_000_000
    assert change["under_nsys"]["kind"] == "gain"


def test_rows_and_markdown(tmp_path: Path) -> None:
    path = loop().save(tmp_path)
    said = run("whatif", path, "--graph", "--pin", "--format", "markdown").stdout
    assert "| graph" in said
    assert "- pinned: No copy" in said
    rows = list(csv.DictReader(io.StringIO(run("whatif", path, "--graph", "--pin", "--format", "csv").stdout)))
    assert [row["change"] for row in rows] == ["graph", "pinned"]
    assert rows[1]["refused"].startswith("No copy")


def test_the_python_api_gives_the_same(tmp_path: Path) -> None:
    path = loop().save(tmp_path)
    report = open_report(path)
    given = report.whatif(graph="step #", faster={"gemm": 2}, sync_every=2)
    done = run("whatif", path, "--graph", "step #", "--sync-every", "2", "--faster", "gemm=2", "--format", "json")
    changes = json.loads(done.stdout)["changes"]
    assert given["change"].tolist() == [one["change"] for one in changes]
    assert given["best_ns"].tolist() == [one["under_nsys"]["best_ns"] for one in changes]
    advised = json.loads(run("advise", path, "--format", "json").stdout)["changes"]
    assert report.advise()["change"].tolist() == [one["change"] for one in advised]
    paths = report.critical_path()
    assert paths["ns"].sum() == report.critical_path(loop="step #")["ns"].sum() > 0


@pytest.mark.parametrize("ending", [".json.gz", ".pftrace"])
def test_the_predicted_schedule_lies_beside_the_recorded_one(ending: str, tmp_path: Path, perfetto: Engine) -> None:
    path, file = loop(kernel=300_000).save(tmp_path), tmp_path / f"out{ending}"
    done = run("whatif", path, "--graph", "--trace", file, "--format", "json")
    assert "recorded and predicted" in done.stderr
    step = json.loads(done.stdout)
    assert step["changes"][0]["under_nsys"]["kind"] == "figure"
    slices = """SELECT process.name AS process, slice.name, slice.ts, slice.dur FROM slice
        JOIN thread_track ON slice.track_id = thread_track.id JOIN thread USING (utid) JOIN process USING (upid)"""
    with perfetto.open(file) as trace:
        assert trace.losses() == []
        rows = trace.rows(slices)
        recorded = [row for row in rows if row["process"] == "recorded"]
        predicted = [row for row in rows if row["process"] == "predicted: graph"]
        assert len(recorded) + len(predicted) == len(rows)
        assert [row["name"] for row in recorded].count("kernel gemm") == 20
        assert sum(row["dur"] for row in recorded if row["name"] == "kernel gemm") == 20 * 300_000
        assert {row["name"] for row in predicted} == {
            "predicted: cudaGraphLaunch",
            "predicted: graph of 4 ops",
            "predicted: cudaDeviceSynchronize",
        }
        assert [row["name"] for row in predicted].count("predicted: graph of 4 ops") == 5
        # Both loops begin with the first range, at 10 us; the host's time before the first launch shrinks.
        assert min(row["ts"] for row in recorded) == 15_000
        assert 10_000 <= min(row["ts"] for row in predicted) < 15_000
        assert trace.one("SELECT count(*) AS n FROM flow")["n"] == 25
        tracks = trace.values("SELECT name FROM thread WHERE name LIKE 'predicted: %'")
        assert sorted(tracks) == ["predicted: host thread 1", "predicted: stream 7"]


def test_a_range_is_drawn_at_its_two_ends(tmp_path: Path) -> None:
    path, file = loop(kernel=1_000, host=50_000).save(tmp_path), tmp_path / "out.json"
    prediction = json.loads(run("whatif", path, "--graph", "--trace", file, "--format", "json").stdout)["changes"][0]
    written = trace_document(file)
    assert prediction["under_nsys"]["central_ns"] is None
    assert written["otherData"]["predicted"] == [
        "predicted: graph, at best: predicted by nsysgap whatif, not measured",
        "predicted: graph, at worst: predicted by nsysgap whatif, not measured",
    ]
    names = [one["args"]["name"] for one in written["traceEvents"] if one["name"] == "process_name"]
    assert names == ["recorded", "predicted: graph, at best", "predicted: graph, at worst"]
    for one in written["traceEvents"]:
        if one["ph"] == "X":
            assert one["name"].startswith("predicted: ") == (one["pid"] > 1)


def test_what_cannot_be_drawn_is_refused_and_nothing_written(tmp_path: Path) -> None:
    path = loop().save(tmp_path)
    done = run("whatif", path, "--pin", "--trace", tmp_path / "out.json.gz")
    assert done.returncode == 1
    assert "There is nothing to draw: no change is predicted. No copy of 64 KiB" in done.stderr
    done = run("whatif", path, "--graph", "--trace", tmp_path / "out.txt")
    assert done.returncode == 2
    both = tmp_path / "out.json"
    done = run("whatif", path, "--graph", "-o", both, "--trace", both, "--force")
    assert done.returncode == 2
    assert "-o and --trace both name" in done.stderr
    assert sorted(file.name for file in tmp_path.iterdir()) == [path.name]
