"""Write docs/tables.md and docs/cli.md from the code: `python docs/generate.py`. A test keeps them current."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import click

from nsysgap import tables
from nsysgap.commands import COMMANDS, cli

DOCS = Path(__file__).parent
WIDTH = 100


def tables_page() -> str:
    """Every table that a report becomes, with its columns."""
    schemas = sorted(
        (value for value in vars(tables).values() if isinstance(value, tables.Schema)), key=lambda schema: schema.name
    )
    page = (
        "# Tables\n\nGenerated from `nsysgap/tables.py` by `docs/generate.py`: what `nsysgap.open_report(path).trace` "
    )
    page += "holds.\nAll times are integer nanoseconds as the report stores them.\n"
    for schema in schemas:
        page += f"\n## {schema.name}\n\n{schema.meaning}\n\n| column | dtype | unit | meaning |\n|---|---|---|---|\n"
        page += "".join(
            f"| {column.name} | {column.dtype} | {column.unit} | {column.meaning} |\n" for column in schema.columns
        )
    return page


def help_text(name: str) -> str:
    """`nsysgap NAME --help`."""
    module = importlib.import_module(f"nsysgap.commands.{COMMANDS[name][0]}")
    settings: dict[str, Any] = {**cli.context_settings, "terminal_width": WIDTH, "max_content_width": WIDTH}
    parent = click.Context(cli, info_name="nsysgap", **settings)
    context = click.Context(module.command, info_name=name, parent=parent)
    text: str = module.command.get_help(context)
    return "\n".join(line.rstrip() for line in text.split("\n"))


def cli_page() -> str:
    """Every command's help."""
    page = "# Command line\n\nGenerated from `nsysgap COMMAND --help` by `docs/generate.py`. Exit codes: 0, 1 for what "
    page += "is wrong with the input, 2 for wrong usage,\n130 after Ctrl-C.\n"
    for name in COMMANDS:
        page += f"\n## nsysgap {name}\n\n```\n{help_text(name)}\n```\n"
    return page


PAGES = {"tables.md": tables_page, "cli.md": cli_page}

if __name__ == "__main__":
    for file, make in PAGES.items():
        (DOCS / file).write_text(make(), encoding="utf-8")
