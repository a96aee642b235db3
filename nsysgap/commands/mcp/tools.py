"""The commands that agents may ask, their options as typed inputs, and inputs as a command line.

Inputs have the names of the command line's options, without the dashes; their types, choices, limits and texts are the
command line's own. What writes files, draws, or starts processes elsewhere is left out.
"""

from __future__ import annotations

import importlib
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import click

from nsysgap.commands import COMMANDS
from nsysgap.commands.mcp.excerpt import ROWS
from nsysgap.commands.mcp.folders import Folders
from nsysgap.errors import NsysgapError
from nsysgap.units import parse_duration

TOOLS = (
    "info",
    "gaps",
    "steps",
    "critical-path",
    "stacks",
    "launches",
    "graphs",
    "advise",
    "whatif",
    "compare",
    "ranks",
    "check",
)
LEFT_OUT = {
    *("form", "as_html", "as_svg", "output", "force", "explain"),  # where answers go
    *("detail", "unfold", "timeline", "tables"),  # of texts and pages only
    *("trace", "save_baseline"),  # written files
    *("workers", "dask"),  # other processes
}
FILES = {"baseline", "predicted", "calibration", "dot"}
"""Options that name a file; `plain` may name one instead of a time."""
SIDES = {"before", "after"}
"""Options that name reports, or a folder of them: the ranks of a job."""
REPORTS = {"report", "reports", *SIDES}
LIMIT = {
    "type": "integer",
    "minimum": 1,
    "maximum": 10_000,
    "description": "How many rows of each list to return, else 20, or fewer where rows are long; truncated tells.",
}
LIST = {"type": "string", "description": "Return this list alone, as truncated names it, such as /gaps."}
OFFSET = {"type": "integer", "minimum": 0, "default": 0, "description": "Of that list, pass over so many rows."}


