"""Reports on storage servers: a real S3 server (moto) and a web server, both of this machine."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from browser import missing
from command_line import Done, process, process_environment, run
from folder_reports import as_folder
from rank_reports import save_job, steady
from web_server import Quiet, web_server

import nsysgap
from nsysgap.errors import NsysgapError
from nsysgap.fleet.paths import largest_first, report_paths
from nsysgap.fleet.remote import staged

RANKS = 3


@pytest.fixture(scope="module", autouse=True)
def _packages() -> None:
    for name in ("s3fs", "moto"):
        if find_spec(name) is None:  # asked for, not imported: each process of a run collects this file
            missing(f"{name} (PyPI: {name})")


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """rank_0.sqlite ... and the same as folders of tables, rank_0_pqtdir ..."""
    folder = tmp_path_factory.mktemp("job")
    for path in save_job(folder, steady(RANKS, 12, late={1: 900}), name="rank_{}.sqlite"):
        as_folder(path, folder / f"{path.stem}_pqtdir")
    return folder


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """An S3 server's address; a process of its own."""
    command = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as started:
        assert started.stderr is not None
        said = (re.search(r"http://[\d.]+:\d+", line) for line in started.stderr)
        try:
            yield next(address[0] for address in said if address)
        finally:
            started.kill()


@pytest.fixture(scope="module")
def filled(server: str, job: Path) -> Iterator[str]:
    """The server with s3://bucket/job (reports), tables (folders of them), and broken (one is cut short)."""
    system = _storage(server)
    system.call_s3("create_bucket", Bucket="bucket")
    for file in sorted(job.glob("rank_*.sqlite")):
        system.pipe(f"bucket/job/{file.name}", file.read_bytes())
    for table in sorted(job.glob("rank_*_pqtdir/*")):
        system.pipe(f"bucket/tables/{table.parent.name}/{table.name}", table.read_bytes())
    system.pipe("bucket/broken/rank_0.sqlite", (job / "rank_0.sqlite").read_bytes()[:20_000])
    system.pipe("bucket/broken/rank_1.sqlite", (job / "rank_1.sqlite").read_bytes())
    _s3().clear_instance_cache()  # what it holds knows another server, or none
    yield server
    _s3().clear_instance_cache()


def _s3() -> Any:
    import fsspec

    return fsspec.get_filesystem_class("s3")


def _storage(server: str) -> Any:
    return _s3()(
        key="any",
        secret="any",
        endpoint_url=server,
        client_kwargs={"region_name": "us-east-1"},
        skip_instance_cache=True,
    )


@pytest.fixture
def environment(filled: str, tmp_path: Path) -> Iterator[dict[str, str]]:
    """What a user of that server sets; what is fetched goes into a folder that must be empty afterwards."""
    (tmp_path / "fetched").mkdir()
    yield {
        "AWS_ENDPOINT_URL": filled,
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "TMPDIR": str(tmp_path / "fetched"),
    }
    assert list((tmp_path / "fetched").glob("nsysgap-*")) == []


class _Files(Quiet, SimpleHTTPRequestHandler):
    """The files of a folder."""


@pytest.fixture
def web(job: Path, environment: dict[str, str]) -> Iterator[str]:
    """A web server's address, with the same reports."""
    with web_server(partial(_Files, directory=str(job))) as address:
        yield address


def _document(done: Done) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _without_paths(document: dict[str, Any]) -> dict[str, Any]:
    return json.loads(re.sub(r'"path": "[^"]*"', '"path": ""', json.dumps(document)))  # type: ignore[no-any-return]


@pytest.mark.parametrize("named", ["job/rank_*.sqlite", "job/", "job", "tables", "tables/rank_?_pqtdir"])
def test_a_job_on_s3_is_the_job(named: str, job: Path, environment: dict[str, str]) -> None:
    found = _document(run("ranks", f"s3://bucket/{named}", "--format", "json", "--workers", 1, environment=environment))
    here = _document(run("ranks", job / "rank_*.sqlite", "--format", "json", "--workers", 1))
    assert _without_paths(found) == _without_paths(here)
    folder, ending = named.partition("/")[0], "_pqtdir" if named.startswith("tables") else ".sqlite"
    assert [unit["path"] for unit in found["units"]] == [
        f"s3://bucket/{folder}/rank_{rank}{ending}" for rank in range(RANKS)
    ]


def test_processes_fetch_for_themselves(environment: dict[str, str]) -> None:
    plain, again = (
        run("ranks", "s3://bucket/job/", "--format", "json", "--workers", workers, environment=environment)
        for workers in (1, 2)
    )
    assert again.stdout == plain.stdout, again.stderr


