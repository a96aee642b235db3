"""The MCP server: lists the tools and answers calls, one process each, at most as many as the machine has cores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import anyio
from jsonschema import Draft202012Validator
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.types import (
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    ToolAnnotations,
)
from mcp.types import Tool as Offered

from nsysgap.commands.mcp.asking import printed, result
from nsysgap.commands.mcp.excerpt import as_text
from nsysgap.commands.mcp.folders import Folders
from nsysgap.commands.mcp.tools import TOOLS, Tool
from nsysgap.cores import usable_cores
from nsysgap.errors import NsysgapError
from nsysgap.units import printable
from nsysgap.version import __version__

READS_ONLY = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
OUTPUT: dict[str, Any] = {
    "type": "object",
    "description": "warnings first; a document is described by docs/schemas and `nsysgap schema NAME`.",
    "properties": {
        "warnings": {"type": "array", "items": {"type": "string"}},
        "command": {"type": "string", "description": "Prints the whole answer."},
        "truncated": {"type": "array", "items": {"type": "object"}, "description": "Lists that were cut."},
        "rest": {"type": "string"},
        "document": {"type": ["object", "array"]},
    },
    "required": ["warnings", "command"],
}


def server_of(folders: Folders, time_limit: float, skill: str) -> Server[Any]:
    """The server, not yet running. `skill`: what agents are told of it."""
    tools = {name: Tool(name) for name in TOOLS}
    at_once = anyio.CapacityLimiter(usable_cores())

    async def listed(_: Any, __: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(
            tools=[
                Offered(
                    name=name,
                    description=tool.description,
                    input_schema=tool.input_schema,
                    output_schema=OUTPUT,
                    annotations=READS_ONLY,
                )
                for name, tool in tools.items()
            ]
        )

    async def called(_: Any, call: CallToolRequestParams) -> CallToolResult:
        try:
            async with at_once:
                return _told(await _answer(tools, call, folders, time_limit))
        except NsysgapError as error:
            said = " ".join([error.message, *error.details, error.hint]).strip()
            return CallToolResult(content=[TextContent(text=printable(said, 4000))], is_error=True)

    return Server("nsysgap", version=__version__, instructions=skill, on_list_tools=listed, on_call_tool=called)


async def _answer(
    tools: Mapping[str, Tool], call: CallToolRequestParams, folders: Folders, time_limit: float
) -> dict[str, Any]:
    tool = tools.get(call.name)
    if tool is None:
        raise NsysgapError(f"There is no tool '{call.name[:80]}'.", f"There is {', '.join(tools)}.")
    given = tool.understood(call.arguments or {})
    wrong = next(Draft202012Validator(tool.input_schema).iter_errors(given), None)
    if wrong is not None:
        raise NsysgapError(f"{wrong.json_path}: {wrong.message[:400]}.", "The tool's input schema says what it takes.")
    arguments = tool.arguments(given, folders)
    said = await printed(arguments, time_limit)
    return result(arguments, said, given.get("limit"), given.get("list"), given.get("offset", 0))


def _told(answer: dict[str, Any]) -> CallToolResult:
    return CallToolResult(content=[TextContent(text=as_text(answer))], structured_content=answer)


def serve(folders: Folders, time_limit: float, skill: str) -> None:
    """Answer on standard input and output until it is closed."""
    server = server_of(folders, time_limit, skill)

    async def run() -> None:
        async with stdio_server() as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())

    anyio.run(run)
