"""nsysgap against tests/reference.py: two programs that share no line, one page of definitions, the same figures.

Random reports (NSYSGAP_EXAMPLES says how many), every real report, and golden results of each real report.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import reference
from examples import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_reports import HIDDEN_AFTER, Row, build, report_rows, selections
from real_reports import real_reports
from report_builder import intervals

from nsysgap.analysis.idle.document import gaps_document
from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.analysis.relations import spans
from nsysgap.figures import as_json
from nsysgap.intervals import IntervalSet
from nsysgap.render.data import dump_json
from nsysgap.report import open_source, read_trace
from nsysgap.tables import Trace

FOLDER = Path(__file__).parent / "golden"
GOLDEN = tuple(path.stem for path in sorted(FOLDER.glob("*.json")))
Document = dict[str, Any]
Spans = list[tuple[int, int]]


def read(path: Path) -> Trace:
    with open_source(path) as source:
        return read_trace(source)


def product(trace: Trace, hidden_after: int, selection: IntervalSet | None = None) -> Document:
    """nsysgap's own document with all gaps, through JSON text as `gaps --format json --top all` writes it."""
    idle = IdleReport(trace, hidden_after_ns=hidden_after, selection=selection)
    found: Document = json.loads(dump_json(as_json(gaps_document(idle, idle.gaps.longest()))))
    return found


@cache
def whole(path: Path) -> Document:
    """The document of a real report, worked out once for all tests."""
    return product(read(path), reference.HIDDEN_AFTER_NS)


def compared(document: Document) -> Document:
    """What both sides must agree on.

    The definitions leave open which of several ops that end together is the before-op, and how graphs are named; fields
    that only nsysgap has are its own.
    """
    devices = [{key: one[key] for key in DEVICE_KEYS if key in one} for one in document["devices"]]
    report = {**document["report"], "warnings": []}
    return {**document, "report": report, "devices": devices, "gaps": [_gap(gap) for gap in document["gaps"]]}


DEVICE_KEYS = (
    *("device", "which", "name", "window_ns", "busy_ns", "idle_ns", "gap_count", "longest_gap_ns", "idle_by_cause_ns"),
    *("held_ns", "op_count"),
)


def _gap(gap: Document) -> Document:
    before = gap["before"] and gap["before"]["end_ns"]
    return {**gap, "before": before, "after": gap["after"] and _op(gap["after"])}


def _op(op: Document) -> Document:
    return {**op, "name": "[CUDA graph]"} if op["kind"] == "graph" else op


def idle_only(document: Document) -> Document:
    """What a selection cuts in the definitions: the devices' figures and the gaps."""
    return {key: compared(document)[key] for key in ("devices", "gaps")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("random")


@settings(max_examples=examples(200), suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(rows=report_rows(), selected=selections(), at_a_time=st.sampled_from((1, 2, 3, 5, spans.ROWS)))
def test_random_reports(folder: Path, rows: list[Row], selected: Spans, at_a_time: int) -> None:
    path = build(rows).save(folder)
    trace = read(path)
    expected = reference.gaps_json(str(path), top=None, hidden_after_ns=HIDDEN_AFTER)
    cut = reference.gaps_json(str(path), top=None, hidden_after_ns=HIDDEN_AFTER, selection=selected)
    with patch.object(spans, "ROWS", at_a_time):
        assert compared(product(trace, HIDDEN_AFTER)) == compared(expected)
        assert idle_only(product(trace, HIDDEN_AFTER, intervals(*selected))) == idle_only(cut)


@pytest.mark.parametrize("name", GOLDEN)
def test_every_figure_of_a_real_report(name: str, real_report: Callable[[str], Path]) -> None:
    path = real_report(name)
    found = whole(path)
    assert_integer_laws(found)
    assert compared(found) == compared(reference.gaps_json(str(path), top=None))


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_result(name: str, real_report: Callable[[str], Path]) -> None:
    golden = json.loads((FOLDER / f"{name}.json").read_text())
    found = summary(whole(real_report(name)))
    assert found == golden["expected"], golden["odd"]


@pytest.mark.parametrize("name", ["proto_naive", "proto_graph", "s3.13.2_cloverleaf", "s3.25.0_2gpu-trimmed"])
def test_part_of_a_real_report(name: str, real_report: Callable[[str], Path]) -> None:
    """The second and the fourth fifth of the trace."""
    path = real_report(name)
    trace = read(path)
    first, last = int(trace.ops["start"][0]), int(trace.ops["end"].max())
    fifth = (last - first) // 5
    selected = [(first + fifth, first + 2 * fifth), (first + 3 * fifth, first + 4 * fifth)]
    expected = reference.gaps_json(str(path), top=None, selection=selected)
    assert idle_only(product(trace, reference.HIDDEN_AFTER_NS, intervals(*selected))) == idle_only(expected)


def test_every_real_report_has_a_golden_result(traces_dir: Path) -> None:
    names = {path.name.split(".sqlite")[0] for path in real_reports()}
    assert {name for name in names if not name.startswith(GOLDEN)} == set()


def assert_integer_laws(document: Document) -> None:
    """busy + idle = window; gaps and their parts sum to the idle time."""
    for device in document["devices"]:
        first, last = device["window_ns"]
        gaps = [gap for gap in document["gaps"] if gap["device"] == device["device"]]
        assert device["busy_ns"] + device["idle_ns"] == last - first
        assert sum(gap["duration_ns"] for gap in gaps) == device["idle_ns"]
        assert sum(device["idle_by_cause_ns"].values()) == device["idle_ns"]
        assert len(gaps) == device["gap_count"]
        for part, total in device["idle_by_cause_ns"].items():
            assert sum(gap["parts_ns"].get(part, 0) for gap in gaps) == total
    for gap in document["gaps"]:
        assert sum(gap["parts_ns"].values()) == gap["duration_ns"] == gap["end_ns"] - gap["start_ns"] > 0
        assert min(gap["parts_ns"].values()) > 0


def summary(document: Document) -> Document:
    """A document without the list of gaps and without where it was read."""
    about = {key: document["report"][key] for key in ("nsys_version", "schema_version", "duration_ns")}
    rest = {key: compared(document)[key] for key in ("devices", "launches", "graph_launches", "syncs")}
    return {"report": about, **rest, "gap_count": len(document["gaps"])}
