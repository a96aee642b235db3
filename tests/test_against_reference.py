"""nsysgap against tests/reference.py: two programs that share no line, one page of definitions, the same figures.

Random reports (HYPOTHESIS_EXAMPLES says how many), every real report, and golden results of each real report.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import reference
from hypothesis import HealthCheck, given, settings
from random_reports import HIDDEN_AFTER, Row, build, report_rows, selections
from report_builder import intervals

from nsysgap.analysis.document import gaps_document
from nsysgap.analysis.idle import IdleReport
from nsysgap.intervals import IntervalSet
from nsysgap.render.data import as_json, dump_json
from nsysgap.report import open_source, read_trace
from nsysgap.tables import Trace

EXAMPLES = int(os.environ.get("HYPOTHESIS_EXAMPLES", "200"))
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


def compared(document: Document) -> Document:
    """What both sides must agree on.

    The definitions leave open what an op without correlation ID or stream shows, which of several ops that end together
    is the before-op, and how ops are named; fields that only nsysgap has are its own.
    """
    devices = [{key: one[key] for key in DEVICE_KEYS} for one in document["devices"]]
    report = {**document["report"], "warnings": []}
    return {**document, "report": report, "devices": devices, "gaps": [_gap(gap) for gap in document["gaps"]]}


DEVICE_KEYS = (
    *("device", "name", "window_ns", "busy_ns", "idle_ns", "gap_count", "longest_gap_ns", "idle_by_cause_ns"),
    "op_count",
)


def _gap(gap: Document) -> Document:
    before = gap["before"] and gap["before"]["end_ns"]
    return {**gap, "before": before, "after": gap["after"] and _op(gap["after"])}


def _op(op: Document) -> Document:
    stream = -1 if op["stream"] is None else op["stream"]
    name = "[CUDA graph]" if op["kind"] == "graph" else op["name"]
    return {**op, "stream": stream, "correlation_id": op["correlation_id"] or 0, "name": name}


def idle_only(document: Document) -> Document:
    """What a selection cuts in the definitions: the devices' figures and the gaps."""
    return {key: compared(document)[key] for key in ("devices", "gaps")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("random")


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(rows=report_rows(), selected=selections())
def test_random_reports(folder: Path, rows: list[Row], selected: Spans) -> None:
    path = build(rows).save(folder)
    trace = read(path)
    whole = reference.gaps_json(str(path), top=None, hidden_after_ns=HIDDEN_AFTER)
    cut = reference.gaps_json(str(path), top=None, hidden_after_ns=HIDDEN_AFTER, selection=selected)
    assert compared(product(trace, HIDDEN_AFTER)) == compared(whole)
    assert idle_only(product(trace, HIDDEN_AFTER, intervals(*selected))) == idle_only(cut)
