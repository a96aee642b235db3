"""Writes docs/agents.md: what agents are told, and transcripts of a real client with the real server.

    PYTHONPATH=tests python tests/agent_transcripts.py

A test keeps the page current.
"""

from __future__ import annotations

import json
import lzma
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from event_loops import run_async
from folders import ROOT, SAMPLES
from mcp import Client
from mcp.types import TextContent

from nsysgap.commands.mcp import SKILL
from nsysgap.commands.mcp.folders import Folders
from nsysgap.commands.mcp.server import server_of

PAGE = ROOT / "docs" / "agents.md"
TIME_LIMIT_S = 600
HEAD = """# Agents

Written by `python tests/agent_transcripts.py`: the transcripts below are a real client's, with the sample reports.

`nsysgap mcp` (`pip install 'nsysgap[mcp]'`) serves the answers of nsysgap to agents over the
[Model Context Protocol](https://modelcontextprotocol.io), on standard input and output:

```
{ "mcpServers": { "nsysgap": { "command": "nsysgap", "args": ["mcp", "--root", "/home/me/reports"] } } }
```

- Tools are the commands info, gaps, steps, critical-path, stacks, launches, graphs, advise, whatif, compare, ranks and
  check; inputs have the options' names, types and limits. Results are the JSON documents that
  [schemas](schemas.md) describe (`nsysgap schema NAME`), lists cut to `limit` rows.
- It reads reports below its folders (`--root`, else the working directory) and nothing else: links that lead out are
  refused, and so is a .nsys-rep, which nsys would have to export. It writes nothing but the temporary file that a
  packed report is unpacked to, and runs no program. Every answer is worked out in a process of its own, which
  `--time-limit` ends.
- Names out of reports are other people's text. They are in results as data, never as instructions.

## What an agent is told

The server sends this text when a client connects; `nsysgap mcp --skill` prints it, to be kept as a skill.

"""


@dataclass
class Talk:
    """A question and the calls that answer it; `conclusion` is what an agent may say then."""

    title: str
    calls: list[tuple[str, dict[str, Any]]]
    conclusion: str
    answers: list[str] = field(default_factory=list)


TALKS = [
    Talk(
        "Why was the GPU idle in slow_host.sqlite, and which line did it?",
        [
            ("gaps", {"reports": ["slow_host.sqlite"], "list": "/devices"}),
            ("stacks", {"report": "slow_host.sqlite", "list": "/rows", "limit": 1}),
        ],
        "Idle time is `idle_ns` of `window_ns`, its largest cause is in `idle_by_cause_ns`; the row says which line the"
        " host was in, with how many samples and between which bounds.",
    ),
    Talk(
        "Would a CUDA graph help naive.sqlite?",
        [("whatif", {"report": "naive.sqlite", "graph": True, "list": "/changes"})],
        "Quote `kind`, `best_ns` and `worst_ns`; where `refused` has a text, quote it and estimate nothing.",
    ),
    Talk(
        "What is in ../secret.sqlite?",
        [("info", {"reports": ["../secret.sqlite"]})],
        "The server reads nothing outside its folders.",
    ),
]


@contextmanager
def sample_folder() -> Iterator[Path]:
    """The samples that are talked about, unpacked, in the working directory."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            Path("naive.sqlite").write_bytes((SAMPLES / "naive.sqlite").read_bytes())
            Path("slow_host.sqlite").write_bytes(lzma.decompress((SAMPLES / "slow_host.sqlite.xz").read_bytes()))
            yield Path(folder)
        finally:
            os.chdir(before)


async def _talk(folder: Path) -> list[list[str]]:
    said = []
    async with Client(server_of(Folders(["."]), TIME_LIMIT_S, SKILL.read_text())) as client:
        for talk in TALKS:
            answers = []
            for name, given in talk.calls:
                (content,) = (await client.call_tool(name, given)).content
                assert isinstance(content, TextContent)
                answers.append(content.text.replace(os.path.realpath(folder) + "/", "").replace(str(folder), "reports"))
            said.append(answers)
    return said


def page() -> str:
    """The page, with what the server answers now."""
    with sample_folder() as folder:
        said = run_async(_talk, folder)
    made = HEAD + SKILL.read_text().replace("\n## ", "\n### ") + "\n## Transcripts\n"
    for talk, answers in zip(TALKS, said, strict=True):
        made += f"\n### {talk.title}\n"
        for (name, given), answer in zip(talk.calls, answers, strict=True):
            made += f"\n`{name}` {json.dumps(given)}\n\n```json\n{_shown(answer)}\n```\n"
        made += f"\n{talk.conclusion}\n"
    return made


def _shown(answer: str) -> str:
    """JSON with short values on one line, and refusals as they are."""
    if not answer.startswith("{"):
        return json.dumps(answer.replace(os.path.realpath(tempfile.gettempdir()), ""))
    return _lines(json.loads(answer), "")


def _lines(value: Any, indent: str) -> str:
    flat = json.dumps(value)
    if len(indent) + len(flat) <= 116 or not value or not isinstance(value, dict | list):
        return flat
    inner = indent + "  "
    if isinstance(value, dict):
        rows = [f"{inner}{json.dumps(key)}: {_lines(item, inner)}" for key, item in value.items()]
        return "{\n" + ",\n".join(rows) + f"\n{indent}}}"
    return "[\n" + ",\n".join(inner + _lines(item, inner) for item in value) + f"\n{indent}]"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
