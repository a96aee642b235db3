"""One case in a process of its own: break a report, ask a command, look at everything that must hold."""

from __future__ import annotations

import faulthandler
import json
import os
import resource
import select
import signal
import sqlite3
import sys
import tempfile
import time
import traceback
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn

from command_line import Done, run

from fuzz.corpus import bases
from fuzz.mutations import Broken, broken
from nsysgap.errors import NsysgapError
from nsysgap.report import open_source
from nsysgap.report.reads import Read
from nsysgap.report.sqlite.statements import quoted

CPU_S, WALL_S = 40, 120
MEMORY_BYTES = 1 << 30
"""More than a case may come to use, over what this process had before."""
FILE_BYTES = 256 << 20
NULL = -77
ROWS_COMPARED = 3_000
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("gaps", "--format", "json", "--top", "all"),
    ("gaps", "--format", "json", "--top", "all"),
    ("gaps",),
    ("gaps", "--detail"),
    ("info", "--format", "json"),
    ("info",),
    ("steps", "--format", "json"),
    ("critical-path", "--format", "json"),
    ("advise", "--format", "json"),
    ("launches", "--format", "json"),
    ("graphs", "--format", "json"),
    ("stacks", "--format", "json"),
    ("to-chrome", "-o", "out.json"),
    ("to-chrome", "-o", "out.pftrace"),
    ("timeline", "-o", "out.html"),
    ("ranks", "--workers", "1", "--format", "json"),
    ("scrub", "-o", "out.sqlite"),
)


@dataclass(frozen=True)
class Outcome:
    """What came of a case: `failure` says what did not hold, empty where everything did."""

    seed: int
    kind: str = ""
    base: str = ""
    command: str = ""
    code: int = 0
    failure: str = ""
    cpu_s: float = 0.0


def prepare() -> None:
    """Build the bases and import what commands need, once: forks share it."""
    bases()
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(len(COMMANDS)):
            (Path(folder) / str(seed)).mkdir()
            case(seed, Path(folder) / str(seed))


def tried(seed: int) -> Outcome:
    """Run a case in a fork of this process; its time, memory and files are bounded."""
    mine, theirs = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os.close(mine)
        _child(seed, theirs)
    os.close(theirs)
    said = _read(mine, time.monotonic() + WALL_S)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if said:
        return Outcome(**json.loads(said))
    ended = f"ended by signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"exit {os.WEXITSTATUS(status)}"
    return Outcome(seed, failure=f"no answer: {ended} (9: over {WALL_S} s; 24: over {CPU_S} CPU s)")


def _read(descriptor: int, until: float) -> bytes:
    said = b""
    with open(descriptor, "rb", buffering=0) as pipe:
        while (left := until - time.monotonic()) > 0 and select.select([pipe], [], [], left)[0]:
            part = pipe.read(1 << 16)
            if not part:
                return said
            said += part
    return b""


def _child(seed: int, pipe: int) -> NoReturn:
    os.setpgid(0, 0)
    faulthandler.disable()
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with tempfile.TemporaryDirectory() as folder:
        try:
            outcome = case(seed, Path(folder))
        except BaseException:
            outcome = Outcome(seed, failure=traceback.format_exc()[-3_000:])
    os.write(pipe, json.dumps(asdict(outcome)).encode())
    os._exit(0)


def case(seed: int, folder: Path) -> Outcome:
    """The case of a seed in this process."""
    (folder / "work").mkdir()
    made = broken(seed, folder / "work")
    command = COMMANDS[seed % len(COMMANDS)]
    if made.kind == "payloads" and seed % 2:
        command = ("stacks", "--format", "json")
    code, failure = asked(made, command, folder)
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = round(used.ru_utime + used.ru_stime, 3)
    return Outcome(seed, made.kind, made.base, " ".join(command), code, failure, cpu_s)


