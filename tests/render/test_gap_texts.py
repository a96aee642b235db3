"""Gaps written chunk by chunk: the same bytes and values as by json.dumps and pandas from a document per gap."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from folders import SAMPLES
from report_builder import ReportBuilder
from stack_reports import StackReport

from nsysgap.analysis.idle import gap_chunks
from nsysgap.analysis.idle.attribution import Pieces
from nsysgap.answers.gaps import GapsAnswer, GapsOptions, gaps
from nsysgap.answers.opening import ask
from nsysgap.causes import PARTS
from nsysgap.figures import Document
from nsysgap.gap_columns import GapList
from nsysgap.render.data import csv_bytes, csv_parts, json_bytes, json_parts, parquet_bytes, write_parquet

OP_FIELDS = ("kind", "name", "stream", "start_ns", "end_ns", "correlation_id", "graph_node")
ALL = GapsOptions(top=None)


def odd(folder: Path) -> Path:
    """Names that need quotes and escapes, ops without a process, stream or call, nested ranges, two GPUs, a graph."""
    report = ReportBuilder().gpu(0, "A").gpu(1, "B").nvtx(0, 95, 'a "b", c').nvtx(15, 30, "\u00e9\n\t\r\x7f\U0001f600")
    report.launch((0, 1), (5, 10), 'k<"x", 1>\\').launch((20, 35), (40, 50), "", stream=8)
    report.memcpy(60, 70, None, stream=None).kernel(90, 90).kernel(100, 110, device=1).kernel(120, 130, device=1)
    report.graph_launch((140, 150), (160, 170), (180, 190))
    return report.save(folder)


def with_stacks(folder: Path) -> Path:
    report = StackReport()
    report.gap(1000, 2000, call_ns=100)
    report.gap(90_000, 91_000)
    report.python(1100, [("f", "/p/f.py", 3)])
    return report.write(folder / "stacks.sqlite")


def woken(folder: Path) -> Path:
    """Thread 2 slept until thread 1, with a name that needs escapes, woke it; the first gap has no such sleep."""
    report = ReportBuilder().thread(1, 1, 'm"a, in').launch((0, 5), (10, 1000)).launch((2000, 2010), (2020, 3000))
    report.osrt(2500, 900_000, "pthread_cond_wait", tid=2)
    return report.launch((900_100, 900_200), (900_300, 900_400), tid=2).save(folder)


@pytest.fixture(params=["odd", "stacks", "woken", "nothing", "naive", "graph_explicit", "slow_host"], scope="module")
def path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made: dict[str, Callable[[Path], Path]] = {
        "odd": odd,
        "stacks": with_stacks,
        "woken": woken,
        "nothing": lambda folder: ReportBuilder().kernel(0, 10).save(folder),
    }
    if request.param in made:
        return made[request.param](tmp_path_factory.mktemp(request.param))
    packed, plain = SAMPLES / f"{request.param}.sqlite.xz", SAMPLES / f"{request.param}.sqlite"
    return packed if packed.exists() else plain


@pytest.fixture(params=[1, 7, 1 << 14], scope="module")
def answer(request: pytest.FixtureRequest, path: Path) -> Iterator[GapsAnswer]:
    """All gaps in chunks of so many rows, worked out while they are written."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gap_chunks, "ROWS", request.param)
        patch.setattr(gap_chunks, "KEPT", -1)
        found = ask(path, gaps, ALL)
        if request.param == 1:  # the first forty do: one chunk each
            assert isinstance(found.gaps.chunks, gap_chunks.GapChunks)
            every = found.gaps.chunks
            chunks = gap_chunks.GapChunks(every.idle, every.rows[:40], every.more)
            found = replace(found, gaps=GapList(chunks, len(chunks.rows)))
        yield found


def through(gap: Document) -> dict[str, Any]:
    """The columns of `via`, where the report has it."""
    if "via" not in gap:
        return {}
    via = gap["via"]
    return {"via": "" if via is None else 'host of 1/1 m"a, in', "via_ns": None if via is None else via["ns"]}


def straightforward(documents: list[Document], path: str) -> pd.DataFrame:
    """A row per gap, from a document per gap."""

    def row(gap: Document) -> dict[str, Any]:
        edges = {f"{side}_{key}": (gap[side] or {}).get(key) for side in ("before", "after") for key in OP_FIELDS}
        return {
            **{key: gap[key] for key in ("device", "start_ns", "end_ns", "duration_ns", "cause")},
            **{f"{name}_ns": gap["parts_ns"].get(name, 0) for name in PARTS},
            "process": gap["process"],
            "thread": gap["thread"],
            "nvtx": " > ".join(gap["nvtx"]),
            **through(gap),
            **edges,
            "report": path,
        }

    frame = pd.DataFrame([row(gap) for gap in documents])
    whole = [
        name
        for name in map(str, frame)
        if name.endswith(("_stream", "_correlation_id", "_graph_node", "process", "thread", "via_ns"))
    ]
    whole += [f"{side}_{key}_ns" for side in ("before", "after") for key in ("start", "end") if len(frame)]
    return frame.astype(dict.fromkeys(whole, "Int64"))


def test_json_has_the_bytes_of_json_dumps(answer: GapsAnswer) -> None:
    document = answer.document()
    assert b"".join(json_parts([answer.outline()])) == json_bytes([document])
    assert b"".join(json_parts([answer.outline(), answer.outline()])) == json_bytes([document, document])


def test_csv_and_parquet_have_the_rows_of_a_document_per_gap(answer: GapsAnswer) -> None:
    documents = list(answer.gaps)
    written = b"".join(csv_parts([answer.columns(), answer.columns()]))
    assert written == csv_bytes([answer.frame(), answer.frame()])
    file = io.BytesIO()
    write_parquet([answer.columns()], file)
    read = pd.read_parquet(file)
    pd.testing.assert_frame_equal(read, pd.read_parquet(io.BytesIO(parquet_bytes([answer.frame()]))), check_dtype=False)
    if documents:
        expected = straightforward(documents, answer.header.path)
        assert b"".join(csv_parts([answer.columns()])) == csv_bytes([expected])
        assert list(read) == list(expected)
        for name in expected:
            assert read[name].astype(object).where(read[name].notna(), None).tolist() == (
                expected[name].astype(object).where(expected[name].notna(), None).tolist()
            )
        assert {str(read[name].dtype) for name in ("process", "thread", "before_stream", "after_start_ns")} == {"Int64"}


def test_parts_of_all_gaps_are_those_of_each(answer: GapsAnswer) -> None:
    assert all(sum(gap["parts_ns"].values()) == gap["duration_ns"] for gap in answer.gaps)
    assert isinstance(answer.gaps.chunks, gap_chunks.GapChunks)
    idle, rows = answer.gaps.chunks.idle, answer.gaps.chunks.rows
    gaps_of = idle.gaps
    pieces = Pieces(gaps_of.start[rows], gaps_of.end[rows], gaps_of.gap_end[rows], gaps_of.after[rows])
    parts = [chunk.parts.tolist() for chunk in answer.gaps.chunks]
    assert [row for chunk in parts for row in chunk] == idle.attribution.parts(pieces).tolist()


def test_an_answer_of_many_gaps_is_sent_as_its_columns(answer: GapsAnswer) -> None:
    copy = pickle.loads(pickle.dumps(answer))
    assert isinstance(copy.gaps.chunks, tuple)
    assert copy.document() == answer.detached().document() == answer.document()
