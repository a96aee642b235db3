"""`nsysgap stacks`: which line of the program kept the GPU idle?"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from nsysgap.causes import ON_A_THREAD
from nsysgap.commands.common import (
    answer_of,
    report_argument,
    select_option,
    selection,
    selection_options,
    unfold_option,
    whole_option,
)
from nsysgap.commands.outputs import Destination, Outputs
from nsysgap.commands.values import Top, top_of

if TYPE_CHECKING:
    from nsysgap.answers.stacks import StacksAnswer
    from nsysgap.figures import Document

LISTED = 20
OUTPUTS = Outputs(
    {
        "text": "",
        "json": "the contract nsysgap.stacks/1",
        "csv": "the rows",
        "collapsed": "for flamegraph.pl, inferno",
        "speedscope": "for speedscope.app",
        "html": "a flame graph",
    }
)


@click.command("stacks")
@report_argument
@selection_options
@select_option
@whole_option
@unfold_option
@click.option(
    "--by", type=click.Choice(["line", "function", "file"]), default="line", show_default=True, help="What a row is."
)
@click.option(
    "--cause",
    "causes",
    type=click.Choice([*ON_A_THREAD, "all"]),
    multiple=True,
    show_default="host; all by stacks of single calls",
    help="Which parts of the idle time count; may be repeated.",
)
@click.option(
    "--stacks",
    type=click.Choice(["python", "native", "calls", "nvtx"]),
    help="Python samples, CPU samples, stacks of single calls, NVTX ranges; else samples, then NVTX ranges.",
)
@click.option("--launched-from", is_flag=True, help="By the line that launched the op after each gap.")
@click.option(
    "--sort", type=click.Choice(["self", "inclusive"]), default="self", show_default=True, help="Order of the rows."
)
@click.option("--innermost", is_flag=True, help="Innermost lines of any code, not of the program's own.")
@click.option("--top", type=Top(), metavar="N|all", help=f"How many rows to print ({LISTED}).")
@click.option("--source", "folder", metavar="DIR", help="Print the source lines too, from the program's files here.")
@click.option("--full-paths", is_flag=True, help="Print whole paths of files.")
@OUTPUTS.options
def command(
    report: str,
    by: str,
    causes: tuple[str, ...],
    stacks: str | None,
    launched_from: bool,
    sort: str,
    innermost: bool,
    whole: bool,
    unfold: bool,
    top: int | None,
    folder: str | None,
    full_paths: bool,
    to: Destination,
    **selected: Any,
) -> None:
    """Which line of the program kept the GPU idle: its idle time by line, function or file.

    \b
    REPORT is an Nsight Systems export (.sqlite, also .gz .xz .zst) with stacks: nsysgap profile --stacks records them.
    Text and HTML are about the report's loop, if it has one; other formats, and --whole, about everything.
    Example: nsysgap stacks report.sqlite --nvtx decode
    """
    from nsysgap.answers import stacks as answers

    singly = unfold or to.form not in ("text", "html")
    chosen = replace(selection(selected), loop=to.form in ("text", "html") and not whole)
    options = answers.StacksOptions(chosen, by, causes, stacks, launched_from, sort, innermost, singly)
    if to.form in ("collapsed", "speedscope", "html"):
        to.write(_tree(answer_of(report, answers.stack_tree, options), to.form))
        return
    answer = answer_of(report, answers.stacks, options)
    if to.form == "text":
        to.write(_text(answer, top_of(top, LISTED), folder, full_paths=full_paths, color=to.color))
        return
    from nsysgap.render.data import data_bytes

    to.write(data_bytes(answer, to.form))


def _text(answer: StacksAnswer, top: int | None, folder: str | None, *, full_paths: bool, color: bool) -> bytes:
    from nsysgap.answers.source_lines import source_lines
    from nsysgap.render.text.console import text_bytes
    from nsysgap.render.text.stacks import stacks_blocks

    document = answer.document()
    lines = source_lines(document["rows"][:top], folder) if folder else []
    return text_bytes([stacks_blocks(document, top, lines, full_paths=full_paths)], color=color)


def _tree(tree: Document, form: str) -> bytes:
    if form == "html":
        from nsysgap.render.pages.flame_graph import icicle_page

        return icicle_page(tree).encode("utf-8", "replace")
    from nsysgap.render.stack_formats import collapsed, speedscope

    return collapsed(tree) if form == "collapsed" else speedscope(tree)
