"""Reports with loops, random and made, and the product's answer to them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from random_reports import LAST, Row, report_rows

from nsysgap.analysis.idle.attribution import HIDDEN_AFTER_NS
from nsysgap.analysis.idle.idle_report import WholeTrace
from nsysgap.analysis.loops.document import loop_rows as rows_of_loops
from nsysgap.analysis.loops.sequences import op_shapes
from nsysgap.analysis.loops.steps import Steps
from nsysgap.figures import as_json
from nsysgap.report import open_source, read_trace
from nsysgap.report.details import details_by_kind
from nsysgap.tables import OP_DETAILS


def steps_of(path: Path, hidden_after: int = HIDDEN_AFTER_NS) -> Steps:
    """The loops of a report."""
    with open_source(path) as source:
        trace = read_trace(source)
        details = list(details_by_kind(source, trace, OP_DETAILS.columns))
    return Steps(WholeTrace(trace), lambda: op_shapes(trace, details), hidden_after_ns=hidden_after)


def document_of(steps: Steps) -> dict[str, Any]:
    """The loops of the document nsysgap.steps/1, through JSON."""
    return {"loops": json.loads(json.dumps(as_json(rows_of_loops(steps.trace, steps.steps))))}


@st.composite
def _ranges(draw: st.DrawFn) -> list[Row]:
    """Numbered ranges of one thread: most follow each other, some overlap or touch, some hold others."""
    name = draw(st.sampled_from(["step {}", "step -{}", "epoch {}", "a-{}", "step"]))
    place = {"pid": draw(st.sampled_from([1, 1, 1, 2])), "tid": draw(st.sampled_from([1, 1, 2]))}
    domain = draw(st.sampled_from([0, 0, 0, 5, None]))
    start, rows = draw(st.integers(-2, 20)), []
    for number in range(draw(st.integers(2, 7))):
        long = draw(st.integers(0, 12))
        kind = draw(st.sampled_from([59, 59, 59, 60]))
        more = {"text": name.format(number), "event_type": kind, "domainId": domain}
        rows.append(("nvtx", {"start": start, "end": start + long, **place, **more}))
        start += long + draw(st.sampled_from([0, 0, 1, 3, -1]))
    return rows


@st.composite
def loop_rows(draw: st.DrawFn) -> list[Row]:
    """A random report with more calls, and ranges that repeat around them."""
    rows = draw(report_rows())
    for ranges in draw(st.lists(_ranges(), min_size=1, max_size=4)):
        rows += ranges
    for number in range(draw(st.integers(0, 12))):
        start = draw(st.integers(0, LAST))
        place = {"correlation": 100 + number, "pid": draw(st.sampled_from([1, 1, 1, 2]))}
        rows.append(("call", {"start": start, "end": start + 1, **place, "tid": draw(st.integers(1, 2))}))
        more = {"device": draw(st.sampled_from([0, 0, 1])), "gridX": draw(st.sampled_from([1, 2]))}
        rows.append(("kernel", {"start": start + draw(st.integers(0, 9)), "end": start + 10, **place, **more}))
    return rows
