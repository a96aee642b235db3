"""`nsysgap gaps`: why was the GPU idle?"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from nsysgap.commands.common import (
    Duration,
    Selected,
    Top,
    check_device,
    opened,
    output_file,
    output_options,
    raise_all,
    select_time,
    selection_options,
    to_terminal,
)
from nsysgap.errors import NsysgapError

if TYPE_CHECKING:
    import pandas as pd

    from nsysgap.analysis.idle.grouping import Group
    from nsysgap.analysis.idle.idle_report import IdleReport
    from nsysgap.report.source import Source
    from nsysgap.tables import Notice, Stacks, Trace

DEFAULT_TOP = 20
CAPTURE_HINT = "Capture them with nsysgap profile --stacks python (or native); docs/stacks.md says more."
ALL = -1


@click.command("gaps")
@click.argument("reports", nargs=-1, required=True, metavar="REPORT...")
@selection_options
@click.option("--min", "minimum", type=Duration(), default=0, metavar="TIME", help="List only gaps this long.")
@click.option("--top", type=Top(), metavar="N|all", help="How many of the longest gaps to list (20).")
@click.option(
    "--hidden-after",
    type=Duration(),
    default="100us",
    show_default=True,
    metavar="TIME",
    help="A longer stretch of a sync call in which no op runs is 'untraced'.",
)
@click.option(
    "--by",
    type=click.Choice(["cause", "kernel", "api", "nvtx", "thread", "process", "line"]),
    help="Idle time grouped, instead of the list of gaps.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "csv", "parquet"]),
    default="text",
    show_default=True,
    help="json: the contract nsysgap.gaps/1; csv, parquet: one row per gap, with --by per group.",
)
@output_options
def command(
    reports: tuple[str, ...],
    device: int | None,
    nvtx: re.Pattern[str] | None,
    since: int | None,
    until: int | None,
    minimum: int,
    top: int | None,
    hidden_after: int,
    by: str | None,
    form: str,
    output: str | None,
    force: bool,
) -> None:
    """Why was the GPU idle: idle time by cause, launch latency, sync tails, the longest gaps.

    \b
    REPORT is an Nsight Systems export (.sqlite, also .gz .xz .zst) or a .nsys-rep.
    Example: nsysgap gaps report.sqlite --nvtx decode --top 5
    """
    if form == "parquet" and output in (None, "-"):
        raise NsysgapError("Parquet is no text.", "Name a file: -o gaps.parquet", exit_code=2)
    color = to_terminal(output)
    failed: list[NsysgapError] = []
    refused: list[NsysgapError] = []

    def result(path: str) -> Any:
        """What is written of one report, None for nothing. All else is released on return: the next needs the room."""
        with opened(path) as (source, trace):
            selected = select_time(trace, nvtx, since, until)
            answer = _Answer(trace, device, selected, hidden_after, minimum, top, by)
            answer.read_stacks(source)
        refusal = answer.refusal()
        if refusal is not None:
            refused.append(refusal)
        if form == "json":
            return answer.document()
        if not trace.ops.rows:
            return None
        return answer.text(color=color) if form == "text" else answer.frame()

    results = []
    for path in reports:
        try:
            results.append(result(path))
        except NsysgapError as error:
            failed.append(error.with_traceback(None))  # it would hold on to the report
    results = [one for one in results if one is not None]
    if results:
        with output_file(output, force=force) as file:
            file.write(_WRITERS[form](results))
    raise_all(failed + refused)


class _Answer:
    """What one report answers to the options."""

    def __init__(
        self,
        trace: Trace,
        device: int | None,
        selected: Selected,
        hidden_after: int,
        minimum: int,
        top: int | None,
        by: str | None,
    ) -> None:
        from nsysgap.analysis.idle.idle_report import IdleReport

        check_device(trace, device)
        self.trace = trace
        self.selected = selected
        self.minimum = minimum
        self.top = top
        self.by = by
        self.stacks: Stacks | None = None
        self.idle: IdleReport = IdleReport(
            trace, selection=selected.time, device=device, hidden_after_ns=hidden_after, all_at_once=True
        )

    def read_stacks(self, source: Source) -> None:
        """Read the sampled stacks, if there are any. Raises NsysgapError where `--by line` needs them and has none."""
        from nsysgap.report.stacks import read_samples

        stacks = read_samples(source, self.trace)
        self.stacks = stacks if stacks is not None and stacks.samples.rows else None
        if self.by == "line" and self.stacks is None:
            why = "".join(f" {one.text}" for one in stacks.warnings) if stacks is not None else ""
            raise NsysgapError(f"{self.trace.path} holds no stack samples: no lines are known.{why}", CAPTURE_HINT)

    def groups(self) -> list[Group]:
        """The idle time by what --by names."""
        from nsysgap.analysis.idle.grouping import idle_by
        from nsysgap.analysis.stacks.gap_lines import idle_by_line

        if self.by == "line" and self.stacks is not None:
            return idle_by_line(self.idle, self.stacks)
        return idle_by(self.idle, str(self.by))

    def rows(self, default: int | None = DEFAULT_TOP) -> Any:
        """Numbers of the gaps to list."""
        top = default if self.top is None else None if self.top == ALL else self.top
        return self.idle.gaps.longest(top, self.minimum)

    def notices(self) -> tuple[Notice, ...]:
        """Warnings and notes for this answer."""
        from nsysgap.analysis.notices import all_notices

        return all_notices(self.idle, self.idle.latencies)

    def document(self) -> dict[str, Any]:
        """The contract nsysgap.gaps/1; with --by also the groups, with a selection also what it was."""
        from nsysgap.analysis.idle.document import gaps_document, group_rows
        from nsysgap.analysis.stacks.gap_lines import lines_of_gaps
        from nsysgap.render.data import as_json

        rows = self.rows()
        document: dict[str, Any] = as_json(gaps_document(self.idle, rows, self.notices()))
        if self.stacks is not None:
            for gap, line in zip(document["gaps"], lines_of_gaps(self.idle, self.stacks, rows), strict=True):
                gap["line"] = line
        if self.selected.said:
            document["selection"] = self.selected.said
        if self.by:
            document["groups"] = {"by": self.by, "rows": group_rows(self.groups())}
        return document

    def frame(self) -> pd.DataFrame:
        """One row per gap, or with --by one per group."""
        from nsysgap.analysis.idle.dataframes import gaps_frame, groups_frame

        made = groups_frame(self.by, self.groups()) if self.by else gaps_frame(self.idle, self.rows(None))
        return made.assign(report=self.trace.path)

    def text(self, *, color: bool) -> str:
        """What the terminal shows."""
        from nsysgap.render.text.console import as_text

        return as_text(self._blocks(), color=color)

    def _blocks(self) -> list[Any]:
        """The blocks to print: the list of gaps, or with --by the groups."""
        from nsysgap.render.text.gaps import gaps_blocks, groups_table

        document = self.document()
        counts = self.idle.gaps_by_cause()
        if not self.by:
            return list(gaps_blocks(document, counts, self.selected.said))
        document["gaps"] = []
        top = DEFAULT_TOP if self.top is None else None if self.top == ALL else self.top
        groups = groups_table(self.by, self.groups(), top)
        return list(gaps_blocks(document, counts, self.selected.said, groups))

    def refusal(self) -> NsysgapError | None:
        """Why this report cannot say how idle the GPU was; None if it can."""
        from nsysgap.analysis.questions import why_no_kernels

        why = why_no_kernels(self.trace)
        return None if why is None else NsysgapError(*why)


def _text(texts: list[str]) -> bytes:
    return "\n".join(texts).encode("utf-8", "replace")


def _json(documents: list[dict[str, Any]]) -> bytes:
    from nsysgap.render.data import dump_json

    return (dump_json(documents[0] if len(documents) == 1 else documents) + "\n").encode()


def _one_frame(frames: list[pd.DataFrame]) -> Any:
    import pandas as pd

    return pd.concat(frames, ignore_index=True)


def _csv(frames: list[pd.DataFrame]) -> bytes:
    text: str = _one_frame(frames).to_csv(index=False)
    return text.encode("utf-8", "replace")


def _parquet(frames: list[pd.DataFrame]) -> bytes:
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise NsysgapError("Writing Parquet needs pyarrow.", "pip install 'nsysgap[parquet]'") from None
    sink = io.BytesIO()
    _one_frame(frames).to_parquet(sink, index=False)
    return sink.getvalue()


_WRITERS: dict[str, Callable[[list[Any]], bytes]] = {"text": _text, "json": _json, "csv": _csv, "parquet": _parquet}
