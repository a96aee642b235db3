"""A report exported as a folder: a Parquet or an Arrow file per table (nsys export --type parquetdir, arrowdir).

Batch by batch and only the columns that are asked for. The files are those of the SQLite export but for three things:
rows may come in any order, IDs are unsigned (SQLite keeps the same 64 bits with a sign), flags are booleans. Blobs of
NVTX payloads are not exported at all.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nsysgap.errors import NsysgapError
from nsysgap.report.catalog import Catalog, known_name
from nsysgap.report.reads import ROWID, Absent, Columns, Condition, NoneOf, OneOf, Progress, Read
from nsysgap.report.source import Source, enough_memory

if TYPE_CHECKING:
    import pyarrow as pa

_END_MARK = b"\xff\xff\xff\xff\0\0\0\0"
ENDINGS = {"_pqtdir": ".parquet", "_arwdir": ".arrow"}
FORMATS = tuple(ENDINGS.values())
AGAIN_HINT = "Export the report again: nsys export --type parquetdir REPORT.nsys-rep"
BATCH_ROWS = 1 << 17
BYTES_PER_ROW = 15  # of event rows in Parquet files, for a progress bar


def folder_of(path: Path) -> Path | None:
    """The folder that a name stands for, with or without the ending that nsys gives it; None if there is none."""
    if path.is_dir():
        return path
    if path.exists():
        return None
    return next((beside for end in ENDINGS if (beside := path.with_name(path.name + end)).is_dir()), None)


def open_folder(path: Path, folder: Path) -> FolderSource:
    """Open a folder of tables. Raises NsysgapError for any other folder, and without pyarrow."""
    files = [file for file in sorted(folder.iterdir()) if file.suffix in FORMATS and file.is_file()]
    if not files:
        raise NsysgapError(f"{path} is a folder without tables of a report.", _what_to_name(folder))
    tables: dict[str, Path] = {}
    for file in files:
        table = known_name(file.stem) or file.stem
        if table in tables:
            raise NsysgapError(
                f"{path} is mixed: it holds {tables[table].name} and {file.name}.", "Export into a folder of its own."
            )
        tables[table] = file
    try:
        import pyarrow as pa  # noqa: F401
    except ImportError:
        raise NsysgapError(
            f"Reading the folder {path} needs pyarrow.", "pip install 'nsysgap[parquet]', or export to SQLite."
        ) from None
    return FolderSource(path, tables)


def _what_to_name(folder: Path) -> str:
    reports = sorted(file.name for file in folder.iterdir() if file.name.endswith((".sqlite", *ENDINGS)))
    if reports:
        return f"Name a report in it, e.g. {folder / reports[0]}"
    return "Name a report, e.g. report.sqlite, or a folder that nsys export --type parquetdir wrote."


class FolderSource(Source):
    """A folder of tables; `files` by the names that nsys gives the tables."""

    def __init__(self, path: Path, files: dict[str, Path]) -> None:
        self.path = path
        self.files = files
        self._states = {file: _state(file) for file in files.values()}

    @property
    def rows_guess(self) -> int:
        """About how many rows the files hold."""
        return sum(size for size, _, _ in self._states.values()) // BYTES_PER_ROW

    @cached_property
    def _schemas(self) -> dict[str, pa.Schema]:
        schemas = {}
        for table, file in self.files.items():
            with self._reading(file):
                schemas[table] = _schema(file)
        return schemas

    def _probe(self) -> Catalog:
        return Catalog({table: tuple(schema.names) for table, schema in self._schemas.items()})

    @contextmanager
    def _reading(self, file: Path) -> Iterator[None]:
        """Say in a sentence what is wrong with a file, and that it is not what it was when it was opened."""
        import pyarrow as pa

        try:
            with enough_memory(self.path):
                yield
        except (pa.ArrowException, OSError) as error:
            said = " ".join(str(error).split()) or type(error).__name__
            raise NsysgapError(
                f"{self.path} is damaged: {file.name} cannot be read ({said[:200]}).", AGAIN_HINT
            ) from None
        if _state(file) != self._states[file]:
            raise NsysgapError(f"{self.path} was changed while it was read: {file.name}.", "Run this again.")

    def _batches(self, table: str, columns: Sequence[str]) -> Generator[pa.RecordBatch, None, None]:
        """The rows of a table, those columns that it has, by the names that are asked for."""
        file = self.files[table]
        own = {name.lower(): name for name in self.catalog.columns[table]}
        wanted = {column: own[column.lower()] for column in columns if column.lower() in own}
        read = list(dict.fromkeys(wanted.values())) or self.catalog.columns[table][:1]  # any, for the number of rows
        with self._reading(file):
            for batch in _batches_of(file, list(read)):
                yield _named(batch, wanted)

    def columns(
        self, table: str, reads: Sequence[Read], where: Condition | None = None, progress: Progress | None = None
    ) -> Columns:
        """Columns of integers of one table, in the order of the file."""
        parts: dict[str, list[NDArray[Any]]] = {read.name: [np.empty(0, read.dtype)] for read in reads}
        asked = [read.column for read in reads] + ([where.column] if where else [])
        done = 0
        for batch in self._batches(table, asked) if table in self.catalog else ():
            numbers: dict[str, _Numbers] = {ROWID: (np.arange(done + 1, done + 1 + batch.num_rows), None)}
            for name in set(asked).intersection(batch.schema.names):
                numbers[name] = self._integers(table, name, batch.column(name))
            keep = _fulfils(where, numbers, batch.num_rows) if where else slice(None)
            for read in reads:
                values = self._fitted(table, read, numbers.get(read.column), batch.num_rows)
                parts[read.name].append(values[keep].astype(read.dtype))
            done += batch.num_rows
            if progress:
                progress(batch.num_rows)
        return {name: np.concatenate(arrays) for name, arrays in parts.items()}

    def _integers(self, table: str, name: str, array: pa.Array) -> _Numbers:
        """(values with anything in the place of NULLs, where the NULLs are)."""
        import pyarrow as pa

        kind = array.type
        if pa.types.is_null(kind) or array.null_count == len(array):
            return np.zeros(len(array), np.int64), np.ones(len(array), np.bool_)
        if not (pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
            raise NsysgapError(
                f"{self.path} is not laid out as an nsys export: {table}.{name} holds {kind}, not integers.", AGAIN_HINT
            )
        absent = np.asarray(array.is_null()) if array.null_count else None
        filled = array.fill_null(False if pa.types.is_boolean(kind) else 0) if array.null_count else array
        values = filled.to_numpy(zero_copy_only=False)
        return (values.view(np.int64) if values.dtype == np.uint64 else values.astype(np.int64)), absent

    def _fitted(self, table: str, read: Read, numbers: _Numbers | None, rows: int) -> NDArray[np.int64]:
        if numbers is None:
            return np.full(rows, read.default, np.int64)
        values, absent = numbers
        fitted = read.fitted(values if absent is None else np.where(absent, read.default, values))
        if fitted is None:
            raise NsysgapError(
                f"{self.path} is damaged: its table {table} holds an impossible number ({read.name}).", AGAIN_HINT
            )
        return fitted

    def rows(self, table: str, columns: Sequence[str], *where: Condition) -> Generator[tuple[Any, ...], None, None]:
        """The rows of a table in the order of its file."""
        if table not in self.catalog:
            return
        for batch, number in self._selected(table, columns, where):
            cells = [_cells(batch, name) if name != ROWID else number.tolist() for name in columns]
            yield from zip(*cells, strict=True) if columns else [()] * batch.num_rows

    def _selected(
        self, table: str, columns: Sequence[str], where: Sequence[Condition]
    ) -> Generator[tuple[pa.RecordBatch, NDArray[np.int64]], None, None]:
        """Batches of the rows that fulfil all conditions, and the rows' numbers."""
        done = 0
        for batch in self._batches(table, [*columns, *(condition.column for condition in where)]):
            keep = np.ones(batch.num_rows, np.bool_)
            for condition in where:
                present = condition.column in batch.schema.names
                if isinstance(condition, OneOf | NoneOf) and present:
                    numbers = {
                        condition.column: self._integers(table, condition.column, batch.column(condition.column))
                    }
                    keep &= _fulfils(condition, numbers, batch.num_rows)
                else:
                    valid = np.asarray(batch.column(condition.column).is_valid()) if present else np.zeros_like(keep)
                    keep &= ~valid if isinstance(condition, Absent) else valid
            number = np.arange(done + 1, done + 1 + batch.num_rows)[keep]
            done += batch.num_rows
            yield (batch if keep.all() else _filtered(batch, keep)), number

    def texts(self, table: str, key: str, text: str, *where: Condition) -> list[tuple[Any, bytes]]:
        """The texts of a table, by a key, as bytes of UTF-8."""
        if not self.catalog.has(table, text):
            return []
        texts: list[tuple[Any, bytes]] = []
        for batch, number in self._selected(table, [key, text], where):
            keys = number.tolist() if key == ROWID else _cells(batch, key)
            pairs = zip(keys, _bytes(batch.column(text)), strict=True)
            texts += [(index, value) for index, value in pairs if value is not None]
        return texts

    def count(self, table: str, *where: Condition) -> int:
        """The number of rows."""
        if table not in self.catalog:
            return 0
        return sum(len(number) for _, number in self._selected(table, [], where))


