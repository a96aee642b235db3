"""Idle time by line of a capture with call stacks, in the times of one without: sampling makes a program slower."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nsysgap.answers.opening import Asker, OpenReport, ask, require_kernels
from nsysgap.answers.selection import WHOLE, Selection
from nsysgap.answers.stacks import StacksOptions, stacks
from nsysgap.causes import PARTS
from nsysgap.errors import NsysgapError
from nsysgap.figures import Document

_NOT_SHARES = ("idle_ns", "period_ns")


@dataclass(frozen=True)
class SampledStacksOptions:
    """`kind`: python, native or calls; `plain`: the report of the capture without stacks, None where there is none."""

    kind: str
    selection: Selection = WHOLE
    plain: str | None = None


@dataclass(frozen=True)
class SampledStacksAnswer:
    """The document "nsysgap.stacks/1", and the report whose times these are, None for its own."""

    document: Document
    timed_by: str | None


@dataclass(frozen=True)
class _Idle:
    """Idle time of a capture: ns in all and by part, and the words for what of it was selected."""

    total: int
    parts: tuple[int, ...]
    words: str


def sampled_stacks(path: str, options: SampledStacksOptions, asker: Asker = ask) -> SampledStacksAnswer:
    """The lines of a capture with stacks. Raises NsysgapError if it holds no GPU work or no stacks."""
    by = "function" if options.kind == "native" else "line"
    calls = options.kind == "calls"
    asked = StacksOptions(options.selection, by, ("host",), None if calls else options.kind, calls)
    document = asker(path, _lines, asked)
    idle = None if options.plain is None else _idle_of(options.plain, options.selection, asker)
    chosen = 0 if idle is None else sum(idle.parts[PARTS.index(part)] for part in document["causes"])
    if idle is None or not chosen or not document["chosen_ns"]:
        return SampledStacksAnswer(document, None)
    return SampledStacksAnswer(_shared_out(document, idle, chosen), options.plain)


def _idle_of(path: str, selection: Selection, asker: Asker) -> _Idle | None:
    try:
        return asker(path, _idle, selection)
    except NsysgapError:
        return None


def _lines(report: OpenReport, options: StacksOptions) -> Document:
    require_kernels(report.trace)
    return stacks(report, options).document()


def _idle(report: OpenReport, selection: Selection) -> _Idle:
    devices, words = report.idle(selection).devices, report.select(selection).words
    parts = tuple(sum(int(device.idle_by_part[part]) for device in devices) for part in range(len(PARTS)))
    return _Idle(sum(device.idle for device in devices), parts, words)


def _shared_out(document: Document, idle: _Idle, chosen: int) -> Document:
    """The document with the idle times of another capture, `chosen` ns of the same causes: shares stay, rounded."""

    def scaled(row: dict[str, Any]) -> dict[str, Any]:
        shares = [key for key in row if key.endswith("_ns") and key not in _NOT_SHARES]
        return row | {key: row[key] * chosen // document["chosen_ns"] for key in shares}

    made = {**scaled(document), "idle_ns": idle.total, "rows": [scaled(row) for row in document["rows"]]}
    return {**made, "selection": idle.words} if idle.words else made
