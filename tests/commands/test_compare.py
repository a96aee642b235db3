"""`nsysgap compare`: real pairs, made oddities, every format."""

from __future__ import annotations

import csv
import io
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import run
from compared_reports import saved
from report_builder import ReportBuilder

from nsysgap.answers.captures import CaptureOptions, capture
from nsysgap.answers.compare import compare
from nsysgap.answers.opening import ask, opened
from nsysgap.answers.selection import Selection
from nsysgap.causes import PARTS

Document = dict[str, Any]


def compared(*arguments: object) -> Document:
    """The document of a comparison."""
    done = run("compare", *arguments, "--format", "json")
    assert done.returncode == 0, done.stderr
    document: Document = json.loads(done.stdout)
    return document


def figure(document: Document, name: str) -> tuple[Any, Any, Any, str]:
    """(before, after, change, verdict) of a figure."""
    [row] = [row for row in document["figures"] if row["name"] == name]
    return row["before"], row["after"], row["change"], row["verdict"]


# ---------------------------------------------------------------- real pairs


def test_a_graph_takes_the_launches_away(real_report: Callable[[str], Path]) -> None:
    document = compared(real_report("graph_small_eager"), real_report("graph_small_graph"))
    assert [document[side]["reports"][0]["iterations"] for side in ("before", "after")] == [40, 40]
    assert document["before"]["unit"] == "iteration"
    assert figure(document, "launches")[:2] == (19, 2)  # 18 kernels and the copy; the graph and the copy
    assert figure(document, "ops")[:2] == (19, 19)
    assert figure(document, "step_ns")[:3] == (821376, 92433, -728943)
    assert document["matched_percent"] == [100.0, 100.0]
    assert document["reasons"] == [
        "Launches differ by more than half: 19 before, 2 after. Where that is meant, add --anyway."
    ]
    assert compared(real_report("graph_small_eager"), real_report("graph_small_graph"), "--anyway")["comparable"]


def test_half_the_host_code_explains_the_shorter_step(real_report: Callable[[str], Path]) -> None:
    answer = compare([str(real_report("host_full"))], [str(real_report("host_half"))])
    explained = dict(answer.explained)
    assert sum(explained.values()) == answer.step.change == -410464
    assert explained["host"] == -462181
    assert max(explained, key=lambda name: abs(explained[name])) == "host"
    assert answer.verdict.endswith(", mostly host; noise not judged.")


def test_pinned_copies_are_the_same_copies_in_less_time(real_report: Callable[[str], Path]) -> None:
    document = compared(real_report("copy_pageable"), real_report("copy_pinned"))
    copy = document["ops"][0]
    assert (copy["kind"], copy["name"]) == ("memcpy", "[CUDA memcpy Host-to-Device] 16,777,216 B")
    assert copy["before_ns"] > 3 * copy["after_ns"] > 0
    assert any("Not steady" in text for text in document["warnings"])


@pytest.mark.parametrize("name", ["host_full", "graph_small_graph"])
def test_two_halves_of_a_capture_are_never_called_changed(name: str, real_report: Callable[[str], Path]) -> None:
    path = str(real_report(name))
    with opened(path) as report:
        loop = report.steps().loops[0]
        middle = int(loop.start[loop.count // 2])
        first = capture(report, CaptureOptions(Selection(since=int(loop.start[0]), until=middle)))
        second = capture(report, CaptureOptions(Selection(since=middle, until=int(loop.end[-1]))))
    halves: dict[str, Any] = {"first": first, "second": second}

    def half_of(name: str, *_: object) -> Any:
        return halves[name]

    answer = compare(["first"], ["second"], asker=half_of)
    assert {change.verdict for change in answer.changes} == {"unknown"}
    assert answer.noise == "1 capture a side: no statement about noise; give 4 or more."


def test_a_capture_compared_with_itself_has_not_changed_at_all(real_report: Callable[[str], Path]) -> None:
    document = compared(real_report("host_full"), real_report("host_full"))
    assert {row["change"] for row in document["figures"]} == {0}
    assert {row["verdict"] for row in document["figures"]} == {"unknown"}


# ---------------------------------------------------------------- text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("graph_small_eager", "graph_small_graph"),
        ("copy_pageable", "copy_pinned"),
        ("batch_single", "batch_bmm"),
        ("decode_pysampled", "host_full"),
    ],
)
def test_the_text_has_at_most_30_lines_of_80_columns(
    before: str, after: str, real_report: Callable[[str], Path]
) -> None:
    lines = run("compare", real_report(before), real_report(after)).stdout.splitlines()
    assert len(lines) <= 30
    assert max(map(len, lines)) <= 80
    assert lines[-1].endswith(".")


