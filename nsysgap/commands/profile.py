"""`nsysgap profile`: run a program plain and under nsys, and say why the GPU was idle."""

from __future__ import annotations

from typing import Any

import click

from nsysgap.commands.common import dry_run_option, nsys_option
from nsysgap.commands.explain import explain_option
from nsysgap.commands.values import Pattern


class _WithArguments(click.Command):
    """Everything after the first "--" is the target's own, whatever it looks like."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Cut off the target's arguments before click sees them."""
        end = args.index("--") if "--" in args else len(args)
        ctx.meta["nsysgap.arguments"] = tuple(args[end + 1 :])
        return super().parse_args(ctx, args[:end])


@click.command("profile", cls=_WithArguments, options_metavar="[OPTIONS]")
@click.argument("targets", nargs=-1, required=True, metavar="TARGET... [-- ARGS]")
@click.option("--command", "is_command", is_flag=True, help="TARGET is any program, not a Python script.")
@nsys_option
@click.option("--python", metavar="PATH", help="The Python that runs scripts; else the one that runs nsysgap.")
@dry_run_option
@click.option("--no-baseline", is_flag=True, help="Leave out the plain run before the one under nsys.")
@click.option(
    "--repeat",
    type=click.IntRange(1, 100),
    default=1,
    show_default=True,
    metavar="N",
    help="Plain and under nsys in turn, N times; the last capture is kept, the spread of all is said.",
)
@click.option(
    "--graph-trace",
    type=click.Choice(["node", "graph"]),
    default="node",
    show_default=True,
    help="Trace CUDA graphs node by node, or each launch as a whole (cheaper).",
)
@click.option(
    "--stacks",
    type=click.Choice(["python", "native", "calls"]),
    help="Once more with call stacks: which line kept the GPU idle.",
)
@click.option("--gpu-metrics", is_flag=True, help="Also sample hardware counters (SMs active, ...) at 10 kHz.")
@click.option("--capture-range", metavar="nvtx=NAME", help="Record only inside the first NVTX range of this name.")
@click.option(
    "--nsys-args",
    default="",
    metavar="ARGS",
    help="Further options for nsys profile, in one string; they override nsysgap's own.",
)
@click.option("--nvtx", type=Pattern(), metavar="REGEX", help="Compare only inside these NVTX ranges (else: measured).")
@click.option("--domain", type=Pattern(), metavar="REGEX", help="Compare only inside NVTX ranges of these domains.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "csv", "markdown"]),
    default="text",
    show_default=True,
    help="Of the summary; in other formats than text the programs' output goes to stderr.",
)
@click.option(
    "-o", "--output", metavar="NAME", help="Write NAME.nsys-rep, .sqlite, .json; a folder for several targets."
)
@click.option("--force", is_flag=True, help="Overwrite these files.")
@explain_option
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> None:
    """Run programs plain and under nsys, and say why the GPU was idle.

    \b
    TARGET is a Python script; ARGS after -- are passed to it. Several targets end with a comparison.
    Every run reads standard input from the same place on if it is a file; a pipe can be read only
    once: give a file (< FILE), or leave out the plain run (--no-baseline).
    Run once a rank, below torchrun or srun, each capture is named by its rank: train_rank3.sqlite, or
    with %q{VARIABLE} in -o as in nsys.
    NSYSGAP_PROFILING=1 is set for both runs: a program may choose a smaller size by it.
    Example: nsysgap profile train.py -- --steps 10
    """
    from nsysgap.commands.profile_output import run

    ctx.exit(run(given, ctx.meta["nsysgap.arguments"]))
