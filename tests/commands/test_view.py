"""`nsysgap view`: the server hands the trace to the one who was asked, once, and ends."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest
from report_builder import ReportBuilder
from viewing import LONG_S, running

from nsysgap.viewer import PERFETTO, TraceServer, serving


@pytest.fixture
def server(tmp_path: Path) -> Iterator[TraceServer]:
    trace = tmp_path / "trace.pftrace"
    trace.write_bytes(b"a trace")
    with serving(trace, port=0) as found:
        yield found


def get(server: TraceServer, path: str, **headers: str) -> tuple[int, bytes, dict[str, str]]:
    with closing(HTTPConnection("127.0.0.1", server.server_address[1])) as connection:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read(), dict(answer.getheaders())


def test_it_listens_on_this_machine_only(server: TraceServer) -> None:
    assert server.server_address[0] == "127.0.0.1"


def test_the_page_works_once_and_the_trace_may_go_to_perfetto_alone(server: TraceServer) -> None:
    page = f"/{server.secret}/"
    status, text, _ = get(server, page)
    assert status == 200
    assert b'const PERFETTO = "https://ui.perfetto.dev";' in text
    assert get(server, page)[0] == 410
    status, body, headers = get(server, f"{page}trace")
    assert (status, body, headers["Access-Control-Allow-Origin"]) == (200, b"a trace", PERFETTO)


@pytest.mark.parametrize("path", ["/", "/trace", "/localtrace", "/guess/", "/guess/trace", "/../trace.pftrace"])
def test_without_the_secret_there_is_nothing(server: TraceServer, path: str) -> None:
    assert get(server, path)[0] == 404


def test_by_another_name_there_is_nothing(server: TraceServer) -> None:
    assert get(server, f"/{server.secret}/trace", Host="evil.example")[0] == 403


def test_the_offline_server_gives_the_ui_to_all_but_the_trace_to_the_asked_one(tmp_path: Path) -> None:
    (tmp_path / "ui").mkdir()
    (tmp_path / "ui" / "index.html").write_text("the UI")
    (tmp_path / "trace").write_text("a trace")
    with serving(tmp_path / "trace", ui=tmp_path / "ui", port=0) as server:
        assert get(server, "/")[:2] == (200, b"the UI")
        assert get(server, "/localtrace")[0] == 404
        assert get(server, "/../trace")[0] == 404
        status, _, headers = get(server, f"/{server.secret}/")
        assert (status, headers["Location"]) == (302, "/")
        cookie = headers["Set-Cookie"].split(";")[0]
        assert get(server, "/localtrace", Cookie=cookie)[:2] == (200, b"a trace")
        # It goes to other servers of this machine too: it tells them nothing, and only below this path.
        assert server.secret not in headers["Set-Cookie"]
        assert "Path=/localtrace" in headers["Set-Cookie"]


@pytest.mark.parametrize("path", ["/" + "a" * 5_000, "/%00", "/a\0b"])
def test_paths_that_are_none(tmp_path: Path, path: str) -> None:
    (tmp_path / "ui").mkdir()
    (tmp_path / "trace").write_text("a trace")
    with serving(tmp_path / "trace", ui=tmp_path / "ui", port=0) as server:
        with socket.create_connection(("127.0.0.1", server.server_address[1])) as browser:
            host = server.origin.removeprefix("http://")
            browser.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            answer = browser.recv(100)
        assert answer.split()[1] in (b"400", b"404")
        assert get(server, "/absent")[0] == 404


def test_what_is_refused_does_not_keep_the_server_up(server: TraceServer) -> None:
    before = server.last_request
    assert get(server, "/guess/")[0] == 404
    assert get(server, f"/{server.secret}/trace", Host="evil.example")[0] == 403
    assert server.last_request == before
    assert get(server, f"/{server.secret}/trace")[0] == 200
    assert server.last_request > before


def test_it_gives_up_when_nobody_comes(server: TraceServer) -> None:
    assert server.wait(0.1) is False


def test_it_ends_once_the_trace_was_fetched(server: TraceServer) -> None:
    asker = threading.Thread(target=get, args=(server, f"/{server.secret}/trace"))
    asker.start()
    assert server.wait(LONG_S, linger=0.2) is True
    asker.join()


def test_a_browser_that_hangs_up_is_no_news_and_may_ask_again(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    trace = tmp_path / "trace.pftrace"
    trace.write_bytes(bytes(100_000_000))
    with serving(trace, port=0) as server:
        with socket.create_connection(("127.0.0.1", server.server_address[1])) as browser:
            host = server.origin.removeprefix("http://")
            browser.sendall(f"GET /{server.secret}/trace HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            browser.recv(1)
        assert server.wait(0.5) is False
        assert len(get(server, f"/{server.secret}/trace")[1]) == 100_000_000
        assert server.wait(LONG_S, linger=0) is True
    assert capfd.readouterr().err == ""


def test_the_command_prints_an_address_and_fails_when_nobody_opens_it(tmp_path: Path) -> None:
    report = ReportBuilder().launch((0, 10), (20, 30)).save(tmp_path)
    with running(str(report), "--wait", "100ms") as (process, address):
        assert address.startswith("http://127.0.0.1:")
        assert process.wait(LONG_S) == 1
        assert "not fetched" in process.stderr.read()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_whoever_stops_it_nothing_stays_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, code: int
) -> None:
    report = ReportBuilder().launch((0, 10), (20, 30)).save(tmp_path)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    with running(str(report)) as (process, _):
        assert list(scratch.glob("*/trace.pftrace"))
        process.send_signal(number)
        assert process.wait(LONG_S) == code
        assert "Traceback" not in process.stderr.read()
    assert list(scratch.iterdir()) == []