@pytest.mark.parametrize(
    ("command", "report"),
    [
        ("gaps", "job/rank_0.sqlite"),
        ("info", "tables/rank_0_pqtdir/"),
        ("steps", "tables/rank_0"),
        ("stacks", "tables/rank_0_pqtdir"),
    ],
)
def test_every_command_reads_s3(command: str, report: str, job: Path, environment: dict[str, str]) -> None:
    found = _document(run(command, f"s3://bucket/{report}", "--format", "json", environment=environment))
    local = job / report.rstrip("/").rpartition("/")[2]
    assert _without_paths(found) == _without_paths(_document(run(command, local, "--format", "json")))


def test_jobs_on_s3_are_compared_and_checked(environment: dict[str, str], tmp_path: Path) -> None:
    compared = run("compare", "s3://bucket/job/", "s3://bucket/tables/", "--format", "json", environment=environment)
    assert [(one["role"], one["before"]["reports"][0]["path"]) for one in json.loads(compared.stdout)] == [
        ("straggler", "s3://bucket/job: rank 1"),
        ("others", "s3://bucket/job: 2 other ranks"),
    ]
    baseline = tmp_path / "baseline.json"
    assert run("check", "s3://bucket/job", "--save-baseline", baseline, environment=environment).returncode == 0
    _storage(environment["AWS_ENDPOINT_URL"]).pipe("bucket/baseline.json", baseline.read_bytes())
    limits = ("--baseline", "s3://bucket/baseline.json", "--max-slower", 5)
    assert run("check", "s3://bucket/tables/", *limits, environment=environment).returncode == 0


def test_missing_and_cut_short_reports_are_their_own_errors(environment: dict[str, str]) -> None:
    named = ["s3://bucket/job/rank_0.sqlite", "s3://bucket/broken/", "s3://bucket/job/rank_9.sqlite"]
    found = _document(run("ranks", *named, "--format", "json", "--workers", 1, environment=environment))
    texts = {one["path"]: one["text"] for one in found["reports"]}
    assert texts == {
        named[0]: "",
        "s3://bucket/broken/rank_0.sqlite": "s3://bucket/broken/rank_0.sqlite is truncated: 20,000 of 45,056 bytes. "
        "Copy or export the report again.",
        "s3://bucket/broken/rank_1.sqlite": "",
        named[2]: "s3://bucket/job/rank_9.sqlite does not exist. Check the address.",
    }


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("s3://bucket/job/none.sqlite", "s3://bucket/job/none.sqlite does not exist."),
        ("s3://bucket/none/", "s3://bucket/none/ does not exist."),
        ("s3://bucket/none*", "Nothing matches s3://bucket/none*."),
        ("s3://no-bucket/job/", "s3://no-bucket/job/ does not exist."),
        ("s3://bucket/tables/rank_0_pqtdir/none.sqlite", "does not exist."),
    ],
)
def test_what_is_not_on_s3_is_one_sentence(named: str, said: str, environment: dict[str, str]) -> None:
    done = run("ranks", named, "--workers", 1, environment=environment)
    assert (done.returncode, done.output) == (1, b"")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "named", ["s3://bucket/job/", "s3://bucket/job/rank_*.sqlite", "s3://bucket/job/rank_0.sqlite"]
)
@pytest.mark.parametrize("keys", ["wrong", "none"])
def test_credentials_that_do_not_fit_are_one_sentence(keys: str, named: str, environment: dict[str, str]) -> None:
    changed: dict[str, str | None] = {
        **environment,
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    }
    if keys == "none":
        changed |= {
            "AWS_ACCESS_KEY_ID": None,
            "AWS_SECRET_ACCESS_KEY": None,
        }
    _s3().clear_instance_cache()
    _refuse_unknown_keys_after(environment["AWS_ENDPOINT_URL"], 0)
    try:
        done = run("ranks", named, "--workers", 1, environment=changed)
    finally:
        _s3().clear_instance_cache()
        _refuse_unknown_keys_after(environment["AWS_ENDPOINT_URL"], 1_000_000_000)
    assert (done.returncode, done.output) == (1, b"")
    assert ("may not be read by you" if keys == "wrong" else "Unable to locate credentials") in done.stderr
    assert "Check the credentials" in done.stderr
    assert done.stderr.count("\n") == 2


def _refuse_unknown_keys_after(server: str, requests: int) -> None:
    """moto's own switch: from then on it checks who asks."""
    asked = urllib.request.Request(
        f"{server}/moto-api/reset-auth", data=str(requests).encode(), headers={"Content-Type": "text/plain"}
    )
    with urllib.request.urlopen(asked, timeout=30) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("named", ["rank_*.sqlite", "rank_*_pqtdir"])
def test_a_job_on_a_web_server_is_the_job(named: str, job: Path, web: str, environment: dict[str, str]) -> None:
    found = _document(run("ranks", f"{web}/{named}", "--format", "json", "--workers", 1, environment=environment))
    here = _document(run("ranks", job / "rank_*.sqlite", "--format", "json", "--workers", 1))
    assert _without_paths(found) == _without_paths(here)