def test_the_last_line_is_the_verdict(tmp_path: Path) -> None:
    before, after = saved(tmp_path, "a", host=1000), saved(tmp_path, "b", host=600)
    lines = run("compare", before, after).stdout.splitlines()
    assert lines[-1] == "2.63 us a step, not 3.03 us (-13.2 %), mostly host; noise not judged."
    assert lines[-2] == "1 capture a side: no statement about noise; give 4 or more."
    assert "The step changed by -400 ns: host -400." in lines


def test_detail_shows_every_part_and_whole_names(tmp_path: Path) -> None:
    name = "void at::native::softmax<float, 4>(int)"
    before = saved(tmp_path, "a", kernels=tuple(f"{name[:-1]}, {i})" for i in range(9)))
    short, whole = (run("compare", before, before, *more).stdout for more in ((), ("--detail",)))
    assert whole.count("void at::native::") == 9
    assert "void at::native::" not in short


# ---------------------------------------------------------------- noise


def four(folder: Path, name: str, host: int) -> list[Path]:
    """Four captures that differ a little."""
    return [saved(folder, f"{name}{i}", host=host + i) for i in range(4)]


def test_four_captures_a_side_are_tested(tmp_path: Path) -> None:
    before, after = four(tmp_path, "a", 1000), four(tmp_path, "b", 600)
    document = compared("--before", *before, "--after", *after)
    assert figure(document, "step_ns") == (3031, 2631, -400, "changed")
    [row] = [row for row in document["figures"] if row["name"] == "step_ns"]
    assert row["p"] == pytest.approx(2 / 70)
    assert figure(document, "busy_ns")[3] == "same"
    text = run("compare", "--before", *before, "--after", *after).stdout
    assert text.splitlines()[-1] == "Changed (p = 0.029): 2.63 us a step, not 3.03 us (-13.2 %), mostly host."
    assert "a0.sqlite and 3 captures more" in text


def test_four_captures_of_one_program_show_no_change(tmp_path: Path) -> None:
    document = compared("--before", *four(tmp_path, "a", 1000), "--after", *four(tmp_path, "b", 1000))
    assert {row["verdict"] for row in document["figures"]} == {"same"}


def test_three_captures_against_four_say_nothing_about_noise(tmp_path: Path) -> None:
    before, after = four(tmp_path, "a", 1000)[:3], four(tmp_path, "b", 600)
    done = run("compare", "--before", *before, "--after", *after)
    assert "3 captures before, 4 after: no statement about noise; give 4 or more." in done.stdout


# ---------------------------------------------------------------- what is odd


def ops(document: Document) -> list[tuple[str, int, int]]:
    """(name, runs before, runs after)."""
    return [(op["name"], op["before_count"], op["after_count"]) for op in document["ops"]]


def test_a_kernel_with_another_template_argument_came_and_went_unless_short_names_match(tmp_path: Path) -> None:
    before = saved(tmp_path, "a", kernels=("void gemm<128, 64>(float*)",))
    after = saved(tmp_path, "b", kernels=("void gemm<256, 64>(float*)",))
    assert ops(compared(before, after)) == [("void gemm<128, 64>(float*)", 1, 0), ("void gemm<256, 64>(float*)", 0, 1)]
    assert ops(compared(before, after, "--match", "short")) == [("gemm", 1, 1)]
    assert compared(before, after)["matched_percent"] == [0.0, 0.0]
    assert compared(before, after, "--match", "short")["matched_percent"] == [100.0, 100.0]


