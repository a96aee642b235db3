"""`nsysgap stacks`: which line of the program kept the GPU idle?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from nsysgap.commands.common import (
    Top,
    check_device,
    opened,
    output_file,
    output_options,
    select_time,
    selection_options,
    to_terminal,
)
from nsysgap.errors import NsysgapError

if TYPE_CHECKING:
    from nsysgap.analysis.idle.idle_report import IdleReport
    from nsysgap.analysis.idle.stretches import Stretches
    from nsysgap.analysis.stacks.idle_stacks import IdleStacks
    from nsysgap.tables import Notice, Stacks

DEFAULT_TOP = 20
ALL = -1
CAUSES = ("host", "os", "cuda_api", "launch", "sync", "all")
CAPTURE_HINT = (
    "Capture them: nsysgap profile --stacks python PROGRAM; by hand: nsys profile --python-sampling=true (Python) or "
    "--sample=process-tree (native), then nsys export --type sqlite --include-blobs=true."
)


@click.command("stacks")
@click.argument("report", metavar="REPORT")
@selection_options
@click.option(
    "--by", type=click.Choice(["line", "function", "file"]), default="line", show_default=True, help="What a row is."
)
@click.option(
    "--cause",
    "causes",
    type=click.Choice(CAUSES),
    multiple=True,
    show_default="host; all by stacks of single calls",
    help="Which parts of the idle time count; may be repeated.",
)
@click.option(
    "--stacks",
    "wanted",
    type=click.Choice(["python", "native", "calls", "nvtx"]),
    help="Python samples, CPU samples, stacks of single calls, NVTX ranges; else samples, then NVTX ranges.",
)
@click.option("--launched-from", is_flag=True, help="By the line that launched the op after each gap.")
@click.option("--top", type=Top(), metavar="N|all", help="How many rows to print (20).")
@click.option("--source", "folder", metavar="DIR", help="Print the source lines too, from the program's files here.")
@click.option("--full-paths", is_flag=True, help="Print whole paths of files.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "csv", "collapsed", "speedscope", "html"]),
    default="text",
    show_default=True,
    help="collapsed: for flamegraph.pl, inferno; html: a flame graph.",
)
@output_options
def command(
    report: str,
    device: int | None,
    nvtx: re.Pattern[str] | None,
    since: int | None,
    until: int | None,
    hidden_after_ns: int,
    by: str,
    causes: tuple[str, ...],
    wanted: str | None,
    launched_from: bool,
    top: int | None,
    folder: str | None,
    full_paths: bool,
    form: str,
    output: str | None,
    force: bool,
) -> None:
    """Which line of the program kept the GPU idle: its idle time by line, function or file.

    \b
    REPORT is an Nsight Systems export (.sqlite, also .gz .xz .zst) with stacks; docs/stacks.md says how to record them.
    Example: nsysgap stacks report.sqlite --nvtx decode
    """
    from nsysgap.analysis.idle.idle_report import IdleReport
    from nsysgap.analysis.questions import why_no_kernels
    from nsysgap.report.stacks import read_stacks

    if form == "html" and to_terminal(output):
        raise NsysgapError("An HTML page is nothing for a terminal.", "Name a file: -o idle.html", exit_code=2)
    with opened(report) as (source, trace):
        why = why_no_kernels(trace)
        if why is not None and not trace.ops.rows:
            raise NsysgapError(*why)
        check_device(trace, device)
        selected = select_time(trace, nvtx, since, until)
        stacks = read_stacks(source, trace)
    idle = IdleReport(trace, selection=selected.time, device=device, hidden_after_ns=hidden_after_ns)
    answer = Answer(idle, stacks, causes, wanted, launched_from=launched_from)
    writer = {"text": _text, "json": _json, "csv": _csv}.get(form)
    if writer is not None:
        limit = DEFAULT_TOP if top is None else None if top == ALL else top
        shown = {"top": limit, "folder": folder, "full_paths": full_paths, "color": to_terminal(output)}
        written = writer(answer.document(by, selected.words), shown)
    else:
        written = _tree(form, answer.tree(selected.words))
    with output_file(output, force=force) as file:
        file.write(written)


class Answer:
    """What one report answers to the options."""

    def __init__(
        self,
        idle: IdleReport,
        stacks: Stacks,
        causes: Sequence[str],
        wanted: str | None,
        *,
        launched_from: bool,
    ) -> None:
        from nsysgap.analysis.idle.stretches import idle_stretches
        from nsysgap.analysis.stacks.idle_stacks import idle_stacks
        from nsysgap.analysis.stacks.idle_stacks import launched_from as share_by_launch
        from nsysgap.causes import PARTS

        def parts(causes: Sequence[str]) -> tuple[list[str], Stretches]:
            chosen = list(PARTS) if "all" in causes else [part for part in PARTS if part in causes]
            return chosen, idle_stretches(idle, frozenset(PARTS.index(one) for one in chosen))

        self.idle = idle
        self.causes, stretches = parts(causes or ("host",))
        source = wanted or _best_source(idle, stacks, stretches, launched_from=launched_from)
        if source == "calls" and not causes and not launched_from:  # the program's own code is in no call
            self.causes, stretches = parts(("all",))
        self.notices: list[Notice] = [
            *stacks.warnings,
            *_require_stacks(idle, stacks, source, wanted, launched_from=launched_from),
        ]
        share = share_by_launch if launched_from else idle_stacks
        self.found: IdleStacks = share(idle, stretches, stacks, source)

    def document(self, by: str, selected: str) -> dict[str, Any]:
        """The contract nsysgap.stacks/1; with a selection also what it was."""
        from nsysgap.analysis.stacks.document import stacks_document

        document = stacks_document(self.idle, self.found, self.causes, by, self.notices)
        if selected:
            document["selection"] = selected
        return document

    def tree(self, selected: str) -> dict[str, Any]:
        """The call tree, for flame graphs."""
        from nsysgap.analysis.stacks.document import tree_document

        return tree_document(self.idle, self.found, self.causes, selected)


def _best_source(idle: IdleReport, stacks: Stacks, stretches: Stretches, *, launched_from: bool) -> str:
    """Samples of the launching threads, else NVTX ranges (no range says what launched), else stacks of calls."""
    from nsysgap.analysis.stacks.idle_stacks import choose_source

    best = choose_source(stacks, stretches)
    if best == "nvtx" and stacks.calls.rows and (launched_from or not idle.trace.nvtx.rows):
        return "calls"
    return best


def _require_stacks(
    idle: IdleReport, stacks: Stacks, source: str, wanted: str | None, *, launched_from: bool
) -> list[Notice]:
    """What to say about the chosen source. Raises NsysgapError if the report holds none of its stacks."""
    from nsysgap.analysis.stacks.idle_stacks import SAMPLED
    from nsysgap.tables import Notice

    missing = {
        "calls": not stacks.calls.rows,
        "nvtx": launched_from or not idle.trace.nvtx.rows,
        **{name: not (stacks.samples["source"] == number).any() for name, number in SAMPLED.items()},
    }
    if missing[source]:
        why = " ".join(one.text for one in stacks.warnings)
        if launched_from and source == "nvtx":
            what = "stacks that say where something was launched"
        elif wanted:
            what = "NVTX ranges" if wanted == "nvtx" else f"{wanted} stacks"
        else:
            what = "stacks and no NVTX ranges"
        raise NsysgapError(f"{idle.trace.path} holds no {what}.{f' {why}' if why else ''}", CAPTURE_HINT)
    if source == "nvtx" and wanted is None:
        return [
            Notice("note", f"No stacks were sampled on the launching threads: this is by NVTX range. {CAPTURE_HINT}")
        ]
    return []


def _text(document: dict[str, Any], shown: dict[str, Any]) -> bytes:
    from nsysgap.commands.source_lines import source_lines
    from nsysgap.render.text.console import as_text
    from nsysgap.render.text.stacks import stacks_blocks

    lines = source_lines(document["rows"][: shown["top"]], shown["folder"]) if shown["folder"] else []
    blocks = stacks_blocks(document, shown["top"], lines, full_paths=shown["full_paths"])
    return as_text(blocks, color=shown["color"]).encode("utf-8", "replace")


def _json(document: dict[str, Any], _: dict[str, Any]) -> bytes:
    from nsysgap.render.data import dump_json

    return (dump_json(document) + "\n").encode()


def _csv(document: dict[str, Any], _: dict[str, Any]) -> bytes:
    from nsysgap.render.text.stacks import stacks_csv

    return stacks_csv(document).encode("utf-8", "replace")


def _tree(form: str, tree: dict[str, Any]) -> bytes:
    if form == "html":
        from nsysgap.render.pages.flame_graph import icicle_page

        return icicle_page(tree).encode("utf-8", "replace")
    from nsysgap.render.stack_formats import collapsed, speedscope

    return collapsed(tree) if form == "collapsed" else speedscope(tree)