_Numbers = tuple[NDArray[np.int64], "NDArray[np.bool_] | None"]


def _state(file: Path) -> tuple[int, int, int]:
    status = file.stat()
    return status.st_size, status.st_mtime_ns, status.st_ino


def _schema(file: Path) -> pa.Schema:
    if file.suffix == ".parquet":
        import pyarrow.parquet as pq

        return pq.read_schema(file)
    with _arrow_reader(file) as reader:
        return reader.schema


def _batches_of(file: Path, columns: list[str]) -> Iterator[pa.RecordBatch]:
    if file.suffix == ".parquet":
        import pyarrow.parquet as pq

        with pq.ParquetFile(file) as opened:
            yield from opened.iter_batches(BATCH_ROWS, columns=columns, use_threads=False)
    else:
        with _arrow_reader(file) as reader:
            yield from (batch.select(columns) for batch in reader)


@contextmanager
def _arrow_reader(file: Path) -> Iterator[Any]:
    """Arrow's batches, be they a file with an index or, as nsys writes, a stream."""
    import pyarrow as pa

    with pa.OSFile(str(file)) as opened:
        if opened.read(6) == b"ARROW1":
            reader = pa.ipc.open_file(opened)
            yield _Indexed(reader)
        else:
            _require_end_mark(opened)
            with pa.ipc.open_stream(opened) as stream:
                yield stream