@pytest.mark.parametrize("name", ["ядро_カーネル<π>", "k" * 4000, "a\x1b[31mred\n|b|</script>", "=HYPERLINK(1)"])
def test_any_name_is_matched_and_shown(name: str, tmp_path: Path) -> None:
    path = saved(tmp_path, "a", kernels=(name,))
    assert ops(compared(path, path)) == [(name, 1, 1)]
    for form in ("text", "markdown"):
        for more in ((), ("--detail",)):
            shown = run("compare", path, path, "--format", form, *more).stdout
            assert "\x1b" not in shown
            assert "<script" not in shown
            assert form == "text" or "|b|" not in shown
    rows = list(csv.DictReader(io.StringIO(run("compare", path, path, "--format", "csv").stdout, newline="")))
    assert [row["name"] for row in rows] == [name]


def test_copies_are_matched_by_kind_and_bytes(tmp_path: Path) -> None:
    paths = []
    for number, sizes in enumerate(((64, 128), (64, 256))):
        report = ReportBuilder()
        for step in range(4):
            at = 100 * step
            for i, size in enumerate(sizes):
                report.call(at + 10 * i, at + 10 * i + 2, 10 * step + i + 1, "cudaMemcpyAsync_v3020")
                report.memcpy(at + 10 * i + 3, at + 10 * i + 8, 10 * step + i + 1, bytes=size, stream=7 + number)
            report.nvtx(at, at + 30, f"step {step}")
        paths.append(report.save(tmp_path, f"{number}.sqlite"))
    document = compared(*paths)
    copy = "[CUDA memcpy Host-to-Device]"
    assert ops(document) == [(f"{copy} 128 B", 1, 0), (f"{copy} 256 B", 0, 1), (f"{copy} 64 B", 1, 1)]
    assert "No kernels before. No kernels after." in run("compare", *paths).stdout.replace("\n", " ")


def test_no_gpu_work_on_one_side_is_said(tmp_path: Path) -> None:
    idle = ReportBuilder().call(0, 10, 1).save(tmp_path, "idle.sqlite")
    document = compared(saved(tmp_path, "a"), idle)
    assert not document["comparable"]
    assert document["reasons"][0].startswith("No GPU work after: ")
    assert figure(document, "step_ns")[1:3] == (None, None)
    text = run("compare", saved(tmp_path, "a"), idle).stdout
    assert text.splitlines()[-1] == "Nothing tells how a step changed: a side has no GPU work."
    assert " No kernels after." in text.replace("\n", " ")


def test_graphs_traced_in_two_ways_are_not_comparable(tmp_path: Path) -> None:
    document = compared(saved(tmp_path, "a", graph="node"), saved(tmp_path, "b", graph="graph"))
    assert document["reasons"] == [
        "CUDA graphs were traced in two ways: before node, after graph. Capture both with --cuda-graph-trace=node."
    ]


def test_graphs_traced_as_a_whole_are_matched_without_their_numbers(tmp_path: Path) -> None:
    path = saved(tmp_path, "b", graph="graph")
    assert ops(compared(path, path)) == [("[CUDA graph #]", 1, 1)]
    warned = compared(saved(tmp_path, "a"), path, "--anyway")["warnings"]
    assert warned[-1].startswith("CUDA graphs were traced as a whole where they ran")


def test_another_gpu_is_not_comparable(tmp_path: Path) -> None:
    document = compared(saved(tmp_path, "a"), saved(tmp_path, "b", gpu="NVIDIA H100"))
    assert document["reasons"] == ["Not the same GPU: before NVIDIA H200, after NVIDIA H100."]
    text = run("compare", saved(tmp_path, "a"), saved(tmp_path, "b", gpu="NVIDIA H100")).stdout
    assert text.splitlines()[-1].startswith("Not comparable (1 reason given): ")


