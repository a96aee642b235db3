"""The columnar read: millions of rows of integers from SQLite into numpy arrays, on every core.

Row by row, Python would make an object of each value (10 s for 9 M rows). Plain columns of plain tables are decoded
from the file's pages (pages.py, page_columns.py). For the others SQLite itself joins a column of a few thousand rows
into one text, which numpy parses (sql_columns.py). Several threads do this, each over its own part of the table,
because both SQLite and numpy release the interpreter's lock.

Either way the rows are those that SQLite counts in the table, in order of their numbers, or the report is refused.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise

import numpy as np

from nsysgap.cores import beside, usable_cores
from nsysgap.errors import NsysgapError
from nsysgap.report.reads import Columns, Condition, Progress, Read
from nsysgap.report.source import CHANGED_HINT, EXPORT_AGAIN_HINT
from nsysgap.report.sqlite.buffers import close_up, make_room, side_by_side
from nsysgap.report.sqlite.page_columns import has_plain_tree, plain_table
from nsysgap.report.sqlite.records import UnusualPagesError
from nsysgap.report.sqlite.source import SqliteSource
from nsysgap.report.sqlite.statements import quoted

PARALLEL_ROWS = 100_000


def read_columns(
    source: SqliteSource,
    name: str,
    reads: Sequence[Read],
    *,
    where: Condition | None = None,
    progress: Progress | None = None,
) -> Columns:
    """The columns of one table as arrays of equal length, in order of rowid.

    `progress` is called with the number of rowids done since the last call, from several threads, negative where a
    part is read again. Raises NsysgapError for a value that is no integer, and for rows that are not where their
    numbers say.
    """
    progress = progress or (lambda _: None)
    edges = _rowid_edges(source, name)
    if not edges:
        return {read.name: np.empty(0, read.dtype) for read in reads}
    plain = plain_table(source, name, reads, where)
    with beside(lambda: source.count(name), worth_it=len(edges) > 2) as counted:
        if plain is not None:
            with suppress(UnusualPagesError):  # then it is SQLite's to read, or to refuse
                return plain.read(edges, counted, progress)
        rows = counted()
    from nsysgap.report.sqlite.sql_columns import SqlReader

    if edges[-1] - edges[0] < rows:
        raise _out_of_order(source, f"the rowids of {name}")
    if not has_plain_tree(source, name, rows):
        raise _out_of_order(source, f"the rows of {name}")
    reader = SqlReader(source, name, tuple(reads), where, progress, make_room(reads, edges[-1] - edges[0]), edges[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # numpy's, of text that is no integer: the count shows it
        parts = side_by_side(reader.read, list(pairwise(edges)))
    # The numbers on inner pages lead SQLite to the rows: with a wrong one it passes over rows that are there.
    if (passed := sum(part.passed for part in parts)) != rows:
        raise NsysgapError(
            f"{source.path} is damaged: {passed:,} of the {rows:,} rows of {name} are found by their numbers.",
            EXPORT_AGAIN_HINT,
        )
    return close_up(reader.room, parts)


def _rowid_edges(source: SqliteSource, name: str) -> list[int]:
    """Rowids that cut a table into one part per thread: [first, ..., last + 1]; nothing of one without rows."""
    rowid = source.layouts[name].rowid
    if rowid is None:
        if not source.count(name):
            return []
        raise NsysgapError(f"{source.path} was changed: the columns of {name} hide its rowids.", CHANGED_HINT)
    # One by one: SQLite finds each at an end of the tree, but scans the whole table for both at once.
    low, high = (source.scalar(f"SELECT {end}({rowid}) FROM {quoted(name)}") for end in ("min", "max"))
    if low is None and high is None and not source.count(name):
        return []
    if not isinstance(low, int) or not isinstance(high, int) or high < low:
        raise _out_of_order(source, f"the rowids of {name}")
    # A row takes more than a byte: room for all these rowids would be absurd.
    if high - low > source.file.stat().st_size:
        raise NsysgapError(f"{source.path} is damaged: the rowids of {name} are scattered.", CHANGED_HINT)
    workers = max(1, min(usable_cores(), 4, (high - low) // PARALLEL_ROWS))
    return [low + (high + 1 - low) * i // workers for i in range(workers + 1)]


def _out_of_order(source: SqliteSource, what: str) -> NsysgapError:
    return NsysgapError(f"{source.path} is damaged: {what} are out of order.", EXPORT_AGAIN_HINT)
