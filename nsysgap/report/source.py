"""An opened report, whatever it is stored in: all that the readers of its tables know of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from nsysgap.errors import NsysgapError
from nsysgap.report.catalog import Catalog
from nsysgap.report.reads import Columns, Condition, Progress, Read

EXPORT_AGAIN_HINT = "Export the report again: nsys export --type sqlite ..."
CHANGED_HINT = "The file was changed after nsys wrote it: export it again."


@contextmanager
def enough_memory(path: Path) -> Iterator[None]:
    """Say in a sentence that memory was short: of a damaged file too, whose rows may claim to be gigabytes long."""
    try:
        yield
    except MemoryError as error:
        raise NsysgapError(
            f"There is not enough memory to read {path}.",
            "Read it where there is more; a small report that needs so much is damaged: export it again.",
        ) from error


class Source(ABC):
    """A report opened for reading; `path` is what the user named.

    A table or a column that the report lacks is no error: it has no rows, its values are NULL. Every method raises
    NsysgapError when the report is damaged, or was changed since it was opened.
    """

    path: Path

    @property
    @abstractmethod
    def rows_guess(self) -> int:
        """About how many rows the report holds, for a progress bar."""

    @cached_property
    def catalog(self) -> Catalog:
        """The report's tables and their columns."""
        return self._probe()

    @abstractmethod
    def _probe(self) -> Catalog: ...

    @abstractmethod
    def columns(
        self, table: str, reads: Sequence[Read], where: Condition | None = None, progress: Progress | None = None
    ) -> Columns:
        """Columns of integers of one table as arrays of equal length, in the report's order.

        `progress` is called with the number of rows done since the last call, from several threads, negative where a
        part is read again. Raises NsysgapError for a value that is no integer.
        """

    @abstractmethod
    def rows(self, table: str, columns: Sequence[str], *where: Condition) -> Generator[tuple[Any, ...], None, None]:
        """The rows of a table in the report's order: int, float, str, bytes or None, as the report has them.

        What is no UTF-8 in a text comes as replacement characters.
        """

    @abstractmethod
    def texts(self, table: str, key: str, text: str, *where: Condition) -> list[tuple[Any, bytes]]:
        """(the key, the text as UTF-8, be it valid or not) of every row that has a text; ROWID is a key as well."""

    @abstractmethod
    def count(self, table: str, *where: Condition) -> int:
        """The number of rows."""

    def first(self, table: str, columns: Sequence[str], *where: Condition) -> tuple[Any, ...] | None:
        """The first of the rows, None without one: quick."""
        with closing(self.rows(table, columns, *where)) as rows:
            return next(rows, None)

    def has_rows(self, table: str) -> bool:
        """Whether a table has any row: quick."""
        return self.first(table, ()) is not None

    def close(self) -> None:  # noqa: B027 - most have nothing to do
        """Let go of the report."""