def test_other_loops_are_compared_as_whole_windows(tmp_path: Path) -> None:
    document = compared(saved(tmp_path, "a"), saved(tmp_path, "b", label="token {}"))
    assert (document["before"]["unit"], document["after"]["unit"]) == ("window", "window")
    assert document["reasons"] == ["Not the same loop: before 'step #', after 'token #'. Name one with --loop LABEL."]
    assert figure(document, "ops")[:2] == (16, 16)
    assert compared(saved(tmp_path, "a"), saved(tmp_path, "b", label="token {}"), "--anyway")["comparable"]


def test_without_any_loop_windows_are_compared(tmp_path: Path) -> None:
    path = saved(tmp_path, "a", steps=1)
    document = compared(path, path)
    assert document["before"] == {"reports": [{"path": str(path), "loop": None, "iterations": 1}], "unit": "window"}
    assert document["comparable"]
    assert figure(document, "step_ns")[0] == figure(document, "busy_ns")[0] + figure(document, "idle_ns")[0]


def test_a_loop_that_one_report_lacks_is_an_error(tmp_path: Path) -> None:
    done = run("compare", saved(tmp_path, "a"), saved(tmp_path, "b", label="token {}"), "--loop", "step #")
    assert (done.returncode, done.stdout) == (1, "")
    assert "No loop is called 'step #'." in done.stderr


def test_a_selection_is_compared_as_a_window(tmp_path: Path) -> None:
    path = saved(tmp_path, "a")
    document = compared(path, path, "--nvtx", "^step [0-3]$")
    assert document["before"]["unit"] == "window"
    assert figure(document, "ops")[0] == 8
    assert run("compare", path, path, "--nvtx", "x", "--loop", "step #").returncode == 2


@pytest.mark.parametrize("arguments", [(), ("a",), ("a", "b", "c"), ("a", "--after", "b"), ("--before", "a")])
def test_anything_but_two_sides_is_wrong_usage(arguments: tuple[str, ...]) -> None:
    done = run("compare", *arguments)
    assert (done.returncode, done.stdout) == (2, "")


def test_several_processes_are_not_mixed(tmp_path: Path) -> None:
    report = ReportBuilder()
    for pid in (1, 2):
        for step in range(4):
            report.launch((100 * step, 100 * step + 5), (100 * step + 10, 100 * step + 20), pid=pid, device=pid)
            report.nvtx(100 * step, 100 * step + 30, f"step {step}", pid=pid)
    path = report.save(tmp_path)
    document = compared(path, path)
    assert figure(document, "ops")[0] == 1
    assert any("2 processes have such a loop: compared is 1's." in text for text in document["warnings"])


# ---------------------------------------------------------------- formats


def test_the_document_is_the_contract(tmp_path: Path) -> None:
    path = saved(tmp_path, "a")
    document = compared(path, path)
    assert list(document) == [
        *("schema", "before", "after", "comparable", "reasons", "figures", "ops", "matched_percent", "warnings")
    ]
    assert document["schema"] == "nsysgap.compare/1"
    names = [row["name"] for row in document["figures"]]
    assert names == [
        *("step_ns", "busy_ns", "idle_ns"),
        *(f"idle_{part}_ns" for part in PARTS),
        *("launches", "ops", "api_calls", "sync_tail_ns"),
    ]
    assert list(document["figures"][0]) == [
        "name",
        "unit",
        "before",
        "after",
        "change",
        "change_percent",
        "p",
        "verdict",
    ]
    assert list(document["ops"][0]) == ["kind", "name", "before_ns", "after_ns", "before_count", "after_count"]


def test_csv_has_a_row_per_kernel(tmp_path: Path) -> None:
    before, after = saved(tmp_path, "a"), saved(tmp_path, "b", kernels=("gemm<4>",), kernel_ns=500)
    rows = list(csv.DictReader(io.StringIO(run("compare", before, after, "--format", "csv").stdout)))
    assert [(row["name"], row["before_ns"], row["after_ns"], row["change_ns"]) for row in rows] == [
        ("softmax", "1000", "0", "-1000"),
        ("gemm<4>", "1000", "500", "-500"),
    ]
    assert [row["after_mean_ns"] for row in rows] == ["", "500"]


