"""What a notebook shows: everything that the Python API gives has `_repr_html_`, in which names are only text."""

from __future__ import annotations

import html
import inspect
import json
import pickle
from collections.abc import Callable
from operator import attrgetter, methodcaller
from pathlib import Path
from typing import Any

import pytest
from rank_reports import environment
from report_builder import ReportBuilder

import nsysgap
from nsysgap.shown import ROWS, ShownList, ShownPage, ShownText, shown

HOSTILE = "</script><img src=x onerror=alert()>"
Call = Callable[[Any], Any]


def called(*names: str) -> dict[str, Call]:
    """Methods, without arguments."""
    return {name: methodcaller(name) for name in names}


def read(*names: str) -> dict[str, Call]:
    """Properties."""
    return {name: attrgetter(name) for name in names}


OF_REPORT: dict[str, Call] = {
    **called("advise", "analyse", "critical_path", "graphs", "idle", "info", "launches", "steps", "syncs"),
    **called("timeline", "timeline_figure"),
    **read("warnings"),
    "gaps": lambda report: report.gaps(by="kernel"),
    "stacks": lambda report: report.stacks(stacks="nvtx"),
    "summary": lambda report: report.summary("html"),
    "timeline_html": lambda report: report.timeline_html(plotlyjs="cdn"),
    "whatif": lambda report: report.whatif(faster={"gemm": 2}),
}
NO_RESULT = {"to_chrome": "writes a file"}
OF_STEPS = called("document", "figure", "iterations", "loops")
OF_FLEET: dict[str, Call] = {
    **called("collectives", "document", "html", "iterations", "ranks"),
    **read("reports", "verdict"),
    "compare": lambda fleet: fleet.compare(fleet),
}
OF_COMPARISON = called("document", "figures", "ops") | read("noise", "reasons", "verdict")
OF_CHECK = called("document", "limits") | read("text", "verdict")
CALLS = {
    nsysgap.Report: OF_REPORT,
    nsysgap.Steps: OF_STEPS,
    nsysgap.Fleet: OF_FLEET,
    nsysgap.Comparison: OF_COMPARISON,
    nsysgap.Checked: OF_CHECK,
}


def hostile_report(folder: Path, rank: int = 0) -> Path:
    """Twelve steps, each a graph of two kernels, a launch and a wait; every name is markup."""
    report = environment(ReportBuilder().versions(), RANK=rank, WORLD_SIZE=2).gpu(0, HOSTILE).device(1, 0, 0)
    report.row("TARGET_INFO_SYSTEM_ENV", name="Hostname", value=f"{HOSTILE}{rank}")
    report.row("TARGET_INFO_SESSION_START_TIME", utcEpochNs=1_700_000_000_000_000_000)
    report.process(1, HOSTILE).thread(1, 1, HOSTILE).diagnostic(2, HOSTILE)
    for step in range(12):
        begin = step * 10_000
        report.call(begin + 200, begin + 300, 500 + step, "cudaGraphLaunch_v10000")
        for node in (1, 2):
            start = begin + 400 * node
            report.kernel(start, start + 300, 500 + step, f"gemm{HOSTILE}", node=node)
        report.launch((begin + 4_000, begin + 4_100), (begin + 4_200, begin + 5_000), f"gemm{HOSTILE}")
        report.launch(
            (begin + 4_100, begin + 4_150), (begin + 5_000, begin + 6_000), f"ncclDevKernel_AllReduce{HOSTILE}"
        )
        report.sync(begin + 4_200, begin + 6_100).osrt(begin + 7_000, begin + 8_000, name=HOSTILE)
        report.nvtx(begin, begin + 9_000, f"{HOSTILE} {step}").nvtx(begin + 7_000, begin + 8_900, HOSTILE)
    return report.save(folder, f"rank{rank}.sqlite")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[type, Any]:
    """One object of every class of the API, of reports in which every name is markup."""
    folder = tmp_path_factory.mktemp("hostile")
    paths = [hostile_report(folder, rank) for rank in (0, 1)]
    report = nsysgap.open_report(paths[0])
    return {
        nsysgap.Report: report,
        nsysgap.Steps: report.steps(),
        nsysgap.Fleet: nsysgap.open_fleet(paths, workers=1),
        nsysgap.Comparison: nsysgap.compare(*paths),
        nsysgap.Checked: nsysgap.check(paths[0], {"max_idle": 1}),
    }


def page_of(value: Any) -> str:
    page = value._repr_html_()
    assert isinstance(page, str)
    assert page
    return page


def test_every_public_name_is_asked_for_below() -> None:
    for kind, calls in CALLS.items():
        named = {name for name, _ in inspect.getmembers(kind) if not name.startswith("_")}
        assert named - NO_RESULT.keys() == calls.keys()


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, calls in CALLS.items() for name in calls])
def test_everything_is_shown_and_names_stay_text(results: dict[type, Any], kind: type, name: str) -> None:
    value = CALLS[kind][name](results[kind])
    if type(value) is str:  # a sentence
        assert "\n" not in value
    else:
        assert HOSTILE not in page_of(value)
        assert "<img" not in page_of(value)


@pytest.mark.parametrize("kind", CALLS)
def test_the_objects_themselves_too(results: dict[type, Any], kind: type) -> None:
    assert "<img" not in page_of(results[kind])
    assert "<table" in page_of(results[kind])


def test_names_are_there_as_text(results: dict[type, Any]) -> None:
    escaped = html.escape(HOSTILE)
    report, steps = results[nsysgap.Report], results[nsysgap.Steps]
    assert escaped in page_of(report.info())
    assert escaped in page_of(report.launches())
    assert escaped in page_of(report.analyse())
    assert escaped in page_of(steps)
    assert f"12 x {HOSTILE} #, " in repr(steps)
    assert escaped in page_of(results[nsysgap.Fleet])
    assert html.escape(html.escape("<img")) in page_of(report.summary("html"))


def test_shown_values_stay_what_they_are(results: dict[type, Any]) -> None:
    document = results[nsysgap.Report].info()
    assert isinstance(document, dict)
    assert json.loads(json.dumps(document)) == pickle.loads(pickle.dumps(document)) == document
    assert shown({"a": {"b": (1, 2)}}) == {"a": {"b": [1, 2]}}
    assert (
        page_of(shown({"a": {"b": [1, None]}})["a"]) == "<table><tbody><tr><td>b</td><td>1, </td></tr></tbody></table>"
    )


def test_lists_are_cut_and_say_so() -> None:
    rows = ShownList({"n": number} for number in range(ROWS + 5))
    assert page_of(rows).count("<tr>") == ROWS + 1
    assert page_of(rows).endswith("<p>and 5 more</p>")
    assert page_of(ShownList()) == "none"
    assert page_of(ShownList(["a<b"])) == "<li>a&lt;b</li>"


def test_pages_and_texts_are_strings_in_frames_of_their_own() -> None:
    page = ShownPage('<script>1 < "2"</script>')
    assert page == '<script>1 < "2"</script>'
    assert '<iframe srcdoc="&lt;script&gt;1 &lt; &quot;2&quot;&lt;/script&gt;" sandbox="allow-scripts"' in page_of(page)
    assert page_of(ShownText("a\n<b>")) == "<pre>a\n&lt;b&gt;</pre>"
