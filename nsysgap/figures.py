"""What answers are made of: typed figures, the one header that all documents share, plain JSON values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from nsysgap.tables import Notice, Trace

Better = Literal["lower", "higher", "none"]
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stats:
    """count, total, min, median (the lower one), p90 and p99 (nearest rank), max: integers in the quantity's unit."""

    count: int
    total: int
    min: int
    median: int
    p90: int
    p99: int
    max: int


STATS = tuple(Stats.__dataclass_fields__)
"""The keys of a STATS object in every JSON document."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of an answer, as comparisons and gates read it.

    `name` as in the JSON documents ("idle_ns"), `unit` "ns", "" for counts, "%" for shares; `better` says which way an
    improvement goes; `of` whose figure it is where an answer has several of a name ("GPU 0"), "" for the whole report.
    """

    name: str
    value: int | float
    unit: str
    better: Better = "none"
    of: str = ""


@dataclass(frozen=True, slots=True)
class Header:
    """What every document says about the report it is about; `duration_ns` is the session's, None if not recorded."""

    path: str
    nsys_version: str | None
    schema_version: str | None
    duration_ns: int | None
    warnings: tuple[Notice, ...] = ()

    @classmethod
    def of(cls, trace: Trace, notices: Sequence[Notice] | None = None) -> Header:
        """The header of a report; with these notices instead of the reader's own."""
        said = tuple(trace.warnings if notices is None else notices)
        return cls(trace.path, trace.nsys_version, trace.schema_version, trace.duration_ns, said)

    def document(self) -> Document:
        """The header as the "report" of every JSON document."""
        return {
            "path": self.path,
            "nsys_version": self.nsys_version,
            "schema_version": self.schema_version,
            "duration_ns": self.duration_ns,
            "warnings": [{"level": notice.level, "text": notice.text} for notice in self.warnings],
        }


def as_json(value: Any) -> Any:
    """Nested results as plain JSON values: dataclasses become objects, NumPy's numbers Python's."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    return value.item() if hasattr(value, "item") else value
