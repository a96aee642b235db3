"""What holds for every question in answers/: options with defaults in, a picklable answer with the one header out."""

from __future__ import annotations

import gc
import importlib
import inspect
import pickle
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from folders import SAMPLES

from nsysgap import answers
from nsysgap.answers.opening import OpenReport, ask
from nsysgap.figures import Figure, Header

SAMPLE_OF = {"graphs": "graph_explicit", "graph_drawing": "graph_explicit"}
ONE_REPORT = {"timeline"}  # asked of a single report, whose page is then all there is to do
STREAMS = {"to_chrome"}  # made while they are written: there is nothing to send to another process


def questions() -> list[Callable[..., Any]]:
    """Every public function of answers/ that takes a report and options with a default."""
    found: list[Callable[..., Any]] = []
    for path in sorted(SAMPLES.parent.glob("nsysgap/answers/*.py")):
        module = importlib.import_module(f"{answers.__name__}.{path.stem}")
        for name, function in vars(module).items():
            if inspect.isfunction(function) and function.__module__ == module.__name__ and not name.startswith("_"):
                parameters = list(inspect.signature(function).parameters.values())
                asks = len(parameters) > 1 and parameters[0].annotation == "OpenReport"
                if asks and parameters[1].name == "options" and parameters[1].default is not inspect.Parameter.empty:
                    found.append(function)
    return found


def test_the_questions_are_found() -> None:
    names = {question.__name__ for question in questions()}
    assert names >= {
        "gaps",
        "graphs",
        "graph_drawing",
        "info",
        "launches",
        "stacks",
        "steps",
        "summary",
        "timeline",
        "to_chrome",
    }


@pytest.mark.parametrize(
    "question", [one for one in questions() if one.__name__ not in STREAMS], ids=lambda q: q.__name__
)
def test_an_answer_is_plain_and_picklable(question: Callable[..., Any]) -> None:
    options = list(inspect.signature(question).parameters.values())[1].default
    assert hash(pickle.loads(pickle.dumps(options))) == hash(options)
    sample = SAMPLES / f"{SAMPLE_OF.get(question.__name__, 'slow_host')}.sqlite.xz"
    answer = ask(sample, question, options)
    copy = pickle.loads(pickle.dumps(answer))
    assert type(copy) is type(answer)
    if not hasattr(answer, "document"):
        return
    document = answer.document()
    assert copy.document() == document
    assert list(document)[:2] == ["schema", "report"]
    assert list(document["report"]) == list(Header("", None, None, None).document())
    assert document["report"]["path"] == str(sample)
    assert all(isinstance(figure, Figure) for figure in answer.figures())


@pytest.mark.parametrize(
    "question", [one for one in questions() if one.__name__ not in STREAMS | ONE_REPORT], ids=lambda q: q.__name__
)
def test_a_report_is_gone_once_it_was_asked(question: Callable[..., Any]) -> None:
    """By counting references alone: what waits for the garbage collector stands beside the next report in memory."""
    options = list(inspect.signature(question).parameters.values())[1].default
    seen: list[weakref.ref[Any]] = []

    def asked(report: OpenReport, chosen: Any) -> Any:
        seen.append(weakref.ref(report))
        seen.append(weakref.ref(report.trace))
        return question(report, chosen)

    gc.collect()
    gc.disable()
    try:
        answer = ask(SAMPLES / f"{SAMPLE_OF.get(question.__name__, 'slow_host')}.sqlite.xz", asked, options)
        assert [one() is None for one in seen] == [True, True]
    finally:
        gc.enable()
    assert answer is not None