def test_web_addresses_may_be_signed(web: str, environment: dict[str, str], tmp_path: Path) -> None:
    signed = f"{web}/rank_1.sqlite?X-Amz-Signature=0f"
    assert _document(run("gaps", signed, "--format", "json", environment=environment))["report"]["path"] == signed
    done = run("timeline", signed, environment=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "rank_1.html").exists()


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("none.sqlite", "/none.sqlite does not exist."),
        ("none/", "/none/ does not exist."),
        ("none*", "Nothing matches "),
        ("rank_0", "/rank_0 does not exist."),
    ],
)
def test_what_is_not_on_the_web_server_is_one_sentence(
    named: str, said: str, web: str, environment: dict[str, str]
) -> None:
    done = run("ranks", f"{web}/{named}", "--workers", 1, environment=environment)
    assert (done.returncode, done.output) == (1, b"")
    assert said in done.stderr


def test_a_server_that_is_not_there_is_one_sentence(environment: dict[str, str]) -> None:
    done = run("gaps", "http://127.0.0.1:9/rank_0.sqlite", environment=environment)
    assert (done.returncode, done.output) == (1, b"")
    assert "cannot be fetched" in done.stderr
    assert "Check the address and the network." in done.stderr


def test_the_largest_is_begun_first(environment: dict[str, str], web: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    named = ["s3://bucket/broken/rank_0.sqlite", "s3://bucket/job/rank_9.sqlite", f"{web}/rank_0.sqlite"]
    assert largest_first(named) == [named[2], named[0], named[1]]


def test_what_does_not_fit_is_not_begun(web: str, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    monkeypatch.setattr("tempfile.tempdir", environment["TMPDIR"])
    said = rf"No room to fetch {web}/rank_0.sqlite: it has 45.1 kB, and {environment['TMPDIR']} has 1.0 kB left."
    with pytest.raises(NsysgapError, match=re.escape(said)) as error, staged(f"{web}/rank_0.sqlite"):
        pass
    assert error.value.hint == "Set TMPDIR to a larger disk."


def test_python_opens_what_lies_on_s3(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert report_paths(["s3://bucket/job"]) == [f"s3://bucket/job/rank_{rank}.sqlite" for rank in range(RANKS)]
    fleet = nsysgap.open_fleet("s3://bucket/job", workers=1)
    assert fleet.verdict.startswith("rank 1 arrived last in 12 of 12")
    report = nsysgap.open_report("s3://bucket/job/rank_0.sqlite")
    assert report.info()["report"]["path"] == "s3://bucket/job/rank_0.sqlite"  # read again: fetched again


@pytest.mark.parametrize("named", ["s3://bucket/since/", "s3://bucket/since_then/rank_*"])
def test_what_came_since_is_found(named: str, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    folder, there = named.rpartition("/")[0], []
    for rank in range(2):
        there.append(f"{folder}/rank_{rank}.sqlite")
        _storage(environment["AWS_ENDPOINT_URL"]).pipe(there[-1], b"a report")
        assert report_paths([named]) == there


class _Closed(_Files):
    """Gives its files to those alone who send the key."""

    def send_head(self) -> Any:
        if self.headers["X-Key"] == "right":
            return super().send_head()
        self.send_error(403)
        return None


@pytest.mark.parametrize("key", ["right", "wrong"])
def test_what_fsspec_is_told_of_web_servers_holds(key: str, job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fsspec

    monkeypatch.setitem(fsspec.config.conf, "http", {"client_kwargs": {"headers": {"X-Key": key}}})
    with web_server(partial(_Closed, directory=str(job))) as address:
        done = run("gaps", f"{address}/rank_0.sqlite")
    assert done.returncode == (0 if key == "right" else 1), done.stderr
    assert ("Check the credentials" in done.stderr) == (key == "wrong")


class _Stuck(Quiet, BaseHTTPRequestHandler):
    """Promises a report, sends half of it, and then nothing more until the end."""

    end: threading.Event

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()

    def do_GET(self) -> None:
        self.do_HEAD()
        self.wfile.write(b"SQLite format 3\0" + b"\0" * 50_000)
        self.wfile.flush()
        self.end.wait()


@pytest.fixture
def stuck() -> Iterator[str]:
    """The address of a web server that sends half."""

    class Stuck(_Stuck):
        end = threading.Event()

    with web_server(Stuck) as address:
        yield address
        Stuck.end.set()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("workers", [1, 2])
def test_whoever_stops_a_transfer_leaves_nothing(
    number: signal.Signals, workers: int, stuck: str, tmp_path: Path
) -> None:
    command = process("ranks", f"{stuck}/a.sqlite", f"{stuck}/b.sqlite", "--workers", workers)
    environment = process_environment(TMPDIR=str(tmp_path))
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as asking:
        try:
            while len(list(tmp_path.glob("nsysgap-*/*"))) < workers and asking.poll() is None:
                time.sleep(0.02)
            asking.send_signal(number)
            _, said = asking.communicate(timeout=60)
        finally:
            asking.kill()
    assert asking.returncode == (130 if number == signal.SIGINT else 143), said
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []
