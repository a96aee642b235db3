"""Gaps as JSON text, byte for byte what `json.dumps(documents, indent=2)` gives, without an object per gap."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nsysgap.causes import PARTS
from nsysgap.gap_columns import OP_FIELDS, Coded, GapColumns, Masked, OpColumns

INSIDE = "\n  "


def gap_texts(gaps: GapColumns) -> Iterator[str]:
    """The object of each gap, not indented itself."""
    duration = (gaps.end - gaps.start).tolist()
    device = [_members(named, INSIDE) for named in gaps.device.values]
    more = [_coded(column, f",\n  {json.dumps(name)}: ") for name, column in gaps.more()]
    lines = map("".join, zip(*more, strict=True)) if more else [""] * len(gaps)
    columns = (
        map(device.__getitem__, gaps.device.code.tolist()),
        zip(gaps.start.tolist(), gaps.end.tolist(), duration, strict=True),
        map([json.dumps(part) for part in PARTS].__getitem__, gaps.cause.tolist()),
        _parts(gaps),
        zip(_ops(gaps.before), _ops(gaps.after), strict=True),
        zip(_integers(gaps.process), _integers(gaps.thread), _coded(gaps.nvtx), lines, strict=True),
    )
    for which, (start, end, length), cause, parts, (before, after), (process, thread, nvtx, line) in zip(
        *columns, strict=True
    ):
        yield (
            f'{{{which},\n  "start_ns": {start},\n  "end_ns": {end},\n  "duration_ns": {length},\n  "cause": {cause},'
            f'\n  "parts_ns": {parts},\n  "before": {before},\n  "after": {after},\n  "process": {process},'
            f'\n  "thread": {thread},\n  "nvtx": {nvtx}{line}\n}}'
        )


def _members(values: dict[str, Any], before: str) -> str:
    return ",".join(f"{before}{json.dumps(key)}: {json.dumps(value)}" for key, value in values.items())


def _coded(column: Coded, before: str = "") -> list[str]:
    texts = [before + json.dumps(value, indent=2).replace("\n", INSIDE) for value in column.values]
    return Coded(column.code, texts).tolist()


def _integers(column: Masked) -> list[int | str]:
    values: list[int | str] = column.values.tolist()
    for row in np.flatnonzero(~column.known).tolist():
        values[row] = "null"
    return values


def _parts(gaps: GapColumns) -> Iterator[str]:
    """The object of each gap's non-zero parts."""
    row, part = np.nonzero(gaps.parts)
    names = [f"\n    {json.dumps(name)}: " for name in PARTS]
    every = [f"{names[which]}{ns}" for which, ns in zip(part.tolist(), gaps.parts[row, part].tolist(), strict=True)]
    ends = np.cumsum(np.bincount(row, minlength=len(gaps))).tolist()
    first = 0
    for end in ends:
        yield f"{{{','.join(every[first:end])}\n  }}" if end > first else "{}"
        first = end


def _ops(ops: OpColumns) -> Iterator[str]:
    """The object of each op, null without one."""
    labels = [_members(dict(zip(("kind", "name"), label, strict=True)), "\n    ") for label in ops.label.values]
    keys = [f",\n    {json.dumps(name)}: " for name in OP_FIELDS]
    label = map(labels.__getitem__, ops.label.code.tolist())
    numbers: Sequence[list[int | str]] = [_integers(column) for column in ops.numbers]
    stream, start, end, correlation, node = keys
    for known, text, a, b, c, d, e in zip(ops.known.tolist(), label, *numbers, strict=True):
        yield f"{{{text}{stream}{a}{start}{b}{end}{c}{correlation}{d}{node}{e}\n  }}" if known else "null"