@dataclass(frozen=True)
class Tool:
    """A command as a tool."""

    name: str

    @cached_property
    def command(self) -> click.Command:
        """The command itself."""
        command: click.Command = importlib.import_module(f"nsysgap.commands.{COMMANDS[self.name][0]}").command
        return command

    @property
    def description(self) -> str:
        """What it answers: its line in the list of commands, and what its help says, without the example."""
        said = (self.command.help or "").partition("Example:")[0].replace("\b", "")
        return f"{COMMANDS[self.name][1]} {' '.join(said.split())}"

    @cached_property
    def options(self) -> dict[str, click.Parameter]:
        """Input -> the command's parameter."""
        return {
            _input_name(parameter): parameter for parameter in self.command.params if parameter.name not in LEFT_OUT
        }

    @property
    def input_schema(self) -> dict[str, Any]:
        """The JSON Schema of the inputs."""
        made = {name: _schema(parameter) for name, parameter in self.options.items()}
        required = [name for name, parameter in self.options.items() if parameter.required]
        more = {"limit": LIMIT, "list": LIST, "offset": OFFSET}
        return {"type": "object", "properties": {**made, **more}, "required": required, "additionalProperties": False}

    def understood(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The inputs as the schema has them: one text for a list of one, a number for its text.

        Where a part of the list of gaps is asked for, the command lists so many; all of them where `min` chooses them.
        """
        types = {name: schema["type"] for name, schema in self.input_schema["properties"].items()}
        made = {name: _as_typed(value, types.get(name)) for name, value in given.items()}
        offset, limit = made.get("offset", 0), made.get("limit", ROWS[0])
        if self.name != "gaps" or "top" in made:
            return made
        if "min" in made:
            return {**made, "top": "all"}
        if _GAPS.fullmatch(str(made.get("list"))) and isinstance(offset, int) and isinstance(limit, int):
            return {**made, "top": str(max(offset + limit, 1))}
        return made

    def arguments(self, given: Mapping[str, Any], folders: Folders) -> list[str]:
        """The command line of the inputs, without `nsysgap`. Raises NsysgapError for what is refused."""
        options = {name: value for name, value in given.items() if name in self.options}
        positional = [name for name in options if isinstance(self.options[name], click.Argument)]
        line = [self.name]
        for name in sorted(options.keys() - set(positional), key=list(self.options).index):
            line += _words(name, options[name], self.options[name], folders)
        line += ["--format", "json"]
        paths = [path for name in positional for path in _paths(name, options[name], folders)]
        return [*line, "--", *paths] if any(path.startswith("-") for path in paths) else [*line, *paths]


_GAPS = re.compile(r"(/\d+)?/gaps")


def _as_typed(value: Any, kind: str | list[str] | None) -> Any:
    if kind == "array" and isinstance(value, str | int | float):
        return [_as_typed(value, "string")]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if kind == "string" and number else value


def command_line(arguments: list[str]) -> str:
    """What to type for the same answer."""
    return shlex.join(["nsysgap", *arguments])


def _input_name(parameter: click.Parameter) -> str:
    if isinstance(parameter, click.Argument):
        return str(parameter.name)
    return max(parameter.opts, key=len).lstrip("-")


def _schema(parameter: click.Parameter) -> dict[str, Any]:
    made = _type(parameter)
    many = parameter.nargs == -1 or (isinstance(parameter, click.Option) and parameter.multiple)
    if many:
        made = {"type": "array", "items": made, **({"minItems": 1} if parameter.required else {})}
    said = getattr(parameter, "help", None) or "Below the server's folders, relative names from the first one on."
    if not many and parameter.metavar:
        said = f"{parameter.metavar}: {said}"
    return {**made, "description": said}


def _type(parameter: click.Parameter) -> dict[str, Any]:
    kind = parameter.type
    if isinstance(parameter, click.Option) and parameter.is_flag:
        return {"type": "boolean"}
    if _value_is_optional(parameter):
        return {"type": ["string", "boolean"]}
    if isinstance(kind, click.Choice):
        return {"type": "string", "enum": [str(choice) for choice in kind.choices]}
    if isinstance(kind, click.IntRange | click.FloatRange):
        number = "integer" if isinstance(kind, click.IntRange) else "number"
        limits = {"minimum": kind.min, "maximum": kind.max}
        return {"type": number, **{name: limit for name, limit in limits.items() if limit is not None}}
    return {"type": "string"}


def _value_is_optional(parameter: click.Parameter) -> bool:
    """Whether the option may stand without a value: --graph."""
    return isinstance(parameter, click.Option) and not parameter.is_flag and parameter.flag_value == ""


def _words(name: str, value: Any, parameter: click.Parameter, folders: Folders) -> Iterator[str]:
    if value is None or value is False:
        return
    if value is True:
        yield f"--{name}"
        return
    for each in value if isinstance(value, list) else [value]:
        yield f"--{name}={_checked(str(parameter.name), str(each), folders)}"


def _checked(name: str, value: str, folders: Folders) -> str:
    """The value; a file's or a report's whole path."""
    if name == "calibration" and _is_calibration(value):
        return value
    if name in FILES or (name == "plain" and not _is_time(value)):
        return folders.report(value) if name == "baseline" else folders.file(value)
    if name in SIDES:
        return folders.reports(value)
    return folders.report(value) if name in REPORTS else value


def _is_calibration(name: str) -> bool:
    """Whether this names one that comes with nsysgap; a file of that name would be read instead."""
    from nsysgap.answers.calibrations import USUAL_NAME, shipped

    return not Path(name).exists() and (name == USUAL_NAME or name.lower() in shipped())


def _is_time(value: str) -> bool:
    try:
        parse_duration(value)
    except NsysgapError:
        return False
    return True


def _paths(name: str, value: Any, folders: Folders) -> Iterator[str]:
    look_up: Callable[[str], str] = folders.reports if name == "reports" else folders.report
    for each in value if isinstance(value, list) else [value]:
        yield look_up(str(each))
