"""`nsysgap scrub`: what identifies machine and people goes from every byte of the copy, every event row stays."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from command_line import run
from real_reports import require_report

# One report per generation of exporter, with and without call stacks, NVTX, several processes, CUDA rows.
REPORTS = ("proto_naive", "proto_cdp", "decode_pysampled", "s0-2021", "s2.9.1", "s3.4.0", "s3.20.2", "s3.25.0_2gpu")
CHANGED = {
    *("TARGET_INFO_SYSTEM_ENV", "META_DATA_CAPTURE", "META_DATA_EXPORT", "EXPORT_META_DATA", "ProcessStreams"),
    *("ANALYSIS_FILE", "PROCESSES", "ThreadNames", "StringIds", "DIAGNOSTIC_EVENT", "TARGET_INFO_GPU"),
    *("TARGET_INFO_CUDA_DEVICE", "TARGET_INFO_NIC_INFO", "OSRT_FILE_ACCESS_DESCRIPTORS"),
}


@contextmanager
def database(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that is committed and closed: nsysgap refuses files that somebody still has open for writing."""
    with closing(sqlite3.connect(path)) as connection:
        yield connection
        connection.commit()


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def contents(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """All rows of all tables that scrubbing must leave alone, in order."""
    with database(path) as connection:
        connection.text_factory = bytes
        names = [name.decode() for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            name: connection.execute(f'SELECT * FROM "{name}" ORDER BY rowid').fetchall()
            for name in names
            if name not in CHANGED
        }


def gaps(path: Path) -> dict[str, object]:
    document: dict[str, object] = json.loads(run("gaps", path, "--format", "json", "--top", "all").stdout)
    report = document["report"]
    assert isinstance(report, dict)
    del report["path"]
    return document


@pytest.fixture(scope="module", params=REPORTS)
def scrubbed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A real report, and its scrubbed copy."""
    folder = tmp_path_factory.mktemp("scrubbed")
    report, copy = require_report(request.param, folder), folder / "copy.sqlite"
    before = digest(report)
    done = run("scrub", report, "-o", copy)
    assert done.returncode == 0, done.stderr
    assert digest(report) == before
    return report, copy


def test_every_event_row_and_every_gap_stays(scrubbed: tuple[Path, Path], tmp_path: Path) -> None:
    report, copy = scrubbed
    assert contents(copy) == contents(report)
    assert gaps(copy) == gaps(report)
    again = tmp_path / "again.sqlite"
    run("scrub", report, "-o", again)
    assert digest(again) == digest(copy)  # same input, same bytes


def test_every_text_that_an_event_needs_stays(scrubbed: tuple[Path, Path]) -> None:
    report, copy = scrubbed
    needed = (
        ("CUPTI_ACTIVITY_KIND_KERNEL", "demangledName"),
        ("CUPTI_ACTIVITY_KIND_RUNTIME", "nameId"),
        ("NVTX_EVENTS", "textId"),
    )
    compared = 0
    with database(copy) as after, database(report) as before:
        for table, column in needed:
            sql = f"SELECT value FROM StringIds WHERE id IN (SELECT {column} FROM {table}) ORDER BY id"
            try:
                texts = before.execute(sql).fetchall()
            except sqlite3.OperationalError:
                continue  # this exporter has no such table or column
            assert after.execute(sql).fetchall() == texts
            compared += len(texts)
    assert compared > 0


SECRETS = ("worf.example.net", "geordi", "/home/geordi/secret-project", "hunter2token", "10.20.30.40", "captured words",
           "GPU-1234-5678", "GPU-8765-4321", "--password=xyzzy")  # fmt: skip
NETWORK_GUID = 1184724891339695586


@pytest.fixture
def telltale(tmp_path: Path) -> Path:
    """A report that says whose it is wherever nsys writes that."""
    path = tmp_path / "telltale.sqlite"
    with database(path) as made:
        made.executescript("""
            CREATE TABLE StringIds (id INTEGER PRIMARY KEY, value TEXT);
            CREATE TABLE TARGET_INFO_SYSTEM_ENV
                (globalVid INTEGER, devStateName TEXT, name TEXT, nameEnum INTEGER, value TEXT);
            CREATE TABLE META_DATA_CAPTURE (name TEXT, value TEXT);
            CREATE TABLE META_DATA_EXPORT (name TEXT, value TEXT);
            CREATE TABLE ProcessStreams (globalPid INTEGER, filenameId INTEGER, contentId INTEGER);
            CREATE TABLE ANALYSIS_FILE (id INTEGER, filename TEXT, contentId INTEGER, globalPid INTEGER);
            CREATE TABLE PROCESSES (globalPid INTEGER, pid INTEGER, name TEXT);
            CREATE TABLE ThreadNames (nameId INTEGER, priority INTEGER, globalTid INTEGER);
            CREATE TABLE DIAGNOSTIC_EVENT (timestamp INTEGER, severity INTEGER, text TEXT, globalPid INTEGER);
            CREATE TABLE TARGET_INFO_GPU (id INTEGER, name TEXT, uuid TEXT);
            CREATE TABLE TARGET_INFO_CUDA_DEVICE (gpuId INTEGER, cudaId INTEGER, pid INTEGER, uuid TEXT);
            CREATE TABLE TARGET_INFO_NIC_INFO (GUID INTEGER, stateName TEXT, nicId INTEGER, name TEXT);
            CREATE TABLE OSRT_FILE_ACCESS_DESCRIPTORS (fileAccessId INTEGER, processId INTEGER, filePath TEXT);
            CREATE TABLE OSRT_CALLCHAINS (
                id INTEGER, symbol INTEGER, -- REFERENCES StringIds(id)
                module INTEGER              -- REFERENCES StringIds(id)
            );
            CREATE TABLE CUPTI_ACTIVITY_KIND_KERNEL (start INTEGER, end INTEGER, deviceId INTEGER, contextId INTEGER,
                streamId INTEGER, correlationId INTEGER, globalPid INTEGER, demangledName INTEGER, shortName INTEGER);
            CREATE TABLE NVTX_EVENTS (start INTEGER, end INTEGER, eventType INTEGER, text TEXT, globalTid INTEGER);
        """)
        process, other = 7 << 24, 9 << 24
        texts = [(1, "kernel"), (2, "captured words"), (3, "/home/geordi/secret-project/libmine.so"), (4, "symbol"),
                 (5, "/home/geordi/secret-project/out.log"), (6, "worker"), (7, "geordi's shell")]  # fmt: skip
        made.executemany("INSERT INTO StringIds VALUES (?, ?)", texts)
        environment = "HOME=/home/geordi/secret-project;TOKEN=hunter2token;USER=geordi"
        made.executemany(
            "INSERT INTO TARGET_INFO_SYSTEM_ENV VALUES (1, 'Local', ?, 0, ?)",
            [("Hostname", "worf.example.net"), ("DeviceEnvironment", environment), ("NvDriverVersion", "580.1")],
        )
        made.executemany(
            "INSERT INTO META_DATA_CAPTURE VALUES (?, ?)",
            [("PROCESS_0:ARGUMENT_0", "--password=xyzzy"), ("PROCESS_0:USER_NAME", "geordi"), ("RATE_HZ", "0"),
             ("TARGET", "10.20.30.40"), ("PROCESS_0:WORKING_DIR", "/home/geordi/secret-project"),
             ("OTHER", "/home/geordi/x")],
        )  # fmt: skip
        made.executemany(
            "INSERT INTO META_DATA_EXPORT VALUES (?, ?)",
            [("EXPORT_PRODUCT_NAME", "NVIDIA Nsight Systems"), ("EXPORT_PRODUCT_VERSION", "2025.3.2.0"),
             ("EXPORT_SCHEMA_VERSION", "3.20.3"), ("EXPORT_HOST", "worf.example.net"), ("EXPORT_USER", "geordi")],
        )  # fmt: skip
        made.execute("INSERT INTO ProcessStreams VALUES (?, 5, 2)", (process,))
        made.execute("INSERT INTO ANALYSIS_FILE VALUES (0, '/home/geordi/secret-project/out.log', 2, ?)", (process,))
        made.executemany(
            "INSERT INTO PROCESSES VALUES (?, ?, ?)",
            [(process, 7, "/home/geordi/secret-project/train --password=xyzzy"), (other, 9, "geordi-mail")],
        )
        made.executemany("INSERT INTO ThreadNames VALUES (?, 20, ?)", [(6, process | 7), (7, other | 9)])
        made.execute(
            "INSERT INTO DIAGNOSTIC_EVENT VALUES (0, 1, ?, ?)",
            ("geordi at 10.20.30.40 wrote /home/geordi/secret-project/a.log", process),
        )
        made.execute("INSERT INTO TARGET_INFO_GPU VALUES (0, 'NVIDIA H200', 'GPU-1234-5678')")
        made.execute("INSERT INTO TARGET_INFO_CUDA_DEVICE VALUES (0, 0, 7, 'GPU-8765-4321')")
        made.execute("INSERT INTO TARGET_INFO_NIC_INFO VALUES (?, 'Local', 0, 'mlx5_0')", (NETWORK_GUID,))
        made.executemany(
            "INSERT INTO OSRT_FILE_ACCESS_DESCRIPTORS VALUES (?, 7, ?)",
            [(0, "/home/geordi/secret-project/data.bin"), (1, "Unknown file #1")],
        )
        made.execute("INSERT INTO OSRT_CALLCHAINS VALUES (1, 4, 3)")
        made.execute("INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL VALUES (10, 20, 0, 1, 7, 1, ?, 1, 1)", (process,))
        made.execute("INSERT INTO NVTX_EVENTS VALUES (1, 30, 59, 'step', ?)", (process | 7,))
    return path


@pytest.mark.parametrize("value", [12, 1.5, "text"])
def test_blobs_that_are_none_are_copied(value: object, telltale: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(telltale)) as made, made:
        made.execute("ALTER TABLE NVTX_EVENTS ADD COLUMN binaryData")
        made.execute("UPDATE NVTX_EVENTS SET binaryData = ?", (value,))
    assert run("scrub", telltale, "-o", tmp_path / "copy.sqlite").returncode == 0


def test_no_byte_of_the_copy_tells_whose_it_was(telltale: Path, tmp_path: Path) -> None:
    assert all(secret.encode() in telltale.read_bytes() for secret in SECRETS)
    copy = tmp_path / "copy.sqlite"
    done = run("scrub", telltale, "-o", copy)
    assert done.returncode == 0, done.stderr
    assert [secret for secret in SECRETS if secret.encode() in copy.read_bytes()] == []
    assert NETWORK_GUID.to_bytes(8, "big") in telltale.read_bytes()
    assert NETWORK_GUID.to_bytes(8, "big") not in copy.read_bytes()
    assert "still there" not in done.stdout
    assert "removed: 2 rows of TARGET_INFO_SYSTEM_ENV" in done.stdout
    assert "removed: 1 row of ProcessStreams" in done.stdout
    assert "rewritten: 1 diagnostic, now without paths and addresses" in done.stdout
    assert "rewritten: 1 process name cut to the program's name" in done.stdout


def test_what_says_nothing_about_people_stays(telltale: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.sqlite"
    run("scrub", telltale, "-o", copy)
    with database(copy) as report:

        def rows(sql: str) -> list[tuple[object, ...]]:
            return report.execute(sql).fetchall()

        assert rows("SELECT name, value FROM TARGET_INFO_SYSTEM_ENV") == [("NvDriverVersion", "580.1")]
        assert rows("SELECT name FROM META_DATA_CAPTURE") == [("RATE_HZ",)]
        assert [name for (name,) in rows("SELECT name FROM META_DATA_EXPORT")] == [
            *("EXPORT_PRODUCT_NAME", "EXPORT_PRODUCT_VERSION", "EXPORT_SCHEMA_VERSION"),
        ]
        assert rows("SELECT pid, name FROM PROCESSES") == [(7, "train")]
        assert rows("SELECT id, value FROM StringIds ORDER BY id") == [
            (1, "kernel"), (3, "libmine.so"), (4, "symbol"), (6, "worker")
        ]  # fmt: skip
        assert rows("SELECT text FROM DIAGNOSTIC_EVENT") == [("<removed> at <address> wrote .../a.log",)]
        assert rows("SELECT name, uuid FROM TARGET_INFO_GPU") == [("NVIDIA H200", "")]
        assert rows("SELECT * FROM TARGET_INFO_CUDA_DEVICE") == [(0, 0, 7, None)]
        assert rows("SELECT GUID, name FROM TARGET_INFO_NIC_INFO") == [(0, "mlx5_0")]
        assert rows("SELECT filePath FROM OSRT_FILE_ACCESS_DESCRIPTORS") == [("data.bin",), ("Unknown file #1",)]


def test_name_in_an_event_text_is_kept_and_said(telltale: Path, tmp_path: Path) -> None:
    with database(telltale) as made:
        made.execute("UPDATE NVTX_EVENTS SET text = 'run of geordi'")
    done = run("scrub", telltale, "-o", tmp_path / "copy.sqlite")
    assert "still there: 1 kept text (NVTX_EVENTS.text) holds 'geordi'" in done.stdout


@pytest.mark.parametrize("suffix", [".gz", ".xz", ".zst"])
def test_output_is_packed_by_its_name_and_readable(telltale: Path, tmp_path: Path, suffix: str) -> None:
    packed = tmp_path / f"copy.sqlite{suffix}"
    assert run("scrub", telltale, "-o", packed).returncode == 0
    first = digest(packed)
    assert run("scrub", telltale, "-o", packed, "--force").returncode == 0
    assert digest(packed) == first
    assert run("gaps", packed).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("telltale.sqlite", "-o", "telltale.sqlite", "--force"),
            "is an input: inputs are never",
        ),
        (("telltale.sqlite",), "Name a file: -o NAME.sqlite"),
        (("telltale.sqlite", "-o", "copy.txt"), "This command writes no .txt files"),
        (("telltale.sqlite", "-o", "there.sqlite"), "exists already"),
        (("absent.sqlite", "-o", "copy.sqlite"), "does not exist"),
        (("other.sqlite", "-o", "copy.sqlite"), "is a SQLite database, but not an nsys export"),
        (("telltale.sqlite", "-o", "there.sqlite/copy.sqlite"), "cannot be made"),
    ],
)
def test_wrong_input_is_one_sentence(telltale: Path, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    (tmp_path / "there.sqlite").write_text("mine")
    with database(tmp_path / "other.sqlite") as other:
        other.execute("CREATE TABLE t (x)")
    before, files = digest(telltale), set(tmp_path.iterdir())
    done = run("scrub", *arguments, cwd=tmp_path)
    assert done.returncode in (1, 2)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert digest(telltale) == before
    assert set(tmp_path.iterdir()) == files


def test_several_texts_of_one_id_lose_their_paths_too(tmp_path: Path) -> None:
    kept = Path(__file__).parents[1] / "fuzz" / "failures" / "values-101353.sqlite.xz"
    assert run("scrub", kept, "-o", tmp_path / "out.sqlite").returncode == 0
    with database(tmp_path / "out.sqlite") as connection:
        texts = [text for (text,) in connection.execute("SELECT value FROM StringIds")]
    assert "data.py" in texts
    assert not [text for text in texts if isinstance(text, str) and text.startswith("/p/")]
