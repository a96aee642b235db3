"""Answers as data: JSON documents, and rows as CSV and Parquet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import IO, TYPE_CHECKING, Any, Protocol, cast

from nsysgap.errors import NsysgapError
from nsysgap.gap_columns import Coded, Column, GapList, Masked
from nsysgap.render.gap_texts import gap_texts

if TYPE_CHECKING:
    import pandas as pd

Json = dict[str, Any]


class Answer(Protocol):
    """What has a document."""

    def document(self) -> Json: ...  # noqa: D102


class Listing(Answer, Protocol):
    """What has rows too."""

    def frame(self) -> pd.DataFrame: ...  # noqa: D102


def data_bytes(answers: Sequence[Answer], form: str) -> bytes:
    """Answers as "json", their documents, or as "csv" or "parquet", their rows, which they have to have then.

    Raises NsysgapError without pyarrow.
    """
    if form == "json":
        return json_bytes([answer.document() for answer in answers])
    frames = [answer.frame() for answer in cast("Sequence[Listing]", answers)]
    return (csv_bytes if form == "csv" else parquet_bytes)(frames)


def dump_json(document: Json | Sequence[Json]) -> str:
    """The document as text, the same for the same input. Lone surrogates and control characters are escaped."""
    return json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False, default=_plain)


def json_bytes(documents: Sequence[Json]) -> bytes:
    """The document of one answer, or the list of several."""
    return (dump_json(documents[0] if len(documents) == 1 else documents) + "\n").encode()


def json_parts(documents: Sequence[Json]) -> Iterator[bytes]:
    """The same bytes as `json_bytes`, with the gaps of a GapList written chunk by chunk."""
    if len(documents) == 1:
        yield from _object_parts(documents[0], "\n")
    else:
        for number, document in enumerate(documents):
            yield b",\n  " if number else b"[\n  "
            yield from _object_parts(document, "\n  ")
        yield b"\n]" if documents else b"[]"
    yield b"\n"


def _object_parts(document: Json, before: str) -> Iterator[bytes]:
    """An object whose lines begin with `before`."""
    inside = f"{before}  "
    for number, (key, value) in enumerate(document.items()):
        yield f"{',' if number else '{'}{inside}{json.dumps(key)}: ".encode()
        if isinstance(value, GapList) and len(value):
            yield from _list_parts(value, inside)
        else:
            plain = list(value) if isinstance(value, GapList) else value
            yield dump_json(plain).replace("\n", inside).encode()
    yield f"{before}}}".encode()


def _list_parts(gaps: GapList, before: str) -> Iterator[bytes]:
    inside = f"{before}  "
    for number, chunk in enumerate(gaps.chunks):
        texts = ",\n".join(gap_texts(chunk)).replace("\n", inside)
        yield f"{',' if number else '['}{inside}{texts}".encode()
    yield f"{before}]".encode()


class Gaps(Listing, Protocol):
    """What lists gaps, so many that they are written chunk by chunk."""

    @property
    def by(self) -> str | None: ...  # noqa: D102
    def outline(self) -> Json: ...  # noqa: D102
    def columns(self) -> Iterator[Mapping[str, Column]]: ...  # noqa: D102


def write_gaps(answers: Sequence[Gaps], form: str, file: IO[bytes]) -> None:
    """Write gaps as "json", "csv" or "parquet": what `data_bytes` holds. Raises NsysgapError without pyarrow."""
    if form != "json" and (answers[0].by is not None or not _same_columns(answers)):
        file.write(data_bytes(answers, form))
    elif form == "parquet":
        write_parquet([answer.columns() for answer in answers], file)
    else:
        for part in _gap_parts(answers, form):
            file.write(part)


def _same_columns(answers: Sequence[Gaps]) -> bool:
    """One answer is not asked for its first chunk, for which it works out what it needs of all its gaps."""
    return len(answers) == 1 or len({tuple(next(answer.columns())) for answer in answers}) == 1


def _gap_parts(answers: Sequence[Gaps], form: str) -> Iterator[bytes]:
    if form == "json":
        return json_parts([answer.outline() for answer in answers])
    return csv_parts([answer.columns() for answer in answers])


def csv_parts(tables: Sequence[Iterable[Mapping[str, Column]]]) -> Iterator[bytes]:
    """The same bytes as `csv_bytes` of such rows, chunk by chunk; all tables have the same columns."""
    named = False
    for chunk in chain.from_iterable(tables):
        if not named:
            yield (",".join(map(_csv_cell, chunk)) + "\n").encode("utf-8", "replace")
            named = True
        rows = map(",".join, zip(*map(_csv_cells, chunk.values()), strict=True))
        yield "".join(f"{row}\n" for row in rows).encode("utf-8", "replace")


def _csv_cells(column: Column) -> Iterable[str]:
    """The cells of a column: texts are quoted once each, not once a row."""
    if isinstance(column, Coded):
        return Coded(column.code, [_csv_cell(value) for value in column.values]).tolist()
    if isinstance(column, Masked):
        return ["" if value is None else str(value) for value in column.tolist()]
    return map(str, column.tolist()) if column.any() or column.dtype.kind != "i" else ["0"] * len(column)


def _csv_cell(value: Any) -> str:
    """A text as a cell beside others: in quotes where it has to be."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow([value, 0])
    return text.getvalue().removesuffix(",0")