def test_markdown_begins_with_the_verdict(tmp_path: Path) -> None:
    text = run("compare", saved(tmp_path, "a"), saved(tmp_path, "b", host=50), "--format", "markdown").stdout
    assert text.startswith("**2.08 us a step, not 2.13 us")
    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert len(tables) == 2
    assert all(len({line.replace("\\|", "").count("|") for line in table}) == 1 for table in tables)


def test_the_answer_is_picklable_and_holds_only_figures(tmp_path: Path) -> None:
    path = str(saved(tmp_path, "a"))
    answer = compare([path], [path])
    copy = pickle.loads(pickle.dumps(answer))
    assert copy.document() == answer.document()
    assert len(pickle.dumps(ask(path, capture, CaptureOptions()))) < 5_000


def test_how_a_prediction_held_is_said(tmp_path: Path, real_report: Callable[[str], Path]) -> None:
    before, after, predicted = real_report("copy_pageable"), real_report("copy_pinned"), tmp_path / "whatif.json"
    assert run("whatif", before, "--pin", "-o", predicted).returncode == 0
    document = compared(before, after, "--predicted", predicted)
    [change] = document["predicted"]
    assert (change["change"], change["inside"], change["measured_ns"]) == ("pinned", True, 666912)
    assert change["best_ns"] <= change["measured_ns"] <= change["worst_ns"]
    assert abs(change["off_percent"]) < 10
    text = run("compare", before, after, "--predicted", predicted).stdout
    assert "Predicted for pinned: " in text
    assert len(text.splitlines()) <= 30
    assert "is inside" in text


PREDICTED = {
    "schema": "nsysgap.whatif/1",
    "loop": "step #",
    "recorded_ns": 3000,
    "changes": [
        {
            "change": "graph",
            "target": None,
            "refused": None,
            "under_nsys": {
                "central_ns": None,
                "best_ns": 100,
                "worst_ns": 200,
                "gain_percent": 40.0,
                "kind": "gain",
                "host_share": 0.5,
            },
        },
        {"change": "faster", "target": "load", "refused": "fewer than 3 steps", "under_nsys": None},
    ],
}


def test_a_prediction_that_failed_or_was_refused_is_said(tmp_path: Path) -> None:
    path, predicted = saved(tmp_path, "a"), tmp_path / "whatif.json"
    predicted.write_text(json.dumps(PREDICTED))
    text = " ".join(run("compare", path, path, "--predicted", predicted).stdout.split())
    assert "Predicted for graph: 100 ns to 200 ns; measured 2.13 us is outside; gain 0.0 % of the step" in text
    assert "Predicted for faster of load: nothing (fewer than 3 steps)." in text
    assert "The prediction was made from a step of 3,000 ns, and before took 2,130 ns." in text


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{}", '{"schema": "nsysgap.whatif/1"}', "[" * 100_000),
        json.dumps({**PREDICTED, "loop": "token #"}),
        json.dumps({**PREDICTED, "loop": None}),
        json.dumps({**PREDICTED, "changes": [{**PREDICTED["changes"][0], "under_nsys": 7}]}),  # type: ignore[index]
    ],
    ids=range(8),
)
def test_what_is_no_prediction_of_this_loop_is_one_sentence(text: str, tmp_path: Path) -> None:
    path, predicted = saved(tmp_path, "a"), tmp_path / "whatif.json"
    predicted.write_text(text)
    done = run("compare", path, path, "--predicted", predicted)
    assert (done.returncode, done.stdout, "rediction" in done.stderr or "JSON" in done.stderr) == (1, "", True)


def test_without_a_change_it_is_said_that_there_is_none(tmp_path: Path) -> None:
    path = saved(tmp_path, "a", steps=1)
    lines = run("compare", path, path).stdout.splitlines()
    assert "The window did not change." in lines
    assert any(line.startswith("per window, by name") for line in lines)
    assert lines[-1] == "A window of 2.02 us, not 2.02 us (+0.0 %); noise not judged."
