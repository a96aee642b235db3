"""One answer: the command line of it, run in a process of its own that ends with it, or at the time limit."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import anyio
from anyio.to_thread import run_sync

from nsysgap.commands.mcp.excerpt import excerpt, fitting, gaps_unlisted, rows_of
from nsysgap.commands.mcp.tools import command_line
from nsysgap.errors import NsysgapError
from nsysgap.fleet.map import clean_start

LOOK_S = 0.1
REST = (
    "Ask again with list and offset, or with a limit. The command prints all that it lists (gaps: 20, or as top says)."
)
PRELOADED = ["nsysgap.commands", "nsysgap.answers.gaps", "nsysgap.render.data"]


@dataclass(frozen=True)
class Printed:
    """What a command printed, and its exit code; None where the process was killed by somebody else."""

    code: int | None
    out: bytes
    err: str


async def printed(arguments: Sequence[str], time_limit: float) -> Printed:
    """Run the command line. Raises NsysgapError at the time limit; when cancelled, the process is gone too."""
    processes = clean_start()
    processes.set_forkserver_preload(PRELOADED)
    ours, theirs = processes.Pipe(duplex=False)
    process = processes.Process(target=_run, args=(list(arguments), theirs))
    await run_sync(process.start)
    theirs.close()
    try:
        with anyio.move_on_after(time_limit):
            while not ours.poll():
                await anyio.sleep(LOOK_S)
            return await run_sync(_received, ours)
    finally:
        if process.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.kill()  # it may not lead a group yet
        process.join()
        ours.close()
    raise NsysgapError(
        f"No answer within {time_limit:g} s.",
        "Select less (nvtx, from, to), or start the server with a longer --time-limit.",
    )


def _received(connection: Connection) -> Printed:
    try:
        received: Printed = connection.recv()
    except EOFError:
        return Printed(None, b"", "nsysgap: The process was killed; the machine may be out of memory.")
    return received


def _run(arguments: list[str], connection: Connection) -> None:
    os.setsid()  # what it starts ends with it
    from nsysgap.commands import main

    held, err = io.BytesIO(), io.StringIO()
    out = io.TextIOWrapper(held, "utf-8")
    code: Any = 1
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(arguments)
        except SystemExit as ended:
            code = ended.code
        sys.stdout.flush()
    connection.send(Printed(int(code or 0), held.getvalue(), err.getvalue()))


def result(
    arguments: Sequence[str], said: Printed, limit: int | None, pointer: str | None, offset: int
) -> dict[str, Any]:
    """What an agent gets: warnings first, how to get the same, what was left out, the document.

    Without a limit there are as many rows as make a short answer.
    Raises NsysgapError where the command gave no answer, with what it said.
    """
    spoken = [line.strip() for line in said.err.splitlines() if line.strip()]
    try:
        document = json.loads(said.out)
    except ValueError:
        message, *more = [line.removeprefix("nsysgap: ") for line in spoken] or ["No answer came."]
        raise NsysgapError(message, " ".join(more)) from None
    head = {"warnings": _warnings(document) + spoken, "command": command_line(list(arguments))}
    all_gaps = not any(word.startswith("--min=") for word in arguments)  # shorter ones are not wanted then
    if pointer is not None:
        return {**head, **rows_of(document, pointer, offset, limit, all_gaps=all_gaps)}
    shown, cut = fitting(document) if limit is None else excerpt(document, limit)
    if all_gaps:
        cut = gaps_unlisted(document, cut)
    rest = {"rest": REST} if cut else {}
    return {**head, "truncated": cut, **rest, "document": shown}


def _warnings(answer: Any) -> list[str]:
    """Of one document, or of each of several."""
    texts: list[str] = []
    for document in answer if isinstance(answer, list) else [answer]:
        noted = document.get("report", {}).get("warnings", [])
        texts += [f"{notice['level']}: {notice['text']}" for notice in noted]
        texts += [str(text) for text in document.get("warnings", [])]
    return texts
