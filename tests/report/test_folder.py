"""Folders of Parquet and Arrow files: every command says of them what it says of the SQLite export."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from command_line import run
from folder_reports import as_folder, write
from real_nsys import require_nsys
from real_reports import require_report
from report_builder import KERNEL, ReportBuilder

from nsysgap.errors import NsysgapError
from nsysgap.report import open_source
from nsysgap.report.reads import ROWID, Absent, Condition, NoneOf, OneOf, Present, Read

COMMANDS = (
    *("gaps --top all", "gaps --by nvtx", "info", "launches", "graphs", "stacks", "steps", "critical-path", "advise"),
    *("whatif --graph", "ranks --workers 1", "compare report", "check --max-idle 50"),
    *("to-chrome -o out.json", "timeline -o out.html", "scrub -o out.sqlite"),
)


def some() -> ReportBuilder:
    """A report with a bit of everything, no two rows of a table at the same time."""
    report = ReportBuilder().versions().gpu(0, "GPU zero").process(1, "python").thread(1, 1, "main")
    report.diagnostic(2, "CUDA buffers are full")
    for step in range(40):
        begin = 1_000 * step
        report.nvtx(begin, begin + 900 - step % 3, f"step {step % 3}").osrt(begin + 11, begin + 13)
        report.launch((begin, begin + 10), (begin + 20, begin + 300), name=f"kernel<{step % 5}>(int)")
        report.memcpy(begin + 310, begin + 330).sync(begin + 320, begin + 340)
    return report


def said(command: str, report: Path) -> bytes:
    """Everything that a command prints and writes of a report, under the same name each time."""
    name, *options = command.split()
    folder = report.parent / f"of {report.name}"
    folder.mkdir(exist_ok=True)
    with suppress(FileExistsError):
        (folder / "report").symlink_to(report)
    done = run(name, "report", *options, *([] if "-o" in options else ["--format", "json"]), cwd=folder)
    written = b"".join(path.read_bytes() for path in sorted(folder.glob("out*")))
    for path in folder.glob("out*"):
        path.unlink()
    return str(done.returncode).encode() + done.output + done.stderr.encode() + written


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("ending", [".parquet", ".arrow"])
def test_every_command_says_the_same_of_a_folder(tmp_path: Path, ending: str, shuffled: bool) -> None:
    report = some().save(tmp_path)
    name = f"report{'_pqtdir' if ending == '.parquet' else '_arwdir'}"
    folder = as_folder(report, tmp_path / name, ending, shuffled=shuffled)
    for command in COMMANDS[: -2 if shuffled else -1]:  # the page numbers names in the order of the rows
        assert said(command, folder) == said(command, report), command


def test_every_command_says_the_same_of_a_real_folder(tmp_path: Path) -> None:
    report = require_report("fleet_host_rank0", tmp_path)
    packed = Path(os.environ["NSYSGAP_TRACES"]) / "fleet" / "fleet_host_rank0_pqtdir.tar.xz"
    with tarfile.open(packed) as archive:
        archive.extractall(tmp_path, filter="data")
    for command in COMMANDS[:-2]:  # the page shows the machine's description too, which this folder lacks
        assert said(command, tmp_path / "fleet_host_rank0_pqtdir") == said(command, report), command


def test_a_scrubbed_folder_is_a_report_of_the_same_gaps(tmp_path: Path) -> None:
    folder = as_folder(some().save(tmp_path), tmp_path / "a_pqtdir")
    assert run("scrub", folder, "-o", tmp_path / "b.sqlite").returncode == 0
    documents = [json.loads(run("gaps", one, "--format", "json").stdout) for one in (folder, tmp_path / "b.sqlite")]
    assert documents[0]["devices"] == documents[1]["devices"]


def test_the_name_without_the_ending(tmp_path: Path) -> None:
    as_folder(some().save(tmp_path, "other.sqlite"), tmp_path / "report_pqtdir")
    named, other = (
        json.loads(run("gaps", tmp_path / name, "--format", "json").stdout) for name in ("report", "other.sqlite")
    )
    assert named["devices"] == other["devices"]


@pytest.mark.parametrize(
    "where", [None, OneOf("a", (1, 2**64 - 1 - 2**64)), NoneOf("a", (1,)), Present("a"), Absent("a"), Absent("none")]
)
def test_conditions_nulls_and_unsigned_numbers(tmp_path: Path, where: Condition | None) -> None:
    (tmp_path / "t_pqtdir").mkdir()
    values = [1, None, 2, 2**64 - 1, None, 1, 2**63]
    columns = {"a": pa.array(values, pa.uint64()), "b": pa.array([i % 2 == 0 for i in range(7)]), "C": range(7)}
    write(pa.table(columns), tmp_path / "t_pqtdir" / "T.parquet")
    signed = [value if value is None or value < 2**63 else value - 2**64 for value in values]
    keep = {
        "OneOf": [value in (1, -1) for value in signed],
        "NoneOf": [value not in (None, 1) for value in signed],
        "Present": [value is not None for value in signed],
        "Absent": [True] * 7 if where == Absent("none") else [value is None for value in signed],
        "NoneType": [True] * 7,
    }[type(where).__name__]
    rows = [number for number in range(7) if keep[number]]
    with open_source(tmp_path / "t_pqtdir") as source:
        found = source.columns("T", [Read("a", "A", -7), Read("b", "b"), Read("row", ROWID), Read("d", "d", 9)], where)
        assert found["a"].tolist() == [-7 if signed[row] is None else signed[row] for row in rows]
        assert found["b"].tolist() == [int(row % 2 == 0) for row in rows]
        assert found["row"].tolist() == [row + 1 for row in rows]
        assert found["d"].tolist() == [9] * len(rows)
        conditions = (where,) if where else ()
        assert source.count("T", *conditions) == len(rows)
        expected = [(signed[row], int(row % 2 == 0), None) for row in rows]
        assert list(source.rows("T", ("a", "b", "none"), *conditions)) == expected
        assert source.texts("T", ROWID, "c", *conditions) == [(row + 1, str(row).encode()) for row in rows]
        assert source.columns("absent", [Read("a", "a", dtype="int32")])["a"].dtype == np.int32


def test_without_the_capture_s_settings(tmp_path: Path) -> None:
    """As exporters up to 2024 leave them out."""
    folder = as_folder(some().save(tmp_path), tmp_path / "a_pqtdir")
    assert not (folder / "META_DATA_CAPTURE.parquet").exists()
    assert json.loads(run("info", folder, "--format", "json").stdout)["capture"] == []


def refused(folder: Path, said: str) -> None:
    done = run("gaps", folder)
    assert done.returncode == 1
    assert said in " ".join(done.stderr.split()), done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("ending", [".parquet", ".arrow"])
@pytest.mark.parametrize("left", [0, 3, 100, -9, -8])
def test_a_file_that_was_cut_off(tmp_path: Path, ending: str, left: int) -> None:
    folder = as_folder(some().save(tmp_path), tmp_path / "a", ending)
    file = folder / f"{KERNEL}{ending}"
    data = file.read_bytes()
    file.write_bytes(data[:left])  # -8: only a stream's end mark is missing, all its batches are there
    refused(folder, f"is damaged: {KERNEL}{ending} cannot be read")


def test_folders_that_are_no_reports(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "is a folder without tables of a report")
    report = some().save(tmp_path)
    refused(tmp_path, "is a folder without tables of a report")
    refused(tmp_path, "Name a report in it")
    mixed = as_folder(report, tmp_path / "mixed")
    shutil.copy(mixed / "StringIds.parquet", mixed / "StringIds.arrow")
    refused(mixed, "is mixed: it holds StringIds.arrow and StringIds.parquet")
    other = tmp_path / "other"
    other.mkdir()
    write(pa.table({"name": ["a"]}), other / "people.parquet")
    refused(other, "but not an nsys export")


def test_a_column_of_another_type(tmp_path: Path) -> None:
    folder = as_folder(some().save(tmp_path), tmp_path / "a")
    write(pa.table({"start": ["1"], "end": [2], "deviceId": [0]}), folder / f"{KERNEL}.parquet")
    refused(folder, f"{KERNEL}.start holds string, not integers")


def test_a_folder_that_is_written_meanwhile(tmp_path: Path) -> None:
    folder = as_folder(some().save(tmp_path), tmp_path / "a")
    with open_source(folder) as source:
        write(pa.table({"start": [1]}), folder / f"{KERNEL}.parquet")
        with pytest.raises(NsysgapError, match="was changed while it was read"):
            source.columns(KERNEL, [Read("start", "start")])


def test_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = as_folder(some().save(tmp_path), tmp_path / "a")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    refused(folder, "needs pyarrow")


def test_folders_of_a_real_nsys(tmp_path: Path) -> None:
    """What the nsys at hand exports of a program without a GPU."""
    nsys = require_nsys()
    program = [sys.executable, "-c", "import threading, time; time.sleep(0.02)"]
    capture = ["profile", "--trace=osrt", "-o", "a", *program]
    for command in (
        capture,
        *(["export", "--type", form, "a.nsys-rep"] for form in ("sqlite", "parquetdir", "arrowdir")),
    ):
        subprocess.run([nsys, *command], cwd=tmp_path, check=True, capture_output=True)
    traces = [said("to-chrome -o out.json", tmp_path / name) for name in ("a.sqlite", "a_pqtdir", "a_arwdir")]
    assert len(traces[0]) > 1_000
    assert traces[1:] == traces[:1] * 2
