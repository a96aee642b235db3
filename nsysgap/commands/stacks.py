"""`nsysgap stacks`: which line of the program kept the GPU idle?"""

from __future__ import annotations

from typing import Any

import click

from nsysgap.causes import ON_A_THREAD
from nsysgap.commands.common import answer_of, report_argument, selection, top_option, unfold_option, window_options
from nsysgap.commands.outputs import Destination, Outputs
from nsysgap.commands.writing import write
from nsysgap.render import pages, text
from nsysgap.render.stack_formats import collapsed, speedscope

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
@window_options
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
@top_option("How many rows to print", 20)
@click.option("--source", "folder", metavar="DIR", help="Print the source lines too, from the program's files here.")
@click.option("--full-paths", is_flag=True, help="Print whole paths of files.")
@OUTPUTS.options
def command(
    report: str, unfold: bool, top: int | None, folder: str | None, full_paths: bool, to: Destination, **given: Any
) -> None:
    """Which line of the program kept the GPU idle: its idle time by line, function or file.

    \b
    REPORT is an Nsight Systems export (.sqlite, also .gz .xz .zst) with stacks: nsysgap profile --stacks records them.
    Text and HTML are about the report's loop, if it has one; other formats, and --whole, about everything.
    Example: nsysgap stacks report.sqlite --nvtx decode
    """
    from nsysgap.answers.source_lines import source_lines
    from nsysgap.answers.stacks import StacksOptions, stack_tree, stacks

    for_people = to.form in ("text", "html")
    chosen = selection(given, loop=for_people)
    options = StacksOptions(chosen, **given, unfold=unfold or not for_people)
    if to.form in ("html", "collapsed", "speedscope"):
        tree = answer_of(report, stack_tree, options)
        write(to, [tree], html=pages.flame_graph_page, collapsed=collapsed, speedscope=speedscope)
        return
    answer = answer_of(report, stacks, options)
    document = answer.document()
    lines = source_lines(document["rows"][:top], folder) if folder else []
    write(to, [answer], text=lambda _: text.stacks_blocks(document, top, lines, full_paths=full_paths))
