"""Gaps as columns: what one row per gap holds, a chunk of rows at a time, whatever it is written as."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from nsysgap.causes import PARTS
from nsysgap.figures import Document

Times = NDArray[np.int64]
OP_FIELDS = ("stream", "start_ns", "end_ns", "correlation_id", "graph_node")


class Coded(NamedTuple):
    """A column of few distinct values: `values[code]` for each row."""

    code: NDArray[Any]
    values: Sequence[Any]

    def tolist(self) -> list[Any]:
        """The value of each row."""
        return list(map(self.values.__getitem__, self.code.tolist()))


class Masked(NamedTuple):
    """A column of integers that lacks some: where `known` is False there is none."""

    values: Times
    known: NDArray[np.bool_]

    def tolist(self) -> list[int | None]:
        """The value of each row, None where there is none."""
        values: list[int | None] = self.values.tolist()
        for row in np.flatnonzero(~self.known).tolist():
            values[row] = None
        return values


Column = NDArray[Any] | Coded | Masked


class OpColumns(NamedTuple):
    """The op at one edge of each gap; `known` is False where there is none.

    `label` holds (kind, name) or (None, None), `numbers` a column for each of OP_FIELDS.
    """

    known: NDArray[np.bool_]
    label: Coded
    numbers: Sequence[Masked]

    def documents(self) -> list[Document | None]:
        """The contract's OP of each row, None without one."""
        rows = zip(self.known.tolist(), self.label.tolist(), *(column.tolist() for column in self.numbers), strict=True)
        return [
            {"kind": label[0], "name": label[1], **dict(zip(OP_FIELDS, numbers, strict=True))} if known else None
            for known, label, *numbers in rows
        ]


@dataclass(frozen=True)
class GapColumns:
    """Some gaps, all columns of shape (rows,), times in ns.

    `device` holds what documents name a GPU by, for all GPUs of the list, `cause` is an index into PARTS, `parts` int64
    of shape (rows, 10), `nvtx` holds tuples of names, outermost first; `line` is None where no stacks were sampled.
    `via` and `acts_for`, None where no gap has one, are documents: who woke the launching thread and what that had done
    till then; for which waiting thread it launched, inside which of that one's ranges.
    """

    device: Coded
    start: Times
    end: Times
    cause: NDArray[np.int8]
    parts: Times
    before: OpColumns
    after: OpColumns
    process: Masked
    thread: Masked
    nvtx: Coded
    line: Coded | None = None
    via: Coded | None = None
    acts_for: Coded | None = None

    def __len__(self) -> int:
        return len(self.start)

    def more(self) -> Iterator[tuple[str, Coded]]:
        """The columns that not every list has, by their keys in documents."""
        for name in ("line", "via", "acts_for"):
            column: Coded | None = getattr(self, name)
            if column is not None:
                yield name, column

    def documents(self) -> Iterator[Document]:
        """One document per gap, with its non-zero parts, the ops at its edges, and who launched the one after it."""
        more: list[Document] = [{}] * len(self)
        for name, column in self.more():
            more = [{**extras, name: value} for extras, value in zip(more, column.tolist(), strict=True)]
        columns = (self.device, self.start, self.end, self.cause, self.parts, self.process, self.thread, self.nvtx)
        plain = (column.tolist() for column in columns)
        edges = (self.before.documents(), self.after.documents())
        for device, start, end, cause, parts, process, thread, nvtx, before, after, extras in zip(
            *plain, *edges, more, strict=True
        ):
            yield {
                **device,
                "start_ns": start,
                "end_ns": end,
                "duration_ns": end - start,
                "cause": PARTS[cause],
                "parts_ns": {name: value for name, value in zip(PARTS, parts, strict=True) if value},
                "before": before,
                "after": after,
                "process": process,
                "thread": thread,
                "nvtx": list(nvtx),
                **extras,
            }

    def flat(self) -> dict[str, Column]:
        """The columns of CSV, Parquet and DataFrames: device, which (where numbers alone do not name GPUs), start_ns,
        end_ns, duration_ns, cause, <part>_ns for each of the ten parts, process, thread, nvtx (path, " > " between),
        acts_for, via, via_ns (where any gap has them), and before_/after_ with the ops at its edges.
        """
        numbers = np.array([named["device"] for named in self.device.values], np.int64)
        which = [named.get("which") for named in self.device.values]
        columns: dict[str, Column] = {
            "device": numbers[self.device.code],
            **({"which": Coded(self.device.code, which)} if any(which) else {}),
            "start_ns": self.start,
            "end_ns": self.end,
            "duration_ns": self.end - self.start,
            "cause": Coded(self.cause, PARTS),
            **{f"{part}_ns": self.parts[:, index] for index, part in enumerate(PARTS)},
            "process": self.process,
            "thread": self.thread,
            "nvtx": Coded(self.nvtx.code, [" > ".join(path) for path in self.nvtx.values]),
            **self._flat_via(),
        }
        for side, op in (("before", self.before), ("after", self.after)):
            for index, name in enumerate(("kind", "name")):
                columns[f"{side}_{name}"] = Coded(op.label.code, [label[index] for label in op.label.values])
            columns |= {f"{side}_{name}": column for name, column in zip(OP_FIELDS, op.numbers, strict=True)}
        return columns

    def _flat_via(self) -> dict[str, Column]:
        """Through whom gaps were held up, and for how long; for whom their ends were launched."""
        columns: dict[str, Column] = {}
        if self.acts_for is not None:
            texts = [acts_for_text(acts_for) for acts_for in self.acts_for.values]
            columns["acts_for"] = Coded(self.acts_for.code, texts)
        if self.via is None:
            return columns
        values = self.via.values
        known = np.array([via is not None for via in values], np.bool_)
        ns = np.array([0 if via is None else via["ns"] for via in values], np.int64)
        code = self.via.code
        return {
            **columns,
            "via": Coded(code, [via_text(via) for via in values]),
            "via_ns": Masked(ns[code], known[code]),
        }