def asked(made: Broken, command: tuple[str, ...], folder: Path) -> tuple[int, str]:
    """(exit code, what did not hold) of a command; `folder` holds work/ with the report and nothing else."""
    (folder / "tmp").mkdir()
    before = None if made.meanwhile else made.path.read_bytes()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    changer = None if made.meanwhile is None else made.meanwhile()
    surroundings = {"TMPDIR": str(folder / "tmp")}
    try:
        done = run(command[0], made.path.name, *command[1:], cwd=folder / "work", environment=surroundings)
    except AssertionError as error:
        return -1, f"a document breaks its contract: {error}"[:800]
    except BaseException:
        return -1, traceback.format_exc()[-3_000:]
    finally:
        if changer is not None:  # it may be late: what it writes is not to be taken for the command's
            changer.join()
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) * 1024
    wrong = f"{grown >> 20} MB of memory" if grown > MEMORY_BYTES else _wrong(done, made, folder, before)
    return done.returncode, wrong


def _wrong(done: Done, made: Broken, folder: Path, before: bytes | None) -> str:
    """What does not hold, empty if everything does."""
    wrong = _wrong_files(done, made, folder, before) or _wrong_words(done)
    if wrong or before is None:
        return wrong
    return _wrong_sums(done) or ("" if made.kind == "container" else _other_rows(made.path))


def _wrong_files(done: Done, made: Broken, folder: Path, before: bytes | None) -> str:
    if before is not None and made.path.read_bytes() != before:
        return "the report was changed"
    if left := [path.name for path in (folder / "tmp").iterdir()]:
        return f"left behind: {left}"
    there = {path.name for path in (folder / "work").iterdir()} - {made.path.name, "report.new"}
    return f"failed and wrote {sorted(there)}" if done.returncode and there else ""


def _wrong_words(done: Done) -> str:
    if done.returncode not in {0, 1, 2}:
        return f"exit code {done.returncode}"
    if "Traceback" in done.stderr:
        return done.stderr[-2_000:]
    if done.returncode and not done.stderr.startswith("nsysgap: "):
        return f"no sentence: {done.stderr[:300]!r}"
    odd = any(ord(char) < 32 and char not in "\n\t" for char in done.stderr)
    return f"control characters: {done.stderr[:300]!r}" if odd else ""


def _wrong_sums(done: Done) -> str:
    """Where busy and idle are not the window, or causes not idle."""
    if not done.stdout.startswith('{\n  "schema": "nsysgap.gaps/1"'):
        return ""
    document = json.loads(done.stdout)
    for gpu in document["devices"]:
        start, end = gpu["window_ns"]
        if gpu["busy_ns"] + gpu["idle_ns"] != end - start or sum(gpu["idle_by_cause_ns"].values()) != gpu["idle_ns"]:
            return f"the sums of GPU {gpu['device']} do not hold"
    if any(sum(gap["parts_ns"].values()) != gap["duration_ns"] for gap in document["gaps"]):
        return "the parts of a gap do not sum to it"
    return ""


def _other_rows(path: Path) -> str:
    """Where columns are read as other rows than SQLite reads; nothing where either refuses."""
    try:
        with open_source(path) as source:
            for table in sorted(source.catalog.columns):
                reason = _other_rows_of(source, path, table)
                if reason:
                    return reason
    except NsysgapError:
        pass
    return ""


def _other_rows_of(source: Any, path: Path, table: str) -> str:
    # A name that is no UTF-8 cannot be asked for by this connection.
    columns = [name for name in sorted(source.catalog.columns[table]) if "\ufffd" not in name][:6]
    try:
        found = source.columns(table, [Read(name, name, NULL) for name in columns])
    except NsysgapError:
        return ""  # a column of texts, or damage
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        connection.text_factory = bytes
        named = ", ".join(map(quoted, columns))
        try:
            expected = connection.execute(f"SELECT {named} FROM {quoted(table)}").fetchall()
        except (sqlite3.Error, MemoryError) as error:
            return f"{table} is read, where SQLite refuses: {error}"
    rows = list(zip(*(found[name].tolist() for name in columns), strict=True))
    same = [tuple(NULL if value is None else value for value in row) for row in expected]
    return "" if rows == same else f"{table} is read as other rows than SQLite's"
