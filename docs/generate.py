"""Write docs/tables.md, cli.md, causes.md and docs/schemas/ from the code: `python docs/generate.py`.

A test keeps them current. A schema that lost something its version promised is not written: that needs a new version.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from nsysgap import tables
from nsysgap.causes import CAUSES, Cause
from nsysgap.commands import COMMANDS, cli
from nsysgap.schemas import SCHEMAS, schema

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
    for table in schemas:
        page += f"\n## {table.name}\n\n{table.meaning}\n\n| column | dtype | unit | meaning |\n|---|---|---|---|\n"
        page += "".join(
            f"| {column.name} | {column.dtype} | {column.unit} | {column.meaning} |\n" for column in table.columns
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


_ALL_COMMANDS = r"""
`nsysgap REPORT` is `nsysgap gaps REPORT`.

In every command `-o FILE` writes to a file, in the format that its ending names (`.txt`, `.json`, `.csv`, `.parquet`,
`.html`, ...); `--format` says it where a name does not. An ending that a command does not write, or that contradicts
`--format`, is refused. Missing folders are made. A file is written whole or not at all, and never over an input;
another file is only overwritten with `--force`. Times are written 350ms, 1.2s or 100us; a bare number is seconds.
Colours are for terminals, and with the variable `NO_COLOR` for none.

The shell completes commands, options and files after one line in its start-up file:

| shell | file | line |
|---|---|---|
| bash | ~/.bashrc | `eval "$(_NSYSGAP_COMPLETE=bash_source nsysgap)"` |
| zsh | ~/.zshrc | `eval "$(_NSYSGAP_COMPLETE=zsh_source nsysgap)"` |
| fish | ~/.config/fish/completions/nsysgap.fish | `_NSYSGAP_COMPLETE=fish_source nsysgap \| source` |
"""


def cli_page() -> str:
    """Every command's help."""
    page = "# Command line\n\nGenerated from `nsysgap COMMAND --help` by `docs/generate.py`. Exit codes: 0, 1 for what "
    page += "is wrong with the input, 2 for wrong usage,\n130 after Ctrl-C; "
    page += "of `check` also 3 where a limit is broken, 4 where it cannot be told.\n"
    page += _ALL_COMMANDS
    for name in COMMANDS:
        page += f"\n## nsysgap {name}\n\n```\n{help_text(name)}\n```\n"
    return page


_CAUSES_HEAD = """# Causes, and what to do about each

Generated from `nsysgap/causes.py` by `docs/generate.py`.

`nsysgap gaps` cuts every gap into ten parts ([definitions](definitions.md)).
Begin with the largest row of "idle by cause".

| cause | shown as | what it means | what helps |
|---|---|---|---|
"""
_CAUSES_TAIL = """
A gap's cause is its largest part, of equals the first in this order; `--top` lists the longest gaps with op, thread and
NVTX range, `--by kernel`, `--by api` and `--by nvtx` add them up. "gaps" counts each gap once, under its cause; "in
gaps", with `--by cause`, `--by api` and `--by line`, counts it in every row that has a share in it.
"""


def causes_page() -> str:
    """What each cause of idle time means, and what helps."""
    rows = [f"| `{cause.key}` | {cause.label} | {cause.meaning} | {_what_helps(cause)} |\n" for cause in CAUSES]
    return _CAUSES_HEAD + "".join(rows) + _CAUSES_TAIL


def _what_helps(cause: Cause) -> str:
    said = [cause.advice, *(f"Where {case.name} ended the longest gap: {case.advice}" for case in cause.cases)]
    links = ", ".join(f"[{page.removesuffix('.md')}]({page})" for page in cause.pages)
    return " ".join([*said, *([f"More: {links}."] if links else [])])


def schema_files() -> dict[str, dict[str, Any]]:
    """The file of every document's schema, below docs/schemas: NAME-VERSION.json."""
    made = {name: schema(name) for name in SCHEMAS}
    return {f"{name}-{made[name]['title'].rpartition('/')[2]}.json": made[name] for name in SCHEMAS}


def broken_promises(before: Any, after: Any, place: str = "") -> Iterator[str]:
    """What `before` lets a reader rely on and `after` does not: keys, their types, that they are always there.

    Keys may be added, alternatives and values of a set too, texts may change.
    """
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _lost_in_object(before, after, place)
    elif isinstance(before, list) and isinstance(after, list):
        for lost in before:
            if all(any(broken_promises(lost, kept)) for kept in after):
                yield f"{place}: {json.dumps(lost)} is gone or changed"
    elif before != after:
        yield f"{place}: {json.dumps(before)} became {json.dumps(after)}"


def _lost_in_object(before: dict[str, Any], after: dict[str, Any], place: str) -> Iterator[str]:
    for key, value in before.items():
        if key == "description" and isinstance(value, str):
            continue
        if key not in after:
            yield f"{place}/{key} is gone"
        else:
            yield from broken_promises(value, after[key], f"{place}/{key}")


def schemas_page() -> str:
    """Every document with its schema's file."""
    page = (
        "# JSON Schemas\n\nGenerated from `nsysgap/schemas` by `docs/generate.py`; `nsysgap schema NAME` prints one. "
    )
    page += (
        "Draft 2020-12, each whole in itself.\nWithin a version keys are only added: pass over keys that you do not "
    )
    page += "know. A command prints one object for one report, a\n"
    page += "list for several; `compare`, `check` and `ranks` one object, "
    page += "of `compare` a list where it is by role.\n\n"
    page += "| document | what it says | schema |\n|---|---|---|\n"
    for file, made in schema_files().items():
        page += f"| `{made['title']}` | {made['description']} | [{file}](schemas/{file}) |\n"
    return page


def write_schemas(folder: Path) -> list[str]:
    """Write the schemas that keep what their files promised; what the others broke."""
    folder.mkdir(exist_ok=True)
    broken = []
    for file, made in schema_files().items():
        path = folder / file
        lost = list(broken_promises(json.loads(path.read_text()), made, file)) if path.exists() else []
        broken += lost
        if not lost:
            path.write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
    return broken


PAGES = {"tables.md": tables_page, "cli.md": cli_page, "causes.md": causes_page, "schemas.md": schemas_page}

if __name__ == "__main__":
    for file, make in PAGES.items():
        (DOCS / file).write_text(make(), encoding="utf-8")
    if lost := write_schemas(DOCS / "schemas"):
        sys.exit("\n".join(["Not written, a new version is needed:", *lost]))
