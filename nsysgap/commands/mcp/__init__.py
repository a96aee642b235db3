"""`nsysgap mcp`: answers for agents, over the Model Context Protocol."""

from __future__ import annotations

from pathlib import Path

import click

from nsysgap.errors import NsysgapError

SKILL = Path(__file__).with_name("skill.md")


@click.command("mcp")
@click.option(
    "--root",
    "roots",
    multiple=True,
    metavar="FOLDER",
    help="Answer about reports below this folder only; may be given several times. Else the working directory.",
)
@click.option(
    "--time-limit",
    type=click.FloatRange(min=0, min_open=True),
    default=300,
    show_default=True,
    metavar="SECONDS",
    help="Give up on an answer that takes longer.",
)
@click.option("--skill", is_flag=True, help="Print what an agent should know of nsysgap, and end.")
def command(roots: tuple[str, ...], time_limit: float, skill: bool) -> None:
    """Serve the answers to agents: an MCP server on standard input and output.

    \b
    It reads reports below its folders only, writes nothing and runs no program. Needs nsysgap[mcp].
    Example: claude mcp add nsysgap -- nsysgap mcp --root ~/reports
    """
    if skill:
        click.echo(SKILL.read_text(encoding="utf-8"), nl=False)
        return
    from nsysgap.commands.mcp.folders import Folders

    folders = Folders(roots or (".",))
    try:
        from nsysgap.commands.mcp.server import serve
    except ImportError as error:
        raise NsysgapError(
            f"The server needs a package that is not installed ({error.name}).", "pip install 'nsysgap[mcp]'"
        ) from None
    serve(folders, time_limit, SKILL.read_text(encoding="utf-8"))
