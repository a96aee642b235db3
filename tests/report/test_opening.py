"""Opening reports: whatever their names and wherever they lie, packed ones within bounds, changed ones noticed."""

from __future__ import annotations

import gzip
import json
import lzma
import os
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import zstandard
from command_line import run
from report_builder import KERNEL, ReportBuilder

from nsysgap.errors import NsysgapError
from nsysgap.report import open_source, opening, read_trace, unpacking
from nsysgap.report.reads import Read
from nsysgap.report.sqlite import columns


def some() -> ReportBuilder:
    return ReportBuilder().versions().gpu(0, "GPU").launch((0, 1), (5, 10)).launch((20, 30), (40, 50))


def kernels(path: Path) -> int:
    with open_source(path) as source:
        return read_trace(source).ops.rows


def test_a_writer_is_looked_for_where_the_kernel_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on file systems that grant no leases, and where a process of somebody else has the report open."""
    path, asked = some().save(tmp_path), []
    with path.open("r+b"):
        assert not opening._leased(path)
        assert kernels(path) == 2  # this process's own do not count
    monkeypatch.setattr(opening, "_leased", lambda _: False)
    monkeypatch.setattr(opening, "_writes", lambda number, _: asked.append(number))
    assert kernels(path) == 2
    assert (str(os.getppid()) in asked) == (sys.platform == "linux")
    assert str(os.getpid()) not in asked


def in_wal_mode(path: Path) -> sqlite3.Connection:
    """A report with a committed row that only its -wal holds, as long as the connection is open."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"INSERT INTO {KERNEL} SELECT * FROM {KERNEL} LIMIT 1")
    connection.commit()
    return connection