def write_parquet(tables: Sequence[Iterable[Mapping[str, Column]]], file: IO[bytes]) -> None:
    """Write such rows as a Parquet file, a row group per chunk. Raises NsysgapError without pyarrow."""
    require_pyarrow()
    import pyarrow as pa
    import pyarrow.parquet as pq

    writer = None
    for chunk in chain.from_iterable(tables):
        table = pa.table({name: _arrow(column) for name, column in chunk.items()})
        if writer is None:
            schema = table.schema.with_metadata(_pandas_metadata(chunk))
            writer = pq.ParquetWriter(file, schema)
        writer.write_table(table.cast(schema))
    if writer is not None:
        writer.close()


def _pandas_metadata(columns: Mapping[str, Column]) -> dict[bytes, bytes]:
    """What makes pandas read integers that may lack as its Int64, whichever of them lack."""
    import pandas as pd
    import pyarrow as pa

    examples = {name: _example(column) for name, column in columns.items()}
    metadata: dict[bytes, bytes] = pa.Schema.from_pandas(pd.DataFrame(examples), preserve_index=False).metadata
    return metadata


def _example(column: Column) -> Any:
    import pandas as pd

    if isinstance(column, Masked):
        return pd.array([0], "Int64")
    return [""] if isinstance(column, Coded) else [column.dtype.type(0)]


def _arrow(column: Column) -> Any:
    import pyarrow as pa

    if isinstance(column, Masked):
        return pa.array(column.values, mask=~column.known)
    if isinstance(column, Coded):
        texts = [None if text is None else text.encode("utf-8", "replace").decode() for text in column.values]
        return pa.array(texts, pa.string()).take(pa.array(column.code))
    return pa.array(column)


def csv_bytes(frames: Sequence[pd.DataFrame]) -> bytes:
    """The rows of several answers below one head; what is not valid Unicode is replaced."""
    return str(_joined(frames).to_csv(index=False)).encode("utf-8", "replace")


def parquet_bytes(frames: Sequence[pd.DataFrame]) -> bytes:
    """The rows of several answers as a Parquet file. Raises NsysgapError without pyarrow."""
    require_pyarrow()
    sink = io.BytesIO()
    _joined(frames).to_parquet(sink, index=False)
    return sink.getvalue()


def require_pyarrow() -> None:
    """Raise NsysgapError without pyarrow."""
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise NsysgapError("Writing Parquet needs pyarrow.", "pip install 'nsysgap[parquet]'") from None


def _joined(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    import pandas as pd

    return pd.concat(frames, ignore_index=True)


def _plain(value: Any) -> Any:
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{type(value).__name__} is no JSON value")
