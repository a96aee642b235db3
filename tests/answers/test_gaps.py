"""answers/gaps.py: options in, a typed and picklable answer out."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import pytest
from report_builder import ReportBuilder

from nsysgap.answers.gaps import GapsAnswer, GapsOptions, gaps
from nsysgap.answers.opening import ask, opened
from nsysgap.answers.selection import Selection
from nsysgap.errors import NsysgapError


@pytest.fixture
def path(report: ReportBuilder, tmp_path: Path) -> Path:
    """Two gaps of one GPU: [30, 60) after a launch at 40, [70, 100)."""
    for call, op in (((0, 10), (20, 30)), ((40, 50), (60, 70)), ((80, 90), (100, 110))):
        report.launch(call, op)
    return report.nvtx(35, 55, "step 1").save(tmp_path)


def test_an_answer_and_its_question_survive_pickling(path: Path) -> None:
    options = GapsOptions(Selection(nvtx=re.compile("step")), by="kernel")
    answer = ask(path, gaps, pickle.loads(pickle.dumps(options)))
    copy = pickle.loads(pickle.dumps(answer))
    assert isinstance(copy, GapsAnswer)
    assert copy.document() == answer.document()
    assert copy.document()["selection"] == "inside 1 NVTX range (step 1), 20 ns"


def test_figures_are_typed_and_fit_the_document(path: Path) -> None:
    answer = ask(path, gaps, GapsOptions())
    figures = {figure.name: figure for figure in answer.figures()}
    assert (figures["window_ns"].value, figures["busy_ns"].value, figures["idle_ns"].value) == (90, 30, 60)
    parts = [figure.value for name, figure in figures.items() if re.fullmatch(r"idle_(?!ns|percent)\w+_ns", name)]
    assert (len(parts), sum(parts)) == (10, 60)
    assert (figures["idle_ns"].unit, figures["idle_ns"].better, figures["idle_ns"].of) == ("ns", "lower", "GPU 0")


def test_the_refusal_of_a_report_without_kernels_goes_with_the_answer(report: ReportBuilder, tmp_path: Path) -> None:
    answer = ask(report.call(0, 10).save(tmp_path), gaps, GapsOptions())
    assert answer.op_rows == 0
    assert answer.refusal is not None
    assert str(pickle.loads(pickle.dumps(answer)).refusal) == str(answer.refusal)


@pytest.mark.parametrize(
    ("selection", "words"),
    [
        (Selection(device=4), "GPU 4 ran nothing in .*GPUs with work: 0."),
        (Selection(nvtx=re.compile("none")), "No NVTX range matches 'none'. The report has 1 names, such as: step 1."),
        (Selection(since=500), "The selection holds no GPU time."),
        (Selection(since=5, until=5), "--from is not before --to"),
    ],
)
def test_selections_of_nothing_are_errors(path: Path, selection: Selection, words: str) -> None:
    with opened(path) as report, pytest.raises(NsysgapError, match=words):
        report.idle(selection)


def test_what_a_closed_report_still_reads_opens_its_file_again(path: Path) -> None:
    with opened(path) as report:
        pass
    assert report.details.rows == 3
    path.unlink()
    assert report.idle() is report.idle()
    with pytest.raises(NsysgapError):
        _ = report.stacks