def test_a_wal_beside_the_file_that_a_link_leads_to(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    report, link = some().save(tmp_path / "elsewhere"), tmp_path / "link.sqlite"
    link.symlink_to(report)
    with closing(in_wal_mode(report)), pytest.raises(NsysgapError, match=r"report\.sqlite-wal lies beside it"):
        kernels(link)


@pytest.mark.parametrize("mode", ["PERSIST", "TRUNCATE"])
def test_a_journal_that_is_done_with(tmp_path: Path, mode: str) -> None:
    report = some().save(tmp_path)
    with closing(sqlite3.connect(report)) as connection:
        connection.execute(f"PRAGMA journal_mode = {mode}")
        connection.execute(f"INSERT INTO {KERNEL} SELECT * FROM {KERNEL} LIMIT 1")
        connection.commit()
    assert (tmp_path / "report.sqlite-journal").exists()
    assert kernels(report) == 3


def test_a_journal_that_is_not_done_with(tmp_path: Path) -> None:
    report = some().save(tmp_path)
    (tmp_path / "report.sqlite-journal").write_bytes(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + bytes(504))
    with pytest.raises(NsysgapError, match=r"half-written: report\.sqlite-journal lies beside it"):
        kernels(report)


def commit(report: Path) -> None:
    with closing(sqlite3.connect(report)) as connection:
        connection.execute(f"DELETE FROM {KERNEL} WHERE rowid = 1")
        connection.commit()


def replace(report: Path) -> None:
    other = some().launch((60, 61), (65, 70)).save(report.parent, "other.sqlite")
    os.utime(other, ns=(report.stat().st_atime_ns, report.stat().st_mtime_ns))
    other.rename(report)


def rewrite(report: Path) -> None:
    data = bytearray(report.read_bytes())
    report.write_bytes(bytes(data))


@pytest.mark.parametrize("change", [commit, replace, rewrite])
def test_a_report_that_is_changed_between_two_reads(tmp_path: Path, change: Callable[[Path], None]) -> None:
    report = some().save(tmp_path)
    with open_source(report) as source:
        assert source.count(KERNEL) == 2
        change(report)
        with pytest.raises(NsysgapError, match="was changed while it was read"):
            source.columns(KERNEL, [Read("start", "start")])
        with pytest.raises(NsysgapError, match="was changed while it was read"):
            list(source.rows("StringIds", ("id",)))


def test_a_report_that_is_changed_within_a_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows are counted, and then one of them is gone: that looks like damage."""
    report = some().save(tmp_path)
    rowid_edges = columns._rowid_edges

    def changed(*given: Any) -> list[int]:
        commit(report)
        return rowid_edges(*given)

    monkeypatch.setattr(columns, "_rowid_edges", changed)
    with open_source(report) as source, pytest.raises(NsysgapError, match="was changed while it was read"):
        source.columns(KERNEL, [Read("start", "start")])


NAMES = [
    b"caf\xe9.sqlite",
    b"\xff\xfe",
    b"a" * 255,
    b"b" * 248 + b".sqlite",
    "\N{GREEK SMALL LETTER MU}.sqlite".encode(),
]


@pytest.mark.parametrize("name", NAMES, ids=["latin-1", "no text", "255 bytes", "248 bytes", "UTF-8"])
def test_names_of_every_kind(tmp_path: Path, name: bytes) -> None:
    report = some().save(tmp_path).rename(tmp_path / os.fsdecode(name))
    for command in ("gaps", "info", "launches"):
        done = run(command, report)
        assert done.returncode == 0, done.stderr
        json.loads(run(command, report, "--format", "json").stdout)
    packed = tmp_path / "p.xz"
    packed.write_bytes(lzma.compress(report.read_bytes()))
    assert kernels(packed) == 2
    assert run("to-chrome", report, "-o", tmp_path / "out.json").returncode == 0
    assert run("timeline", report, "-o", tmp_path / "out.html").returncode == 0
    assert run("gaps", report, tmp_path / "absent").returncode == 1


def packers() -> dict[str, Callable[[bytes], bytes]]:
    return {
        ".gz": gzip.compress,
        ".xz": lambda data: lzma.compress(data, preset=1),
        ".zst": zstandard.ZstdCompressor(level=3).compress,
    }


@pytest.mark.parametrize("suffix", packers())
@pytest.mark.parametrize("parts", [1, 3])
def test_packed_reports_of_one_or_more_parts(tmp_path: Path, suffix: str, parts: int) -> None:
    data = some().save(tmp_path).read_bytes()
    size = -(-len(data) // parts)
    packed = b"".join(packers()[suffix](data[i : i + size]) for i in range(0, len(data), size))
    (tmp_path / f"a{suffix}").write_bytes(packed + (b"\0" * 8 if suffix != ".zst" else b""))
    assert kernels(tmp_path / f"a{suffix}") == 2
    (tmp_path / f"cut{suffix}").write_bytes(packed[:-9])
    with pytest.raises(NsysgapError, match=f"is not a whole {suffix} file"):
        kernels(tmp_path / f"cut{suffix}")


@pytest.mark.parametrize("suffix", packers())
def test_a_bomb_is_refused_before_it_fills_the_disk(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of what unpacks to gigabytes no more than the bound is written: here a bound of a few megabytes."""
    monkeypatch.setattr(unpacking, "FREE", 1 << 20)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    written: list[int] = []
    check = unpacking._Bound.check

    def noted(bound: unpacking._Bound, piece: bytes) -> None:
        written.append(len(piece))
        check(bound, piece)

    monkeypatch.setattr(unpacking._Bound, "check", noted)
    (tmp_path / f"bomb{suffix}").write_bytes(packers()[suffix](bytes(64 << 20)))
    with pytest.raises(NsysgapError, match="unpacks to more than 200 times its size"):
        kernels(tmp_path / f"bomb{suffix}")
    assert max(written) <= 1 << 26
    assert sum(written) < 64 << 20


def test_a_report_that_claims_more_than_the_disk_holds(tmp_path: Path) -> None:
    data = bytearray(some().save(tmp_path).read_bytes())
    data[28:32] = b"\xff\xff\xff\xff"  # pages
    (tmp_path / "a.xz").write_bytes(lzma.compress(bytes(data)))
    with pytest.raises(NsysgapError, match="No room to unpack"):
        kernels(tmp_path / "a.xz")


def test_a_window_that_takes_gigabytes_of_memory(tmp_path: Path) -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=30, enable_ldm=True)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    data = some().save(tmp_path).read_bytes()
    (tmp_path / "a.zst").write_bytes(compressor.compress(data) + compressor.flush())
    with pytest.raises(NsysgapError, match=r"is not a whole \.zst file .*memory"):
        kernels(tmp_path / "a.zst")