def _require_end_mark(opened: Any) -> None:
    """Raise ArrowInvalid for a stream that just stops, and leave the file at its start.

    The format allows a stream without the mark, so that one which was cut between two batches reads as whole; nsys
    always writes the mark.
    """
    import pyarrow as pa

    opened.seek(max(opened.size() - len(_END_MARK), 0))
    if opened.read() != _END_MARK:
        raise pa.ArrowInvalid("the stream has no end mark")
    opened.seek(0)


class _Indexed:
    """An Arrow file's batches as a stream of them."""

    def __init__(self, reader: Any) -> None:
        self.schema = reader.schema
        self._reader = reader

    def __iter__(self) -> Iterator[Any]:
        return (self._reader.get_batch(number) for number in range(self._reader.num_record_batches))


def _named(batch: pa.RecordBatch, wanted: dict[str, str]) -> pa.RecordBatch:
    """The batch with its columns under the names that were asked for; its rows are counted even without columns."""
    import pyarrow as pa

    if not wanted:
        return batch
    return pa.RecordBatch.from_arrays([batch.column(own) for own in wanted.values()], list(wanted))


def _filtered(batch: pa.RecordBatch, keep: NDArray[np.bool_]) -> pa.RecordBatch:
    import pyarrow as pa

    return batch.filter(pa.array(keep))


def _fulfils(where: Condition, numbers: dict[str, _Numbers], rows: int) -> NDArray[np.bool_]:
    """Which rows fulfil a condition, NULL as in SQL: neither one of some values nor none of them."""
    values, absent = numbers.get(where.column, (np.zeros(rows, np.int64), np.ones(rows, np.bool_)))
    valid = np.ones(rows, np.bool_) if absent is None else ~absent
    if isinstance(where, OneOf | NoneOf):
        return valid & np.isin(values, where.values, invert=isinstance(where, NoneOf))
    return ~valid if isinstance(where, Absent) else valid


def _bytes(array: pa.Array) -> list[bytes | None]:
    """A column's values as bytes of UTF-8, numbers as they are written."""
    import pyarrow as pa

    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        values: list[bytes | None] = array.cast(pa.large_binary()).to_pylist()
        return values
    return [value if value is None or isinstance(value, bytes) else str(value).encode() for value in array.to_pylist()]


def _cells(batch: pa.RecordBatch, name: str) -> list[Any]:
    """A column's values as SQLite has them: flags as 0 and 1, 64 bits with a sign, texts as they can be read."""
    import pyarrow as pa

    if name not in batch.schema.names:
        return [None] * batch.num_rows
    array = batch.column(name)
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type) or pa.types.is_dictionary(array.type):
        return [None if value is None else value.decode("utf-8", "replace") for value in _bytes(array)]
    if pa.types.is_uint64(array.type):
        return [None if value is None else value - (value >> 63 << 64) for value in array.to_pylist()]
    if pa.types.is_boolean(array.type):
        return [None if value is None else int(value) for value in array.to_pylist()]
    values: list[Any] = array.to_pylist()
    return values