def acts_for_text(acts_for: Document | None) -> str:
    """For which thread a launch was made, inside which of its ranges: "thread 7: step > backward"."""
    return "" if acts_for is None else f"thread {acts_for['thread']}: {' > '.join(acts_for['nvtx'])}"


def via_text(via: Document | None) -> str:
    """Who woke the launching thread, and what that mostly did: "host of 1/7 main"."""
    if via is None:
        return ""
    most = max(via["did_ns"], key=lambda part: via["did_ns"][part])
    return f"{most} of {via['process']}/{via['thread']} {via['name']}".rstrip()


class GapList(Sequence[Document]):
    """The listed gaps of an answer, a document each; `chunks` are their columns, made anew each time they are walked.

    Nothing of it is held per gap but what `chunks` holds: a list of all gaps is worked out while it is written.
    """

    def __init__(self, chunks: Iterable[GapColumns], rows: int) -> None:
        self.chunks = chunks
        self.rows = rows

    def __len__(self) -> int:
        return self.rows

    def __iter__(self) -> Iterator[Document]:
        for chunk in self.chunks:
            yield from chunk.documents()

    @overload
    def __getitem__(self, index: int) -> Document: ...
    @overload
    def __getitem__(self, index: slice) -> list[Document]: ...
    def __getitem__(self, index: int | slice) -> Document | list[Document]:
        return list(self)[index]


def joined(chunks: Iterable[Mapping[str, Column]]) -> dict[str, Column]:
    """The rows of chunks with the same columns as one; at least one chunk."""
    parts = list(chunks)
    return {name: _joined([part[name] for part in parts]) for name in parts[0]}


def _joined(columns: Sequence[Any]) -> Column:
    if isinstance(columns[0], Coded):
        codes: dict[Any, int] = {}
        numbers = [
            np.array([codes.setdefault(value, len(codes)) for value in column.values], np.intp) for column in columns
        ]
        return Coded(
            np.concatenate([of[column.code] for of, column in zip(numbers, columns, strict=True)]), list(codes)
        )
    if isinstance(columns[0], Masked):
        return Masked(
            np.concatenate([column.values for column in columns]), np.concatenate([column.known for column in columns])
        )
    return np.concatenate(columns)
