"""A copy of a report that can be shown to others: every event row stays, what identifies machine and people goes.

Only tables that describe the session are changed. Texts of events (kernel, API and NVTX names) are the program's own
and stay; where one of them still holds a removed host or user name, that is said.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from nsysgap.report.sqlite.source import SqliteSource
from nsysgap.report.sqlite.statements import quoted
from nsysgap.units import counted

if TYPE_CHECKING:
    from nsysgap.report.payloads import StackLayout

    Layouts = dict[tuple[int, int], StackLayout]

# What stays of TARGET_INFO_SYSTEM_ENV: facts about hardware and software, none about whose they are.
KEPT_SYSTEM_FACTS = (
    *("CpuCores", "CpuSpeedMhz", "CpuArchitecture", "CpuDescription", "HardwarePlatform", "SoftwarePlatform"),
    *("OsDescription", "NvDriverVersion", "CudaDriverVersion", "IsRootEnabled", "LinuxParanoidLevel"),
)
# Which part of a job a report is of: what tools that hold its reports together need. They name nobody.
KEPT_VARIABLES = (
    *("RANK", "WORLD_SIZE", "NODE_RANK", "GROUP_RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "PMIX_RANK", "PMI_RANK"),
    *("PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS", "FLUX_TASK_RANK", "FLUX_JOB_SIZE", "FLUX_TASK_LOCAL_ID"),
    *("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE"),
    *("OMPI_COMM_WORLD_NODE_RANK", "MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_LOCAL_RANK"),
    *("SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID", "SLURM_NODEID", "SLURM_NNODES", "JAX_PROCESS_ID"),
)
METADATA_TABLES = ("META_DATA_CAPTURE", "META_DATA_EXPORT", "EXPORT_META_DATA")
OUTPUT_TABLES = ("ProcessStreams", "ANALYSIS_FILE")
EVENT_COLUMNS = ("globalPid", "globalTid", "endGlobalTid")
_PRIVATE_KEY = re.compile(
    r"COMMAND|ARGUMENT|ENVIRON|WORKING_DIR|USER|HOST|NAME(?!_?SPACE)|DEVICE_ID|UUID|SESSION_ID|PATH|FILE|FILTER_STRING"
    r"|PACKAGE|ADDRESS|\bIP\b|_IP|TARGET_DIR",
)
_KEPT_KEYS = frozenset({"EXPORT_PRODUCT_NAME"})
_PATH_VALUE = re.compile(r"(?:^|[\s'\"=])(?:/|[A-Za-z]:\\)")
_PATHS = re.compile(r"(?<![\w.])/(?:[^\s/'\"<>|:;,]+/)+([^\s/'\"<>|:;,]*)")
_ADDRESSES = re.compile(r"(?<![\d.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\d.])")
_REFERENCE = re.compile(r"^\s*(\w+)\s+INTEGER[^\n]*--[^\n]*REFERENCES StringIds\(id\)", re.MULTILINE)
_NAME_COLUMNS = frozenset(
    {
        *("nameId", "textId", "jsonTextId", "demangledName", "shortName", "mangledName", "symbol", "module"),
        *("filenameId", "contentId", "fieldNameId", "fieldNameStrId", "eventNameId", "domainNameId", "nameStrId"),
        *("sourceFile", "fileNameId", "moduleId", "symbolId", "etwProviderNameId", "stringId", "messageId"),
    }
)
_SHORTENED_ONLY = re.compile(r"CALLCHAINS|SCHEMA|ENUM_ENTRIES|GENERIC_EVENT")
_MIN_SECRET = 4
_NUMBERS = re.compile(rf"(?:^|;)({'|'.join(KEPT_VARIABLES)})=\"?(\d{{1,9}})\"?(?=;|$)")
_NUMBER = re.compile(rf"({'|'.join(KEPT_VARIABLES)})=\"?(\d{{1,9}})\"?")


@dataclass
class Scrubbed:
    """What was removed and what was rewritten, one line each, and what remains in texts that were kept."""

    removed: list[str] = field(default_factory=list)
    rewritten: list[str] = field(default_factory=list)
    remains: list[str] = field(default_factory=list)
    numbers: list[str] = field(default_factory=list)

    @property
    def kept(self) -> str:
        """The variables of the environment that stay, with their values: "RANK=0, WORLD_SIZE=2"."""
        return ", ".join(dict.fromkeys(self.numbers))

    def add(self, number: int, noun: str, rest: str = "") -> None:
        """Note a removal, if there was any."""
        if number:
            self.removed.append(counted(number, noun, f"{noun}s") + rest)

    def add_rewritten(self, number: int, noun: str, rest: str) -> None:
        """Note texts that stay in another form, if there are any."""
        if number:
            self.rewritten.append(counted(number, noun, f"{noun}s") + rest)


def scrub(file: Path) -> Scrubbed:
    """Scrub an unpacked SQLite export in place: `file` must be a copy of its own. Free pages are gone afterwards."""
    layouts = _payload_layouts(file)
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.text_factory = _text
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("BEGIN")
        done = _Scrubbing(connection, layouts).run()
        connection.execute("COMMIT")
        connection.execute("VACUUM")
    return done


def _payload_layouts(file: Path) -> Layouts:
    """How the NVTX payloads hold stacks."""
    from nsysgap.report.payloads import PYTHON_BACKTRACE, PYTHON_SAMPLING, enum_sizes, payload_schemas, stack_layouts

    with closing(SqliteSource(file, file)) as source:
        layouts, _ = stack_layouts(payload_schemas(source), enum_sizes(source), (PYTHON_SAMPLING, PYTHON_BACKTRACE))
    return layouts


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


class _Scrubbing:
    """One pass over a copy."""

    def __init__(self, connection: sqlite3.Connection, layouts: Layouts) -> None:
        self.connection = connection
        self.layouts = layouts
        self.done = Scrubbed()
        self.columns: dict[str, list[str]] = {}
        for table, column in connection.execute(
            "SELECT m.name, p.name FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS p WHERE m.type = 'table'"
        ):
            self.columns.setdefault(table, []).append(column)
        self.secrets: set[str] = set()

    def run(self) -> Scrubbed:
        """Everything, in an order in which later steps know what earlier ones removed."""
        self._programs()
        self._system_environment()
        for table in METADATA_TABLES:
            self._metadata(table)
        self._captured_output()
        self._processes()
        self._rewrite(
            "DIAGNOSTIC_EVENT", "text", self._without_paths, "diagnostic", ", now without paths and addresses"
        )
        self._blank("TARGET_INFO_GPU", "uuid", "''", "GPU UUID")
        self._blank("TARGET_INFO_CUDA_DEVICE", "uuid", "NULL", "GPU UUID", " of CUDA devices")
        self._blank("TARGET_INFO_NIC_INFO", "GUID", "0", "GUID", " of network adapters, which hold their addresses")
        self._rewrite(
            "OSRT_FILE_ACCESS_DESCRIPTORS", "filePath", _file_name, "path", " of opened files cut to the name"
        )
        self._strings()
        self._look_for_secrets()
        return self.done

    def _has(self, table: str, *columns: str) -> bool:
        return set(columns) <= set(self.columns.get(table, ()))

    def _rows(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        return self.connection.execute(sql, values).fetchall()

    def _delete(self, table: str, where: str = "1", *values: object) -> int:
        return self.connection.execute(f'DELETE FROM "{table}" WHERE {where}', values).rowcount

    def _programs(self) -> None:
        """What a report would have SQLite do goes first: a trigger could copy what is deleted to where it stays."""
        for kind in ("trigger", "view"):
            names = self._rows("SELECT name FROM sqlite_master WHERE type = ? ORDER BY name", kind)
            for (name,) in names:
                self.connection.execute(f"DROP {kind.upper()} {quoted(str(name))}")
            self.done.add(len(names), kind, ", which nsys does not write")

    def _system_environment(self) -> None:
        table = "TARGET_INFO_SYSTEM_ENV"
        if not self._has(table, "name", "value"):
            return
        kept: tuple[str, ...] = KEPT_SYSTEM_FACTS
        for name, value in self._rows(f"SELECT name, value FROM {table}"):
            if name == "Hostname":
                self._secret(value)
            elif name == "DeviceEnvironment":
                self._environment_secrets(str(value))
                numbers = [f"{variable}={number}" for variable, number in _NUMBERS.findall(str(value))]
                statement = f"UPDATE {table} SET value = ? WHERE name = ? AND value IS ?"
                self.connection.execute(statement, (";".join(numbers), name, value))
                self.done.numbers += numbers
                kept = (*KEPT_SYSTEM_FACTS, *(["DeviceEnvironment"] if numbers else []))
        marks = ", ".join("?" * len(kept))
        number = self._delete(table, f"name NOT IN ({marks}) OR name IS NULL", *kept)
        self.done.add(number, "row", " of TARGET_INFO_SYSTEM_ENV (environment, host name, devices of the machine)")

    def _environment_secrets(self, text: str) -> None:
        for variable in ("HOME", "USER", "LOGNAME", "HOSTNAME", "CONTAINER_NAME"):
            for value in re.findall(rf"(?:^|;){variable}=([^;]*)", text):
                self._secret(value)

    def _secret(self, value: object) -> None:
        if isinstance(value, str) and len(value) >= _MIN_SECRET and value not in {"root", "/root", "localhost"}:
            self.secrets.add(value)

    def _metadata(self, table: str) -> None:
        if not self._has(table, "name", "value"):
            return
        number = 0
        for row, name, value in self._rows(f"SELECT rowid, name, value FROM {table}"):
            key, said = str(name), str(value or "")
            if key.endswith(":ENVIRONMENT_VARIABLE") and (number_of := _NUMBER.fullmatch(said)):
                self.done.numbers.append(f"{number_of[1]}={number_of[2]}")
            elif key not in _KEPT_KEYS and (
                _PRIVATE_KEY.search(key) or _PATH_VALUE.search(said) or _ADDRESSES.search(said)
            ):
                number += self._delete(table, "rowid = ?", row)
                if re.search("USER|HOST|DISPLAY_NAME|WORKING_DIR", key):
                    self._secret(value)
        self.done.add(number, "row", f" of {table} (command, arguments, environment, host, user, paths)")

    def _captured_output(self) -> None:
        for table in OUTPUT_TABLES:
            if table in self.columns:
                self.done.add(self._delete(table), "row", f" of {table} (captured output and files)")

    def _processes(self) -> None:
        """Processes and threads without a single event go; names of the others lose their folders and arguments."""
        seen = self._seen()
        for table, column in (("PROCESSES", "globalPid"), ("ThreadNames", "globalTid")):
            if self._has(table, column):
                known = seen[column]
                gone = [
                    row for row, value in self._rows(f'SELECT rowid, "{column}" FROM "{table}"') if value not in known
                ]
                for row in gone:
                    self._delete(table, "rowid = ?", row)
                self.done.add(len(gone), "row", f" of {table} (of processes and threads without an event)")
        self._rewrite("PROCESSES", "name", _program_name, "process name", " cut to the program's name")

    def _seen(self) -> dict[str, set[object]]:
        """The global thread and process IDs that event rows carry."""
        threads: set[object] = set()
        processes: set[object] = set()
        for table, columns in self.columns.items():
            if table in {"PROCESSES", "ThreadNames", *OUTPUT_TABLES}:
                continue
            for column in set(columns) & set(EVENT_COLUMNS):
                values = {value for (value,) in self._rows(f'SELECT DISTINCT "{column}" FROM "{table}"')}
                (processes if column == "globalPid" else threads).update(values)
        processes |= {value >> 24 << 24 for value in threads | processes if isinstance(value, int)}
        return {"globalPid": processes, "globalTid": threads}

    def _rewrite(self, table: str, column: str, change: Callable[[str], str], noun: str, rest: str) -> None:
        if not self._has(table, column):
            return
        number = 0
        for row, value in self._rows(f'SELECT rowid, "{column}" FROM "{table}"'):
            if isinstance(value, str) and (new := change(value)) != value:
                changed = new.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
                self.connection.execute(f'UPDATE "{table}" SET "{column}" = ? WHERE rowid = ?', (changed, row))
                number += 1
        self.done.add_rewritten(number, noun, rest)

    def _blank(self, table: str, column: str, empty: str, noun: str, rest: str = "") -> None:
        if self._has(table, column):
            sql = f'UPDATE "{table}" SET "{column}" = {empty} WHERE "{column}" NOT IN (\'\', 0)'
            self.done.add(self.connection.execute(sql).rowcount, noun, rest)

    def _without_paths(self, text: str) -> str:
        text = _ADDRESSES.sub("<address>", _PATHS.sub(r".../\1", text))
        for secret in sorted(self.secrets):
            text = text.replace(secret, "<removed>")
        return text

    def _strings(self) -> None:
        """Texts that no row points to go; of texts that only call stacks and the like point to, paths are cut."""
        if not self._has("StringIds", "id", "value"):
            return
        named, listed = self._references()
        listed |= self._in_blobs()
        known = {row for (row,) in self._rows("SELECT id FROM StringIds") if isinstance(row, int)}
        gone = known - named - listed
        self.connection.executemany("DELETE FROM StringIds WHERE id = ?", ((string_id,) for string_id in sorted(gone)))
        self.done.add(len(gone), "text", " that nothing refers to any more")
        number = 0
        for string_id in sorted((listed - named) & known):
            # A damaged report has several texts of one ID.
            for row, value in self._rows("SELECT rowid, value FROM StringIds WHERE id = ?", string_id):
                if isinstance(value, str) and _PATH_VALUE.match(value):
                    self.connection.execute("UPDATE StringIds SET value = ? WHERE rowid = ?", (_last_name(value), row))
                    number += 1
        self.done.add_rewritten(number, "path", " of libraries and source files cut to the file's or package's name")

    def _references(self) -> tuple[set[int], set[int]]:
        """String IDs by who points to them: (names of events, call stacks and the like)."""
        named: set[int] = set()
        listed: set[int] = set()
        for table, sql in self._rows("SELECT name, sql FROM sqlite_master WHERE type = 'table'"):
            name = str(table)
            if name == "StringIds" or name.startswith("ENUM_"):
                continue
            pointing = set(_REFERENCE.findall(str(sql))) | (_NAME_COLUMNS & set(self.columns[name]))
            for column in pointing & set(self.columns[name]):
                ids = {
                    string_id
                    for (string_id,) in self._rows(f'SELECT DISTINCT "{column}" FROM "{name}"')
                    if isinstance(string_id, int)
                }
                (listed if _SHORTENED_ONLY.search(name) else named).update(ids)
        return named, listed

    def _in_blobs(self) -> set[int]:
        """What the NVTX payloads point to: the frames of Python stacks; of others whatever may be a string ID."""
        if not self._has("NVTX_EVENTS", "binaryData"):
            return set()
        from nsysgap.report.payloads import string_ids

        domain = "domainId" if self._has("NVTX_EVENTS", "domainId") else "0"
        ids: set[int] = set()
        rows = self.connection.execute(
            f"SELECT DISTINCT {domain}, CAST(binaryData AS BLOB) FROM NVTX_EVENTS WHERE binaryData IS NOT NULL"
        )
        for number, blob in rows:
            ids |= string_ids(blob, number, self.layouts)
        return ids

    def _look_for_secrets(self) -> None:
        """Say which removed names still stand in texts of events."""
        for table, column in (("StringIds", "value"), ("NVTX_EVENTS", "text"), ("NVTX_EVENTS", "jsonText")):
            if self._has(table, column):
                for secret in sorted(self.secrets):
                    [(number,)] = self._rows(f'SELECT count(*) FROM "{table}" WHERE instr("{column}", ?)', secret)
                    if isinstance(number, int) and number:
                        held = counted(
                            number, f"kept text ({table}.{column}) holds", f"kept texts ({table}.{column}) hold"
                        )
                        self.done.remains.append(f"{held} '{secret}'")


def _last_name(path: str) -> str:
    """A path without where things are installed: from the package on, else the file's name; valid UTF-8."""
    installed = re.search(r"(?:site|dist)-packages/.+|lib/python3\.\d+/.+", path)
    kept = installed[0] if installed else re.split(r"[/\\]", path.rstrip("/\\"))[-1]
    return kept.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _file_name(path: str) -> str:
    """A path without its folders; what is no path stays."""
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1] if _PATH_VALUE.match(path) else path


def _program_name(name: str) -> str:
    """A process's name without folder and arguments."""
    words: Iterable[str] = name.split(" ")
    first = next(iter(words), "")
    return re.split(r"[/\\]", first)[-1] if _PATH_VALUE.match(first) else first
